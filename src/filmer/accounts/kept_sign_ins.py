"""Browsers that stay signed in for 30 days (contract §12.2, decision 0027). Pages alone read their cookie, no API does.

A token is good once: it is replaced where a new session begins. The one before is good for another minute, as two tabs
may send it at once, and a response may get lost; later it can only be a copy, and whoever sends it ends everything.
"""

import hmac
import re
from datetime import timedelta

import structlog

from filmer.accounts import kept_queries
from filmer.accounts.kept_queries import KeptSignIn
from filmer.accounts.schemas import User
from filmer.accounts.sessions import KEPT_FOR, Sessions, adopt
from filmer.clock import Clock
from filmer.errors import Unauthorized
from filmer.http.cookies import KEPT_COOKIE, cookie_values, set_cookies
from filmer.http.handlers import AnyRequest
from filmer.secret import SecretKey
from filmer.store.postgres import Connection, Database

log = structlog.get_logger()

GRACE = timedelta(seconds=60)
_TOKEN = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})\.([0-9a-f]{64})", re.ASCII)


class KeptSignIns:
    def __init__(self, sessions: Sessions, secret: SecretKey, clock: Clock, *, is_secure: bool, demo: bool) -> None:
        self._sessions = sessions
        self._secret = secret
        self._clock = clock
        self._attributes = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if is_secure else "")
        self._demo = demo

    async def begin(self, conn: Connection, user: User, device: str) -> tuple[int, str]:
        """The id of a new one, and its Set-Cookie."""
        kept = await kept_queries.insert_kept(conn, user.id, device, self._clock.now())
        return kept.id, self._cookie(kept, kept.turn)

    async def resume(self, conn: Connection, request: AnyRequest) -> User:
        """Begins a session for the user of the request's cookie. Raises Unauthorized."""
        token = _token_of(request)
        if token is None:
            raise Unauthorized
        async with conn.transaction():
            found = await kept_queries.lock_kept(conn, int(token[1]), demo=self._demo)
            user = await self._resume(conn, request, *found, token) if found else None
        if user is None:
            set_cookies(request, self.removal)
            raise Unauthorized
        return user

    async def _resume(
        self, conn: Connection, request: AnyRequest, kept: KeptSignIn, user: User, token: re.Match[str]
    ) -> User | None:
        now, turn = self._clock.now(), int(token[2])
        if not self._is_ours(kept, token) or now - kept.created >= KEPT_FOR or turn > kept.turn:
            return None
        if turn == kept.turn:
            await kept_queries.update_turn(conn, kept.id, turn + 1, now)
        elif turn < kept.turn - 1 or now - kept.turned >= GRACE:
            log.warning("a token of a kept sign-in was sent twice: all sessions end", account=user.id)
            await self._sessions.end_all(conn, user)
            return None
        cookie = await self._sessions.begin(conn, user, instead_of=None, device=kept.device, kept_id=kept.id)
        set_cookies(request, cookie, self._cookie(kept, max(kept.turn, turn + 1)))
        adopt(request, cookie)
        return user

    async def forget(self, conn: Connection, request: AnyRequest) -> None:
        """Ends the one of the request's browser, if there is one."""
        token = _token_of(request)
        if token is None:
            return
        async with conn.transaction():
            found = await kept_queries.lock_kept(conn, int(token[1]), demo=True)
            if found and self._is_ours(found[0], token):
                await kept_queries.delete_kept(conn, found[0].id)
        set_cookies(request, self.removal)

    async def tidy(self, database: Database) -> None:
        """Called once a minute."""
        async with database.connection() as conn:
            await kept_queries.delete_old_kept(conn, created_before=self._clock.now() - KEPT_FOR)

    @property
    def removal(self) -> str:
        """The Set-Cookie that makes a browser drop it."""
        return f"{KEPT_COOKIE}={self._attributes}; Max-Age=0"

    def _is_ours(self, kept: KeptSignIn, token: re.Match[str]) -> bool:
        return hmac.compare_digest(token[3], self._signature(kept, int(token[2])))

    def _cookie(self, kept: KeptSignIn, turn: int) -> str:
        left = int((kept.created + KEPT_FOR - self._clock.now()).total_seconds())
        token = f"{kept.id}.{turn}.{self._signature(kept, turn)}"
        return f"{KEPT_COOKIE}={token}{self._attributes}; Max-Age={left}"

    def _signature(self, kept: KeptSignIn, turn: int) -> str:
        # Account and moment too: ids are given out again after a backup was restored.
        text = f"{kept.id} {kept.account_id} {kept.created.timestamp():.6f} {turn}"
        return self._secret.digest("kept sign-in", text).hex()


def _token_of(request: AnyRequest) -> re.Match[str] | None:
    """None without one, and with two that differ."""
    values = set(cookie_values(request.scope["headers"], KEPT_COOKIE))
    return _TOKEN.fullmatch(values.pop()) if len(values) == 1 else None
