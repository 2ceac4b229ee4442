"""All SQL of cancelled orders and their refunds."""

from datetime import datetime
from decimal import Decimal

import msgspec

from filmer.store.postgres import Connection


class OrderState(msgspec.Struct, frozen=True):
    """What an order was placed and cancelled with. ``refund``: None for an order that was not cancelled."""

    id: int
    payment: str
    placed: datetime
    total: Decimal
    cancelled: datetime | None
    amount: Decimal | None
    refund: str | None
    answered: datetime | None


class OwedRefund(msgspec.Struct, frozen=True):
    """``reference``: the payment provider's own."""

    order_id: int
    reference: str
    amount: Decimal


async def select_order_state(conn: Connection, order_id: int) -> OrderState:
    """Raises LookupError where there is no such order."""
    cursor = await conn.execute(
        """
        SELECT o.id, o.payment, o.placed, o.total, c.cancelled, c.amount, c.refund, c.answered
        FROM shop_order o LEFT JOIN cancellation c ON c.order_id = o.id WHERE o.id = %s
        """,
        [order_id],
    )
    row = await cursor.fetchone()
    if row is None:
        raise LookupError(f"no order {order_id}")
    return OrderState(*row)


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


async def select_owed_refunds(conn: Connection, *, cancelled_before: datetime, other_than: str) -> list[OwedRefund]:
    """Refunds that the provider has not answered. A random selection, so that none holds up the others.

    ``other_than``: a reference of payments that no provider returns.
    """
    cursor = await conn.execute(
        """
        SELECT c.order_id, o.payment, c.amount FROM cancellation c JOIN shop_order o ON o.id = c.order_id
        WHERE c.refund = 'initiated' AND c.cancelled < %s AND o.payment <> %s ORDER BY random() LIMIT 100
        """,
        [cancelled_before, other_than],
    )
    return [OwedRefund(*row) for row in await cursor.fetchall()]


async def select_owed_refund(conn: Connection, order_id: int, other_than: str) -> OwedRefund | None:
    cursor = await conn.execute(
        """
        SELECT c.order_id, o.payment, c.amount FROM cancellation c JOIN shop_order o ON o.id = c.order_id
        WHERE c.refund = 'initiated' AND c.order_id = %s AND o.payment <> %s
        """,
        [order_id, other_than],
    )
    row = await cursor.fetchone()
    return None if row is None else OwedRefund(*row)


async def update_refund(conn: Connection, order_id: int, refund: str, *, now: datetime) -> bool:
    """The provider's answer, ``completed`` or ``failed``; False when there was one before."""
    done = await conn.execute(
        "UPDATE cancellation SET refund = %s, answered = %s WHERE order_id = %s AND refund = 'initiated'",
        [refund, now, order_id],
    )
    return done.rowcount == 1


async def update_given_back(conn: Connection, order_id: int, payment: str, *, now: datetime) -> bool:
    """The refund is completed: of an order with this ``payment``, or one that its provider has refused.

    False where there is no such refund.
    """
    done = await conn.execute(
        """
        UPDATE cancellation c SET refund = 'completed', answered = %s FROM shop_order o
        WHERE c.order_id = %s AND o.id = c.order_id
            AND (c.refund = 'failed' OR c.refund = 'initiated' AND o.payment = %s)
        """,
        [now, order_id, payment],
    )
    return done.rowcount == 1
