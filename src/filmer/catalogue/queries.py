"""All SQL that reads the catalogue. Its tables are those of the edition that the connection reads (decision 0020)."""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import TupleRow

from filmer.catalogue.folding import by_name
from filmer.catalogue.listing import ALL, CHUNK, Span
from filmer.catalogue.schemas import (
    CastMember,
    Genre,
    GenreMovieItem,
    GenreSize,
    Movie,
    MovieItem,
    NewFilm,
    Star,
    StarItem,
    StarMovie,
    StarName,
)
from filmer.store.postgres import Connection


async def select_edition(conn: Connection) -> tuple[UUID, int, bool]:
    """Which database this is, the version of its catalogue, and whether an import ever came from IMDb."""
    row = await (
        await conn.execute(
            "SELECT database, version, EXISTS (SELECT FROM import_run WHERE source = 'imdb') FROM edition"
        )
    ).fetchone()
    if row is None:
        raise RuntimeError("the table edition has lost its row")
    return row[0], row[1], row[2]


async def select_takes_changes(conn: Connection) -> bool:
    """Whether this server is a primary still, and lets us write."""
    return bool((await _fetch(conn, "SELECT current_setting('transaction_read_only') = 'off'", []))[0][0])


# The columns of a list item, of film and star named f.
MOVIE_ITEM = "f.id, f.title, f.year, f.director, f.rating, f.votes, f.genres, f.billed_ids, f.billed_names"
STAR_ITEM = "f.id, f.name, f.birth_year, f.film_count"

# The places of one page: at most two chunks hold them.
_SLICE = f"""
    SELECT l.chunk, u.at, u.no
    FROM listing l CROSS JOIN LATERAL unnest(l.nos) WITH ORDINALITY u(no, at)
    WHERE l.list = %(list)s AND l.sort = %(sort)s AND l.chunk BETWEEN %(chunk_first)s AND %(chunk_last)s
      AND l.chunk * {CHUNK} + u.at BETWEEN %(first)s + 1 AND %(last)s
"""


def movie_item(row: TupleRow) -> MovieItem:
    """The columns of ``MOVIE_ITEM`` as the list item they are."""
    identifier, title, year, director, rating, votes, genres, billed_ids, billed_names = row
    stars = [StarName(id=star, name=name) for star, name in zip(billed_ids, billed_names, strict=True)]
    return MovieItem(
        id=identifier, title=title, year=year, director=director, rating=rating, num_votes=votes, genres=genres,
        stars=stars,
    )  # fmt: skip


async def select_movies(conn: Connection, list_name: str, sort: str, span: Span) -> tuple[int, list[MovieItem]]:
    """The size of a list of films and the films of one span of it."""
    rows = await _select_span(conn, MOVIE_ITEM, "film", list_name, sort, span)
    return _size(rows), [movie_item(row[1:]) for row in rows if row[1] is not None]


async def select_genre_movies(
    conn: Connection, genre_id: int, list_name: str, sort: str, span: Span
) -> tuple[Genre, int, list[GenreMovieItem]] | None:
    """A genre, how many films it has and one span of them; None for a genre that no film has."""
    columns = "f.id, f.title, f.year, f.director, f.rating"
    statement = f"""
        WITH place AS MATERIALIZED ({_SLICE})
        SELECT g.name, s.size, {columns}
        FROM genre g JOIN listing_size s ON s.list = %(list)s
        LEFT JOIN (place JOIN film f USING (no)) ON true
        WHERE g.id = %(genre_id)s ORDER BY place.chunk, place.at
    """
    rows = await _fetch(conn, statement, {"genre_id": genre_id, **_span_parameters(list_name, sort, span)})
    if not rows:
        return None
    items = [
        GenreMovieItem(id=row[2], title=row[3], year=row[4], director=row[5], rating=row[6])
        for row in rows
        if row[2] is not None
    ]
    return Genre(id=genre_id, name=rows[0][0]), rows[0][1], items


async def select_stars(conn: Connection, list_name: str, sort: str, span: Span) -> tuple[int, list[StarItem]]:
    rows = await _select_span(conn, STAR_ITEM, "star", list_name, sort, span)
    return _size(rows), [star_item(row[1:]) for row in rows if row[1] is not None]


async def select_has_order(conn: Connection, list_name: str, sort: str) -> bool:
    """Whether the catalogue has that list in that order: one that an older version imported may lack it."""
    statement = "SELECT EXISTS (SELECT FROM listing WHERE list = %s AND sort = %s)"
    return bool((await _fetch(conn, statement, [list_name, sort]))[0][0])


def star_item(row: TupleRow) -> StarItem:
    return StarItem(id=row[0], name=row[1], birth_year=row[2], movie_count=row[3])


async def select_movie(conn: Connection, movie_id: str) -> Movie | None:
    statement = """
        SELECT f.id, f.title, f.year, f.director, f.rating, f.votes, f.genre_ids, f.genres, s.id, s.name, s.birth_year
        FROM film f
        LEFT JOIN LATERAL unnest(f.star_nos) WITH ORDINALITY u(no, at) ON true
        LEFT JOIN star s ON s.no = u.no
        WHERE f.id = %s ORDER BY u.at
    """
    rows = await _fetch(conn, statement, [movie_id])
    if not rows:
        return None
    identifier, title, year, director, rating, votes, genre_ids, genres = rows[0][:8]
    return Movie(
        id=identifier, title=title, year=year, director=director, rating=rating, num_votes=votes,
        genres=[Genre(id=number, name=name) for number, name in zip(genre_ids, genres, strict=True)],
        stars=[CastMember(id=row[8], name=row[9], birth_year=row[10]) for row in rows if row[8] is not None],
    )  # fmt: skip


async def select_films_by_numbers(conn: Connection, numbers: Sequence[int]) -> dict[int, MovieItem]:
    """The films with these TMDB ids or numbers of the shop's own; of two that claim one id, the first."""
    statement = f"""
        SELECT DISTINCT ON (k.number) k.number, {MOVIE_ITEM}
        FROM (
            SELECT tmdb_id, id FROM film WHERE tmdb_id = ANY(%(numbers)s::integer[])
            UNION ALL SELECT tmdb_id, film_id FROM tmdb_link WHERE tmdb_id = ANY(%(numbers)s::integer[])
            UNION ALL SELECT number, film_id FROM film_number WHERE number = ANY(%(numbers)s::integer[])
        ) k (number, id) JOIN film f USING (id)
        ORDER BY k.number, f.id
    """
    rows = await _fetch(conn, statement, {"numbers": list(numbers)})
    return {row[0]: movie_item(row[1:]) for row in rows}


async def select_popular(conn: Connection, span: Span) -> tuple[int, list[TupleRow]]:
    """How many films there are, and a span of them in the order of popularity, then votes.

    Of each film the number, title, release date, overview, popularity and rating.
    """
    statement = f"""
        SELECT coalesce(f.tmdb_id, l.tmdb_id, n.number), f.title, f.release_date, f.overview, f.popularity, f.rating
        FROM ({_SLICE}) place JOIN film f USING (no)
        LEFT JOIN tmdb_link l ON l.film_id = f.id LEFT JOIN film_number n ON n.film_id = f.id
        WHERE coalesce(f.tmdb_id, l.tmdb_id, n.number) IS NOT NULL ORDER BY place.chunk, place.at
    """
    rows = await _fetch(conn, statement, _span_parameters(ALL, "popularity desc", span))
    return await select_size(conn, ALL), rows


async def select_star(conn: Connection, star_id: str) -> Star | None:
    statement = """
        SELECT s.id, s.name, s.birth_year, f.id, f.title, f.year, f.director
        FROM star s
        LEFT JOIN LATERAL unnest(s.film_nos) WITH ORDINALITY u(no, at) ON true
        LEFT JOIN film f ON f.no = u.no
        WHERE s.id = %s ORDER BY u.at
    """
    rows = await _fetch(conn, statement, [star_id])
    if not rows:
        return None
    movies = [StarMovie(id=row[3], title=row[4], year=row[5], director=row[6]) for row in rows if row[3] is not None]
    return Star(id=rows[0][0], name=rows[0][1], birth_year=rows[0][2], movies=movies)


async def select_genre_sizes(conn: Connection) -> list[GenreSize]:
    """The genres that some film has, by name, each with its number of films."""
    return (await select_sizes(conn))[1]


async def select_sizes(conn: Connection) -> tuple[int, list[GenreSize]]:
    """How many films there are, and the genres that some film has, by name, each with its number of films."""
    statement = "SELECT g.id, g.name, s.size FROM listing_size s LEFT JOIN genre g ON s.list = 'genre:' || g.id"
    rows = await _fetch(conn, f"{statement} WHERE s.list = %s OR g.id IS NOT NULL", [ALL])
    genres = [GenreSize(id=row[0], name=row[1], movie_count=row[2]) for row in rows if row[0] is not None]
    total = next((row[2] for row in rows if row[0] is None), 0)
    return total, sorted(genres, key=lambda genre: by_name(genre.name))


async def select_size(conn: Connection, list_name: str) -> int:
    rows = await _fetch(conn, "SELECT size FROM listing_size WHERE list = %s", [list_name])
    return rows[0][0] if rows else 0


async def select_newest_and_best(conn: Connection, *, among: int, size: int) -> tuple[list[MovieItem], list[MovieItem]]:
    """The newest and the best rated of the films with the most votes."""
    statement = f"""
        WITH known AS MATERIALIZED (
            SELECT no, year, year_desc, rating, rating_desc FROM film WHERE votes_desc <= %(among)s
        ), chosen AS (
            (SELECT no, year_desc AS place, true AS is_newest FROM known
             WHERE year IS NOT NULL ORDER BY place LIMIT %(size)s)
            UNION ALL
            (SELECT no, rating_desc AS place, false FROM known
             WHERE rating IS NOT NULL ORDER BY place LIMIT %(size)s)
        )
        SELECT c.is_newest, {MOVIE_ITEM} FROM chosen c JOIN film f USING (no) ORDER BY c.place
    """
    rows = await _fetch(conn, statement, {"among": among, "size": size})
    return [movie_item(row[1:]) for row in rows if row[0]], [movie_item(row[1:]) for row in rows if not row[0]]


async def select_new_films(conn: Connection, *, among: int, size: int) -> list[NewFilm]:
    """The films that came last, the latest first. Of a shop that had one import alone, the newest of the best known."""
    statement = """
        WITH came AS MATERIALIZED (
            SELECT f.no, a.added FROM new_film a JOIN film f ON f.id = a.film_id
            ORDER BY a.added DESC, a.film_id LIMIT %(size)s
        ), newest AS MATERIALIZED (
            SELECT no, (SELECT max(finished) FROM import_run) AS added FROM film
            WHERE votes_desc <= %(among)s AND year IS NOT NULL AND NOT EXISTS (SELECT FROM came)
            ORDER BY year_desc LIMIT %(size)s
        )
        SELECT f.id, f.title, f.year, f.director, f.overview, n.added
        FROM (SELECT * FROM came UNION ALL SELECT * FROM newest) n JOIN film f USING (no)
        WHERE n.added IS NOT NULL ORDER BY n.added DESC, f.year_desc
    """
    return [NewFilm(*row) for row in await _fetch(conn, statement, {"among": among, "size": size})]


async def select_ids(
    conn: Connection, table: Literal["film", "star", "director"], *, first: int, size: int
) -> list[str]:
    """The ids of films by title, or of stars or directors by name, from number ``first`` + 1 on."""
    statement = f"SELECT id FROM {table} WHERE no > %s AND no <= %s ORDER BY no"
    return [row[0] for row in await _fetch(conn, statement, [first, first + size])]


async def select_people_size(conn: Connection) -> int:
    """How many stars and directors there are: their numbers go from 1 to that."""
    statement = """
        SELECT greatest((SELECT max(no) FROM director), (SELECT size FROM listing_size WHERE list = 'stars'), 0)
    """
    return int((await _fetch(conn, statement, []))[0][0])


async def _select_span(
    conn: Connection, columns: str, table: str, list_name: str, sort: str, span: Span
) -> list[TupleRow]:
    statement = f"""
        WITH place AS MATERIALIZED ({_SLICE})
        SELECT coalesce(s.size, 0), {columns}
        FROM (SELECT max(size) AS size FROM listing_size WHERE list = %(list)s) s
        LEFT JOIN (place JOIN {table} f USING (no)) ON true
        ORDER BY place.chunk, place.at
    """
    return await _fetch(conn, statement, _span_parameters(list_name, sort, span))


def _span_parameters(list_name: str, sort: str, span: Span) -> dict[str, Any]:
    first, last = span.chunks
    return {
        "list": list_name, "sort": sort, "chunk_first": first, "chunk_last": last,
        "first": span.first, "last": span.last,
    }  # fmt: skip


def _size(rows: Sequence[TupleRow]) -> int:
    return int(rows[0][0])


async def _fetch(conn: Connection, statement: str, parameters: Any) -> list[TupleRow]:
    cursor = await conn.execute(statement.encode(), parameters)
    return await cursor.fetchall()
