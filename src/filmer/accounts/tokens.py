"""Bearer tokens: the users of requests to the community API (community-api.txt; contract §7.1).

PostgreSQL stores only a token's digest, so revoking it ends it on every node. When it was last used is written within
a minute, many in one statement, and never while a request waits.
"""

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from filmer.accounts import queries, token_queries
from filmer.accounts.schemas import User
from filmer.clock import Clock
from filmer.errors import Conflict, FieldError, InvalidRequest, InvalidToken, Unauthorized
from filmer.store.postgres import Connection, Database

if TYPE_CHECKING:  # commands make tokens, and do without the framework
    from filmer.http.handlers import AnyRequest

PREFIX = "filmer_"  # by which people and scanners for leaked secrets recognize it
MAX_TOKEN = 200
MAX_TOKENS = 50  # of one account, made on its page
SHOWN_FOR = timedelta(days=30)  # after it expired, so that its user finds out why it stopped

_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)  # RFC 6750, section 2.1


class Tokens:
    def __init__(self, clock: Clock, *, demo: bool) -> None:
        """``demo``: public tokens, and those of demo accounts, are valid."""
        self._clock = clock
        self._demo = demo
        self._uses: dict[int, datetime] = {}  # by the token's id; not written yet

    async def require(self, conn: Connection, request: "AnyRequest") -> User:
        """The user of the request's token. Raises InvalidToken."""
        digest = _token_digest(request)
        token = await token_queries.select_token(conn, digest, demo=self._demo) if digest else None
        now = self._clock.now()
        if token is None or (token.expires is not None and now >= token.expires):
            raise InvalidToken
        self._uses[token.id] = now
        return token.user

    async def tidy(self, database: Database) -> None:
        """Writes the uses not written yet, and deletes tokens that expired long ago. Called once a minute."""
        uses = dict(self._uses)
        async with database.connection() as conn:
            if uses:
                await token_queries.update_tokens_used(conn, uses)
                # Only after they are written: where writing fails, the next round does it.
                self._uses = {token_id: used for token_id, used in self._uses.items() if uses.get(token_id) != used}
            await token_queries.delete_expired_tokens(conn, before=self._clock.now() - SHOWN_FOR)


async def issue(
    conn: Connection, account_id: int, *, name: str, now: datetime, expires: datetime | None = None
) -> str | None:
    """A new token, which can't be shown again. None: there is no such account, or it is closed."""
    token = PREFIX + secrets.token_urlsafe(32)
    is_stored = await token_queries.insert_token(
        conn, digest_of_token(token), account_id, name=name, created=now, expires=expires
    )
    return token if is_stored else None


async def issue_to_owner(
    conn: Connection, account_id: int, *, name: str, now: datetime, expires: datetime | None
) -> str:
    """A new token that a user makes on their page.

    Its name must be new among theirs: so they know which to revoke, and a form sent twice makes one token.
    Raises InvalidRequest for the name, Conflict where they have ``MAX_TOKENS``.
    """
    async with conn.transaction():
        await queries.lock_account(conn, account_id)  # so that concurrent requests are counted one after another
        tokens = await token_queries.select_tokens(conn, account_id)
        if any(existing.name == name for existing in tokens):
            taken = "is the name of a token you have already: choose another, or revoke that one first"
            raise InvalidRequest([FieldError("name", taken)])
        if len(tokens) >= MAX_TOKENS:
            raise Conflict(f"You have {len(tokens)} tokens, and there is no room for more: revoke one first.")
        token = await issue(conn, account_id, name=name, now=now, expires=expires)
    if token is None:  # the account was closed a moment ago
        raise Unauthorized
    return token


async def allow_public(conn: Connection, token: str, account_id: int, *, name: str, now: datetime) -> None:
    """Adds a public token of the demo, if it is missing; only for a demo account."""
    await token_queries.insert_token(conn, digest_of_token(token), account_id, name=name, created=now, demo=True)


def _token_digest(request: "AnyRequest") -> bytes | None:
    """The digest of the request's bearer token; None without one, or with several Authorization headers."""
    values = [value for name, value in request.scope["headers"] if name == b"authorization"]
    bearer = _BEARER.fullmatch(values[0]) if len(values) == 1 else None
    return digest_of_token(bearer[1].decode()) if bearer and len(bearer[1]) <= MAX_TOKEN else None


def digest_of_token(token: str) -> bytes:
    """What is stored of a token that this server has drawn: it is long and random, so no key is needed."""
    return hashlib.sha256(token.encode()).digest()
