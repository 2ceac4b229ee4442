"""Suggestions while a visitor types, the best known first.

First come films whose title starts with the text, then films whose title has each word (the last may be unfinished),
then people by any of their names. A leading article may be left out: ``dark kni`` suggests The Dark Knight.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from filmer.catalogue import film_queries, index_queries
from filmer.catalogue import suggestion_queries as queries
from filmer.catalogue.folding import search_form
from filmer.catalogue.index_queries import FoundFilm
from filmer.catalogue.index_words import forms_of, words_of, written_words
from filmer.catalogue.schemas import StarItem, Suggestion
from filmer.store.postgres import Connection

if TYPE_CHECKING:
    from filmer.catalogue.search_index import SearchIndex

MAX_LENGTH = 100  # characters: nobody types more, and the rest is ignored
ARTICLES = ("the ", "a ", "an ")
# Characters that are neither letters nor digits; the same as in words_of of store/migrations/0005_suggestions.sql.
_BETWEEN_WORDS = re.compile(
    r"[\u0001-/:-@[-`{-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"
    r"\u1680\u2000-\u206f\u3000-\u3004\u3008-\u3020\u3030\u30fb]+"
)
_PIECE = re.compile(r"[^\W_]+")


class FoldedInput(msgspec.Struct, frozen=True):
    """The text that was typed, folded."""

    words: list[str]
    phrase: str

    @property
    def starts(self) -> list[str]:
        """The phrase without and with an article; none of them is a prefix of another."""
        starts = [self.phrase, *(article + self.phrase for article in ARTICLES)]
        return [start for start in starts if not any(start != prefix and start.startswith(prefix) for prefix in starts)]


def read(text: str) -> FoldedInput:
    phrase = " ".join(search_form(text).split())[:MAX_LENGTH]
    return FoldedInput([word for word in _BETWEEN_WORDS.split(phrase) if word], phrase)


class Found(msgspec.Struct, frozen=True):
    """Suggestions, and the nearest spelling, if they are for that and not for what was typed."""

    items: list[Suggestion]
    corrected: str | None = None


async def find(conn: Connection, text: FoldedInput, size: int, index: "SearchIndex | None" = None) -> Found:
    """At most ``size`` films and people, films first.

    Where neither a title nor a name has what was typed, the index knows films that have it in title and cast together,
    and then the nearest spelling (contract §3.5). Without a letter or digit it is a beginning of titles as it stands.
    """
    words, corrected = written_words(text.phrase), None
    if not words:
        return Found(await queries.select_films_by_start(conn, [text.phrase], size) if text.phrase else [])
    if index is None:
        return Found(mix(await _films(conn, text, size), await _people(conn, text, size), size))
    film_nos = index.films_as_typed(text.phrase, words, size)
    people_nos = index.people_as_typed(words, size)
    if not film_nos and not people_nos:
        film_nos = index.films_with(words, size)
    if not film_nos and not people_nos:
        film_nos, people_nos, corrected = await asyncio.to_thread(_nearest, index, text.phrase, words, size)
        words = words_of(corrected or "")
    films = [_found_film(film, words) for film in await index_queries.select_found_films(conn, film_nos)]
    people = [
        Suggestion(
            kind="star" if person.is_star else "director",
            id=person.id,
            text=person.name,
            year=person.birth_year,
            matches=matches_of(person.name, words),
        )
        for person in await film_queries.select_people(conn, people_nos)
    ]
    return Found(mix(films, people, size), corrected)


async def directors(conn: Connection, text: str, size: int) -> list[StarItem]:
    """People in no cast who direct, whose names have the words of the text; at most ``size``, the best known first."""
    words = read(text).words
    return await queries.select_directors_by_words(conn, words, size) if words else []


def _nearest(
    index: "SearchIndex", phrase: str, words: Sequence[str], size: int
) -> tuple[list[int], list[int], str | None]:
    """The nearest films and people, or where none is likely, films that have the words in a better spelling."""
    from filmer.catalogue.ranking import LIKELY  # need what the index needs
    from filmer.catalogue.spelling import words_corrected

    films, people, nearest = index.nearest(phrase, size)
    if nearest is None or nearest.likeness < LIKELY:
        other = words_corrected(index, words)
        if found := index.films_with(other.split(), size):
            return found, [], other
    return films, people, nearest.spelling if nearest else None


def _found_film(film: FoundFilm, words: Sequence[str]) -> Suggestion:
    return Suggestion(
        kind="movie",
        id=film.id,
        text=film.title,
        year=film.year,
        reason=_reason(film, words),
        matches=matches_of(film.title, words),
    )


def _reason(film: FoundFilm, words: Sequence[str]) -> str | None:
    """Why a film is there whose title does not have all of the words: its original title, or who took part."""

    def lacks(*texts: str | None) -> list[str]:
        found = {form for text in texts for words in forms_of(text or "") for form in words}
        return [word for word in words if not any(other.startswith(word) for other in found)]

    missing = lacks(film.title)
    if not missing:
        return None
    if film.original_title and len(lacks(film.title, film.original_title)) < len(missing):
        return f"original title {film.original_title}"
    directors = film.director.split(", ") if film.director else []
    names = [(name, f"directed by {name}") for name in directors] + [(name, f"with {name}") for name in film.stars]
    by_likeness = sorted(names, key=lambda name: len(lacks(film.title, name[0])))
    if by_likeness and len(lacks(film.title, by_likeness[0][0])) < len(missing):
        return by_likeness[0][1]
    return None


def matches_of(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """The parts of a title or name that were typed: where each begins and ends, in characters."""
    matches = []
    for piece in _PIECE.finditer(text):
        folded = search_form(piece[0])
        typed = max((word for word in words if folded.startswith(word)), key=len, default="")
        if typed:
            length = next(end for end in range(1, len(piece[0]) + 1) if len(search_form(piece[0][:end])) >= len(typed))
            matches.append((piece.start(), piece.start() + length))
    return matches


def mix(films: list[Suggestion], people: list[Suggestion], size: int) -> list[Suggestion]:
    """People get three eighths of the places, and either kind gets those that the other leaves."""
    count = min(len(people), max((3 * size + 4) // 8, size - len(films)))
    return films[: size - count] + people[:count]


async def _films(conn: Connection, text: FoldedInput, size: int) -> list[Suggestion]:
    """Titles that start with the text are looked up among all films, even if the best known films would do."""
    for tier in queries.FILM_TIERS:
        rows = await queries.select_films_by_words(conn, text.words, text.starts, tier, size)
        if len(rows) == size:
            break
    starting = [film for starts, film in rows if starts]
    if len(starting) < size == len(rows):
        starting = await queries.select_films_by_start(conn, text.starts, size)
    films = [*starting, *(film for starts, film in rows if not starts)][:size]
    return [msgspec.structs.replace(film, matches=matches_of(film.text, text.words)) for film in films]


async def _people(conn: Connection, text: FoldedInput, size: int) -> list[Suggestion]:
    for tier in queries.PEOPLE_TIERS:
        people = await queries.select_people_by_words(conn, text.words, tier, size)
        if len(people) == size:
            break
    return [msgspec.structs.replace(person, matches=matches_of(person.text, text.words)) for person in people]
