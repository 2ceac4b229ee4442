"""Suggestions while somebody types: what they may be about to name, the best known first.

Films whose title begins so, then films in whose title each word is found (the last may be unfinished), then people by
any of their names. An article that a title begins with may be left out: ``dark kni`` begins The Dark Knight.
"""

import re

import msgspec

from filmer.catalogue import suggestion_queries as queries
from filmer.catalogue.folding import fold
from filmer.catalogue.schemas import Suggestion
from filmer.store.postgres import Connection

LONGEST = 100  # characters: more than anybody types is not looked at
ARTICLES = ("the ", "a ", "an ")
# What is neither letter nor digit; the same as in words_of of store/migrations/0005_suggestions.sql.
_BETWEEN_WORDS = re.compile(
    r"[\u0001-/:-@[-`{-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"
    r"\u1680\u2000-\u206f\u3000-\u3004\u3008-\u3020\u3030\u30fb]+"
)


class FoldedInput(msgspec.Struct, frozen=True):
    """What was typed, folded."""

    words: list[str]
    phrase: str

    @property
    def starts(self) -> list[str]:
        """With what a title begins that begins so; none of them is the beginning of another."""
        starts = [self.phrase, *(article + self.phrase for article in ARTICLES)]
        return [one for one in starts if not any(one != other and one.startswith(other) for other in starts)]


def read(text: str) -> FoldedInput:
    phrase = " ".join(fold(text).split())[:LONGEST]
    return FoldedInput([word for word in _BETWEEN_WORDS.split(phrase) if word], phrase)


async def find(conn: Connection, typed: FoldedInput, size: int) -> list[Suggestion]:
    """At most ``size`` films and people, films first."""
    if not typed.words:
        return []
    return mix(await _films(conn, typed, size), await _stars(conn, typed, size), size)


def mix(films: list[Suggestion], stars: list[Suggestion], size: int) -> list[Suggestion]:
    """People get three eighths of the places, and each kind those that the other leaves."""
    people = min(len(stars), max((3 * size + 4) // 8, size - len(films)))
    return films[: size - people] + stars[:people]


async def _films(conn: Connection, typed: FoldedInput, size: int) -> list[Suggestion]:
    """Where the best known are enough, only those that begin so must be looked for among all."""
    for part in queries.KNOWN_FILMS:
        found = await queries.select_films_with(conn, typed.words, typed.starts, part, size)
        if len(found) == size:
            break
    beginning = [film for begins, film in found if begins]
    if len(beginning) < size == len(found):
        beginning = await queries.select_films_beginning(conn, typed.starts, size)
    return [*beginning, *(film for begins, film in found if not begins)][:size]


async def _stars(conn: Connection, typed: FoldedInput, size: int) -> list[Suggestion]:
    for part in queries.BUSY_STARS:
        found = await queries.select_stars_with(conn, typed.words, part, size)
        if len(found) == size:
            break
    return found
