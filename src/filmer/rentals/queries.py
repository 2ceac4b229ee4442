"""All SQL of rentals that customers cause: sold, begun, ended, cancelled; videos and progress.

A state is changed only by a statement that names the state before, so that of several at once one does it. Where more
than one rental is locked, it is in the order of their ids. Moments are boundaries that are not reached: a rental with
``start_by`` or ``ends_at`` at this very moment is over.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from filmer.rentals.schemas import Progress, Rental, Video
from filmer.store.postgres import Connection

LAPSED_AT_ONCE = 1000  # rentals

RENTAL = """
    r.id, r.order_id, r.account_id, r.film_id, r.way,
    CASE WHEN r.state = 'waiting' AND r.start_by <= %(now)s OR r.state = 'running' AND r.ends_at <= %(now)s
        THEN 'over' ELSE r.state END,
    r.paid, r.start_by, r.began, r.ends_at,
    coalesce(r.ended, CASE WHEN r.state = 'waiting' AND r.start_by <= %(now)s THEN r.start_by
        WHEN r.state = 'running' AND r.ends_at <= %(now)s THEN r.ends_at END),
    r.returned, r.lost, r.hours
"""
# Its copy is reserved or out. The first three conditions are those of the index rental_copy.
HAS_COPY = """
    r.way = 'pick up' AND r.returned IS NULL AND r.lost IS NULL
    AND (r.state IN ('unpaid', 'waiting') OR r.began IS NOT NULL)
    AND NOT (r.state = 'waiting' AND r.start_by <= %(now)s)
"""
_GIVES_ACCESS = "(r.state = 'waiting' AND r.start_by > %(now)s OR r.state = 'running' AND r.ends_at > %(now)s)"
_IS_OUT = "(r.way = 'pick up' AND r.began IS NOT NULL AND r.returned IS NULL AND r.lost IS NULL)"
_HAS_FEATURE = "EXISTS (SELECT FROM video v WHERE v.film_id = {}.film_id AND v.kind = 'feature')"

HIDDEN = -1  # copies
_LIMITED = f"""
    SELECT t.film_id, t.copies FROM rental_terms t WHERE t.copies IS NOT NULL AND NOT {_HAS_FEATURE.format("t")}
"""


class LibraryRow(msgspec.Struct, frozen=True):
    """A film that is or was rented, and the rental that gives access to it or did so last."""

    film_id: str
    title: str
    year: int | None
    title_type: str | None
    last_paid: datetime
    rental: Rental


class OwnRental(msgspec.Struct, frozen=True):
    """A rental as its customer sees it. ``code``: with which its copy is picked up.

    ``has_page``: not if its film is hidden, or gone.
    """

    title: str
    year: int | None
    code: str | None
    has_page: bool
    rental: Rental


async def select_limited(conn: Connection, film_ids: Sequence[str]) -> dict[str, int]:
    """How many copies there are of those films that are picked up and limited; of hidden ones, HIDDEN."""
    cursor = await conn.execute(
        f"""
        {_LIMITED} AND t.film_id = ANY(%(ids)s)
            AND NOT EXISTS (SELECT FROM film_edit e WHERE e.film_id = t.film_id AND hidden)
        UNION ALL SELECT film_id, {HIDDEN} FROM film_edit WHERE film_id = ANY(%(ids)s) AND hidden
        """.encode(),
        {"ids": list(film_ids)},
    )
    return dict(await cursor.fetchall())


async def count_copies_in_use(conn: Connection, film_ids: Sequence[str], *, now: datetime) -> dict[str, int]:
    """How many copies of each film are out or reserved; films without any are left out."""
    cursor = await conn.execute(
        f"SELECT r.film_id, count(*) FROM rental r WHERE r.film_id = ANY(%(films)s) AND {HAS_COPY} GROUP BY 1".encode(),
        {"films": list(film_ids), "now": now},
    )
    return dict(await cursor.fetchall())


async def insert_rentals(
    conn: Connection, order_id: int, *, paid: datetime | None, start_days: int, hours: int, code: str
) -> dict[str, int]:
    """A rental for each unit of an order that has none yet. ``start_days``, ``hours``: where a film has no own terms.

    ``paid``: None for an order that is still to be paid. ``code``: the order gets it if there is anything to pick up;
    raises psycopg's UniqueViolation when another order has it.

    Returns how many copies there are of those films that are picked up and whose copies are limited. Until the
    transaction ends, no other one reserves any of them, and no film's copies or features change (``lock_terms``). The
    copies in use must then be counted by another statement, which sees whatever was committed before the lock was had.
    """
    cursor = await conn.execute(
        f"""
        WITH limited AS (
            {_LIMITED} AND t.film_id IN (SELECT film_id FROM order_line WHERE order_id = %(order)s)
            ORDER BY t.film_id FOR UPDATE OF t
        ), sold AS (
            INSERT INTO rental (
                order_id, place, unit, account_id, film_id, way, start_days, hours, state, paid, start_by)
            SELECT l.order_id, l.place, u, o.account_id, l.film_id,
                CASE WHEN {_HAS_FEATURE.format("l")} THEN 'watch' ELSE 'pick up' END,
                d.days, coalesce(t.hours, %(hours)s), CASE WHEN p.paid IS NULL THEN 'unpaid' ELSE 'waiting' END,
                p.paid, p.paid + make_interval(days => d.days)
            FROM order_line l JOIN shop_order o ON o.id = l.order_id LEFT JOIN rental_terms t ON t.film_id = l.film_id
                CROSS JOIN generate_series(1, l.quantity) u
                CROSS JOIN (SELECT %(paid)s::timestamptz) p(paid)
                CROSS JOIN LATERAL (SELECT coalesce(t.start_days, %(days)s)) d(days)
            WHERE l.order_id = %(order)s
            ORDER BY l.place, u
            ON CONFLICT DO NOTHING
            RETURNING way
        ), coded AS (
            INSERT INTO pickup (order_id, code)
            SELECT %(order)s, %(code)s WHERE EXISTS (SELECT FROM sold WHERE way = 'pick up')
        )
        TABLE limited
        """.encode(),
        {"order": order_id, "paid": paid, "days": start_days, "hours": hours, "code": code},
    )
    return dict(await cursor.fetchall())


async def select_orders_without(conn: Connection, *, placed_after: datetime) -> list[tuple[int, datetime]]:
    """Orders without rentals, and when they were placed."""
    cursor = await conn.execute(
        """
        SELECT o.id, o.placed FROM shop_order o
        WHERE o.placed > %s AND NOT EXISTS (SELECT FROM rental r WHERE r.order_id = o.id)
        """,
        [placed_after],
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def select_unpaid_orders(conn: Connection, *, placed_before: datetime) -> list[int]:
    """At most ``LAPSED_AT_ONCE``."""
    cursor = await conn.execute(
        """
        SELECT o.id FROM shop_order o
        WHERE o.placed <= %s AND o.id IN (SELECT order_id FROM rental WHERE state = 'unpaid') LIMIT %s
        """,
        [placed_before, LAPSED_AT_ONCE],
    )
    return [row[0] for row in await cursor.fetchall()]


async def update_paid(conn: Connection, order_id: int, *, now: datetime) -> int:
    """The order's rentals wait from now on. Returns how many were unpaid."""
    done = await conn.execute(
        """
        UPDATE rental SET state = 'waiting', paid = %(now)s, start_by = %(now)s + make_interval(days => start_days)
        WHERE order_id = %(order)s AND state = 'unpaid'
        """,
        {"order": order_id, "now": now},
    )
    return done.rowcount


async def select_access(
    conn: Connection, account_id: int, film_id: str, *, now: datetime, lock: bool = False
) -> list[Rental]:
    """The rentals of a film that give access to it now, the oldest first.

    ``lock``: until the transaction ends, nobody else changes them.
    """
    cursor = await conn.execute(
        f"""
        SELECT {RENTAL} FROM rental r
        WHERE r.account_id = %(account)s AND r.film_id = %(film)s AND {_GIVES_ACCESS}
        ORDER BY r.id {"FOR UPDATE" if lock else ""}
        """.encode(),
        {"account": account_id, "film": film_id, "now": now},
    )
    return [Rental(*row) for row in await cursor.fetchall()]


async def update_begun(conn: Connection, rental_id: int, way: str, *, now: datetime) -> Rental | None:
    """Begins a rental that waits; None when it does not, or is of another way."""
    cursor = await conn.execute(
        f"""
        UPDATE rental r SET state = 'running', began = %(now)s, ends_at = %(now)s + make_interval(hours => r.hours)
        WHERE r.id = %(id)s AND r.way = %(way)s AND r.state = 'waiting' AND r.start_by > %(now)s
        RETURNING {RENTAL}
        """.encode(),
        {"id": rental_id, "way": way, "now": now},
    )
    row = await cursor.fetchone()
    return None if row is None else Rental(*row)


async def update_over(conn: Connection, *, now: datetime) -> int:
    """Ends some of the rentals that lapsed or whose time is up. Returns how many."""
    done = await conn.execute(
        """
        WITH lapsed AS (
            SELECT id, start_by AS ended FROM rental WHERE state = 'waiting' AND start_by <= %(now)s
            ORDER BY start_by LIMIT %(most)s FOR UPDATE SKIP LOCKED
        ), used AS (
            SELECT id, ends_at AS ended FROM rental WHERE state = 'running' AND ends_at <= %(now)s
            ORDER BY ends_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
        ), due AS (SELECT * FROM lapsed UNION ALL SELECT * FROM used)
        UPDATE rental r SET state = 'over', ended = due.ended FROM due
        WHERE r.id = due.id AND r.state IN ('waiting', 'running')
        """,
        {"now": now, "most": LAPSED_AT_ONCE},
    )
    return done.rowcount


async def lock_rentals(conn: Connection, order_id: int) -> None:
    """Until the transaction ends, nobody else begins, ends or cancels the order's rentals."""
    await conn.execute("SELECT FROM rental WHERE order_id = %s ORDER BY id FOR UPDATE", [order_id])


async def select_rentals(conn: Connection, order_id: int, *, now: datetime) -> list[Rental]:
    """The order's rentals."""
    cursor = await conn.execute(
        f"SELECT {RENTAL} FROM rental r WHERE r.order_id = %(order)s ORDER BY r.id".encode(),
        {"order": order_id, "now": now},
    )
    return [Rental(*row) for row in await cursor.fetchall()]


async def select_pickup_code(conn: Connection, order_id: int) -> str | None:
    row = await (await conn.execute("SELECT code FROM pickup WHERE order_id = %s", [order_id])).fetchone()
    return None if row is None else row[0]


async def update_cancelled(conn: Connection, order_id: int, *, now: datetime) -> None:
    """Ends all access of an order, and what it has reserved. A copy that is out stays out."""
    await conn.execute(
        """
        UPDATE rental SET state = 'cancelled', ended = coalesce(ended, %s) WHERE order_id = %s AND state <> 'cancelled'
        """,
        [now, order_id],
    )


async def select_library(conn: Connection, account_id: int, *, now: datetime) -> list[LibraryRow]:
    """Every film that the account has or had paid for and did not cancel, the one paid for last first."""
    cursor = await conn.execute(
        f"""
        WITH own AS (
            SELECT DISTINCT ON (r.film_id) r.*, max(r.paid) OVER (PARTITION BY r.film_id) AS last_paid
            FROM rental r
            WHERE r.account_id = %(account)s AND r.state NOT IN ('unpaid', 'cancelled')
            ORDER BY r.film_id, CASE WHEN NOT {_GIVES_ACCESS} THEN 2 WHEN r.state = 'waiting' THEN 1 ELSE 0 END,
                CASE WHEN {_GIVES_ACCESS} THEN r.id ELSE -r.id END
        )
        SELECT r.film_id, coalesce(f.title, l.title), CASE WHEN f.id IS NULL THEN l.year ELSE f.year END,
            coalesce(f.title_type, h.title_type), r.last_paid, {RENTAL}
        FROM own r JOIN order_line l ON (l.order_id, l.place) = (r.order_id, r.place)
            LEFT JOIN film f ON f.id = r.film_id LEFT JOIN hidden_film h ON h.id = r.film_id
        ORDER BY r.last_paid DESC, r.id DESC
        """.encode(),
        {"account": account_id, "now": now},
    )
    return [LibraryRow(row[0], row[1], row[2], row[3], row[4], Rental(*row[5:])) for row in await cursor.fetchall()]


async def select_own(conn: Connection, account_id: int, film_id: str | None, *, now: datetime) -> list[OwnRental]:
    """The account's rentals that give access or whose copy is out; of films without any, the last one that is over.

    The newest first. ``film_id``: of this film alone.
    """
    cursor = await conn.execute(
        f"""
        WITH own AS (
            SELECT r.*, l.is_live, bool_or(l.is_live) OVER (PARTITION BY r.film_id) AS has_live
            FROM rental r CROSS JOIN LATERAL (SELECT {_GIVES_ACCESS} OR {_IS_OUT}) l(is_live)
            WHERE r.account_id = %(account)s AND (%(film)s::text IS NULL OR r.film_id = %(film)s)
                AND (r.state NOT IN ('unpaid', 'cancelled') OR {_IS_OUT})
        ), shown AS (
            SELECT DISTINCT ON (film_id, CASE WHEN is_live THEN id END) * FROM own WHERE is_live OR NOT has_live
            ORDER BY film_id, CASE WHEN is_live THEN id END, id DESC
        )
        SELECT coalesce(f.title, l.title), CASE WHEN f.id IS NULL THEN l.year ELSE f.year END, p.code,
            f.id IS NOT NULL, {RENTAL}
        FROM shown r JOIN order_line l ON (l.order_id, l.place) = (r.order_id, r.place)
            LEFT JOIN pickup p ON p.order_id = r.order_id AND r.way = 'pick up' LEFT JOIN film f ON f.id = r.film_id
        ORDER BY r.id DESC
        """.encode(),
        {"account": account_id, "film": film_id, "now": now},
    )
    return [OwnRental(row[0], row[1], row[2], row[3], Rental(*row[4:])) for row in await cursor.fetchall()]


async def select_title_type(conn: Connection, film_id: str) -> str | None:
    """IMDb's type of a film; None where it is unknown."""
    cursor = await conn.execute(
        "SELECT title_type FROM film WHERE id = %(id)s UNION ALL SELECT title_type FROM hidden_film WHERE id = %(id)s",
        {"id": film_id},
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def select_videos(conn: Connection, film_id: str) -> tuple[int | None, list[Video]]:
    """The number of a film's copies, None where it has no limit; and its videos, the one added first is first."""
    cursor = await conn.execute(
        """
        SELECT t.copies, v.id, v.film_id, v.kind, v.location, v.subtitles
        FROM (SELECT %s::text) f(film_id) LEFT JOIN rental_terms t USING (film_id) LEFT JOIN video v USING (film_id)
        ORDER BY v.id
        """,
        [film_id],
    )
    rows = await cursor.fetchall()
    return rows[0][0], [Video(*row[1:]) for row in rows if row[1] is not None]


async def select_trailer(conn: Connection, video_id: int) -> Video | None:
    cursor = await conn.execute(
        "SELECT id, film_id, kind, location, subtitles FROM video WHERE id = %s AND kind = 'trailer'", [video_id]
    )
    row = await cursor.fetchone()
    return None if row is None else Video(*row)


async def upsert_progress(
    conn: Connection, account_id: int, film_id: str, values: Mapping[str, float | None], *, now: datetime
) -> bool:
    """False when the account never had the film. ``values``: season, episode, position, duration.

    Without a position or duration, the one before stays, if it is of the same episode: many clients never send one.
    """
    is_same = "(progress.season, progress.episode) IS NOT DISTINCT FROM (excluded.season, excluded.episode)"
    done = await conn.execute(
        f"""
        INSERT INTO progress (account_id, film_id, season, episode, position, duration, updated)
        SELECT %(account)s, %(film)s, %(season)s, %(episode)s, %(position)s, %(duration)s, %(now)s
        WHERE EXISTS (
            SELECT FROM rental WHERE account_id = %(account)s AND film_id = %(film)s
                AND state NOT IN ('unpaid', 'cancelled'))
        ON CONFLICT (account_id, film_id) DO UPDATE SET season = excluded.season, episode = excluded.episode,
            position = coalesce(excluded.position, CASE WHEN {is_same} THEN progress.position END),
            duration = coalesce(excluded.duration, CASE WHEN {is_same} THEN progress.duration END),
            updated = excluded.updated
        """.encode(),
        {"account": account_id, "film": film_id, "now": now, **values},
    )
    return done.rowcount == 1


async def select_progress(conn: Connection, account_id: int) -> list[tuple[str | None, Progress]]:
    """How far the account has watched each film, the one watched last first; with the films' types."""
    cursor = await conn.execute(
        """
        SELECT coalesce(f.title_type, h.title_type), p.film_id, false, p.season, p.episode, p.position, p.duration
        FROM progress p LEFT JOIN film f ON f.id = p.film_id LEFT JOIN hidden_film h ON h.id = p.film_id
        WHERE p.account_id = %s ORDER BY p.updated DESC, p.film_id
        """,
        [account_id],
    )
    return [(row[0], Progress(*row[1:])) for row in await cursor.fetchall()]
