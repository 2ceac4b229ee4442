"""All SQL of the counter: copies, terms, and what is handed out and taken back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from filmer.catalogue.folding import fold
from filmer.rentals.queries import HAS_COPY, RENTAL
from filmer.rentals.schemas import Rental
from filmer.store.connecting import USE_CURRENT_EDITION_LOCALLY
from filmer.store.postgres import Connection, escape_like, like_person


class Terms(msgspec.Struct, frozen=True):
    """What the owner said of renting a film. None: as the settings say; of ``copies``: no limit."""

    start_days: int | None = None
    hours: int | None = None
    copies: int | None = None


class Stock(msgspec.Struct, frozen=True):
    """The copies of a film. ``back``: when the next one that is out should be back; None: none is out."""

    copies: int | None
    out: int
    reserved: int
    back: datetime | None

    @property
    def free(self) -> int | None:
        """How many are in the shop for whoever comes; None: no limit."""
        return None if self.copies is None else max(0, self.copies - self.out - self.reserved)


class CounterRow(msgspec.Struct, frozen=True):
    """A rental that is picked up, as the counter sees it: whose it is, which film, with which code."""

    code: str | None
    first_name: str
    last_name: str
    email: str
    title: str
    year: int | None
    rental: Rental


_LISTS = {
    "waiting": "r.state = 'waiting' ORDER BY r.start_by, r.id",
    "overdue": "(r.ends_at <= %(now)s OR r.state = 'cancelled') ORDER BY r.ends_at, r.id",
}


async def lock_terms(conn: Connection) -> None:
    """Until the transaction ends, nothing is sold that is picked up or watched: reservations stand still.

    For whoever changes copies, or takes a film's last feature away. A sale locks rows (``insert_rentals``); where a
    film has none yet, only the table can be locked. Readers do not wait.
    """
    await conn.execute("LOCK TABLE rental_terms IN EXCLUSIVE MODE")


async def lock_film_terms(conn: Connection, rental_id: int) -> None:
    """Until the transaction ends, no copy of the rental's film is sold, where its copies are limited."""
    await conn.execute(
        "SELECT FROM rental_terms t JOIN rental r USING (film_id) WHERE r.id = %s FOR UPDATE OF t", [rental_id]
    )


async def select_title(conn: Connection, film_id: str) -> str | None:
    """Of a film that may be hidden: its rentals go on, and so what they need can be changed."""
    await conn.execute(USE_CURRENT_EDITION_LOCALLY)
    statement = "SELECT title FROM film WHERE id = %(id)s UNION ALL SELECT title FROM hidden_film WHERE id = %(id)s"
    row = await (await conn.execute(statement, {"id": film_id})).fetchone()
    return None if row is None else str(row[0])


async def select_terms(conn: Connection, film_ids: Sequence[str]) -> dict[str, Terms]:
    """By film; those of which the owner said nothing are left out."""
    statement = "SELECT film_id, start_days, hours, copies FROM rental_terms WHERE film_id = ANY(%s)"
    return {row[0]: Terms(*row[1:]) for row in await (await conn.execute(statement, [list(film_ids)])).fetchall()}


async def upsert_terms(conn: Connection, film_id: str, terms: Terms) -> None:
    await conn.execute(
        """
        INSERT INTO rental_terms (film_id, start_days, hours, copies) VALUES (%s, %s, %s, %s)
        ON CONFLICT (film_id) DO UPDATE
        SET start_days = excluded.start_days, hours = excluded.hours, copies = excluded.copies
        """,
        [film_id, terms.start_days, terms.hours, terms.copies],
    )


async def select_stock(conn: Connection, film_ids: Sequence[str], *, now: datetime) -> dict[str, Stock]:
    """By film; also of films that are watched, some copies of which may still be out."""
    cursor = await conn.execute(
        f"""
        SELECT u.film_id, t.copies, count(r.began), count(r.id) - count(r.began), min(r.ends_at)
        FROM unnest(%(films)s::text[]) u(film_id) LEFT JOIN rental_terms t ON t.film_id = u.film_id
            LEFT JOIN rental r ON r.film_id = u.film_id AND {HAS_COPY}
        GROUP BY u.film_id, t.copies
        """.encode(),
        {"films": list(film_ids), "now": now},
    )
    return {row[0]: Stock(*row[1:]) for row in await cursor.fetchall()}


async def needs_feature(conn: Connection, film_id: str, *, now: datetime) -> bool:
    """Whether somebody may still watch what they have rented, or have it reserved."""
    cursor = await conn.execute(
        """
        SELECT EXISTS (SELECT FROM rental WHERE film_id = %(film)s AND way = 'watch' AND (state = 'unpaid'
            OR state = 'waiting' AND start_by > %(now)s OR state = 'running' AND ends_at > %(now)s))
        """,
        {"film": film_id, "now": now},
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


async def update_not_out(
    conn: Connection, rental_id: int, column: Literal["returned", "lost"], *, now: datetime
) -> Rental | None:
    """Notes what became of a copy that is out, which ends its rental; None when it is not out."""
    cursor = await conn.execute(
        f"""
        UPDATE rental r SET {column} = %(now)s, state = CASE r.state WHEN 'running' THEN 'over' ELSE r.state END,
            ended = coalesce(r.ended, least(r.ends_at, %(now)s))
        WHERE r.id = %(id)s AND r.way = 'pick up' AND r.began IS NOT NULL AND r.returned IS NULL AND r.lost IS NULL
        RETURNING {RENTAL}
        """.encode(),
        {"id": rental_id, "now": now},
    )
    row = await cursor.fetchone()
    return None if row is None else Rental(*row)


async def lose_copy(conn: Connection, film_id: str) -> None:
    """The film has one copy less, where copies are counted."""
    await conn.execute("UPDATE rental_terms SET copies = copies - 1 WHERE film_id = %s AND copies > 0", [film_id])


async def select_at_counter(conn: Connection, text: str, code: str, *, now: datetime, size: int) -> list[CounterRow]:
    """Rentals that wait to be picked up or are out: with this code, or a name, an address or a title like the text."""
    return await _select_counter_rows(
        conn,
        """
        (p.code = %(code)s OR f.title_folded LIKE %(folded)s OR lower(l.title) LIKE %(like)s
            OR a.found_by LIKE without_accents(%(person)s))
        AND r.state <> 'unpaid'
        ORDER BY p.code IS DISTINCT FROM %(code)s, r.id DESC
        """,
        {
            "code": code,
            "like": f"%{escape_like(text.lower())}%",
            "folded": f"%{escape_like(fold(text))}%",
            "person": like_person(text),
            "now": now,
            "size": size,
        },
    )


async def select_counter_row(conn: Connection, rental_id: int, *, now: datetime) -> CounterRow | None:
    rows = await _select_counter_rows(conn, "r.id = %(id)s", {"id": rental_id, "now": now, "size": 1})
    return rows[0] if rows else None


async def select_list(conn: Connection, name: str, *, now: datetime, size: int) -> list[CounterRow]:
    """What is ``waiting``, first what lapses first; or ``overdue``, the longest overdue first."""
    return await _select_counter_rows(conn, _LISTS[name], {"now": now, "size": size})


async def _select_counter_rows(conn: Connection, condition: str, values: dict[str, object]) -> list[CounterRow]:
    cursor = await conn.execute(
        f"""
        SELECT p.code, a.first_name, a.last_name, a.email, coalesce(f.title, l.title),
            CASE WHEN f.id IS NULL THEN l.year ELSE f.year END, {RENTAL}
        FROM rental r JOIN account a ON a.id = r.account_id
            JOIN order_line l ON (l.order_id, l.place) = (r.order_id, r.place)
            LEFT JOIN pickup p ON p.order_id = r.order_id LEFT JOIN film f ON f.id = r.film_id
        WHERE {HAS_COPY} AND {condition} LIMIT %(size)s
        """.encode(),
        values,
    )
    rows = await cursor.fetchall()
    return [CounterRow(row[0], row[1], row[2], row[3], row[4], row[5], Rental(*row[6:])) for row in rows]
