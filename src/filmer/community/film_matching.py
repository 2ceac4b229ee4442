"""Which film of the shop a row of somebody's file means: by ids, then by title and year (contract §14).

Nothing is guessed. A row has a film where ids say so, or where just one has its title, or nearly its title, in its
year; an exact title may be a year off. Whatever else is near is a candidate, among which its owner chooses. An id that
says another film excludes a film.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import msgspec

from filmer.catalogue.folding import search_form
from filmer.catalogue.index_follower import index_key
from filmer.catalogue.index_format import FILMS
from filmer.catalogue.words import query_keys
from filmer.community import shelf_import_queries as queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from filmer.catalogue.search import Search
    from filmer.catalogue.search_index import Near, SearchIndex
    from filmer.community.shelf_files import ShelfRow
    from filmer.community.shelf_import_queries import Film
    from filmer.store.postgres import Connection, Database

ALIKE = 0.88  # likeness from which on a title is the same one, misspelt: a slip in nine letters
CANDIDATES = 5
NEAR_YEAR = 1
_NEAREST = 8  # films that the index is asked for
_IMDB = re.compile("tt[0-9]+")


class Match(msgspec.Struct, frozen=True):
    """The film; or else a TMDB id that is known of no film here; or else candidates, if there are any."""

    film_id: str = ""
    movie_id: int | None = None
    candidates: list[str] = []


async def match(
    database: Database, search: Search, rows: Sequence[ShelfRow], *, is_spelling_tried: bool
) -> list[Match]:
    """``is_spelling_tried``: also titles that are misspelt, for which no connection is held."""
    async with database.connection() as conn:
        matches = await _by_ids(conn, rows)
        left = [place for place, found in enumerate(matches) if found is None and rows[place].title]
        for place, found in zip(left, await _by_titles(conn, [rows[place] for place in left]), strict=True):
            matches[place] = found
        index, key = search.index(conn)[0], index_key(conn)
    # Whoever wrote an id beside the title has spelt it, and most films have ids that differ.
    left = [at for at in left if matches[at] is None and not (rows[at].film_id or rows[at].movie_id)]
    if index is not None and is_spelling_tried and left:
        near = await asyncio.to_thread(_nearest, index, [rows[place] for place in left])
        async with database.connection() as conn:
            nos = [one.no for found in near for one in found] if index_key(conn) == key else []
            films = await queries.select_films_by_nos(conn, nos)
        for place, found_near in zip(left, near, strict=True):
            matches[place] = _spelt(rows[place], found_near, films)
    return [found or Match() for found in matches]


async def _by_ids(conn: Connection, rows: Sequence[ShelfRow]) -> list[Match | None]:
    ids, numbers = {row.film_id for row in rows if row.film_id}, {row.movie_id for row in rows if row.movie_id}
    by_id, by_number, known = await queries.select_films_by_ids(conn, sorted(ids), sorted(numbers))

    def of(row: ShelfRow) -> Match | None:
        film = by_id.get(row.film_id)
        # In another shop an id that is not IMDb's may be another film's.
        if film and (_IMDB.fullmatch(film.id) or search_form(film.title) == search_form(row.title)):
            return Match(film.id)
        if row.movie_id in by_number:
            return Match(by_number[row.movie_id].id)
        return Match(movie_id=row.movie_id) if row.movie_id in known else None

    return [of(row) for row in rows]


async def _by_titles(conn: Connection, rows: Sequence[ShelfRow]) -> list[Match | None]:
    asked = [(place, key) for place, row in enumerate(rows) for key in query_keys(row.title) if key]
    found: list[dict[str, Film]] = [{} for _ in rows]
    films = await queries.select_films_by_keys(
        conn, [key for _, key in asked], [rows[place].year for place, _ in asked], NEAR_YEAR
    )
    for (place, _), same in zip(asked, films, strict=True):
        found[place].update({film.id: film for film in same if _may_be(film, rows[place])})
    return [_one_of(list(films.values()), row) for films, row in zip(found, rows, strict=True)]


def _one_of(films: Sequence[Film], row: ShelfRow) -> Match | None:
    """The only film of the year; else the only one at all. Without a year any film may be meant."""
    same = [film for film in films if film.year == row.year] or list(films)
    if len(same) == 1 and row.year is not None:
        return Match(same[0].id)
    return Match(candidates=[film.id for film in same[:CANDIDATES]]) if same else None


def _nearest(index: SearchIndex, rows: Sequence[ShelfRow]) -> list[list[Near]]:
    from filmer.catalogue import ranking  # needs what the index needs

    return [
        [
            near
            for near in index.near(FILMS, f"{row.title} {row.year or ''}", ranking.SEARCH, _NEAREST, is_quick=True)
            if near.likeness >= ranking.SURE
        ]
        for row in rows
    ]


def _spelt(row: ShelfRow, near: Sequence[Near], films: Mapping[int, Film]) -> Match | None:
    """Of films that the index found, by their numbers."""
    found = [
        (one.likeness, film)
        for one in near
        if (film := films.get(one.no)) and _may_be(film, row)
        if row.year is None or (film.year is not None and abs(film.year - row.year) <= NEAR_YEAR)
    ]
    alike = [
        film
        for likeness, film in found
        if likeness >= ALIKE and film.year == row.year and _digits(film.title) == _digits(row.title)
    ]
    if len(alike) == 1 and row.year is not None:
        return Match(alike[0].id)
    return Match(candidates=[film.id for _, film in found[:CANDIDATES]]) if found else None


def _may_be(film: Film, row: ShelfRow) -> bool:
    """Whether no id says that it is another."""
    is_other = bool(_IMDB.fullmatch(row.film_id) and _IMDB.fullmatch(film.id) and row.film_id != film.id)
    return not is_other and (row.movie_id is None or film.tmdb_id is None or film.tmdb_id == row.movie_id)


def _digits(title: str) -> list[str]:
    """By which parts of a series differ, and nothing else in their titles."""
    return re.findall("[0-9]+", search_form(title))
