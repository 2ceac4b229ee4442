"""All SQL of carts and orders. Every statement names the account whose rows it touches.

Each message to the server costs more than most statements do, so what is asked together is one statement.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import psycopg

from filmer.accounts.queries import GUESSES
from filmer.errors import ServiceUnavailable, Unavailable
from filmer.shop.checkout_attempt import CheckoutAttempt
from filmer.shop.payment import AT_COUNTER
from filmer.shop.schemas import CartLine, Order, OrderSummary, Sale
from filmer.store.connecting import USE_CURRENT_EDITION_LOCALLY
from filmer.store.postgres import Connection

_CART_LOCK = 0x63617274  # "cart"


class StoredReceipt(msgspec.Struct, frozen=True):
    """The order of an Idempotency-Key."""

    submission: bytes
    order_id: int


class StoredDue(msgspec.Struct, frozen=True):
    """A cart that is about to be sold, and what else a checkout looks at first.

    ``amount``: None where the cart is empty. ``titles``: how many lines there are. ``last``: the place of the
    account's last order before the request, 0 without one. ``earlier``: the order of an identical submit.
    ``guesses``: as ``select_guesses`` returns them. ``limited``: the quantities of those films in the cart that have a
    limited number of copies, or are hidden.
    """

    amount: Decimal | None
    titles: int
    last: int
    earlier: StoredReceipt | None
    guesses: list[datetime | None]
    limited: dict[str, int]


async def lock_cart(conn: Connection, account_id: int, *, for_new_film: bool = False) -> None:
    """Begins a transaction, until whose end no other one changes or sells this cart, and films are as they are now.

    ``for_new_film``: it may bring a film into use, so no import replaces the catalogue meanwhile.
    """
    keep = "LOCK TABLE film_in_use IN ROW EXCLUSIVE MODE;" if for_new_film else ""
    lock = f"BEGIN; {keep} SELECT pg_advisory_xact_lock({_CART_LOCK}, {account_id:d});"
    hold = "; LOCK TABLE film IN ACCESS SHARE MODE"  # so that no import drops the edition before the transaction ends
    # All in one message.
    await conn.execute(lock.encode() + USE_CURRENT_EDITION_LOCALLY + hold.encode(), prepare=False)


# A cart's lines with their films. Hidden ones can't be had any more, but the cart stays as it is (contract §9.5).
_LINE = """
    l.film_id, coalesce(f.title, h.title), coalesce(f.year, h.year), l.quantity, l.price,
    CASE WHEN f.id IS NULL THEN l.price ELSE coalesce(t.price, %(default)s) END
"""
_FILMS = """
    LEFT JOIN film f ON f.id = l.film_id LEFT JOIN hidden_film h ON f.id IS NULL AND h.id = l.film_id
"""
_IS_FILM = "(f.id IS NOT NULL OR h.id IS NOT NULL)"


async def select_lines(conn: Connection, account_id: int, default_price: Decimal) -> list[CartLine]:
    cursor = await conn.execute(
        f"""
        SELECT {_LINE} FROM cart_line l {_FILMS} LEFT JOIN film_terms t ON t.film_id = f.id
        WHERE l.account_id = %(account)s AND {_IS_FILM} ORDER BY l.place
        """.encode(),
        {"account": account_id, "default": default_price},
    )
    return [CartLine(*row) for row in await cursor.fetchall()]


async def select_item_count(conn: Connection, account_id: int) -> int:
    cursor = await conn.execute(
        f"""
        SELECT coalesce(sum(l.quantity), 0) FROM cart_line l {_FILMS} WHERE l.account_id = %s AND {_IS_FILM}
        """.encode(),
        [account_id],
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def update_prices(conn: Connection, account_id: int, default_price: Decimal) -> None:
    """Brings the lines to current prices."""
    await conn.execute(
        """
        UPDATE cart_line c SET price = coalesce(t.price, %s)
        FROM film f LEFT JOIN film_terms t ON t.film_id = f.id WHERE f.id = c.film_id AND c.account_id = %s
        """,
        [default_price, account_id],
    )


async def add_line(
    conn: Connection, account_id: int, film_id: str, quantity: int, default_price: Decimal
) -> list[CartLine]:
    """Adds a film, which no import drops from now on. Returns the cart's lines.

    None are returned, and nothing is added, if there is no such film, or the line would hold more than ten.
    """
    try:
        cursor = await conn.execute(
            f"""
            WITH used AS (
                INSERT INTO film_in_use (film_id) SELECT id FROM film WHERE id = %(film)s ON CONFLICT DO NOTHING
            ), added AS (
                INSERT INTO cart_line AS c (account_id, film_id, quantity, price)
                SELECT %(account)s, f.id, %(quantity)s, coalesce(t.price, %(default)s)
                FROM film f LEFT JOIN film_terms t ON t.film_id = f.id WHERE f.id = %(film)s
                ON CONFLICT (account_id, film_id) DO UPDATE SET quantity = c.quantity + excluded.quantity
                WHERE c.quantity + excluded.quantity <= 10
                RETURNING place, film_id, quantity, price
            ), line AS (
                TABLE added
                UNION ALL
                SELECT place, film_id, quantity, price FROM cart_line
                WHERE account_id = %(account)s AND film_id <> %(film)s AND EXISTS (TABLE added)
        )
            SELECT {_LINE} FROM line l {_FILMS} LEFT JOIN film_terms t ON t.film_id = f.id
            WHERE {_IS_FILM} ORDER BY l.place
            """.encode(),
            {"account": account_id, "film": film_id, "quantity": quantity, "default": default_price},
        )
    except psycopg.errors.ForeignKeyViolation:  # a visitor's cart that was merged just now
        raise ServiceUnavailable("This cart has just been moved to an account; try again") from None
    return [CartLine(*row) for row in await cursor.fetchall()]


async def select_quantity(conn: Connection, account_id: int, film_id: str) -> int | None:
    cursor = await conn.execute(
        "SELECT quantity FROM cart_line WHERE account_id = %s AND film_id = %s", [account_id, film_id]
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def update_quantity(conn: Connection, account_id: int, film_id: str, quantity: int) -> bool:
    done = await conn.execute(
        "UPDATE cart_line SET quantity = %s WHERE account_id = %s AND film_id = %s", [quantity, account_id, film_id]
    )
    return done.rowcount == 1


async def delete_line(conn: Connection, account_id: int, film_id: str) -> bool:
    done = await conn.execute("DELETE FROM cart_line WHERE account_id = %s AND film_id = %s", [account_id, film_id])
    return done.rowcount == 1


async def delete_lines(conn: Connection, account_id: int) -> None:
    await conn.execute("DELETE FROM cart_line WHERE account_id = %s", [account_id])


# The order of an identical submit: by its key, or without one the first after the account's last order before it came.
_EARLIER_BY_KEY = """
    SELECT submission, order_id FROM checkout_key
    WHERE account_id = %(account)s AND key = %(key)s AND created > %(since)s
"""
_EARLIER_WITHOUT_KEY = """
    SELECT submission, id AS order_id FROM shop_order
    WHERE account_id = %(account)s AND submission = %(submission)s AND place > (TABLE last)
    ORDER BY place LIMIT 1
"""


def _earlier(attempt: CheckoutAttempt, since: datetime) -> tuple[str, dict[str, Any]]:
    """A query, and its parameters; it asks ``last`` for a place. ``since``: older keys are forgotten."""
    parameters = {"account": attempt.account_id, "submission": attempt.submission, "key": attempt.key, "since": since}
    return _EARLIER_WITHOUT_KEY if attempt.key is None else _EARLIER_BY_KEY, parameters


async def select_due(
    conn: Connection, attempt: CheckoutAttempt, *, age: float, last: int | None, since: datetime, subjects: list[bytes]
) -> StoredDue:
    """What a checkout looks at first, all at one moment: where the cart is empty, its order and key can be seen.

    ``age``: how many seconds ago the request arrived. Both moments are the database's, so that the nodes' clocks may
    differ. An order with a time in the future was placed before the database's clock was set back.
    ``last``: as an earlier call returned it, else None. ``since``: older keys are forgotten.
    """
    earlier, parameters = _earlier(attempt, since)
    statement = f"""
        WITH last AS (
            SELECT coalesce(%(last)s::bigint, (
                SELECT max(place) FROM shop_order WHERE account_id = %(account)s
                AND told NOT BETWEEN statement_timestamp() - make_interval(secs => %(age)s) AND clock_timestamp()
            ), 0) AS place
        ), earlier AS ({earlier})
        SELECT cart.amount, cart.titles, last.place, e.submission, e.order_id, {GUESSES}, (
            SELECT jsonb_object_agg(c.film_id, c.quantity) FROM cart_line c
                LEFT JOIN rental_terms t USING (film_id) LEFT JOIN film_edit e USING (film_id)
            WHERE c.account_id = %(account)s AND (t.copies IS NOT NULL OR e.hidden))
        FROM last LEFT JOIN earlier e ON true, (
            SELECT sum(c.price * c.quantity) AS amount, count(*) AS titles
            FROM cart_line c JOIN film f ON f.id = c.film_id WHERE c.account_id = %(account)s
        ) cart
    """
    parameters |= {"age": age, "last": last, "subjects": subjects}
    row = await (await conn.execute(statement.encode(), parameters)).fetchone()
    if row is None:
        raise RuntimeError("a SELECT without a FROM gave no row")
    amount, titles, place, submission, order_id, guesses, limited = row
    earlier_order = StoredReceipt(submission, order_id) if order_id else None
    return StoredDue(amount, titles, place, earlier_order, guesses, limited or {})


async def sell_lines(
    conn: Connection,
    attempt: CheckoutAttempt,
    order_id: int,
    sale_ids: Sequence[int],
    *,
    last: int,
    since: datetime,
    placed: datetime,
    payment: str,
    last_four: str | None = None,
    is_captured: bool,
) -> list[Sale] | StoredReceipt:
    """Makes an order of all lines of the cart, and returns what it sold; or the order of an identical submit.

    Nothing is sold if there is such an order, or if the cart is empty. The caller rolls back where lines were sold
    that it does not want, or more than it had ``sale_ids`` for. ``last``, ``since``: as for ``select_due``.
    ``told`` is this moment by the database's clock (``select_due``): the order is committed right afterwards. An
    expired key is used again. Raises psycopg's UniqueViolation when one of the ids is taken, and Unavailable where a
    film of the cart has just been hidden.
    """
    earlier, parameters = _earlier(attempt, since)
    statement = f"""
        WITH last AS (SELECT %(last)s::bigint AS place), earlier AS ({earlier}), taken AS (
            DELETE FROM cart_line c USING film f
            WHERE c.account_id = %(account)s AND f.id = c.film_id AND NOT EXISTS (TABLE earlier)
            RETURNING c.place, c.film_id, f.title, f.year, c.quantity, c.price
        ), sale AS (
            SELECT i.id, t.film_id, t.title, t.year, t.quantity, t.price, t.place
            FROM (SELECT *, row_number() OVER (ORDER BY place) AS no FROM taken) t
            LEFT JOIN unnest(%(ids)s::bigint[]) WITH ORDINALITY i(id, no) USING (no)
        ), placed AS (
            INSERT INTO shop_order (id, account_id, placed, told, item_count, total, submission, payment, last_four,
                captured)
            SELECT %(order)s, %(account)s, %(placed)s, clock_timestamp(), sum(quantity), sum(price * quantity),
                %(submission)s, %(payment)s, %(last_four)s, %(captured)s
            FROM taken HAVING count(*) > 0
        ), kept AS (
            INSERT INTO checkout_key (account_id, key, submission, order_id, created)
            SELECT %(account)s, %(key)s, %(submission)s, %(order)s, %(placed)s
            WHERE %(key)s::text IS NOT NULL AND EXISTS (TABLE taken)
            ON CONFLICT (account_id, key) DO UPDATE
            SET submission = excluded.submission, order_id = excluded.order_id, created = excluded.created
        ), sold AS (
            INSERT INTO order_line (order_id, id, place, film_id, title, year, quantity, price)
            SELECT %(order)s, id, row_number() OVER (ORDER BY place), film_id, title, year, quantity, price
            FROM sale WHERE id IS NOT NULL
        )
        SELECT e.submission, e.order_id, s.*, (
            SELECT min(c.film_id) FROM cart_line c JOIN film_edit USING (film_id)
            WHERE c.account_id = %(account)s AND hidden
        ) FROM earlier e FULL JOIN sale s ON false ORDER BY s.place
    """
    parameters |= {
        "last": last,
        "ids": sale_ids,
        "order": order_id,
        "placed": placed,
        "payment": payment,
        "last_four": last_four,
        "captured": placed if is_captured else None,
    }
    rows = await (await conn.execute(statement.encode(), parameters)).fetchall()
    if rows and rows[0][1]:
        return StoredReceipt(*rows[0][:2])
    if rows and rows[0][-1]:
        raise Unavailable(rows[0][-1], "Not available")
    return [Sale(*row[2:8]) for row in rows]


async def select_order(conn: Connection, order_id: int) -> Order | None:
    """Of any user: the caller compares ``account_id`` (403, not 404; shop-api.md)."""
    cursor = await conn.execute(
        """
        SELECT o.account_id, o.placed, o.total, l.id, l.film_id, l.title, l.year, l.quantity, l.price
        FROM shop_order o JOIN order_line l ON l.order_id = o.id WHERE o.id = %s ORDER BY l.place
        """,
        [order_id],
    )
    rows = await cursor.fetchall()
    if not rows:
        return None
    account_id, placed, amount = rows[0][:3]
    return Order(order_id, account_id, placed.date(), amount, [Sale(*row[3:]) for row in rows])


async def select_order_count(conn: Connection) -> int:
    """The number of all orders."""
    row = await (await conn.execute("SELECT count(*) FROM shop_order")).fetchone()
    return row[0] if row else 0


async def select_orders(conn: Connection, account_id: int, *, first: int, size: int) -> tuple[int, list[OrderSummary]]:
    """How many orders the account has, and some of them, newest first."""
    cursor = await conn.execute(
        """
        SELECT n.orders, o.id, o.placed, o.item_count, o.total
        FROM (SELECT count(*) AS orders FROM shop_order WHERE account_id = %(account)s) n
        LEFT JOIN LATERAL (
            SELECT * FROM shop_order WHERE account_id = %(account)s
            ORDER BY place DESC LIMIT %(size)s OFFSET %(first)s
        ) o ON true
        ORDER BY o.place DESC
        """,
        {"account": account_id, "first": first, "size": size},
    )
    rows = await cursor.fetchall()
    orders = [
        OrderSummary(order_id=row[1], order_date=row[2].date(), item_count=row[3], total_price=row[4])
        for row in rows
        if row[1] is not None
    ]
    return int(rows[0][0]), orders


async def select_uncaptured(conn: Connection, *, placed_before: datetime) -> list[tuple[int, str, Decimal]]:
    """Orders whose money a provider is still to collect: id, the payment's reference, amount.

    A random selection, so that payments that can't be collected do not hold up others.
    """
    cursor = await conn.execute(
        """
        SELECT id, payment, total FROM shop_order o
        WHERE captured IS NULL AND placed < %s AND payment <> %s
            AND NOT EXISTS (SELECT FROM cancellation c WHERE c.order_id = o.id)
        ORDER BY random() LIMIT 100
        """,
        [placed_before, AT_COUNTER.reference],
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]


async def update_captured(conn: Connection, order_id: int, now: datetime) -> None:
    await conn.execute("UPDATE shop_order SET captured = %s WHERE id = %s", [now, order_id])


async def delete_old_keys(conn: Connection, *, created_before: datetime) -> None:
    await conn.execute("DELETE FROM checkout_key WHERE created < %s", [created_before])
