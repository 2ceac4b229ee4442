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
MAX_NAMED = 3  # films of which a notice says that they did not fit


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
    left_out = [f"{line.left_out} of {line.title}" for line in lines if line.left_out]
    if not left_out:
        return "What you chose before is in your cart."
    more = f" and of {len(left_out) - MAX_NAMED} other films" if len(left_out) > MAX_NAMED else ""
    names = ", ".join(left_out[:MAX_NAMED])
    return (
        f"What you chose before is in your cart, but for {names}{more}: a cart holds {MAX_QUANTITY} of a film at most."
    )
