"""The SQL of prices that are changed for many films at once."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from filmer.store.connecting import USE_CURRENT_EDITION_LOCALLY
from filmer.store.postgres import Connection

SHOWN = 20


class PriceLine(msgspec.Struct, frozen=True):
    """``new``: as it is to be; the same as ``old`` where nothing is asked."""

    id: str
    title: str
    year: int | None
    old: Decimal
    new: Decimal


class Counts(msgspec.Struct, frozen=True):
    """How many films match; how many of them get another price; how many one below 0, or above the bound."""

    films: int
    changed: int
    below: int
    above: int


class StoredChange(msgspec.Struct, frozen=True):
    id: int
    made: datetime
    words: str
    films: int
    undone: datetime | None


def _lines(conditions: str, new: str) -> str:
    """``new``: an expression of ``old``, the price that a film has."""
    return f"""
        SELECT id, title, year, old, {new} AS new, votes_desc, own, by_hand FROM (
            SELECT f.id, f.title, f.year, coalesce(t.price, %(default)s) AS old, f.votes_desc, t.price AS own,
                coalesce(t.is_price_by_hand, false) AS by_hand
            FROM film f LEFT JOIN film_terms t ON t.film_id = f.id WHERE {conditions}
        ) priced
    """


async def count_films(conn: Connection, conditions: str, values: dict[str, Any]) -> int:
    statement = f"SELECT count(*) FROM film f LEFT JOIN film_terms t ON t.film_id = f.id WHERE {conditions}"
    row = await (await conn.execute(statement.encode(), values, prepare=False)).fetchone()
    return int(row[0]) if row else 0


async def count_changes(conn: Connection, conditions: str, new: str, values: dict[str, Any]) -> Counts:
    statement = f"""
        SELECT count(*), count(*) FILTER (WHERE new <> old), count(*) FILTER (WHERE new < 0),
            count(*) FILTER (WHERE new > %(most)s) FROM ({_lines(conditions, new)}) line
    """
    row = await (await conn.execute(statement.encode(), values, prepare=False)).fetchone()
    assert row is not None  # noqa: S101 - counts are always there
    return Counts(*row)


async def select_lines(
    conn: Connection, conditions: str, new: str, values: dict[str, Any], *, test: str = "true", size: int = SHOWN
) -> list[PriceLine]:
    """The best known first."""
    statement = f"""
        SELECT id, title, year, old, new FROM ({_lines(conditions, new)}) line WHERE {test}
        ORDER BY votes_desc LIMIT {size}
    """
    rows = await (await conn.execute(statement.encode(), values, prepare=False)).fetchall()
    return [PriceLine(*row) for row in rows]


async def select_version(conn: Connection) -> int:
    row = await (await conn.execute("SELECT version FROM edition")).fetchone()
    return int(row[0]) if row else 0


async def lock_prices(conn: Connection) -> int:
    """Until the transaction ends no price and no edition changes, as while an import swaps. The edition's version."""
    await conn.execute("LOCK TABLE film_terms IN SHARE ROW EXCLUSIVE MODE")
    await conn.execute("SELECT FROM edition FOR UPDATE")
    await conn.execute(USE_CURRENT_EDITION_LOCALLY)
    return await select_version(conn)


async def store_new_prices(conn: Connection, conditions: str, new: str, values: dict[str, Any]) -> int:
    """Of the films whose price is another one then. Returns how many there are."""
    await conn.execute("TRUNCATE price_before")
    await conn.execute(
        f"""
        INSERT INTO price_before (film_id, price, by_hand, new_price)
        SELECT id, own, by_hand, new FROM ({_lines(conditions, new)}) line WHERE new <> old
        """.encode(),
        values,
    )
    done = await conn.execute(
        """
        INSERT INTO film_terms (film_id, price, is_price_by_hand) SELECT film_id, new_price, true FROM price_before
        ON CONFLICT (film_id) DO UPDATE SET price = excluded.price, is_price_by_hand = true
        """
    )
    return done.rowcount


async def insert_change(conn: Connection, words: str, films: int, *, now: datetime) -> int:
    cursor = await conn.execute(
        "INSERT INTO price_change (made, words, films) VALUES (%s, %s, %s) RETURNING id", [now, words, films]
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an INSERT gives its row
    return int(row[0])


async def select_last_change(conn: Connection) -> StoredChange | None:
    cursor = await conn.execute("SELECT id, made, words, films, undone FROM price_change ORDER BY id DESC LIMIT 1")
    row = await cursor.fetchone()
    return None if row is None else StoredChange(*row)


async def restore_prices(conn: Connection, change_id: int, *, now: datetime) -> int:
    """Of the films whose price is still the one that the change gave them. Returns how many there are."""
    done = await conn.execute(
        """
        UPDATE film_terms t SET price = b.price, is_price_by_hand = b.by_hand FROM price_before b
        WHERE t.film_id = b.film_id AND t.price = b.new_price AND t.is_price_by_hand
        """
    )
    await conn.execute("UPDATE price_change SET undone = %s WHERE id = %s", [now, change_id])
    return done.rowcount


async def select_left(conn: Connection) -> list[str]:
    """The titles of some films whose price was changed since; to be asked before the others are restored."""
    cursor = await conn.execute(
        f"""
        SELECT coalesce(f.title, b.film_id) FROM price_before b LEFT JOIN film f ON f.id = b.film_id
        LEFT JOIN film_terms t ON t.film_id = b.film_id
        WHERE (t.price = b.new_price AND t.is_price_by_hand) IS NOT TRUE ORDER BY f.votes_desc LIMIT {SHOWN}
        """.encode()
    )
    return [row[0] for row in await cursor.fetchall()]
