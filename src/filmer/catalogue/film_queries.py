"""The SQL of the pages of a film and of a person."""

from collections.abc import Sequence

from psycopg.rows import TupleRow

from filmer.catalogue.schemas import Film, FilmCard, FilmographyEntry, Genre, Person
from filmer.store.postgres import Connection

LOOKED_AT = 500  # films: of people who were in thousands, those that share most of the cast, then the newest


async def select_film(conn: Connection, film_id: str) -> Film | None:
    statement = """
        SELECT f.no, f.id, f.title, f.original_title, f.year, f.release_date, f.runtime_minutes, f.director,
            f.rating, f.votes, t.price, coalesce(f.tmdb_id, l.tmdb_id, n.number), f.overview, f.star_nos,
            coalesce(f.director_nos, '{}'), f.genre_ids, f.genres, f.certificate, f.country, f.language
        FROM film f LEFT JOIN tmdb_link l ON l.film_id = f.id LEFT JOIN film_terms t ON t.film_id = f.id
            LEFT JOIN film_number n ON n.film_id = f.id
        WHERE f.id = %s
    """
    row = await (await conn.execute(statement, [film_id])).fetchone()
    if row is None:
        return None
    no, identifier, title, original_title, year, release_date, runtime, director = row[:8]
    rating, votes, price, number, overview, star_nos, director_nos, genre_ids, genres, *said = row[8:]
    certificate, country, language = said
    return Film(
        no=no, id=identifier, title=title, original_title=original_title, year=year, release_date=release_date,
        runtime_minutes=runtime, director=director, genres=_genres(genre_ids, genres), rating=rating, votes=votes,
        price=price, number=number, overview=overview, star_nos=star_nos,
        director_nos=director_nos, certificate=certificate, country=country, language=language,
    )  # fmt: skip


async def select_people(conn: Connection, nos: Sequence[int]) -> list[Person]:
    """The stars and directors of these numbers, in the order asked for."""
    statement = """
        SELECT u.no, coalesce(s.id, d.id), coalesce(s.name, d.name), coalesce(s.birth_year, d.birth_year),
            s.no IS NOT NULL
        FROM unnest(%s::integer[]) WITH ORDINALITY u(no, at) LEFT JOIN star s USING (no) LEFT JOIN director d USING (no)
        WHERE s.no IS NOT NULL OR d.no IS NOT NULL ORDER BY u.at
    """
    cursor = await conn.execute(statement, [list(nos)])
    return [Person(*row) for row in await cursor.fetchall()]


async def select_films_with(conn: Connection, star_nos: Sequence[int], *, but: int, size: int) -> list[FilmCard]:
    """Other films of these stars: those with most of them first, then by votes. ``but``: not the film at this place."""
    statement = f"""
        WITH shared AS MATERIALIZED (
            SELECT u.no, count(*) AS stars
            FROM star s CROSS JOIN LATERAL unnest(s.film_nos) WITH ORDINALITY u(no, at)
            WHERE s.no = ANY (%(stars)s::integer[]) AND u.no <> %(but)s
            GROUP BY u.no ORDER BY stars DESC, min(u.at), u.no LIMIT {LOOKED_AT}
        )
        SELECT f.id, f.title, f.year, f.rating FROM shared JOIN film f USING (no)
        ORDER BY shared.stars DESC, f.votes_desc LIMIT %(size)s
    """
    cursor = await conn.execute(statement.encode(), {"stars": list(star_nos), "but": but, "size": size})
    return [_card(row) for row in await cursor.fetchall()]


async def select_films_by(conn: Connection, director_no: int, *, but: int, size: int) -> list[FilmCard]:
    """Other films of a director, most votes first. ``but``: not the film at this place."""
    statement = """
        SELECT f.id, f.title, f.year, f.rating
        FROM director d CROSS JOIN LATERAL unnest(d.film_nos) u(no) JOIN film f ON f.no = u.no
        WHERE d.no = %(director)s AND f.no <> %(but)s ORDER BY f.votes_desc LIMIT %(size)s
    """
    cursor = await conn.execute(statement, {"director": director_no, "but": but, "size": size})
    return [_card(row) for row in await cursor.fetchall()]


async def select_filmography(conn: Connection, person_id: str) -> tuple[Person, list[FilmographyEntry]] | None:
    """A star or director and their films, newest first, each once; None for nobody we know."""
    statement = """
        WITH person AS MATERIALIZED (
            SELECT no, id, name, birth_year, film_nos, true AS acts FROM star WHERE id = %(id)s
            UNION ALL SELECT no, id, name, birth_year, film_nos, false FROM director WHERE id = %(id)s
        ), entry AS MATERIALIZED (
            SELECT u.no, bool_or(acts) AS acts, bool_or(NOT acts) AS directs
            FROM person CROSS JOIN LATERAL unnest(film_nos) u(no) GROUP BY u.no
        )
        SELECT p.no, p.id, p.name, p.birth_year, p.acts, f.id, f.title, f.year, f.director, f.rating, f.genre_ids,
            f.genres, f.star_nos, coalesce(f.director_nos, '{}'), e.acts, e.directs
        FROM (SELECT * FROM person LIMIT 1) p LEFT JOIN (entry e JOIN film f USING (no)) ON true
        ORDER BY f.year_desc
    """
    rows = await (await conn.execute(statement, {"id": person_id})).fetchall()
    if not rows:
        return None
    return Person(*rows[0][:5]), [_filmography_entry(row[5:]) for row in rows if row[5] is not None]


def _filmography_entry(row: TupleRow) -> FilmographyEntry:
    identifier, title, year, director, rating, genre_ids, genres, *people = row
    return FilmographyEntry(identifier, title, year, director, rating, _genres(genre_ids, genres), *people)


def _card(row: TupleRow) -> FilmCard:
    return FilmCard(*row)


def _genres(ids: Sequence[int], names: Sequence[str]) -> list[Genre]:
    return [Genre(id=number, name=name) for number, name in zip(ids, names, strict=True)]
