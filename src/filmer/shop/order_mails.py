"""The mails about orders: each is written in the transaction that changes the order (contract §12.4)."""

from filmer.audit.log import Actor, record
from filmer.errors import InvalidOperation, NotFound
from filmer.mail.outbox import Outbox
from filmer.shop import cancel_queries, queries
from filmer.shop.payment import AT_COUNTER
from filmer.shop.schemas import Order
from filmer.store.postgres import Connection

# Of what is told of an order, what each kind of mail is.
KINDS = {"order": "Order", "receipt": "Receipt", "cancelled": "Cancelled", "refunded": "Money back"}


class OrderMails:
    def __init__(self, outbox: Outbox, *, hold_days: int) -> None:
        """``hold_days``: how long an order waits for its payment at the counter."""
        self._outbox = outbox
        self._hold_days = hold_days

    async def placed(self, conn: Connection, order: Order, *, is_paid: bool) -> None:
        await self._put(conn, "order", order, is_paid=is_paid, hold_days=self._hold_days)

    async def paid(self, conn: Connection, order_id: int) -> None:
        """At the counter, later than it was placed."""
        if order := await queries.select_order(conn, order_id):
            await self._put(conn, "receipt", order)

    async def cancelled(self, conn: Connection, order_id: int) -> None:
        await self._put_state(conn, "cancelled", order_id)

    async def refunded(self, conn: Connection, order_id: int, *, by_hand: bool = False) -> None:
        await self._put_state(conn, "refunded", order_id, by_hand=by_hand)

    @property
    def is_sent(self) -> bool:
        return self._outbox.is_set_up

    async def again(self, conn: Connection, order_id: int, actor: Actor) -> None:
        """What the customer is to know of the order as it is now, once more: as a rule, the receipt.

        Raises InvalidOperation where there is no person any more, and NotFound.
        """
        order = await queries.select_order(conn, order_id)
        if order is None:
            raise NotFound("There is no such order")
        state = await cancel_queries.select_order_state(conn, order_id)
        if state.is_erased:
            raise InvalidOperation("The customer has left: there is no address any more")
        async with conn.transaction():
            if state.refund == "completed":
                await self.refunded(conn, order_id)
            elif state.refund:
                await self.cancelled(conn, order_id)
            elif state.payment == AT_COUNTER.reference and state.captured:
                await self.paid(conn, order_id)
            else:
                await self.placed(conn, order, is_paid=state.payment != AT_COUNTER.reference)
            await record(conn, actor, "order.resend", ("order", order_id))

    async def _put(self, conn: Connection, kind: str, order: Order, **fields: object) -> None:
        await self._outbox.put(
            conn, kind, None, account_id=order.account_id, link_id=order.id, sales=order.sales, total=order.total,
            **fields,
        )  # fmt: skip

    async def _put_state(self, conn: Connection, kind: str, order_id: int, *, by_hand: bool = False) -> None:
        state = await cancel_queries.select_order_state(conn, order_id)
        await self._outbox.put(
            conn, kind, None, account_id=state.account_id, link_id=order_id, amount=state.amount, reason=state.reason,
            is_refunded=bool(state.amount), is_at_counter=by_hand or state.payment == AT_COUNTER.reference,
        )  # fmt: skip
