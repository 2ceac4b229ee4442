"""Links to the bytes of a film: for one account, one film, one rental and one session (contract §9.2).

The token is part of the path, so that what a playlist names beside it carries it too. Whoever sends bytes for one calls
``StreamLinks.open`` at every request: a link ends with the rental, and with the session that asked for it.
"""

import base64
import hmac
from datetime import UTC, datetime, timedelta

import msgspec

from filmer.accounts.sessions import Sessions
from filmer.clock import Clock
from filmer.errors import NoAccess, Unauthorized
from filmer.rentals.schemas import Rental
from filmer.rentals.watching import Watching
from filmer.secret import SecretKey
from filmer.store.postgres import Connection


class StreamGrant(msgspec.Struct, frozen=True, array_like=True):
    """What a link is for. ``session``: the digest of the session that asked for it; ``expires``: seconds since 1970."""

    account_id: int
    film_id: str
    rental_id: int
    session: bytes
    expires: int


class StreamLinks:
    def __init__(self, secret: SecretKey, sessions: Sessions, watching: Watching, clock: Clock) -> None:
        self._secret = secret
        self._sessions = sessions
        self._watching = watching
        self._clock = clock

    def mint(self, rental: Rental, session: bytes, *, session_ends: datetime | None = None) -> tuple[str, datetime]:
        """The token of a link to the rental's film, and when it expires at the latest.

        That is with the rental, which may still begin just before it lapses. ``session_ends``: the session's last
        moment, however much it is used. Whatever ends rental or session before ends the link too.
        """
        ends = rental.ends_at
        if ends is None:
            if rental.start_by is None:
                raise ValueError("a link is for a rental that was paid for")
            ends = rental.start_by + timedelta(hours=rental.hours)
        expires = min(ends, session_ends or ends).replace(microsecond=0)
        grant = StreamGrant(rental.account_id, rental.film_id, rental.id, session, int(expires.timestamp()))
        payload = _encoded(msgspec.json.encode(grant))
        return f"{payload}.{self._signature(payload)}", expires.astimezone(UTC)

    def read(self, token: str) -> StreamGrant | None:
        """None for a token that is not one of ours, or expired."""
        payload, _, signature = token.partition(".")
        if not (token.isascii() and hmac.compare_digest(signature, self._signature(payload))):
            return None
        text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        grant = msgspec.json.decode(text, type=StreamGrant)
        return grant if self._clock.now().timestamp() < grant.expires else None

    async def open(self, conn: Connection, token: str, *, begins: bool) -> Rental:
        """The rental that a link plays. ``begins``: this request is a GET of bytes, with which a rental begins.

        It is a use of the session. Raises NoAccess when token, session or rental is not good any more.
        """
        grant = self.read(token)
        if grant is None:
            raise NoAccess
        try:
            user = await self._sessions.require_digest(conn, grant.session)
        except Unauthorized:
            raise NoAccess from None
        if user.id != grant.account_id:
            raise NoAccess
        rentals = await self._watching.access(conn, grant.account_id, grant.film_id)
        watched = [rental for rental in rentals if rental.way == "watch"]
        if all(rental.id != grant.rental_id for rental in watched):
            raise NoAccess  # even if another rental of the film waits: a link of one that is over does not begin it
        if begins and watched[0].state != "running":
            return await self._watching.begin(conn, grant.account_id, grant.film_id)
        return watched[0]

    def _signature(self, payload: str) -> str:
        return _encoded(self._secret.digest("stream link", payload))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
