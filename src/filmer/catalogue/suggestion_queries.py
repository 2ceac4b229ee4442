"""The SQL of suggestions. What was typed is literal here too: a wildcard means itself."""

from typing import Any

from psycopg.rows import TupleRow

from filmer.catalogue.schemas import Suggestion
from filmer.store.postgres import Connection

# Ever larger parts of the catalogue, the best known first; each but the last has an index of its own.
KNOWN_FILMS = ("f.votes_desc <= 1000", "f.votes_desc <= 30000", "true")
BUSY_STARS = ("f.film_count >= 100", "f.film_count >= 10", "true")


async def select_films_with(
    conn: Connection, words: list[str], starts: list[str], part: str, size: int
) -> list[tuple[bool, Suggestion]]:
    """Films of a part whose title has the words, and whether it begins with one of ``starts``: those first."""
    statement = f"""
        SELECT f.id, f.title, f.year, f.title_folded ^@ ANY (%(starts)s) AS begins
        FROM film f WHERE words_of(f.title_folded) @@ %(words)s::tsquery AND {part}
        ORDER BY begins DESC, f.votes_desc LIMIT %(size)s
    """
    rows = await _fetch(conn, statement, {"words": _tsquery(words), "starts": starts, "size": size})
    return [(row[3], _movie(row)) for row in rows]


async def select_films_beginning(conn: Connection, starts: list[str], size: int) -> list[Suggestion]:
    """The best known films whose title begins with one of ``starts``, none of which begins with another."""
    # OFFSET 0: all of them are looked up in the index by title, however tempting it is to go by votes
    statement = """
        WITH best AS MATERIALIZED (
            SELECT f.no, f.votes_desc
            FROM unnest(%(starts)s::text[]) s(start) CROSS JOIN LATERAL (
                SELECT f.no, f.votes_desc FROM film f
                WHERE f.title_folded BETWEEN s.start AND s.start || U&'\\+10FFFF' OFFSET 0
            ) f
            ORDER BY f.votes_desc LIMIT %(size)s
        )
        SELECT f.id, f.title, f.year FROM best JOIN film f USING (no) ORDER BY best.votes_desc
    """
    return [_movie(row) for row in await _fetch(conn, statement, {"starts": starts, "size": size})]


async def select_stars_with(conn: Connection, words: list[str], part: str, size: int) -> list[Suggestion]:
    """Stars of a part whose name has the words: those with the most films first."""
    statement = f"""
        SELECT f.id, f.name, f.birth_year
        FROM star f WHERE words_of(f.name_folded) @@ %(words)s::tsquery AND {part}
        ORDER BY f.film_count DESC, f.no LIMIT %(size)s
    """
    rows = await _fetch(conn, statement, {"words": _tsquery(words), "size": size})
    return [Suggestion(kind="star", id=row[0], text=row[1], year=row[2]) for row in rows]


def _movie(row: TupleRow) -> Suggestion:
    return Suggestion(kind="movie", id=row[0], text=row[1], year=row[2])


def _tsquery(words: list[str]) -> str:
    """All of the words, of which the last may be unfinished. There is neither quote nor backslash in a word."""
    return " & ".join(f"'{word}'" for word in words) + ":*"


async def _fetch(conn: Connection, statement: str, parameters: dict[str, Any]) -> list[TupleRow]:
    return await (await conn.execute(statement.encode(), parameters)).fetchall()
