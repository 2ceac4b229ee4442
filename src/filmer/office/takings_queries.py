"""The SQL of takings (docs/decisions/0031-prices-and-takings.md).

A sale counts on the day it was paid, a refund on the day its order was cancelled, whether the money is back already or
still owed: so what the books have of a day that is over never changes.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

from filmer.office.queries import Day
from filmer.store.postgres import Connection

Unit = Literal["day", "month"]
SHOWN = 100  # films
NO_GENRE = "No genre"

# As the index shop_order_sold has it. NULL: it was never paid.
_SOLD = "(CASE WHEN o.payment = 'counter' THEN o.captured ELSE o.placed END)"
_SALES = f"{_SOLD} >= %(first)s AND {_SOLD} < %(end)s"
_REFUNDS = "c.cancelled >= %(first)s AND c.cancelled < %(end)s AND c.amount > 0"
# What was sold and refunded of each film, in a period and the one right before it. Added up by few sums first, as a
# year has many lines; titles are looked up afterwards.
_OF_FILMS = f"""
    SELECT film_id, max(line) AS line, coalesce(sum(units) FILTER (WHERE is_now AND NOT is_refund), 0) AS units,
        coalesce(sum(amount) FILTER (WHERE is_now AND NOT is_refund), 0) AS sold,
        coalesce(sum(amount) FILTER (WHERE is_now AND is_refund), 0) AS refunded,
        coalesce(sum(CASE WHEN is_refund THEN -amount ELSE amount END) FILTER (WHERE NOT is_now), 0) AS before
    FROM (
        SELECT l.film_id, {_SOLD} >= %(since)s AS is_now, false AS is_refund, max(l.id) AS line,
            sum(l.quantity) AS units, sum(l.price * l.quantity) AS amount
        FROM shop_order o JOIN order_line l ON l.order_id = o.id WHERE {_SALES} GROUP BY 1, 2
        UNION ALL
        SELECT l.film_id, c.cancelled >= %(since)s, true, max(l.id), 0, sum(l.price * l.quantity)
        FROM cancellation c JOIN order_line l ON l.order_id = c.order_id WHERE {_REFUNDS} GROUP BY 1, 2
    ) part GROUP BY film_id
"""


class Part(msgspec.Struct, frozen=True):
    """Of a film or a genre. ``before``: what was taken in the period before, less refunds."""

    id: str
    name: str
    units: int
    sold: Decimal
    refunded: Decimal
    before: Decimal

    @property
    def takings(self) -> Decimal:
        return self.sold - self.refunded


class Entry(msgspec.Struct, frozen=True):
    """A line of the books: a line of an order that was sold, or the same line once its order is cancelled."""

    at: datetime
    order_id: int
    kind: Literal["sale", "refund"]
    payment: str
    place: int
    film_id: str
    title: str
    quantity: int
    price: Decimal


def _span(first: date, last: date) -> dict[str, Any]:
    return {"first": f"{first} 00:00Z", "end": f"{last + timedelta(days=1)} 00:00Z"}


async def select_days(conn: Connection, *, first: date, last: date, unit: Unit = "day") -> list[Day]:
    """Every day or month from that of the first to that of the last day, also those without an order."""
    cursor = await conn.execute(
        f"""
        WITH sale AS (
            SELECT date_trunc(%(unit)s, {_SOLD}) AS at, count(*) AS orders, sum(o.total) AS amount
            FROM shop_order o WHERE {_SALES} GROUP BY 1
        ), refund AS (
            SELECT date_trunc(%(unit)s, c.cancelled) AS at, sum(c.amount) AS amount
            FROM cancellation c WHERE {_REFUNDS} GROUP BY 1
        )
        SELECT u.at::date, coalesce(s.orders, 0), coalesce(s.amount, 0) - coalesce(r.amount, 0), coalesce(r.amount, 0)
        FROM generate_series(date_trunc(%(unit)s, %(first)s::timestamptz), %(end)s::timestamptz - interval '1 second',
            ('1 ' || %(unit)s)::interval) u(at)
        LEFT JOIN sale s USING (at) LEFT JOIN refund r USING (at) ORDER BY u.at
        """.encode(),
        _span(first, last) | {"unit": unit},
    )
    return [Day(*row) for row in await cursor.fetchall()]


async def select_film_parts(conn: Connection, *, before: date, first: date, last: date) -> list[Part]:
    """The films that brought most. ``before``: when the period before begins, which ends where this one begins."""
    values = _span(before, last) | {"since": _span(first, last)["first"]}
    statement = f"""
        SELECT f.film_id, l.title, f.units, f.sold, f.refunded, f.before
        FROM (SELECT * FROM ({_OF_FILMS}) film WHERE units > 0 OR refunded > 0
            ORDER BY sold - refunded DESC, film_id LIMIT {SHOWN}) f JOIN order_line l ON l.id = f.line
        ORDER BY f.sold - f.refunded DESC, l.title, f.film_id
    """
    return [Part(*row) for row in await (await conn.execute(statement.encode(), values)).fetchall()]


async def select_genre_parts(conn: Connection, *, before: date, first: date, last: date) -> list[Part]:
    """A film counts in each of its genres, as the catalogue has them now."""
    values = _span(before, last) | {"since": _span(first, last)["first"], "none": [NO_GENRE]}
    statement = f"""
        SELECT genre, genre, sum(t.units), sum(t.sold), sum(t.refunded), sum(t.before)
        FROM ({_OF_FILMS}) t LEFT JOIN film f ON f.id = t.film_id LEFT JOIN hidden_film h ON h.id = t.film_id
        CROSS JOIN LATERAL unnest(coalesce(nullif(coalesce(f.genres, h.genres), '{{}}'), %(none)s::text[])) g(genre)
        GROUP BY genre ORDER BY sum(t.sold - t.refunded) DESC, genre
    """
    return [Part(*row) for row in await (await conn.execute(statement.encode(), values)).fetchall()]


async def select_entries(conn: Connection, day: date) -> list[Entry]:
    """The books of one day, in their order."""
    statement = f"""
        SELECT {_SOLD} AS at, o.id, 'sale' AS kind, o.payment, l.place, l.film_id, l.title, l.quantity, l.price
        FROM shop_order o JOIN order_line l ON l.order_id = o.id WHERE {_SALES}
        UNION ALL
        SELECT c.cancelled, o.id, 'refund', o.payment, l.place, l.film_id, l.title, l.quantity, l.price
        FROM cancellation c JOIN shop_order o ON o.id = c.order_id JOIN order_line l ON l.order_id = o.id
        WHERE {_REFUNDS}
        ORDER BY at, id, kind DESC, place
    """
    return [Entry(*row) for row in await (await conn.execute(statement.encode(), _span(day, day))).fetchall()]
