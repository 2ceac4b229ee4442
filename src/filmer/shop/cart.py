"""The cart: what a user is about to buy (contract §5).

Each change holds the cart's lock, so that changes from several devices and a checkout come one after another. A line
has the price at which it was last shown, and a checkout sells it at that price; each response that shows the cart
updates the prices first. A page's form is answered with a redirect, which shows no cart: ``is_shown=False`` leaves the
prices as they are, so that the next page can report what changed.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from decimal import Decimal

import msgspec
import psycopg

from filmer.errors import FieldError, InvalidRequest, NotFound, Reason
from filmer.rentals.sales import Sales
from filmer.shop import queries
from filmer.shop.schemas import MAX_QUANTITY, MAX_TITLES, CartLine
from filmer.store.postgres import Connection


class Carts:
    def __init__(self, default_price: Decimal, sales: Sales) -> None:
        """``default_price``: of films without a price of their own."""
        self._sales = sales
        self._default_price = round(default_price, 2)

    async def show(self, conn: Connection, account_id: int) -> list[CartLine]:
        """The lines in the order they were added, at current prices, which are paid from now on."""
        lines = await queries.select_lines(conn, account_id, self._default_price)
        return await self._shown(conn, account_id, lines, locked_cart(conn, account_id))

    async def count(self, conn: Connection, account_id: int) -> int:
        """The number of units, as ``itemCount`` counts them."""
        return await queries.select_item_count(conn, account_id)

    async def lacking(self, conn: Connection, lines: Sequence[CartLine]) -> dict[str, Reason]:
        """Which films can't be had as often as the cart has them, and why not (contract §9.5)."""
        return await self._sales.lacking(conn, {line.film_id: line.quantity for line in lines})

    async def add(
        self, conn: Connection, account_id: int, film_id: str, quantity: int, *, is_shown: bool = True
    ) -> Sequence[CartLine]:
        """Adds units of a film.

        Raises NotFound for an unknown film, InvalidRequest for too many units or films, Unavailable (contract §9.5).
        """
        async with locked_cart(conn, account_id, for_new_film=True):
            lines = await queries.add_line(conn, account_id, film_id, quantity, self._default_price)
            if not lines:
                await self._sales.require_available(conn, {film_id: 0})  # raises for a hidden film
                quantity_before = await queries.select_quantity(conn, account_id, film_id)
                if quantity_before is None:
                    raise NotFound(f"Movie not found with id: {film_id}")
                reason = f"must not bring the line over {MAX_QUANTITY}; the cart has {quantity_before} already"
                raise InvalidRequest([FieldError("quantity", reason)])
            added = next(line for line in lines if line.film_id == film_id)
            await self._sales.require_available(conn, {film_id: added.quantity})
            if len(lines) > MAX_TITLES:
                raise InvalidRequest([FieldError("movieId", f"a cart holds at most {MAX_TITLES} titles")])
            return await self._shown(conn, account_id, lines, conn.transaction()) if is_shown else lines

    async def change(
        self, conn: Connection, account_id: int, film_id: str, quantity: int, *, is_shown: bool = True
    ) -> Sequence[CartLine]:
        """Sets the quantity of a line. Raises NotFound when there is no such line, Unavailable (contract §9.5)."""
        async with locked_cart(conn, account_id):
            if not await queries.update_quantity(conn, account_id, film_id, quantity):
                raise NotFound(f"Item not in cart with id: {film_id}")
            await self._sales.require_available(conn, {film_id: quantity})
            return await self._lines(conn, account_id, is_shown=is_shown)

    async def remove(
        self, conn: Connection, account_id: int, film_id: str, *, is_shown: bool = True
    ) -> Sequence[CartLine]:
        """Raises NotFound when there is no such line."""
        async with locked_cart(conn, account_id):
            if not await queries.delete_line(conn, account_id, film_id):
                raise NotFound(f"Item not in cart with id: {film_id}")
            return await self._lines(conn, account_id, is_shown=is_shown)

    async def clear(self, conn: Connection, account_id: int) -> Sequence[CartLine]:
        async with locked_cart(conn, account_id):
            await queries.delete_lines(conn, account_id)
        return []

    async def _lines(self, conn: Connection, account_id: int, *, is_shown: bool) -> list[CartLine]:
        lines = await queries.select_lines(conn, account_id, self._default_price)
        return await self._shown(conn, account_id, lines, conn.transaction()) if is_shown else lines

    async def _shown(
        self, conn: Connection, account_id: int, lines: list[CartLine], transaction: AbstractAsyncContextManager[object]
    ) -> list[CartLine]:
        """The lines at current prices. ``transaction``: in which they are stored, where they are others."""
        if all(line.price == line.current for line in lines):
            return lines
        try:
            async with transaction:
                await queries.update_prices(conn, account_id, self._default_price)
                shown = {line.film_id: line.price for line in lines}
                now = await queries.select_lines(conn, account_id, self._default_price)
                return [_with_former_price(line, shown) for line in now]
        except psycopg.errors.DiskFull:
            return lines  # new prices can't be stored, so the former ones are shown and paid


@asynccontextmanager
async def locked_cart(conn: Connection, account_id: int, *, for_new_film: bool = False) -> AsyncIterator[None]:
    """A transaction that holds the cart's lock, which it begins with in one message (``queries.lock_cart``)."""
    try:
        await queries.lock_cart(conn, account_id, for_new_film=for_new_film)
        yield
    except BaseException:
        with suppress(psycopg.Error):  # of a lost connection, which the pool replaces
            await conn.rollback()
        raise
    await conn.commit()


def _with_former_price(line: CartLine, shown: Mapping[str, Decimal]) -> CartLine:
    former = shown.get(line.film_id, line.price)
    return line if former == line.price else msgspec.structs.replace(line, was=former)
