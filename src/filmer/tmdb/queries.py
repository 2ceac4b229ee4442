"""All SQL about the films of TMDB that are kept because somebody favourited or rated them.

A copy without a title, of an earlier version, counts as none.
"""

from datetime import datetime

from filmer.store.postgres import Connection
from filmer.tmdb.payloads import TmdbFilm

_FILM = "movie_id, title, release_date, overview, popularity, vote_average"
_A_FEW = 20
# A copy from the future was made by a clock that is wrong.
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
    """From here on its last good copy is kept; a newer one that is there already stays."""
    await conn.execute(_UPSERT.format(condition="true").encode(), [*_values(film), fetched])


async def upsert_kept_film(conn: Connection, film: TmdbFilm, fetched: datetime) -> None:
    """The same, if somebody favours or rated it."""
    condition = """
        EXISTS (SELECT FROM favorite f WHERE f.movie_id = n.movie_id)
        OR EXISTS (SELECT FROM rating r WHERE r.movie_id = n.movie_id)
    """
    await conn.execute(_UPSERT.format(condition=condition).encode(), [*_values(film), fetched])


async def select_old_films(conn: Connection, *, fetched_before: datetime) -> list[int]:
    """A few old films that somebody still favours or rated. Any: some may be so old because TMDB knows them no more."""
    cursor = await conn.execute(
        """
        SELECT movie_id FROM tmdb_film t
        WHERE fetched < %s AND (EXISTS (SELECT FROM favorite f WHERE f.movie_id = t.movie_id)
                                OR EXISTS (SELECT FROM rating r WHERE r.movie_id = t.movie_id))
        ORDER BY random() LIMIT %s
        """,
        [fetched_before, _A_FEW],
    )
    return [row[0] for row in await cursor.fetchall()]


async def delete_films(conn: Connection, *, fetched_before: datetime) -> None:
    await conn.execute("DELETE FROM tmdb_film WHERE fetched < %s", [fetched_before])


def _values(film: TmdbFilm) -> list[object]:
    return [film.id, film.title, film.release_date, film.overview, film.popularity, film.vote_average]
