"""All SQL of linking: the films to look up at TMDB, and the ids it returned."""

from collections.abc import Mapping
from datetime import datetime

import psycopg

from filmer.store.connecting import USE_CURRENT_EDITION_LOCALLY, BriefConnection
from filmer.store.postgres import Connection

_LOCK = 0x6C696E6B  # "link": one run at a time per database
_LOCK_SECONDS = 3
_SAVE_SECONDS = 0.2  # we make those wait who buy or favourite something, before we let them pass and try again

# Films to look up. IMDb's ids alone can be asked for; whom TMDB did not know may be there some time later.
_HAS_IMDB_ID = "f.id ~ '^tt[0-9]{7,8}$'"
_DUE = f"""
    f.tmdb_id IS NULL AND {_HAS_IMDB_ID}
    AND NOT EXISTS (SELECT FROM tmdb_link l
                    WHERE l.film_id = f.id AND (l.tmdb_id IS NOT NULL OR l.looked >= %(looked_up_before)s))
"""


async def connect(url: str) -> Connection:
    """The one connection of a run. PostgreSQL gives up what it does for us soon after we are killed."""
    return await BriefConnection.connect(
        url,
        autocommit=True,
        connect_timeout=5,
        application_name="filmer link",
        options="-c client_connection_check_interval=500ms",
    )


async def take_lock(conn: Connection) -> bool:
    """Whether no other run is under way. The lock ends with the connection.

    Waits a little: PostgreSQL needs a moment to notice that a run was killed.
    """
    try:
        async with conn.transaction():
            await conn.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'".encode())
            await conn.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    except psycopg.errors.LockNotAvailable:
        return False
    return True


async def count_films(conn: Connection, *, looked_up_before: datetime) -> tuple[int, int]:
    """How many films there are to look up, and how many without TMDB id have no IMDb id either."""
    statement = f"""
        SELECT count(*) FILTER (WHERE {_DUE}), count(*) FILTER (WHERE f.tmdb_id IS NULL AND NOT {_HAS_IMDB_ID})
        FROM film f
    """
    row = await (await conn.execute(statement.encode(), {"looked_up_before": looked_up_before})).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


async def select_films(
    conn: Connection, *, after: int, looked_up_before: datetime, size: int
) -> tuple[list[str], int | None]:
    """The next films to look up, those with most votes first, and their last one's rank; None: there are no more."""
    statement = f"""
        SELECT f.id, f.votes_desc FROM film f
        WHERE f.votes_desc > %(after)s AND {_DUE} ORDER BY f.votes_desc LIMIT %(size)s
    """
    values = {"after": after, "looked_up_before": looked_up_before, "size": size}
    rows = await (await conn.execute(statement.encode(), values)).fetchall()
    return [row[0] for row in rows], rows[-1][1] if rows else None


async def upsert_links(conn: Connection, links: Mapping[str, int | None], now: datetime) -> bool:
    """Keeps TMDB's ids of films, None for those it does not know; what somebody favourited or rated is in use then.

    False, and nothing is kept: those who write into ``film_in_use`` did not let us in soon; or an import swaps.
    """
    values = {"films": list(links.keys()), "movies": list(links.values()), "now": now}
    try:
        async with conn.transaction():
            await conn.execute(f"SET LOCAL lock_timeout = '{round(_SAVE_SECONDS * 1000)}ms'".encode())
            # Whoever favourites or rates a film writes into this table, from before they look for its link to their
            # commit. With nobody at it they see the link, or we see what they keep. An import locks it first, too.
            await conn.execute("LOCK TABLE film_in_use IN SHARE ROW EXCLUSIVE MODE")
            await conn.execute(USE_CURRENT_EDITION_LOCALLY)
            await conn.execute(
                """
                INSERT INTO tmdb_link (film_id, tmdb_id, looked)
                SELECT film, movie, %(now)s FROM unnest(%(films)s::text[], %(movies)s::integer[]) a (film, movie)
                ON CONFLICT (film_id) DO UPDATE SET tmdb_id = excluded.tmdb_id, looked = excluded.looked
                """,
                values,
            )
            await conn.execute(
                """
                INSERT INTO film_in_use (film_id)
                SELECT f.id FROM tmdb_link l JOIN film f ON f.id = l.film_id
                WHERE l.film_id = ANY (%(films)s)
                  AND (EXISTS (SELECT FROM favorite v WHERE v.movie_id = l.tmdb_id)
                       OR EXISTS (SELECT FROM rating r WHERE r.movie_id = l.tmdb_id))
                ON CONFLICT DO NOTHING
                """,
                values,
            )
    except psycopg.errors.LockNotAvailable:
        return False
    return True
