"""All SQL of payments that an order may follow, and of the shop's currency."""

from datetime import datetime
from decimal import Decimal

from filmer.store.postgres import Connection


async def insert_draft(
    conn: Connection, order_id: int, account_id: int, amount: Decimal, currency: str, *, now: datetime
) -> None:
    await conn.execute(
        "INSERT INTO payment_draft (order_id, account_id, amount, currency, touched) VALUES (%s, %s, %s, %s, %s)",
        [order_id, account_id, amount, currency, now],
    )


async def update_reference(conn: Connection, order_id: int, reference: str, *, now: datetime) -> None:
    await conn.execute(
        "UPDATE payment_draft SET reference = %s, touched = %s WHERE order_id = %s", [reference, now, order_id]
    )


async def select_open_reference(
    conn: Connection, order_id: int, account_id: int, amount: Decimal, currency: str
) -> str | None:
    """The provider's reference of a draft of this account, for this amount, that no order has followed yet."""
    cursor = await conn.execute(
        """
        SELECT reference FROM payment_draft
        WHERE order_id = %s AND account_id = %s AND amount = %s AND currency = %s AND state = 'open'
        """,
        [order_id, account_id, amount, currency],
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def accept_draft(conn: Connection, order_id: int) -> bool:
    """In the order's transaction: its money is not released any more.

    False where it is released already, or was held in another currency than the shop's.
    """
    done = await conn.execute(
        """
        UPDATE payment_draft SET state = 'ordered'
        WHERE order_id = %s AND state = 'open' AND currency = (SELECT code FROM shop_currency)
        """,
        [order_id],
    )
    return done.rowcount == 1


async def select_drafted(conn: Connection, reference: str) -> tuple[int, str, str | None, bool] | None:
    """The id of the order that may follow; the draft's state; a cancelled order's refund; whether it is captured."""
    cursor = await conn.execute(
        """
        SELECT d.order_id, d.state, c.refund, o.captured IS NOT NULL FROM payment_draft d
        LEFT JOIN shop_order o ON o.id = d.order_id LEFT JOIN cancellation c ON c.order_id = d.order_id
        WHERE d.reference = %s
        """,
        [reference],
    )
    return await cursor.fetchone()


async def void_draft(conn: Connection, order_id: int) -> bool:
    """From now on no order follows. False where one has."""
    done = await conn.execute(
        "UPDATE payment_draft SET state = 'void' WHERE order_id = %s AND state <> 'ordered'", [order_id]
    )
    return done.rowcount == 1


async def void_old_drafts(conn: Connection, *, touched_before: datetime) -> list[tuple[int, str]]:
    """Also gives up what no order has followed since. Ids and references of a hundred whose money is to be released."""
    await conn.execute(
        "UPDATE payment_draft SET state = 'void' WHERE state = 'open' AND touched < %s", [touched_before]
    )
    await conn.execute(
        "DELETE FROM payment_draft WHERE state = 'void' AND reference IS NULL AND touched < %s", [touched_before]
    )
    cursor = await conn.execute(
        """
        SELECT order_id, reference FROM payment_draft WHERE state = 'void' AND reference IS NOT NULL
        ORDER BY random() LIMIT 100
        """
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def delete_void_draft(conn: Connection, order_id: int) -> None:
    await conn.execute("DELETE FROM payment_draft WHERE order_id = %s AND state = 'void'", [order_id])


async def update_refund_failed(conn: Connection, order_id: int, *, now: datetime) -> None:
    """The bank has sent the money back that was on its way to the customer."""
    await conn.execute(
        """
        UPDATE cancellation SET refund = 'failed', answered = %s
        WHERE order_id = %s AND refund IN ('initiated', 'completed')
        """,
        [now, order_id],
    )


async def keep_currency(conn: Connection, code: str | None) -> str | None:
    """Stores the shop's currency, as long as there is no order. ``code``: None for a mere sign.

    Returns another currency that orders were made in, and which therefore stays.
    """
    async with conn.transaction():
        await conn.execute("LOCK TABLE shop_currency IN EXCLUSIVE MODE")
        cursor = await conn.execute("SELECT code FROM shop_currency WHERE EXISTS (SELECT FROM shop_order)")
        row = await cursor.fetchone()
        if row is None and code is None:
            await conn.execute("DELETE FROM shop_currency")
        elif row is None:
            await conn.execute(
                "INSERT INTO shop_currency (code) VALUES (%s) ON CONFLICT (is_only) DO UPDATE SET code = excluded.code",
                [code],
            )
        return row[0] if row and row[0] != code else None
