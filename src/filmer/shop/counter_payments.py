"""Orders that are paid for at the counter: marked paid, given back, or lapsed (contract §10.3, §9.4).

Each of these, and cancelling, locks the rentals of an order first: of several at once, one does it, for all of them.
"""

from datetime import timedelta

from filmer.audit.log import Actor, record
from filmer.clock import Clock
from filmer.errors import InvalidOperation
from filmer.rentals.sales import Sales
from filmer.shop import cancel_queries, queries
from filmer.shop.order_mails import OrderMails
from filmer.shop.schemas import NOTHING
from filmer.store.postgres import Connection, Database

LAPSED = "It was not paid for in time."


class CounterPayments:
    def __init__(self, sales: Sales, clock: Clock, mails: OrderMails, *, hold_days: int) -> None:
        """``hold_days``: how long an order waits for its payment, and reserves copies."""
        self._sales = sales
        self._clock = clock
        self._mails = mails
        self.hold = timedelta(days=hold_days)

    async def mark_paid(self, conn: Connection, order_id: int, actor: Actor) -> None:
        """The money is there: from now on the order's rentals wait, by the terms of their sale.

        Raises InvalidOperation for an order that does not wait for its payment.
        """
        async with conn.transaction():
            await self._sales.rentals_of(conn, order_id, lock=True)
            if not await self._sales.mark_paid(conn, order_id):
                raise InvalidOperation("This order is not waiting for payment: it was paid, cancelled, or has lapsed")
            await queries.update_captured(conn, order_id, self._clock.now())
            await self._mails.paid(conn, order_id)
            await record(conn, actor, "order.paid", ("order", order_id))

    async def mark_given_back(self, conn: Connection, order_id: int, actor: Actor) -> None:
        """The customer of a cancelled order has the money again. Raises InvalidOperation where none is owed by hand."""
        async with conn.transaction():
            if not await cancel_queries.update_given_back(conn, order_id, now=self._clock.now()):
                raise InvalidOperation("Of this order nothing is to be given back by hand")
            await self._mails.refunded(conn, order_id, by_hand=True)
            await record(conn, actor, "order.given_back", ("order", order_id))

    async def tidy(self, database: Database) -> None:
        """Cancels the orders that were not paid for in time, which gives their copies back. Called once a minute."""
        now = self._clock.now()
        async with database.connection() as conn:
            for order_id in await self._sales.unpaid_orders(conn, placed_before=now - self.hold):
                async with conn.transaction():
                    rentals = await self._sales.rentals_of(conn, order_id, lock=True)
                    if all(rental.state == "unpaid" for rental in rentals):
                        await self._sales.cancel(conn, order_id)
                        await cancel_queries.insert_cancellation(
                            conn, order_id, account_id=None, reason=LAPSED, amount=NOTHING, now=now
                        )
                        await self._mails.cancelled(conn, order_id)
