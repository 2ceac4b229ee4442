"""The carts of visitors who are not signed in (contract §11).

Such a cart is known by a random token, of which a digest is stored, as of a session. Its lines are rows like
everybody's, under the negative of its id, so that ``Carts`` does with them whatever it does with a user's.
"""

import secrets
from datetime import timedelta
from typing import NamedTuple

from filmer.accounts.throttle import GUEST_CART, Throttle, ThrottleKey
from filmer.accounts.tokens import digest_of_token
from filmer.clock import Clock
from filmer.shop import guest_cart_queries as queries
from filmer.shop.cart import locked_cart
from filmer.shop.guest_cart_queries import MergedLine
from filmer.store.postgres import Connection, Database

LIFETIME = timedelta(days=30)  # since it was last changed


class GuestCart(NamedTuple):
    """``key``: what ``Carts`` takes as the account's id. ``token``: what the visitor's cookie holds."""

    key: int
    token: str


class GuestCarts:
    def __init__(self, throttle: Throttle, clock: Clock) -> None:
        self._throttle = throttle
        self._clock = clock

    async def find(self, conn: Connection, token: str) -> GuestCart | None:
        """None where there is no such cart any more: it was merged, or is too old."""
        guest_id = await queries.select_guest_cart(
            conn, digest_of_token(token), used_after=self._clock.now() - LIFETIME
        )
        return None if guest_id is None else GuestCart(-guest_id, token)

    async def begin(self, conn: Connection, address: str) -> GuestCart:
        """A new cart. Raises RateLimited where too many were begun from the address."""
        await self._throttle.charge(conn, [ThrottleKey(GUEST_CART, address)])
        token = secrets.token_urlsafe(32)
        return GuestCart(-await queries.insert_guest_cart(conn, digest_of_token(token), now=self._clock.now()), token)

    async def keep(self, conn: Connection, cart: GuestCart) -> None:
        """It has been changed: its time begins anew."""
        await queries.update_used(conn, -cart.key, now=self._clock.now())

    async def merge(self, conn: Connection, token: str, account_id: int) -> list[MergedLine]:
        """Moves the lines into the account's cart, in one transaction; the guest's cart is gone then."""
        async with locked_cart(conn, account_id):
            since = self._clock.now() - LIFETIME
            guest_id = await queries.select_guest_cart(conn, digest_of_token(token), used_after=since, lock=True)
            if guest_id is None:
                return []
            lines = await queries.merge_lines(conn, guest_id, account_id)
            await queries.delete_guest_cart(conn, guest_id)
        return lines

    async def tidy(self, database: Database) -> None:
        """Deletes the carts that are too old. Called once a minute."""
        async with database.connection() as conn:
            await queries.delete_old(conn, used_before=self._clock.now() - LIFETIME)
