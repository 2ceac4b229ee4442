"""All SQL of cancelled orders and their refunds."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from filmer.shop.payment import AT_COUNTER
from filmer.store.postgres import Connection


class OrderState(msgspec.Struct, frozen=True):
    """How an order was placed and cancelled. ``refund`` and what follows: None for one that was not cancelled.

    ``payment``: the provider's own reference. ``by_customer``: it was not the shop that cancelled.
    ``last_four``: digits of the card, where it was paid with one. ``is_erased``: its person has left.
    """

    id: int
    first_name: str
    last_name: str
    email: str
    payment: str
    captured: datetime | None
    placed: datetime
    total: Decimal
    refund: str | None
    cancelled: datetime | None
    amount: Decimal | None
    answered: datetime | None
    reason: str | None
    by_customer: bool | None
    account_id: int
    last_four: str | None
    is_erased: bool

    @property
    def is_owed_by_hand(self) -> bool:
        """The refund waits for somebody to give the money back: no provider does it (any more)."""
        return self.refund == "failed" or (self.refund == "initiated" and self.payment == AT_COUNTER.reference)


# As the index shop_order_last_four has it: of a card on file the digits are in its reference.
LAST_FOUR = "coalesce(o.last_four, substring(o.payment FROM '^card on file ([0-9]{4})$'))"
ORDER = f"""
    SELECT o.id, a.first_name, a.last_name, a.email, o.payment, o.captured, o.placed, o.total, c.refund, c.cancelled,
        c.amount, c.answered, c.reason, c.account_id = o.account_id, o.account_id,
        {LAST_FOUR}, a.erased IS NOT NULL
    FROM shop_order o JOIN account a ON a.id = o.account_id LEFT JOIN cancellation c ON c.order_id = o.id
"""
# Refunds that a provider is asked for, and has not answered.
_UNANSWERED = f"""
    SELECT c.order_id, o.payment, c.amount FROM cancellation c JOIN shop_order o ON o.id = c.order_id
    WHERE c.refund = 'initiated' AND o.payment <> '{AT_COUNTER.reference}'
"""


class OwedRefund(msgspec.Struct, frozen=True):
    """``reference``: the payment provider's own."""

    order_id: int
    reference: str
    amount: Decimal


async def select_order_state(conn: Connection, order_id: int) -> OrderState:
    """Raises LookupError where there is no such order."""
    row = await (await conn.execute(f"{ORDER} WHERE o.id = %s".encode(), [order_id])).fetchone()
    if row is None:
        raise LookupError(f"no order {order_id}")
    return OrderState(*row)


async def select_orders_of(conn: Connection, account_id: int, *, size: int) -> list[OrderState]:
    """The latest orders of one account."""
    statement = f"{ORDER} WHERE o.account_id = %s ORDER BY o.place DESC LIMIT %s"
    return [OrderState(*row) for row in await (await conn.execute(statement.encode(), [account_id, size])).fetchall()]


async def select_refunds(conn: Connection, order_ids: Sequence[int]) -> dict[int, str]:
    """The refunds of those of these orders that were cancelled."""
    statement = "SELECT order_id, refund FROM cancellation WHERE order_id = ANY(%s)"
    return dict(await (await conn.execute(statement, [list(order_ids)])).fetchall())


async def insert_cancellation(
    conn: Connection, order_id: int, *, account_id: int | None, reason: str, amount: Decimal, now: datetime
) -> None:
    """``account_id``: who cancels. A refund is initiated unless there is nothing to return."""
    await conn.execute(
        """
        INSERT INTO cancellation (order_id, account_id, reason, cancelled, amount, refund)
        VALUES (%(order)s, %(account)s, %(reason)s, %(now)s, %(amount)s,
                CASE WHEN %(amount)s > 0 THEN 'initiated' ELSE 'not requested' END)
        """,
        {"order": order_id, "account": account_id, "reason": reason, "amount": amount, "now": now},
    )


async def select_owed_refunds(conn: Connection, *, cancelled_before: datetime) -> list[OwedRefund]:
    """Refunds that the provider has not answered. A random selection, so that none holds up the others."""
    statement = f"{_UNANSWERED} AND c.cancelled < %s ORDER BY random() LIMIT 100"
    return [OwedRefund(*row) for row in await (await conn.execute(statement.encode(), [cancelled_before])).fetchall()]


async def select_owed_refund(conn: Connection, order_id: int) -> OwedRefund | None:
    row = await (await conn.execute(f"{_UNANSWERED} AND c.order_id = %s".encode(), [order_id])).fetchone()
    return None if row is None else OwedRefund(*row)


async def update_refund(conn: Connection, order_id: int, refund: str, *, now: datetime) -> bool:
    """The provider's answer, ``completed`` or ``failed``; False when there was one before."""
    done = await conn.execute(
        "UPDATE cancellation SET refund = %s, answered = %s WHERE order_id = %s AND refund = 'initiated'",
        [refund, now, order_id],
    )
    return done.rowcount == 1


async def update_given_back(conn: Connection, order_id: int, *, now: datetime) -> bool:
    """The refund is completed: of an order that was paid at the counter, or one that its provider has refused.

    False where there is no such refund.
    """
    done = await conn.execute(
        """
        UPDATE cancellation c SET refund = 'completed', answered = %s FROM shop_order o
        WHERE c.order_id = %s AND o.id = c.order_id
            AND (c.refund = 'failed' OR c.refund = 'initiated' AND o.payment = %s)
        """,
        [now, order_id, AT_COUNTER.reference],
    )
    return done.rowcount == 1
