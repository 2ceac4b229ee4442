"""What an importer hands over: films and stars in memory, and the report of what was taken and what was not."""

import gc
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from filmer.catalogue.folding import fold
from filmer.catalogue.schemas import MAX_IDENTIFIER
from filmer.errors import CommandFailed

# An entry of the index film_titles has at most 2,704 bytes: the folded title, 4 for each genre, 80 for the rest.
MAX_TITLE = 2400  # bytes of a folded title
MAX_GENRES = 50  # of a film
_NO_IDENTIFIER = re.compile(r"[\s/\\?#]|%[0-9A-Fa-f]{2}")
NOT_STORABLE = re.compile("[\0\ud800-\udfff]")  # what the database takes in no text


class ImportedFilm(msgspec.Struct, gc=False):
    """A film on its way in. ``cast`` holds places in ``DataSet.stars``, in billing order."""

    id: str
    title: str
    year: int | None = None
    directors: str | None = None  # joined with ", "
    genres: tuple[str, ...] = ()
    cast: Sequence[int] = ()
    rating: float | None = None  # 0 to 10, one decimal
    votes: int | None = None
    original_title: str | None = None
    release_date: date | None = None
    runtime_minutes: int | None = None
    popularity: float | None = None
    tmdb_id: int | None = None
    price: Decimal | None = None
    overview: str | None = None


class ImportedStar(msgspec.Struct, gc=False):
    id: str
    name: str
    birth_year: int | None = None


class DataSet(msgspec.Struct):
    """A catalogue on its way in."""

    films: list[ImportedFilm] = msgspec.field(default_factory=list)
    stars: list[ImportedStar] = msgspec.field(default_factory=list)


def require_indexable(title: str, genres: Sequence[str]) -> None:
    """Raises ValueError with the kind of fault for a film that the indexes can't hold."""
    if len(fold(title).encode()) > MAX_TITLE:
        raise ValueError(f"a title of over {MAX_TITLE} bytes")
    if len(genres) > MAX_GENRES:
        raise ValueError(f"over {MAX_GENRES} genres")


def require_title(title: str) -> None:
    """Raises ValueError for one in which nothing can be seen or sorted by."""
    if not fold(title) or not any(letter.isprintable() for letter in title):
        raise ValueError("no title")


def require_identifier(text: str) -> None:
    """Raises ValueError for an id that addresses can't carry, however they are encoded.

    Browsers resolve ``.`` and ``..``, take a backslash for a slash and leave control characters out; proxies may decode
    twice.
    """
    if not 0 < len(text) <= MAX_IDENTIFIER:
        raise ValueError(f"an id that has not 1 to {MAX_IDENTIFIER} characters")
    if text in {".", ".."}:
        raise ValueError("an id . or .., which browsers leave out of addresses")
    if _NO_IDENTIFIER.search(text) or not text.isprintable():
        raise ValueError("an id with what an address can't carry: a space, / \\ ? # %2F or what can't be seen")


def storable(text: str) -> str:
    """With U+FFFD for what the database takes in no text."""
    return NOT_STORABLE.sub("\ufffd", text)


MAX_SHOWN = 1000  # bad rows told one by one


class BadLine(msgspec.Struct, frozen=True):
    """The first line of a kind that could not be used."""

    file: str
    line: int  # from 1; 0 where the reader does not know
    kind: str
    text: str


class Report(msgspec.Struct):
    """What an import did not take, and why. Shown to the owner and kept with the import."""

    rows: dict[str, int] = msgspec.field(default_factory=dict)  # read, by file
    found: dict[str, list[str]] = msgspec.field(default_factory=dict)  # what a file turned out to be, in words
    skipped: Counter[str] = msgspec.field(default_factory=Counter)  # sound rows that were not asked for
    bad: Counter[str] = msgspec.field(default_factory=Counter)  # rows that could not be used, by kind
    first: dict[str, BadLine] = msgspec.field(default_factory=dict)  # of each kind of bad row
    warnings: list[str] = msgspec.field(default_factory=list)
    keep_all: bool = False  # whether every bad row is wanted, not only the first of each kind
    every: list[BadLine] = msgspec.field(default_factory=list)

    def reject(self, kind: str, file: str, line: int, text: str) -> None:
        self.bad[kind] += 1
        line_of = BadLine(file, line, kind, storable(text[:200]))
        self.first.setdefault(kind, line_of)
        if self.keep_all and len(self.every) < MAX_SHOWN:
            self.every.append(line_of)

    def warn(self, text: str) -> None:
        self.warnings.append(storable(text))

    def as_json(self) -> dict[str, Any]:
        return dict(msgspec.to_builtins(self))


class ImportFailed(CommandFailed):
    """Nothing was changed. The text says what happened and what to do."""


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Millions of objects, none in a cycle: to look for cycles among them again and again costs a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
