"""All SQL of exports: a part of a table after another, each after the key of the last row before."""

from decimal import Decimal
from typing import Any

from filmer.importing.edit_queries import FILM, record_of
from filmer.importing.film_edits import FilmRecord
from filmer.store.postgres import Connection

Row = tuple[Any, ...]


async def select_films(conn: Connection, after: str, size: int) -> list[tuple[FilmRecord, Decimal | None]]:
    """Films with their own prices."""
    cursor = await conn.execute(
        "SELECT f.id, t.price FROM film f LEFT JOIN film_terms t ON t.film_id = f.id WHERE f.id > %s"
        " ORDER BY f.id LIMIT %s",
        [after, size],
    )
    prices: dict[str, Decimal | None] = dict(await cursor.fetchall())
    cursor = await conn.execute(FILM.encode(), {"ids": list(prices)})
    films = {film.id: film for film in map(record_of, await cursor.fetchall())}
    return [(films[film_id], price) for film_id, price in prices.items()]


async def select_orders(conn: Connection, after: int, size: int) -> list[Row]:
    """A row for each line of some orders. The first cell is the place of the order, by which they are sorted."""
    cursor = await conn.execute(
        """
        SELECT o.place, o.id, o.placed, o.account_id, a.email, a.first_name, a.last_name, l.film_id, l.title, l.year,
            l.quantity, l.price, o.total, CASE WHEN o.payment = 'counter' THEN 'counter' ELSE 'card' END, o.captured,
            c.cancelled, c.amount, c.refund
        FROM (SELECT * FROM shop_order WHERE place > %s ORDER BY place LIMIT %s) o
        JOIN order_line l ON l.order_id = o.id JOIN account a ON a.id = o.account_id
        LEFT JOIN cancellation c ON c.order_id = o.id
        ORDER BY o.place, l.place
        """,
        [after, size],
    )
    return await cursor.fetchall()


async def select_members(conn: Connection, after: int, size: int) -> list[Row]:
    """Accounts, but not those whose person is gone. The first cell is the id, by which they are sorted."""
    cursor = await conn.execute(
        """
        SELECT a.id, a.email, a.first_name, a.last_name, a.role, a.disabled, a.created, count(o.id),
            coalesce(sum(o.total), 0)
        FROM (SELECT * FROM account WHERE id > %s AND erased IS NULL ORDER BY id LIMIT %s) a
        LEFT JOIN shop_order o ON o.account_id = a.id
        GROUP BY a.id, a.email, a.first_name, a.last_name, a.role, a.disabled, a.created ORDER BY a.id
        """,
        [after, size],
    )
    return await cursor.fetchall()
