"""The SQL of the pages of a film and of a star."""

from collections.abc import Sequence

from psycopg.rows import TupleRow

from filmer.catalogue.folding import search_form
from filmer.catalogue.schemas import Film, FilmCard, FilmographyEntry, Genre, Person
from filmer.catalogue.words import pieces_of
from filmer.store.postgres import Connection, escape_like

SHORTEST = 3  # characters of a director's name in ASCII
LOOKED_AT = 500  # films: of people who were in thousands, those that share most of the cast, then the newest


async def select_film(conn: Connection, film_id: str) -> Film | None:
    statement = """
        SELECT f.no, f.id, f.title, f.original_title, f.year, f.release_date, f.runtime_minutes, f.director,
            f.rating, f.votes, f.price, coalesce(f.tmdb_id, l.tmdb_id), f.overview, f.star_nos, f.genre_ids, f.genres
        FROM film f LEFT JOIN tmdb_link l ON l.film_id = f.id
        WHERE f.id = %s
    """
    row = await (await conn.execute(statement, [film_id])).fetchone()
    if row is None:
        return None
    no, identifier, title, original_title, year, release_date, runtime, director = row[:8]
    rating, votes, price, tmdb_id, overview, star_nos, genre_ids, genres = row[8:]
    return Film(
        no=no, id=identifier, title=title, original_title=original_title, year=year, release_date=release_date,
        runtime_minutes=runtime, director=director, genres=_genres(genre_ids, genres), rating=rating, votes=votes,
        price=price, tmdb_id=tmdb_id, overview=overview, star_nos=star_nos,
    )  # fmt: skip


async def select_people(conn: Connection, nos: Sequence[int]) -> list[Person]:
    """The stars at these places, in the order asked for."""
    statement = """
        SELECT s.no, s.id, s.name, s.birth_year
        FROM unnest(%s::integer[]) WITH ORDINALITY u(no, at) JOIN star s USING (no) ORDER BY u.at
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


async def select_films_by(conn: Connection, director: str, *, but: int, size: int) -> list[FilmCard]:
    """Other films of a director, most votes first. ``but``: not the film at this place.

    The words lead to them in any script; for a name of one common word the letters do. Whole names are compared last.
    One or two Latin letters lead to far too many: nothing is told of a director with such a name.
    """
    form = search_form(director)
    # Words are letters and digits, so nothing in them has a meaning in a tsquery.
    words = " & ".join(f"'{piece}'" for piece in pieces_of(director))
    if not words or (form.isascii() and len(form) < SHORTEST):
        return []
    statement = """
        WITH hit AS MATERIALIZED (
            SELECT id, title, year, rating, votes_desc FROM film
            WHERE words @@ %(words)s::tsquery AND director_folded LIKE %(like)s AND no <> %(but)s
                AND %(name)s = ANY (string_to_array(director_folded, ', '))
        )
        SELECT id, title, year, rating FROM hit ORDER BY votes_desc LIMIT %(size)s
    """
    # Not prepared: a plan for any name would not know which of the two indexes fits this one.
    cursor = await conn.execute(
        statement,
        {"words": words, "like": f"%{escape_like(form)}%", "name": form, "but": but, "size": size},
        prepare=False,
    )
    return [_card(row) for row in await cursor.fetchall()]


async def select_filmography(conn: Connection, star_id: str) -> tuple[Person, list[FilmographyEntry]] | None:
    """A star and their films, newest first; None for nobody we know."""
    statement = """
        SELECT s.no, s.id, s.name, s.birth_year,
            f.id, f.title, f.year, f.director, f.rating, f.genre_ids, f.genres, f.star_nos
        FROM star s
        LEFT JOIN LATERAL unnest(s.film_nos) WITH ORDINALITY u(no, at) ON true
        LEFT JOIN film f ON f.no = u.no
        WHERE s.id = %s ORDER BY u.at
    """
    rows = await (await conn.execute(statement, [star_id])).fetchall()
    if not rows:
        return None
    return Person(*rows[0][:4]), [_filmography_entry(row[4:]) for row in rows if row[4] is not None]


def _filmography_entry(row: TupleRow) -> FilmographyEntry:
    identifier, title, year, director, rating, genre_ids, genres, star_nos = row
    return FilmographyEntry(identifier, title, year, director, rating, _genres(genre_ids, genres), star_nos)


def _card(row: TupleRow) -> FilmCard:
    return FilmCard(*row)


def _genres(ids: Sequence[int], names: Sequence[str]) -> list[Genre]:
    return [Genre(id=number, name=name) for number, name in zip(ids, names, strict=True)]
