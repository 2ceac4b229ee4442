"""Bearer tokens: who is asking, at the community API (community-api.txt; contract §7.1).

PostgreSQL keeps a token's digest alone, so revoking it ends it on every node. When it was last used is written within
a minute, many in one statement, and never while somebody waits.
"""

import hashlib
import re
import secrets
from datetime import datetime, timedelta

from filmer.accounts import queries, token_queries
from filmer.accounts.schemas import User
from filmer.clock import Clock
from filmer.errors import Conflict, InvalidRequest, InvalidToken, Offence, Unauthorized
from filmer.http.handlers import AnyRequest
from filmer.store.postgres import Connection, Database

PREFIX = "filmer_"  # by which scanners for leaked secrets, and people, know it
MAX_TOKEN = 200
MAX_TOKENS = 50  # of one account, that its person makes
SHOWN_FOR = timedelta(days=30)  # after it expired, so that its owner finds out why it stopped

_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)  # RFC 6750, section 2.1


class Tokens:
    def __init__(self, clock: Clock, *, demo: bool) -> None:
        """``demo``: the tokens that everybody knows, and those of the demo's accounts, are good."""
        self._clock = clock
        self._demo = demo
        self._uses: dict[int, datetime] = {}  # by the token's id; not written yet

    async def require(self, conn: Connection, request: AnyRequest) -> User:
        """Who is asking. Raises InvalidToken."""
        digest = _presented(request)
        found = await token_queries.select_token(conn, digest, demo=self._demo) if digest else None
        now = self._clock.now()
        if found is None or (found.expires is not None and now >= found.expires):
            raise InvalidToken
        self._uses[found.id] = now
        return found.user

    async def tidy(self, database: Database) -> None:
        """Writes the uses not written yet, and clears away what expired long ago. Once a minute does."""
        uses = dict(self._uses)
        async with database.connection() as conn:
            if uses:
                await token_queries.update_tokens_used(conn, uses)
                # Only now: where writing fails, the next round does it.
                self._uses = {token: used for token, used in self._uses.items() if uses.get(token) != used}
            await token_queries.delete_expired_tokens(conn, before=self._clock.now() - SHOWN_FOR)


async def issue(
    conn: Connection, account_id: int, *, name: str, now: datetime, expires: datetime | None = None
) -> str | None:
    """A new token, which is nowhere to be seen again. None: there is no such account, or it is closed."""
    token = PREFIX + secrets.token_urlsafe(32)
    is_kept = await token_queries.insert_token(
        conn, _digest(token), account_id, name=name, created=now, expires=expires
    )
    return token if is_kept else None


async def issue_to_owner(
    conn: Connection, account_id: int, *, name: str, now: datetime, expires: datetime | None
) -> str:
    """A new token that somebody makes for themselves.

    Its name is one that none of theirs has: so they know which to revoke, and a form sent twice makes one token.
    Raises InvalidRequest for the name, Conflict where they have as many as there may be.
    """
    async with conn.transaction():
        await queries.lock_account(conn, account_id)  # those made side by side are counted one after another
        held = await token_queries.select_tokens(conn, account_id)
        if any(one.name == name for one in held):
            taken = "is the name of a token you have already: choose another, or revoke that one first"
            raise InvalidRequest([Offence("name", taken)])
        if len(held) >= MAX_TOKENS:
            raise Conflict(f"You have {len(held)} tokens, and there is no room for more: revoke one first.")
        token = await issue(conn, account_id, name=name, now=now, expires=expires)
    if token is None:  # the account was closed a moment ago
        raise Unauthorized
    return token


async def allow_public(conn: Connection, token: str, account_id: int, *, name: str, now: datetime) -> None:
    """A token of the demo's, that everybody knows, where it is not yet; for an account of the demo's alone."""
    await token_queries.insert_token(conn, _digest(token), account_id, name=name, created=now, demo=True)


def _presented(request: AnyRequest) -> bytes | None:
    """The digest of the token that came along; None for none, and for what is no bearer's or more than one."""
    given = [value for name, value in request.scope["headers"] if name == b"authorization"]
    bearer = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
    return _digest(bearer[1].decode()) if bearer and len(bearer[1]) <= MAX_TOKEN else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
