"""The SQL of suggestions. The text that was typed is literal: wildcards mean themselves."""

from typing import Any

from psycopg.rows import TupleRow

from filmer.catalogue.schemas import StarItem, Suggestion
from filmer.store.postgres import Connection

# Conditions for larger and larger parts of the catalogue, the best known first. Each but the last has its own index.
FILM_TIERS = ("f.votes_desc <= 1000", "f.votes_desc <= 30000", "true")
PEOPLE_TIERS = ("f.votes >= 1000000", "f.votes >= 50000", "true")


async def select_films_by_words(
    conn: Connection, words: list[str], starts: list[str], tier: str, size: int
) -> list[tuple[bool, Suggestion]]:
    """Films of a tier whose title has the words; first those whose title starts with one of ``starts`` (True)."""
    statement = f"""
        SELECT f.id, f.title, f.year, f.title_folded ^@ ANY (%(starts)s) AS starts
        FROM film f WHERE words_of(f.title_folded) @@ %(words)s::tsquery AND {tier}
        ORDER BY starts DESC, f.votes_desc LIMIT %(size)s
    """
    rows = await _fetch(conn, statement, {"words": _tsquery(words), "starts": starts, "size": size})
    return [(row[3], _movie(row)) for row in rows]


async def select_films_by_start(conn: Connection, starts: list[str], size: int) -> list[Suggestion]:
    """The best known films whose title starts with one of ``starts``, none of which is a prefix of another."""
    # OFFSET 0 makes PostgreSQL use the index by title; it would often choose the one by votes, which is slower.
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


async def select_people_by_words(conn: Connection, words: list[str], tier: str, size: int) -> list[Suggestion]:
    """Stars and directors of a tier whose name has the words, the best known first (``sort_orders.best_known``).

    An edition that was imported before directors were people has no votes of people: its stars come by name.
    """
    found = f"words_of(f.name_folded) @@ %(words)s::tsquery AND {tier}"
    columns, best = "f.id, f.name, f.birth_year, f.votes, f.no", "ORDER BY votes DESC NULLS LAST, films DESC, no"
    statement = f"""
        SELECT f.kind, f.id, f.name, f.birth_year FROM (
            (SELECT 'star' AS kind, {columns}, f.film_count AS films FROM star f
            WHERE {found} {best} LIMIT %(size)s)
            UNION ALL
            (SELECT 'director', {columns}, cardinality(f.film_nos) AS films FROM director f
            WHERE NOT f.is_star AND {found} {best} LIMIT %(size)s)
        ) f {best} LIMIT %(size)s
    """
    rows = await _fetch(conn, statement, {"words": _tsquery(words), "size": size})
    return [Suggestion(kind=row[0], id=row[1], text=row[2], year=row[3]) for row in rows]


async def select_directors_by_words(conn: Connection, words: list[str], size: int) -> list[StarItem]:
    """People in no cast who direct, by the words of their names, the best known first."""
    statement = """
        SELECT f.id, f.name, f.birth_year, cardinality(f.film_nos) AS films
        FROM director f WHERE NOT f.is_star AND words_of(f.name_folded) @@ %(words)s::tsquery
        ORDER BY f.votes DESC, films DESC, f.no LIMIT %(size)s
    """
    rows = await _fetch(conn, statement, {"words": _tsquery(words), "size": size})
    return [StarItem(id=row[0], name=row[1], birth_year=row[2], movie_count=row[3]) for row in rows]


def _movie(row: TupleRow) -> Suggestion:
    return Suggestion(kind="movie", id=row[0], text=row[1], year=row[2])


def _tsquery(words: list[str]) -> str:
    """All of the words; the last may be unfinished. Words have no quotes or backslashes that would need escaping."""
    return " & ".join(f"'{word}'" for word in words) + ":*"


async def _fetch(conn: Connection, statement: str, parameters: dict[str, Any]) -> list[TupleRow]:
    return await (await conn.execute(statement.encode(), parameters)).fetchall()
