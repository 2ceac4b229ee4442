"""Queries as people type them: slips of a keyboard, halves, and other ways to write a title. Drawn by a fixed seed."""

import random
import re
from collections.abc import Callable, Iterator

import msgspec

from filmer.catalogue.folding import fold
from filmer.catalogue.index_words import letters_of, spellings_of, words_of

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ARTICLE = re.compile(r"^(the|a|an) (?=\S)", re.IGNORECASE)
_NUMBERS = {"2": "ii", "3": "iii", "4": "iv", "5": "v", "6": "vi", "7": "vii", "8": "viii", "9": "ix"}
_NAMES = {"2": "two", "3": "three", "4": "four", "5": "five", "7": "seven", "8": "eight", "10": "ten", "12": "twelve"}


class Title(msgspec.Struct, frozen=True):
    """A film that is looked for. ``votes`` is its weight."""

    no: int
    title: str
    original: str | None
    year: int | None
    votes: int


class Query(msgspec.Struct, frozen=True):
    text: str
    wanted: Title


def neighbours(letter: str) -> str:
    """The keys beside a key."""
    for row, keys in enumerate(_ROWS):
        if letter in keys:
            at = keys.index(letter)
            beside = keys[max(at - 1, 0) : at] + keys[at + 1 : at + 2]
            return beside + "".join(other[at : at + 1] for other in _ROWS[max(row - 1, 0) : row + 2] if other != keys)
    return "e"


def slip(chance: random.Random, text: str) -> str:
    """One slip: two letters exchanged, one left out, doubled, or a key beside it."""
    places = [at for at, letter in enumerate(text) if letter.isalnum()]
    if len(places) < 2:
        return text
    at = chance.choice(places)
    kind = chance.choice(("exchange", "omit", "double", "beside"))
    if kind == "exchange" and at + 1 < len(text) and text[at] != text[at + 1]:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if kind == "omit":
        return text[:at] + text[at + 1 :]
    if kind == "double":
        return text[:at] + text[at] + text[at:]
    return text[:at] + chance.choice(neighbours(text[at])) + text[at + 1 :]


def half(chance: random.Random, text: str) -> str:
    """The first half, to two thirds, of the letters."""
    return text[: max(3, round(len(text) * chance.uniform(0.5, 0.67)))].rstrip()


def _other_numbers(text: str) -> str:
    words = text.split()
    romans = {roman: number for number, roman in _NUMBERS.items()}
    return " ".join(_NUMBERS.get(word, romans.get(word, word)) for word in words)


def _spelt_numbers(text: str) -> str:
    return " ".join(_NAMES.get(word, word) for word in text.split())


def _other_and(text: str) -> str:
    return text.replace(" & ", " and ") if " & " in text else text.replace(" and ", " & ")


def _with_year(title: Title) -> str:
    return f"{fold(title.title)} {title.year}" if title.year else ""


def _original(title: Title) -> str:
    other = fold(title.original or "")
    return other if other != fold(title.title) else ""


Make = Callable[[random.Random, Title], str]
KINDS: dict[str, Make] = {
    "clean": lambda _, title: fold(title.title),
    "one typo": lambda chance, title: slip(chance, fold(title.title)),
    "two typos": lambda chance, title: slip(chance, slip(chance, fold(title.title))),
    "half typed": lambda chance, title: half(chance, fold(title.title)),
    "half with a typo": lambda chance, title: slip(chance, half(chance, fold(title.title))),
    "in one word": lambda _, title: fold(title.title).replace(" ", ""),
    "and for &": lambda _, title: _other_and(fold(title.title)),
    "roman or arabic": lambda _, title: _other_numbers(fold(title.title)),
    "numbers spelt": lambda _, title: _spelt_numbers(fold(title.title)),
    "original title": lambda _, title: _original(title),
    "no article": lambda _, title: _ARTICLE.sub("", fold(title.title)),
    "title and year": lambda _, title: _with_year(title),
}
# Letters at least: of a shorter title so little is left that many other films are as likely meant.
LETTERS = {"one typo": 5, "two typos": 8, "half typed": 8, "half with a typo": 10}
CHANGED = (
    "in one word",
    "and for &",
    "roman or arabic",
    "numbers spelt",
    "no article",
)  # unlike the title, or no query


def draw(titles: list[Title], kind: str, *, size: int, seed: int) -> Iterator[Query]:
    """``size`` queries of a kind at most, for films drawn by their votes."""
    chance = random.Random(f"{seed} {kind}")
    usable = [title for title in titles if _is_usable(kind, title)]
    if kind == "original title":  # other films of that very title come first (contract §3.4): nobody can mean one by it
        taken = {letters_of(words) for title in titles for words in spellings_of(title.title)}
        usable = [title for title in usable if letters_of(words_of(_original(title))) not in taken]
    if not usable:
        return
    for title in chance.choices(usable, weights=[title.votes for title in usable], k=size):
        yield Query(KINDS[kind](chance, title), title)


def _is_usable(kind: str, title: Title) -> bool:
    """Whether the film has a query of this kind: enough letters, and another spelling where one is asked for."""
    plain = fold(title.title)
    if sum(letter.isalnum() for letter in plain) < LETTERS.get(kind, 3) or not title.votes:
        return False
    if "typo" in kind or "half" in kind:
        return True
    text = KINDS[kind](random.Random(0), title)
    return bool(text) and not (kind in CHANGED and text == plain)
