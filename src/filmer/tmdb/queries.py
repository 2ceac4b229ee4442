"""All SQL of the TMDB films that are stored because a user keeps or rated them.

Earlier versions stored films without a title; they count as missing.
"""

from datetime import datetime

from filmer.catalogue.number_queries import NUMBERS_ALIKE
from filmer.store.postgres import Connection
from filmer.tmdb.payloads import TmdbFilm

_FILM = "movie_id, title, release_date, overview, popularity, vote_average"
_MAX_REFRESHED = 20
# Whether a user keeps or rated the film of table {0}, under this or another of its numbers.
_IS_MARKED = f"""EXISTS (
    SELECT FROM {NUMBERS_ALIKE.format("{0}.movie_id")}
    WHERE EXISTS (SELECT FROM favorite WHERE movie_id = ANY (a.numbers))
        OR EXISTS (SELECT FROM rating WHERE movie_id = ANY (a.numbers))
        OR EXISTS (SELECT FROM watchlist_film WHERE movie_id = ANY (a.numbers))
        OR EXISTS (SELECT FROM seen_film WHERE movie_id = ANY (a.numbers))
)"""
# A row from the future is replaced as well: it was written by a clock that was wrong.
_UPSERT = f"""
    INSERT INTO tmdb_film AS t ({_FILM}, fetched)
    SELECT * FROM (VALUES (%s::integer, %s, %s::date, %s, %s::float8, %s::float8, %s::timestamptz)) n ({_FILM}, fetched)
    WHERE {{condition}}
    ON CONFLICT (movie_id) DO UPDATE SET title = excluded.title, release_date = excluded.release_date,
        overview = excluded.overview, popularity = excluded.popularity, vote_average = excluded.vote_average,
        fetched = excluded.fetched
    WHERE t.fetched < excluded.fetched OR t.fetched > now()
"""


async def select_film(conn: Connection, movie_id: int) -> tuple[TmdbFilm, datetime] | None:
    statement = f"SELECT {_FILM}, fetched FROM tmdb_film WHERE movie_id = %s AND btrim(title) <> ''"
    row = await (await conn.execute(statement.encode(), [movie_id])).fetchone()
    return None if row is None else (TmdbFilm(*row[:6]), row[6])


async def upsert_film(conn: Connection, film: TmdbFilm, fetched: datetime) -> None:
    """Store the film, unless a newer version of it is stored."""
    await conn.execute(_UPSERT.format(condition="true").encode(), [*_values(film), fetched])


async def upsert_marked_film(conn: Connection, film: TmdbFilm, fetched: datetime) -> None:
    """The same, if a user keeps or rated it."""
    await conn.execute(_UPSERT.format(condition=_IS_MARKED.format("n")).encode(), [*_values(film), fetched])


async def select_old_films(conn: Connection, *, fetched_before: datetime) -> list[int]:
    """A few old films that users still keep or rated. Random ones: TMDB may have dropped the oldest."""
    statement = f"""
        SELECT movie_id FROM tmdb_film t
        WHERE fetched < %s AND {_IS_MARKED.format("t")} ORDER BY random() LIMIT {_MAX_REFRESHED}
    """
    cursor = await conn.execute(statement.encode(), [fetched_before])
    return [row[0] for row in await cursor.fetchall()]


async def delete_films(conn: Connection, *, fetched_before: datetime) -> None:
    await conn.execute("DELETE FROM tmdb_film WHERE fetched < %s", [fetched_before])


def _values(film: TmdbFilm) -> list[object]:
    return [film.id, film.title, film.release_date, film.overview, film.popularity, film.vote_average]
