"""All SQL of carts, cards and orders. Every statement names the account whose rows it touches.

``insert_film_in_use`` comes before ``lock_cart``: while the table is locked, no import replaces the catalogue.
"""

from datetime import datetime
from decimal import Decimal

import msgspec

from filmer.shop.schemas import CartLine, Order, OrderSummary, Sale
from filmer.store.connecting import USE_CURRENT_EDITION_LOCALLY
from filmer.store.postgres import Connection

_CART_LOCK = 0x63617274  # "cart"


class StoredCard(msgspec.Struct, frozen=True):
    """A card on file; its number is not in it."""

    last_four: str
    first_name: str
    last_name: str
    expiration: str
    account_id: int | None
    demo: bool


class StoredReceipt(msgspec.Struct, frozen=True):
    """The order of an Idempotency-Key."""

    submission: bytes
    order_id: int


async def lock_cart(conn: Connection, account_id: int) -> None:
    """Until the transaction ends, no other one changes or sells this cart, and films are read as they are now."""
    lock = f"SELECT pg_advisory_xact_lock({_CART_LOCK}, {account_id:d});"
    hold = "; LOCK TABLE film IN ACCESS SHARE MODE"  # so that no import drops the edition before the transaction ends
    # Three statements in one message.
    await conn.execute(lock.encode() + USE_CURRENT_EDITION_LOCALLY + hold.encode(), prepare=False)


async def select_lines(conn: Connection, account_id: int, default_price: Decimal) -> list[CartLine]:
    cursor = await conn.execute(
        """
        SELECT c.film_id, f.title, f.year, c.quantity, c.price, coalesce(f.price, %s)
        FROM cart_line c JOIN film f ON f.id = c.film_id WHERE c.account_id = %s ORDER BY c.place
        """,
        [default_price, account_id],
    )
    return [CartLine(*row) for row in await cursor.fetchall()]


async def select_item_count(conn: Connection, account_id: int) -> int:
    cursor = await conn.execute(
        """
        SELECT coalesce(sum(c.quantity), 0) FROM cart_line c JOIN film f ON f.id = c.film_id
        WHERE c.account_id = %s
        """,
        [account_id],
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def update_prices(conn: Connection, account_id: int, default_price: Decimal) -> None:
    """Brings the lines to current prices."""
    await conn.execute(
        """
        UPDATE cart_line c SET price = coalesce(f.price, %s)
        FROM film f WHERE f.id = c.film_id AND c.account_id = %s
        """,
        [default_price, account_id],
    )


async def insert_film_in_use(conn: Connection, film_id: str) -> None:
    """From now on no import drops the film."""
    await conn.execute("INSERT INTO film_in_use (film_id) VALUES (%s) ON CONFLICT DO NOTHING", [film_id])


async def add_line(
    conn: Connection, account_id: int, film_id: str, quantity: int, default_price: Decimal
) -> int | None:
    """The quantity the line has now. None: there is no such film, or the line would hold more than ten."""
    cursor = await conn.execute(
        """
        INSERT INTO cart_line AS c (account_id, film_id, quantity, price)
        SELECT %(account)s, f.id, %(quantity)s, coalesce(f.price, %(default)s)
        FROM film f WHERE f.id = %(film)s
        ON CONFLICT (account_id, film_id) DO UPDATE SET quantity = c.quantity + excluded.quantity
        WHERE c.quantity + excluded.quantity <= 10
        RETURNING quantity
        """,
        {"account": account_id, "film": film_id, "quantity": quantity, "default": default_price},
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


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


async def select_card(conn: Connection, digest: bytes, account_id: int, *, demo: bool) -> StoredCard | None:
    """A card this account may pay with."""
    cursor = await conn.execute(
        """
        SELECT last_four, first_name, last_name, expiration, account_id, demo FROM card
        WHERE digest = %s AND (account_id IS NULL OR account_id = %s) AND (NOT demo OR %s)
        """,
        [digest, account_id, demo],
    )
    row = await cursor.fetchone()
    return None if row is None else StoredCard(*row)


async def select_cards(conn: Connection) -> list[StoredCard]:
    cursor = await conn.execute(
        """
        SELECT last_four, first_name, last_name, expiration, account_id, demo FROM card
        ORDER BY account_id NULLS FIRST, last_four, expiration
        """
    )
    return [StoredCard(*row) for row in await cursor.fetchall()]


async def insert_card(
    conn: Connection,
    *,
    digest: bytes,
    last_four: str,
    first_name: str,
    last_name: str,
    expiration: str,
    account_id: int | None,
    demo: bool,
) -> bool:
    """False when the card is on file already."""
    done = await conn.execute(
        """
        INSERT INTO card (digest, last_four, first_name, last_name, expiration, account_id, demo)
        VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (digest) DO NOTHING
        """,
        [digest, last_four, first_name, last_name, expiration, account_id, demo],
    )
    return done.rowcount == 1


async def delete_card(conn: Connection, digest: bytes) -> bool:
    return (await conn.execute("DELETE FROM card WHERE digest = %s", [digest])).rowcount == 1


async def delete_cards(conn: Connection) -> int:
    """Deletes all cards, and the fingerprint of their key: without cards, any key may be used next."""
    await conn.execute("DELETE FROM secret_key")
    return (await conn.execute("DELETE FROM card")).rowcount


async def select_receipt(conn: Connection, account_id: int, key: str, *, since: datetime) -> StoredReceipt | None:
    cursor = await conn.execute(
        "SELECT submission, order_id FROM checkout_key WHERE account_id = %s AND key = %s AND created > %s",
        [account_id, key, since],
    )
    row = await cursor.fetchone()
    return None if row is None else StoredReceipt(*row)


async def select_due(conn: Connection, account_id: int, *, age: float) -> tuple[Decimal | None, int]:
    """What the cart costs (None: it is empty), and the place of the account's last order before a request (0: none).

    ``age``: how many seconds ago the request arrived. Both moments are the database's, so that the nodes' clocks may
    differ. An order with a time in the future was placed before the database's clock was set back.
    """
    cursor = await conn.execute(
        """
        SELECT (SELECT sum(c.price * c.quantity) FROM cart_line c JOIN film f ON f.id = c.film_id
                WHERE c.account_id = %(account)s),
            coalesce((SELECT max(place) FROM shop_order WHERE account_id = %(account)s
                      AND told NOT BETWEEN statement_timestamp() - make_interval(secs => %(age)s)
                          AND clock_timestamp()), 0)
        """,
        {"account": account_id, "age": age},
    )
    return await cursor.fetchone() or (None, 0)


async def select_limited_quantities(conn: Connection, account_id: int) -> dict[str, int]:
    """The quantities of those lines of the cart whose film has a limited number of copies, by film."""
    cursor = await conn.execute(
        """
        SELECT c.film_id, c.quantity FROM cart_line c JOIN rental_terms t USING (film_id)
        WHERE c.account_id = %s AND t.copies IS NOT NULL
        """,
        [account_id],
    )
    return dict(await cursor.fetchall())


async def select_identical_order(conn: Connection, account_id: int, submission: bytes, *, after: int) -> int | None:
    """The id of the account's first order of that submission after that place."""
    cursor = await conn.execute(
        "SELECT id FROM shop_order WHERE account_id = %s AND submission = %s AND place > %s ORDER BY place LIMIT 1",
        [account_id, submission, after],
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def take_lines(conn: Connection, account_id: int) -> list[CartLine]:
    """Empties the cart and returns its lines."""
    cursor = await conn.execute(
        """
        DELETE FROM cart_line c USING film f WHERE c.account_id = %s AND f.id = c.film_id
        RETURNING c.place, c.film_id, f.title, f.year, c.quantity, c.price, c.price
        """,
        [account_id],
    )
    return [CartLine(*row[1:]) for row in sorted(await cursor.fetchall())]


async def insert_order(
    conn: Connection,
    order: Order,
    *,
    placed: datetime,
    submission: bytes,
    payment: str,
    is_captured: bool,
) -> None:
    """The order with its lines. Raises psycopg's UniqueViolation when one of its ids is taken.

    ``told`` is this moment by the database's clock (``select_due``): the order is committed right afterwards.
    """
    await conn.execute(
        """
        WITH o AS (
            INSERT INTO shop_order (id, account_id, placed, told, item_count, total, submission, payment, captured)
            VALUES (%(id)s, %(account)s, %(placed)s, clock_timestamp(), %(count)s, %(total)s, %(submission)s,
                    %(payment)s, %(captured)s)
            RETURNING id
        )
        INSERT INTO order_line (order_id, id, place, film_id, title, year, quantity, price)
        SELECT o.id, l.id, l.place, l.film_id, l.title, l.year, l.quantity, l.price
        FROM o, unnest(%(ids)s::bigint[], %(films)s::text[], %(titles)s::text[], %(years)s::smallint[],
                       %(quantities)s::smallint[], %(prices)s::numeric[])
                WITH ORDINALITY l(id, film_id, title, year, quantity, price, place)
        """,
        {
            "id": order.id,
            "account": order.account_id,
            "placed": placed,
            "count": sum(sale.quantity for sale in order.sales),
            "total": order.total,
            "submission": submission,
            "payment": payment,
            "captured": placed if is_captured else None,
            "ids": [sale.id for sale in order.sales],
            "films": [sale.film_id for sale in order.sales],
            "titles": [sale.title for sale in order.sales],
            "years": [sale.year for sale in order.sales],
            "quantities": [sale.quantity for sale in order.sales],
            "prices": [sale.price for sale in order.sales],
        },
    )


async def upsert_receipt(
    conn: Connection, account_id: int, key: str, *, submission: bytes, order_id: int, now: datetime
) -> None:
    """Stores the order of a key; an expired key may be used again."""
    await conn.execute(
        """
        INSERT INTO checkout_key (account_id, key, submission, order_id, created) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (account_id, key) DO UPDATE
        SET submission = excluded.submission, order_id = excluded.order_id, created = excluded.created
        """,
        [account_id, key, submission, order_id, now],
    )


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
    """Orders whose money is still to be collected: id, the payment's reference, amount.

    A random selection, so that payments that can't be collected do not hold up others.
    """
    cursor = await conn.execute(
        """
        SELECT id, payment, total FROM shop_order o
        WHERE captured IS NULL AND placed < %s AND NOT EXISTS (SELECT FROM cancellation c WHERE c.order_id = o.id)
        ORDER BY random() LIMIT 100
        """,
        [placed_before],
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]


async def update_captured(conn: Connection, order_id: int, now: datetime) -> None:
    await conn.execute("UPDATE shop_order SET captured = %s WHERE id = %s", [now, order_id])


async def delete_old_keys(conn: Connection, *, created_before: datetime) -> None:
    await conn.execute("DELETE FROM checkout_key WHERE created < %s", [created_before])
