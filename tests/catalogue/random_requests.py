"""Random requests, and how their responses differ from the oracle's."""

import os
import random
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import httpx
from tests.catalogue import spoken
from tests.catalogue.oracle import Film, Oracle, Star
from tests.catalogue.synthetic import LAST
from tests.responses import data_of

T = TypeVar("T", Film, Star)

SEARCHES = int(os.environ.get("FILMER_TRUST_SEARCHES") or 300)
FREQUENT = ["a", "e", "n", "on", "an", "th", "the", "the ", "nol", "ola", "ann", "han", "Anna", "NOLÄN"]
JUNK = ["%", "_", "\\", "%%", "a%", "_a", "\\a", "'", '"', "-", " ", ".", "&", ":*", "zq", "ß", "千", "黒"]


def page_and_size(chance: random.Random, total: int) -> tuple[int, int]:
    size = chance.choice([1, 7, 20, 20, 99, 100])
    last = max(1, -(-total // size))
    return chance.choice([1, 1, 1, 2, 3, last, last + 1, chance.randint(1, last), 10**30]), size


def difference(
    answer: httpx.Response, expected: Sequence[T], shown: Callable[[T], Any], page: int, size: int
) -> list[str]:
    """What the server says otherwise than the oracle, in one text; empty: nothing."""
    data = data_of(answer)
    start = (page - 1) * size
    right = {
        "items": [shown(item) for item in expected[start : start + size]],
        "page": page,
        "size": size,
        "totalItems": len(expected),
        "totalPages": -(-len(expected) // size),
    }
    wrong = [name for name, value in right.items() if data[name] != value]
    if not wrong:
        return []
    got = {name: value for name, value in data.items() if name != "items"}
    ids = [item["id"] for item in data["items"]], [item.id for item in expected[start : start + size]]
    return [f"{answer.request.url}: {wrong}: got {got}, expected {len(expected)} in all; ids {ids}"]


def twist(chance: random.Random, text: str) -> str:
    """The same for whom case and accents mean nothing."""
    way = chance.randrange(6)
    if way == 0:
        return text.upper() if len(text.upper()) == len(text) else text
    if way == 1:
        return unicodedata.normalize("NFD", text)
    if way == 2:
        return text.translate(str.maketrans("aeion", "ÀéÎøñ"))
    return text


def part(chance: random.Random, text: str) -> str:
    """A part of a text, often a short one; now and then something frequent or odd."""
    way = chance.random()
    if way < 0.2:
        return chance.choice(FREQUENT)
    if way < 0.3:
        return chance.choice(JUNK)
    length = chance.choice([1, 2, 2, 3, 3, 4, 5, 8, 30])
    start = chance.randrange(max(1, len(text) - length + 1))
    return twist(chance, text[start : start + length])


def otherwise(chance: random.Random, film: Film) -> str:
    """Some of a film's title as somebody else would type it: apart or in one, other spellings, its year."""
    words = film.title.split()
    first = chance.randrange(len(words))
    words = words[first:] if chance.random() < 0.3 else words
    typed = words[0]
    for word in words[1 : chance.choice([2, 3, 9])]:
        typed += chance.choice([" ", " ", " ", "", "-"]) + word
    number = chance.choice(spoken.NUMBERS[1:])
    changes = {"&": "and", "+": "and", " and ": " & ", "'": "", "-": " "}
    changes |= {f" {word} ": f" {chance.choice(sorted(number))} " for word in number}
    for old, new in changes.items():
        if chance.random() < 0.5:
            typed = f"{typed} ".replace(old, new)
    return f"{typed} {film.year or ''}" if chance.random() < 0.2 else typed


def some_words(chance: random.Random, film: Film) -> str:
    """Words of a film, the last of them often unfinished; now and then a title as it is, or something odd."""
    way = chance.random()
    if way < 0.15:
        return twist(chance, chance.choice([film.title, film.original or film.title]))
    if way < 0.25:
        return chance.choice([*JUNK, *FREQUENT, *LAST])
    if way < 0.45:
        return twist(chance, otherwise(chance, film))
    known = sorted(film.words) or ["x"]
    found = [chance.choice(known) for _ in range(chance.choice([1, 1, 1, 2, 2, 3]))]
    if chance.random() < 0.6:
        found[-1] = found[-1][: chance.randint(1, len(found[-1]))]
    if chance.random() < 0.05:
        found[0] = found[0][:-1] or "x"  # unfinished where it may not be
    return twist(chance, chance.choice([" ", " ", " ", "  ", ", ", "-"]).join(found))


def some_numbers(chance: random.Random, film: Film, genres: list[int]) -> dict[str, int]:
    year = film.year or 1970
    numbers: dict[str, int] = {}
    if chance.random() < 0.1:
        numbers["year"] = year
    if chance.random() < 0.15:
        numbers["yearFrom"] = max(0, year - chance.choice([0, 1, 10, 50, 3000]))
    if chance.random() < 0.15:
        numbers["yearTo"] = year + chance.choice([0, 1, 10, 50, 3000])
    if chance.random() < 0.2:
        numbers["genreId"] = chance.choice([*genres, *genres[:3], 999_999])
    return numbers


def some_filters(chance: random.Random, oracle: Oracle, genres: list[int]) -> dict[str, Any]:
    """One search that is no error: what many match, or, more often, filters after one film."""
    if chance.random() < 0.1:
        return {chance.choice(["query", "title", "director", "star", "star"]): chance.choice(FREQUENT)}
    while True:
        films = [chance.choice(oracle.films)] * 4
        if chance.random() < 0.2:
            films = [chance.choice(oracle.films) for _ in films]
        asked: dict[str, Any] = {}
        if chance.random() < 0.45:
            asked["query"] = some_words(chance, films[0])
        if chance.random() < 0.3:
            asked["title"] = part(chance, films[1].title)
        if chance.random() < 0.25 and films[2].director:
            asked["director"] = part(chance, films[2].director)
        if chance.random() < 0.25 and films[3].cast:
            asked["star"] = part(chance, chance.choice(films[3].cast).name)
        asked |= some_numbers(chance, films[0], genres)
        if any(str(value).strip() for value in asked.values()) and asked.get("query", "x").strip():
            return asked
