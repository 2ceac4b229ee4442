"""The SQL of takings (docs/decisions/0031-prices-and-takings.md, 0036-sums-of-days-that-are-over.md).

A sale counts on the day it was paid, a refund on the day its order was cancelled, whether the money is back already or
still owed: so what the books have of a day that is over never changes.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

from filmer.store.postgres import Connection

Unit = Literal["day", "month"]
SHOWN = 100  # films
NO_GENRE = "No genre"
_LOCK = 1_414_613_844  # whoever sums takings

_ENTRIES = """
    SELECT {columns}, l.film_id, l.id AS line, l.quantity * e.orders AS units,
        CASE WHEN e.orders > 0 THEN l.price * l.quantity ELSE 0 END AS sold,
        CASE WHEN e.orders > 0 THEN 0 ELSE l.price * l.quantity END AS refunded
    FROM takings_entry e JOIN order_line l USING (order_id) WHERE e.at >= {since} AND e.at < {end}
"""
# What was sold and refunded of each film, in a period and the one right before it: sums of whole months as far as there
# are any, of days around these, and each entry of days that are not summed yet. Titles are looked up afterwards.
_OF_FILMS = f"""
    WITH last AS (SELECT coalesce(max(day), '-infinity') AS day FROM takings_day), span AS (
        SELECT s.*, least(s.ends, last.day) AS until
        FROM (VALUES (false, %(before)s::date, %(first)s::date - 1), (true, %(first)s, %(last)s::date))
            s(is_now, begins, ends), last
    ), part AS (
        SELECT DISTINCT is_now, is_month, CASE WHEN is_month THEN month ELSE day END AS begins
        FROM span, generate_series(span.begins::timestamp, until, '1 day') d(at), LATERAL (
            SELECT at::date AS day, date_trunc('month', at)::date AS month
        ) u, LATERAL (
            SELECT month >= span.begins AND month + interval '1 month' <= until + 1 AS is_month
        ) m
    )
    SELECT film_id, max(line) AS line, coalesce(sum(units) FILTER (WHERE is_now), 0) AS units,
        coalesce(sum(sold) FILTER (WHERE is_now), 0) AS sold,
        coalesce(sum(refunded) FILTER (WHERE is_now), 0) AS refunded,
        coalesce(sum(sold - refunded) FILTER (WHERE NOT is_now), 0) AS before
    FROM (
        SELECT part.is_now, film_id, line, units, sold, refunded FROM part JOIN takings_film USING (is_month, begins)
        UNION ALL {
    _ENTRIES.format(
        columns="e.at >= %(first)s::date::timestamptz",
        since="greatest(%(before)s::date, (SELECT day + 1 FROM last))::timestamptz",
        end="(%(last)s::date + 1)::timestamptz",
    )
}
    ) entry GROUP BY film_id
"""


class Day(msgspec.Struct, frozen=True):
    """The orders of one day, in UTC, or of the month that it begins. ``takings`` are less ``refunded``."""

    day: date
    orders: int
    takings: Decimal
    refunded: Decimal = Decimal(0)


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


async def select_days(conn: Connection, *, first: date, last: date, unit: Unit = "day") -> list[Day]:
    """Every day or month from that of the first to that of the last day, also those without an order."""
    cursor = await conn.execute(
        """
        SELECT u.at::date, coalesce(t.orders, 0), coalesce(t.sold - t.refunded, 0), coalesce(t.refunded, 0)
        FROM generate_series(date_trunc(%(unit)s, %(first)s::timestamp), %(last)s, ('1 ' || %(unit)s)::interval) u(at)
        LEFT JOIN (
            SELECT date_trunc(%(unit)s, day::timestamp) AS at, sum(orders)::bigint AS orders, sum(sold) AS sold,
                sum(refunded) AS refunded
            FROM takings WHERE day BETWEEN %(first)s AND %(last)s GROUP BY 1
        ) t USING (at) ORDER BY u.at
        """,
        {"first": first, "last": last, "unit": unit},
    )
    return [Day(*row) for row in await cursor.fetchall()]


async def select_film_parts(conn: Connection, *, before: date, first: date, last: date) -> list[Part]:
    """The films that brought most. ``before``: when the period before begins, which ends where this one begins."""
    statement = f"""
        SELECT f.film_id, l.title, f.units, f.sold, f.refunded, f.before
        FROM (SELECT * FROM ({_OF_FILMS}) film WHERE units > 0 OR refunded > 0
            ORDER BY sold - refunded DESC, film_id LIMIT {SHOWN}) f JOIN order_line l ON l.id = f.line
        ORDER BY f.sold - f.refunded DESC, l.title, f.film_id
    """
    values = {"before": before, "first": first, "last": last}
    return [Part(*row) for row in await (await conn.execute(statement.encode(), values)).fetchall()]


async def select_genre_parts(conn: Connection, *, before: date, first: date, last: date) -> list[Part]:
    """A film counts in each of its genres, as the catalogue has them now."""
    values = {"before": before, "first": first, "last": last, "none": [NO_GENRE]}
    statement = f"""
        SELECT genre, genre, sum(t.units), sum(t.sold), sum(t.refunded), sum(t.before)
        FROM ({_OF_FILMS}) t LEFT JOIN film f ON f.id = t.film_id LEFT JOIN hidden_film h ON h.id = t.film_id
        CROSS JOIN LATERAL unnest(coalesce(nullif(coalesce(f.genres, h.genres), '{{}}'), %(none)s::text[])) g(genre)
        GROUP BY genre ORDER BY sum(t.sold - t.refunded) DESC, genre
    """
    return [Part(*row) for row in await (await conn.execute(statement.encode(), values)).fetchall()]


async def select_entries(conn: Connection, day: date) -> list[Entry]:
    """The books of one day, in their order."""
    cursor = await conn.execute(
        """
        SELECT e.at, o.id, CASE WHEN e.orders > 0 THEN 'sale' ELSE 'refund' END AS kind, o.payment, l.place, l.film_id,
            l.title, l.quantity, l.price
        FROM takings_entry e JOIN shop_order o ON o.id = e.order_id JOIN order_line l ON l.order_id = o.id
        WHERE e.at >= %(day)s::date::timestamptz AND e.at < (%(day)s::date + 1)::timestamptz
        ORDER BY e.at, o.id, kind DESC, l.place
        """,
        {"day": day},
    )
    return [Entry(*row) for row in await cursor.fetchall()]


async def select_unsummed(conn: Connection, *, until: date) -> tuple[date, date] | None:
    """The next days that are to be summed, all in one month, the last of them this one or before."""
    cursor = await conn.execute(
        """
        SELECT first, least((date_trunc('month', first) + interval '1 month')::date - 1, %(until)s) FROM (
            SELECT coalesce((SELECT max(day) + 1 FROM takings_day), (SELECT min(at)::date FROM takings_entry)) AS first
        ) d WHERE first <= %(until)s
        """,
        {"until": until},
    )
    return await cursor.fetchone()


async def sum_days(conn: Connection, *, until: date) -> bool:
    """Sum the next days of a month. Returns whether there were any. Nothing may come in of them any more."""
    async with conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        span = await select_unsummed(conn, until=until)
        for statement in _SUM if span else ():
            await conn.execute(statement.encode(), dict(zip(("first", "until"), span or (), strict=True)))
    return span is not None


_SUM = (
    """
    INSERT INTO takings_day
    SELECT d.at::date, coalesce(sum(orders), 0), coalesce(sum(sold), 0), coalesce(sum(refunded), 0)
    FROM generate_series(%(first)s::timestamp, %(until)s, '1 day') d(at) LEFT JOIN takings_entry e
        ON date_trunc('day', e.at) = d.at AND e.at >= %(first)s::date::timestamptz
        AND e.at < (%(until)s::date + 1)::timestamptz
    GROUP BY d.at
    """,
    f"""
    INSERT INTO takings_film
    SELECT false, day, film_id, max(line), sum(units), sum(sold), sum(refunded)
    FROM ({
        _ENTRIES.format(
            columns="e.at::date AS day",
            since="%(first)s::date::timestamptz",
            end="(%(until)s::date + 1)::timestamptz",
        )
    }) entry GROUP BY day, film_id
    """,
    """
    INSERT INTO takings_film
    SELECT true, date_trunc('month', begins)::date AS month, film_id, max(line), sum(units), sum(sold), sum(refunded)
    FROM takings_film
    WHERE NOT is_month AND begins >= date_trunc('month', %(first)s::date)
        AND begins < date_trunc('month', %(until)s::date + 1)
    GROUP BY month, film_id
    """,
)
