"""All SQL of exports: a part of a table after another, each after the key of the last row before."""

from collections.abc import Sequence
from typing import Any

from filmer.importing.edit_queries import credits_of
from filmer.importing.film_edits import Credit
from filmer.store.postgres import Connection

Row = tuple[Any, ...]


_PERSON = "{0}.name || coalesce(' (' || {0}.birth_year || ')', '') || ' [' || {0}.id || ']'"
_FILMS = f"""
    SELECT f.id, f.title, f.original_title, f.year, f.release_date, f.runtime_minutes, f.certificate, f.country,
        f.language, f.genres, f.director, f.overview, f.rating, f.votes, f.popularity, f.tmdb_id, f.title_type, (
            SELECT string_agg({_PERSON.format("s")}, ' | ' ORDER BY at)
            FROM unnest(f.star_nos) WITH ORDINALITY c(no, at) JOIN star s USING (no)
        ) AS stars, t.price, (
            SELECT array_agg(ARRAY[d.id, d.name, d.birth_year::text] ORDER BY at)
            FROM unnest(f.director_nos) WITH ORDINALITY c(no, at) JOIN director d USING (no)
        )
    FROM (SELECT * FROM film WHERE id > %s ORDER BY id LIMIT %s) f LEFT JOIN film_terms t ON t.film_id = f.id
    ORDER BY f.id
"""


async def select_films(conn: Connection, after: str, size: int) -> list[tuple[dict[str, Any], Sequence[Credit]]]:
    """The cells of films by column, with their own prices; and their directors.

    Casts are written by the database: half the time that a large export takes.
    """
    cursor = await conn.execute(_FILMS.encode(), [after, size])
    names = [column.name for column in cursor.description or ()][:-1]
    return [
        (dict(zip(names, cells, strict=True)), credits_of(directors)) for *cells, directors in await cursor.fetchall()
    ]


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
