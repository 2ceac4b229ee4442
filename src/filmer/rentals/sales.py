"""What a sale does: it reserves copies, and makes a rental of each unit (contract §9.1, §9.3, §9.5)."""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from filmer.clock import Clock
from filmer.errors import Reason, Unavailable
from filmer.rentals import queries
from filmer.rentals.schemas import Rental
from filmer.store.postgres import Connection, Database

CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: none is taken for another one
CODE_LENGTH = 8
REPAIR_FOR, REPAIR_AFTER = timedelta(hours=1), timedelta(seconds=30)


class Sales:
    def __init__(self, clock: Clock, *, start_days: int, hours: int) -> None:
        """``start_days``, ``hours``: the terms of films without their own."""
        self._clock = clock
        self._start_days = start_days
        self._hours = hours

    async def require_available(self, conn: Connection, quantities: Mapping[str, int]) -> None:
        """Raises Unavailable for the first film that can't be had in its quantity at this moment."""
        for film_id, reason in (await self.lacking(conn, quantities)).items():
            raise Unavailable(film_id, reason)

    async def lacking(self, conn: Connection, quantities: Mapping[str, int]) -> dict[str, Reason]:
        """Which films can't be had in their quantity at this moment, and why not."""
        copies = await queries.select_limited(conn, list(quantities))
        wanted = {film_id: quantity for film_id, quantity in quantities.items() if film_id in copies}
        return await self._lacking(conn, copies, wanted)

    async def sell(self, conn: Connection, order_id: int, *, paid: datetime | None) -> None:
        """Makes the rentals of an order that this transaction has inserted. ``paid``: None where it is still unpaid.

        Raises Unavailable, and psycopg's UniqueViolation when the random code of the order is taken.
        """
        copies = await self._insert(conn, order_id, paid)
        wanted = dict.fromkeys(copies, 0)  # those of this order are in use by now
        for film_id, reason in (await self._lacking(conn, copies, wanted)).items():
            raise Unavailable(film_id, reason)

    async def _lacking(
        self, conn: Connection, copies: Mapping[str, int], wanted: Mapping[str, int]
    ) -> dict[str, Reason]:
        if not copies:
            return {}
        in_use = await queries.count_copies_in_use(conn, list(copies), now=self._clock.now())
        return {
            film_id: "Not available" if copies[film_id] == queries.HIDDEN else "No copy left"
            for film_id, quantity in wanted.items()
            if in_use.get(film_id, 0) + quantity > copies[film_id]
        }

    async def mark_paid(self, conn: Connection, order_id: int) -> bool:
        """The order's rentals wait from now on; False when none of them was unpaid."""
        return await queries.update_paid(conn, order_id, now=self._clock.now()) > 0

    async def unpaid_orders(self, conn: Connection, *, placed_before: datetime) -> list[int]:
        """Some of the orders that have waited for their payment since before that moment."""
        return await queries.select_unpaid_orders(conn, placed_before=placed_before)

    async def rentals_of(self, conn: Connection, order_id: int, *, lock: bool = False) -> list[Rental]:
        """The rentals of an order, as they are now. ``lock``: nobody else changes them until the transaction ends."""
        if lock:  # which may have to wait, and the clock goes on meanwhile
            await queries.lock_rentals(conn, order_id)
        return await queries.select_rentals(conn, order_id, now=self._clock.now())

    async def pickup_code(self, conn: Connection, order_id: int) -> str | None:
        """With which an order's copies are picked up; None where it never had any."""
        return await queries.select_pickup_code(conn, order_id)

    async def cancel(self, conn: Connection, order_id: int) -> None:
        """Ends access and reservations of an order. A copy that is out stays out until it is taken back."""
        await queries.update_cancelled(conn, order_id, now=self._clock.now())

    async def tidy(self, database: Database) -> None:
        """Ends what lapsed or whose time is up. Called once a minute.

        Also makes the rentals of orders that a process of the version before has placed: while processes are replaced
        one by one, both versions sell.
        """
        now = self._clock.now()
        async with database.connection() as conn:
            while await queries.update_over(conn, now=now) >= queries.LAPSED_AT_ONCE:
                pass
            for order_id, placed in await queries.select_orders_without(conn, placed_after=now - REPAIR_FOR):
                if placed < now - REPAIR_AFTER:
                    await self._insert(conn, order_id, placed)

    async def _insert(self, conn: Connection, order_id: int, paid: datetime | None) -> dict[str, int]:
        """The copies of those films that are limited, which are locked by now."""
        code = "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
        return await queries.insert_rentals(
            conn, order_id, paid=paid, start_days=self._start_days, hours=self._hours, code=code
        )
