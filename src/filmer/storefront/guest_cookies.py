"""The cookies of a visitor's cart: a signed one with its token, and one with the number of units for the badge.

Public pages are the same for all visitors and come from a cache, so a script writes the badge, from a cookie that it
can read (docs/decisions/0025-carts-of-visitors.md).
"""

from collections.abc import Sequence

import structlog
from litestar.datastructures import Cookie

from filmer.clock import Clock
from filmer.errors import FilmerError
from filmer.http.handlers import AnyRequest
from filmer.secret import SecretKey
from filmer.shop.guest_cart_queries import MergedLine
from filmer.shop.guest_carts import LIFETIME, GuestCart, GuestCarts
from filmer.shop.schemas import MAX_QUANTITY, CartLine
from filmer.store.postgres import Connection, Database
from filmer.storefront.signed_cookies import SignedCookie

log = structlog.get_logger()

LIFETIME_SECONDS = int(LIFETIME.total_seconds())
UNITS_COOKIE = "cart_units"
MAX_NAMED = 3  # films in a notice
MAX_TITLE = 50  # characters of each


class GuestCookies:
    def __init__(
        self, carts: GuestCarts, database: Database, secret: SecretKey, clock: Clock, *, is_secure: bool
    ) -> None:
        self._carts = carts
        self._database = database
        self._signed = SignedCookie("guest_cart", LIFETIME_SECONDS, secret, clock, is_secure=is_secure)
        self._is_secure = is_secure

    async def find(self, conn: Connection, request: AnyRequest) -> GuestCart | None:
        """None for a cookie that is forged, old, or of a cart that was merged."""
        token = self._signed.read(request.scope["headers"])
        return await self._carts.find(conn, token) if token else None

    def cookies(self, cart: GuestCart, lines: Sequence[CartLine]) -> list[Cookie]:
        """After a change: both live on from now."""
        units = sum(line.quantity for line in lines)
        return [self._signed.cookie(cart.token), self._units(str(units), LIFETIME_SECONDS)]

    async def merge(self, request: AnyRequest, account_id: int) -> tuple[list[MergedLine], list[Cookie]]:
        """Moves the visitor's cart into that of the account they have just signed in to. Never fails.

        The lines that have moved, and the cookies that take the old ones away. What fails can be tried again: the
        visitor's cart stays as it is until the next sign-in.
        """
        token = self._signed.read(request.scope["headers"])
        if not token:
            return [], []
        try:
            async with self._database.connection() as conn:
                lines = await self._carts.merge(conn, token, account_id)
        except FilmerError:
            log.exception("the cart of a visitor was not merged", account=account_id)
            return [], []
        return lines, [self._signed.removal, self._units("", 0)]

    def _units(self, value: str, seconds: int) -> Cookie:
        return Cookie(UNITS_COOKIE, value=value, max_age=seconds, samesite="lax", secure=self._is_secure)


def merge_notice(lines: Sequence[MergedLine]) -> str:
    """What a user is told of the merge."""
    if not lines:
        return ""
    merged = [_shortened(line.title) for line in lines if line.quantity > line.left_out]
    left_out = [f"{line.left_out} of {_shortened(line.title)}" for line in lines if line.left_out]
    return " ".join(
        [
            *([f"What you chose before is in your cart: {_listed(merged)}."] if merged else []),
            *([f"{_listed(left_out)} did not fit: a cart holds {MAX_QUANTITY} of a film at most."] if left_out else []),
        ]
    )


def _listed(names: list[str]) -> str:
    """The first of them in words, and how many more there are."""
    more = len(names) - MAX_NAMED
    first, last = (names[:MAX_NAMED], f"{more} more") if more > 0 else (names[:-1], names[-1])
    return f"{', '.join(first)} and {last}" if first else last


def _shortened(title: str) -> str:
    return title if len(title) <= MAX_TITLE else f"{title[: MAX_TITLE - 1]}…"
