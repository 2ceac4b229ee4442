"""The SQL of the search index: its files, and the films and people that it found, by their numbers in the edition."""

from collections.abc import Sequence

import msgspec

from filmer.catalogue.queries import MOVIE_ITEM, movie_item
from filmer.catalogue.schemas import MovieItem
from filmer.catalogue.search_queries import MOVIE_RANK
from filmer.store.postgres import Connection

MAX_NAMES = 40  # of a film's cast: who is billed later is no reason to suggest it


class FoundFilm(msgspec.Struct, frozen=True):
    """A film that the index found, and what may be the reason."""

    id: str
    title: str
    year: int | None
    original_title: str | None
    director: str | None
    stars: list[str]


class AlikeFilm(msgspec.Struct, frozen=True):
    """A film as a card on a page, and what it may share with another."""

    no: int
    id: str
    title: str
    year: int | None
    rating: float | None
    director: str | None
    genres: list[str]
    star_nos: list[int]
    overview: str | None
    reason: str = ""  # why it is like the other


async def select_manifest(conn: Connection) -> bytes | None:
    """What the parts are; None where the edition has no index."""
    parts = await select_parts(conn, 0, 1)
    return parts[0] if parts else None


async def select_parts(conn: Connection, first: int, count: int) -> list[bytes]:
    statement = "SELECT content FROM search_index WHERE part >= %s AND part < %s ORDER BY part"
    rows = await (await conn.execute(statement, [first, first + count], binary=True)).fetchall()
    return [row[0] for row in rows]


async def select_found_films(conn: Connection, nos: Sequence[int]) -> list[FoundFilm]:
    """The films with these numbers, in this order."""
    statement = f"""
        SELECT f.id, f.title, f.year, f.original_title, f.director, ARRAY(
            SELECT s.name FROM unnest(f.star_nos[:{MAX_NAMES}]) WITH ORDINALITY b(no, place) JOIN star s USING (no)
            ORDER BY b.place)
        FROM unnest(%s::integer[]) WITH ORDINALITY u(no, at) JOIN film f USING (no) ORDER BY u.at
    """
    rows = await (await conn.execute(statement.encode(), [list(nos)])).fetchall()
    return [FoundFilm(*row) for row in rows]


async def select_films_by_no(conn: Connection, nos: Sequence[int], sort: str, first: int, size: int) -> list[MovieItem]:
    """A page of the films with these numbers, by relevance in the order in which they are given."""
    order = "u.at" if sort == "relevance" else f"f.{MOVIE_RANK[sort]}"
    statement = f"""
        SELECT {MOVIE_ITEM} FROM unnest(%s::integer[]) WITH ORDINALITY u(no, at) JOIN film f USING (no)
        ORDER BY {order} LIMIT %s OFFSET %s
    """
    rows = await (await conn.execute(statement.encode(), [list(nos), size, first])).fetchall()
    return [movie_item(row) for row in rows]


async def select_alike(conn: Connection, nos: Sequence[int]) -> list[AlikeFilm]:
    """The films with these numbers, in this order."""
    statement = """
        SELECT f.no, f.id, f.title, f.year, f.rating, f.director, f.genres, f.star_nos, f.overview
        FROM unnest(%s::integer[]) WITH ORDINALITY u(no, at) JOIN film f USING (no) ORDER BY u.at
    """
    return [AlikeFilm(*row) for row in await (await conn.execute(statement, [list(nos)])).fetchall()]
