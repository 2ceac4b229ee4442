"""All SQL of the carts of visitors who are not signed in; that of their lines is in ``queries.py``."""

from datetime import datetime

import msgspec

from filmer.shop.schemas import MAX_QUANTITY, MAX_TITLES
from filmer.store.postgres import Connection


class MergedLine(msgspec.Struct, frozen=True):
    """A line that has moved into a user's cart. ``left_out``: how many of its units did not fit."""

    title: str
    quantity: int
    left_out: int


async def insert_guest_cart(conn: Connection, digest: bytes, *, now: datetime) -> int:
    cursor = await conn.execute("INSERT INTO guest_cart (digest, used) VALUES (%s, %s) RETURNING id", [digest, now])
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - it was inserted
    return int(row[0])


async def select_guest_cart(conn: Connection, digest: bytes, *, used_after: datetime, lock: bool = False) -> int | None:
    """``lock``: until the transaction ends, no other one merges it, or adds a film to it."""
    statement = f"SELECT id FROM guest_cart WHERE digest = %s AND used > %s {'FOR UPDATE' if lock else ''}"
    row = await (await conn.execute(statement.encode(), [digest, used_after])).fetchone()
    return None if row is None else int(row[0])


async def update_used(conn: Connection, guest_id: int, *, now: datetime) -> None:
    await conn.execute("UPDATE guest_cart SET used = %s WHERE id = %s", [now, guest_id])


async def merge_lines(conn: Connection, guest_id: int, account_id: int) -> list[MergedLine]:
    """Moves all lines into the account's cart, which the transaction has locked, in the order they were added.

    Quantities add up as far as a line and a cart hold them.
    """
    cursor = await conn.execute(
        """
        WITH guest AS (
            DELETE FROM cart_line WHERE account_id = -%(guest)s::integer RETURNING film_id, place, quantity, price
        ), own AS (
            SELECT film_id, quantity FROM cart_line WHERE account_id = %(account)s
        ), wanted AS (
            SELECT g.*, o.quantity AS held, count(*) FILTER (WHERE o.film_id IS NULL) OVER (ORDER BY g.place) AS titles
            FROM guest g LEFT JOIN own o USING (film_id)
        ), moved AS (
            INSERT INTO cart_line AS c (account_id, film_id, quantity, price)
            SELECT %(account)s, film_id, quantity, price FROM wanted
            WHERE held IS NOT NULL OR titles + (SELECT count(*) FROM own) <= %(titles)s ORDER BY place
            ON CONFLICT (account_id, film_id) DO UPDATE SET quantity = least(%(most)s, c.quantity + excluded.quantity)
            RETURNING film_id, quantity
        )
        SELECT coalesce(f.title, w.film_id), w.quantity, w.quantity + coalesce(w.held, 0) - coalesce(m.quantity, 0)
        FROM wanted w LEFT JOIN moved m USING (film_id) LEFT JOIN film f ON f.id = w.film_id ORDER BY w.place
        """,
        {"guest": guest_id, "account": account_id, "titles": MAX_TITLES, "most": MAX_QUANTITY},
    )
    return [MergedLine(*row) for row in await cursor.fetchall()]


async def delete_guest_cart(conn: Connection, guest_id: int) -> None:
    await conn.execute("DELETE FROM guest_cart WHERE id = %s", [guest_id])


async def delete_old(conn: Connection, *, used_before: datetime) -> None:
    await conn.execute("DELETE FROM guest_cart WHERE used <= %s", [used_before])
