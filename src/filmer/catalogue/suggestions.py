"""Suggestions while a visitor types, the best known first.

First come films whose title starts with the text, then films whose title has each word (the last may be unfinished),
then people by any of their names. A leading article may be left out: ``dark kni`` suggests The Dark Knight.
"""

import re

import msgspec

from filmer.catalogue import suggestion_queries as queries
from filmer.catalogue.folding import search_form
from filmer.catalogue.schemas import Suggestion
from filmer.store.postgres import Connection

MAX_LENGTH = 100  # characters: nobody types more, and the rest is ignored
ARTICLES = ("the ", "a ", "an ")
# Characters that are neither letters nor digits; the same as in words_of of store/migrations/0005_suggestions.sql.
_BETWEEN_WORDS = re.compile(
    r"[\u0001-/:-@[-`{-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"
    r"\u1680\u2000-\u206f\u3000-\u3004\u3008-\u3020\u3030\u30fb]+"
)


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


async def find(conn: Connection, text: FoldedInput, size: int) -> list[Suggestion]:
    """At most ``size`` films and people, films first."""
    if not text.words:
        return []
    return mix(await _films(conn, text, size), await _people(conn, text, size), size)


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
    return [*starting, *(film for starts, film in rows if not starts)][:size]


async def _people(conn: Connection, text: FoldedInput, size: int) -> list[Suggestion]:
    for tier in queries.PEOPLE_TIERS:
        people = await queries.select_people_by_words(conn, text.words, tier, size)
        if len(people) == size:
            break
    return people
