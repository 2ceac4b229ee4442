"""Sessions: the users of requests to the shop and its pages (contract §4.1).

A session is a cookie of 256 random bits. PostgreSQL stores only its digest, so ending it ends it on every node.
Each use extends it. A use is written at once when the last one written is a minute old, else within a minute, many
in one statement: so what is stored is at most a minute behind, at almost no cost.
"""

import secrets
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, cast

import psycopg

from filmer.accounts import queries
from filmer.accounts.queries import ListedSession
from filmer.accounts.schemas import User
from filmer.accounts.tokens import digest_of_token
from filmer.clock import Clock
from filmer.errors import Unauthorized
from filmer.http.cookies import SESSION_COOKIE, session_tokens
from filmer.http.handlers import AnyRequest
from filmer.store.postgres import Connection, Database

WRITE_EVERY = timedelta(minutes=1)
FAMILIAR_FOR = timedelta(days=90)
KEPT_FOR = timedelta(days=30)  # accounts/kept_sign_ins.py
MAX_LISTED = 20
_BEGUN = "filmer.session"  # in a request's scope


class Sessions:
    def __init__(self, clock: Clock, *, idle: timedelta, longest: timedelta, is_secure: bool, demo: bool) -> None:
        """``idle``: how long one lasts unused; ``longest``: in any case. ``demo``: its accounts may sign in."""
        self._clock = clock
        self._idle = idle
        self._longest = longest
        self._attributes = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if is_secure else "")
        self._demo = demo
        self._uses: dict[bytes, datetime] = {}  # not written yet
        self.ended: Counter[str] = Counter()  # by reason

    async def begin(
        self, conn: Connection, user: User, *, instead_of: bytes | None, device: str, kept_id: int | None = None
    ) -> str:
        """A new session with a new token; returns its Set-Cookie.

        ``instead_of``: the digest of a session that ends. ``kept_id``: the kept sign-in that it belongs to.
        """
        token = secrets.token_urlsafe(32)
        if instead_of:
            ended = await queries.delete_session(conn, instead_of)
            self.ended["replaced"] += ended
        now = self._clock.now()
        await queries.insert_session(conn, digest_of_token(token), user.id, now, device=device, kept_id=kept_id)
        return f"{SESSION_COOKIE}={token}{self._attributes}"

    async def require(self, conn: Connection, request: AnyRequest) -> User:
        """The user of the request's session, which is extended. Raises Unauthorized."""
        return await self.require_digest(conn, session_digest(request))

    async def require_digest(self, conn: Connection, digest: bytes | None) -> User:
        """The user of the session with this digest, which is extended. Raises Unauthorized."""
        session = await queries.select_session(conn, digest, demo=self._demo) if digest else None
        if digest is None or session is None:
            raise Unauthorized
        now = self._clock.now()
        used = max(session.used, self._uses.get(digest, session.used))
        if now - used >= self._idle or now - session.created >= self._longest:
            raise Unauthorized
        self._uses[digest] = now
        if now - session.used >= WRITE_EVERY:
            with suppress(psycopg.errors.DiskFull):  # reading goes on; the next round of tidy writes it
                await queries.update_sessions_used(conn, {digest: now})
                self._uses.pop(digest, None)
        return session.user

    async def last_moment(self, conn: Connection, request: AnyRequest) -> datetime | None:
        """When the request's session ends however much it is used; None without one."""
        digest = session_digest(request)
        session = await queries.select_session(conn, digest, demo=self._demo) if digest else None
        return session.created + self._longest if session else None

    async def end(self, conn: Connection, request: AnyRequest) -> str:
        """Ends the session at once, on every node; returns the Set-Cookie of its removal. Raises Unauthorized."""
        await self.require(conn, request)
        digest = session_digest(request)
        if digest is not None:
            ended = await queries.delete_session(conn, digest)
            self.ended["signed out"] += ended
            self._uses.pop(digest, None)
        return self.removal

    async def end_all(self, conn: Connection, user: User) -> str:
        """Ends all sessions of a user at once, on every node; returns the Set-Cookie of the current one's removal."""
        async with conn.transaction():
            ended = await queries.delete_sessions_of(conn, user.id)
        self.ended["signed out"] += ended
        return self.removal

    async def end_one(self, conn: Connection, user: User, sign_in_id: int) -> bool:
        """Ends one of a user's sessions or kept sign-ins. False where there is none."""
        ended = await queries.delete_sign_in(conn, user.id, sign_in_id)
        self.ended["signed out"] += ended
        return ended > 0

    async def list_of(self, conn: Connection, user: User, request: AnyRequest) -> tuple[list[ListedSession], int]:
        """``MAX_LISTED`` of the browsers that the user is signed in with, the request's own first; and how many."""
        now = self._clock.now()
        return await queries.select_sessions(
            conn,
            user.id,
            current=session_digest(request) or b"",
            used_after=now - self._idle - WRITE_EVERY,  # by which what is stored may be behind
            created_after=now - self._longest,
            kept_after=now - KEPT_FOR,
            most=MAX_LISTED,
        )

    async def count(self, conn: Connection) -> int:
        """The number of sessions of all users."""
        now = self._clock.now()
        return await queries.select_session_count(
            conn, used_after=now - self._idle - WRITE_EVERY, created_after=now - self._longest
        )

    @property
    def removal(self) -> str:
        """The Set-Cookie that makes a browser drop its session."""
        return f"{SESSION_COOKIE}={self._attributes}; Max-Age=0"

    async def tidy(self, database: Database) -> None:
        """Writes the uses not written yet, and deletes expired sessions. Called once a minute."""
        now = self._clock.now()
        uses = dict(self._uses)
        async with database.connection() as conn:
            if uses:
                await queries.update_sessions_used(conn, uses)
                # Only after they are written; where writing fails, the next round does it.
                self._uses = {digest: used for digest, used in self._uses.items() if uses.get(digest) != used}
            ended = await queries.delete_expired(
                conn,
                used_before=now - self._idle - 2 * WRITE_EVERY,
                created_before=now - self._longest,
                now=now,
            )
            self.ended["over"] += ended
            await queries.delete_unfamiliar_addresses(conn, seen_before=now - FAMILIAR_FOR)


def session_digest(request: AnyRequest) -> bytes | None:
    """The digest of the request's session cookie.

    None without one, and with two that differ: one of them was set by another site of the same domain. Of a request
    with which a session began: that one's.
    """
    if begun := cast("dict[str, Any]", request.scope).get(_BEGUN):
        return cast("bytes", begun)
    tokens = set(session_tokens(request.scope["headers"]))
    return digest_of_token(tokens.pop()) if len(tokens) == 1 else None


def adopt(request: AnyRequest, cookie: str) -> None:
    """Makes a session that has just begun, by its Set-Cookie, the one of this request."""
    token = cookie.partition("=")[2].partition(";")[0]
    cast("dict[str, Any]", request.scope)[_BEGUN] = digest_of_token(token)
