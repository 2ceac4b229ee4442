"""All SQL of linking: the films to look up at TMDB, and the ids it returned."""

from collections.abc import Mapping
from datetime import datetime

import psycopg

from filmer.audit.log import command_line, record
from filmer.store.connecting import USE_CURRENT_EDITION_LOCALLY, CancellableConnection
from filmer.store.postgres import Connection

_LOCK = 0x6C696E6B  # "link": one run at a time per database
_LOCK_SECONDS = 3  # that we wait for another run to end
_LOCK_TABLE_SECONDS = 0.2  # that a checkout or a new favourite may have to wait for us; then we try again

# Films to look up: TMDB can be asked for IMDb's ids only, and may get to know a film later.
_HAS_IMDB_ID = "f.id ~ '^tt[0-9]{7,8}$'"
_DUE = f"""
    f.tmdb_id IS NULL AND {_HAS_IMDB_ID}
    AND NOT EXISTS (SELECT FROM tmdb_link l
                    WHERE l.film_id = f.id AND (l.tmdb_id IS NOT NULL OR l.looked >= %(looked_up_before)s))
"""


async def connect(url: str) -> Connection:
    """The one connection of a run. If the run is killed, PostgreSQL soon ends the statement it is at."""
    return await CancellableConnection.connect(
        url,
        autocommit=True,
        connect_timeout=5,
        application_name="filmer link",
        options="-c client_connection_check_interval=500ms",
    )


async def take_lock(conn: Connection) -> bool:
    """Whether no other run is under way. The lock ends with the connection.

    PostgreSQL needs a moment to notice that a run was killed, so this waits a little.
    """
    try:
        async with conn.transaction():
            await conn.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'".encode())
            await conn.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    except psycopg.errors.LockNotAvailable:
        return False
    return True


async def count_films(conn: Connection, *, looked_up_before: datetime) -> tuple[int, int]:
    """The number of films to look up, and of those with neither a TMDB id nor an IMDb id."""
    statement = f"""
        SELECT count(*) FILTER (WHERE {_DUE}), count(*) FILTER (WHERE f.tmdb_id IS NULL AND NOT {_HAS_IMDB_ID})
        FROM film f
    """
    row = await (await conn.execute(statement.encode(), {"looked_up_before": looked_up_before})).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


async def select_films(
    conn: Connection, *, after: int, looked_up_before: datetime, size: int
) -> tuple[list[str], int | None]:
    """The next films to look up, those with most votes first, and the rank of the last; None: there are no more."""
    statement = f"""
        SELECT f.id, f.votes_desc FROM film f
        WHERE f.votes_desc > %(after)s AND {_DUE} ORDER BY f.votes_desc LIMIT %(size)s
    """
    values = {"after": after, "looked_up_before": looked_up_before, "size": size}
    rows = await (await conn.execute(statement.encode(), values)).fetchall()
    return [row[0] for row in rows], rows[-1][1] if rows else None


async def upsert_links(
    conn: Connection, links: Mapping[str, int | None], now: datetime, *, first_of: int | None
) -> bool:
    """Store TMDB's ids of films, None for unknown ones. Films that users keep or rated become films in use.

    ``first_of``: how many films there are to look up, with the first links of a run, for the audit log.
    False if nothing is stored, because others write into ``film_in_use`` or an import swaps: try again.
    """
    values = {"films": list(links.keys()), "movies": list(links.values()), "now": now}
    try:
        async with conn.transaction():
            await conn.execute(f"SET LOCAL lock_timeout = '{round(_LOCK_TABLE_SECONDS * 1000)}ms'".encode())
            # Each transaction that adds a favourite or rating writes into this table before it looks for the link. So
            # either it sees our link, or we see its favourite or rating. An import locks this table first, too.
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
                  AND EXISTS (SELECT FROM (
                          SELECT movie_id FROM favorite UNION ALL SELECT movie_id FROM rating
                          UNION ALL SELECT movie_id FROM watchlist_film UNION ALL SELECT movie_id FROM seen_film
                      ) k WHERE k.movie_id = l.tmdb_id)
                ON CONFLICT DO NOTHING
                """,
                values,
            )
            if first_of is not None:
                await record(conn, command_line(), "catalogue.link", ("catalogue", "links"), after={"films": first_of})
    except psycopg.errors.LockNotAvailable:
        return False
    return True
