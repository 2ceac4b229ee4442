"""What a reader returns: films and stars in memory, and the report of what was imported and what was not."""

import gc
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from filmer.catalogue.folding import fold, search_form
from filmer.catalogue.schemas import MAX_IDENTIFIER
from filmer.errors import CommandFailed

# An entry of the index film_titles has at most 2,704 bytes: the title as searched, 4 for each genre, 100 for the rest.
MAX_TITLE = 2400  # bytes of a title as it is searched
MAX_GENRES = 50  # of a film
MAX_TEXT = 1000  # characters of an original title or a name
_NO_IDENTIFIER = re.compile(r"[\s/\\?#]|%[0-9A-Fa-f]{2}")
NOT_STORABLE = re.compile("[\0\ud800-\udfff]")  # characters that PostgreSQL stores in no text


class ImportedFilm(msgspec.Struct, gc=False):
    """A film to import. ``cast`` and ``directed_by`` hold indices of ``DataSet.people``, in billing order."""

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
    overview: str | None = None
    title_type: str | None = None  # IMDb's: "movie", "tvMovie", …
    certificate: str | None = None
    country: str | None = None
    language: str | None = None
    directed_by: Sequence[int] = ()  # those of ``directors`` who are known as people
    price: Decimal | None = None  # stored beside the catalogue, in ``film_terms``


class ImportedPerson(msgspec.Struct, gc=False):
    """A person: somebody in a cast, a director, or both."""

    id: str
    name: str
    birth_year: int | None = None


class DataSet(msgspec.Struct):
    """A catalogue to import."""

    films: list[ImportedFilm] = msgspec.field(default_factory=list)
    people: list[ImportedPerson] = msgspec.field(default_factory=list)
    lines: list[int] = msgspec.field(default_factory=list)  # of the films that were read, in an owner's file


def require_indexable(title: str, genres: Sequence[str]) -> None:
    """Raises ValueError, with what is wrong, for a film that the database's indexes can't hold."""
    if len(search_form(title).encode()) > MAX_TITLE:
        raise ValueError(f"a title of over {MAX_TITLE} bytes")
    if len(genres) > MAX_GENRES:
        raise ValueError(f"over {MAX_GENRES} genres")


def require_short(texts: Iterable[str]) -> None:
    """Raises ValueError for a text that is no title or name: in scripts without spaces each of its ends is a word."""
    if any(len(text) > MAX_TEXT for text in texts):
        raise ValueError(f"text of over {MAX_TEXT} characters")


def require_title(title: str) -> None:
    """Raises ValueError for a title without any visible character, or without any to sort by."""
    if not fold(title) or not any(letter.isprintable() for letter in title):
        raise ValueError("no title")


def require_identifier(text: str) -> None:
    """Raises ValueError for an id that can't be part of a URL, even percent-encoded.

    Browsers resolve ``.`` and ``..``, turn backslashes into slashes and drop control characters; proxies may decode
    twice.
    """
    if not 0 < len(text) <= MAX_IDENTIFIER:
        raise ValueError(f"an id that has not 1 to {MAX_IDENTIFIER} characters")
    if text in {".", ".."}:
        raise ValueError("an id . or .., which browsers remove from URLs")
    if _NO_IDENTIFIER.search(text) or not text.isprintable():
        raise ValueError("an id with characters that a URL can't have: a space, / \\ ? # %2F or invisible ones")


def storable(text: str) -> str:
    """The text with U+FFFD in place of what PostgreSQL does not store."""
    return NOT_STORABLE.sub("\ufffd", text)


MAX_LISTED = 1000  # bad rows in a report


class BadRow(msgspec.Struct, frozen=True):
    """A row that could not be imported."""

    file: str
    line: int  # from 1; 0 where it is not known
    kind: str
    text: str


class Report(msgspec.Struct):
    """What an import left out, and why. Shown to the owner, and stored in the table ``import_run``."""

    rows: dict[str, int] = msgspec.field(default_factory=dict)  # read, by file
    formats: dict[str, list[str]] = msgspec.field(default_factory=dict, name="found")  # of files, in words
    skipped: Counter[str] = msgspec.field(default_factory=Counter)  # valid rows that were left out, by reason
    bad: Counter[str] = msgspec.field(default_factory=Counter)  # rows that could not be imported, by kind
    first: dict[str, BadRow] = msgspec.field(default_factory=dict)  # the first bad row of each kind
    warnings: list[str] = msgspec.field(default_factory=list)
    list_all: bool = msgspec.field(default=False, name="keep_all")  # list every bad row, not only the first of a kind
    bad_rows: list[BadRow] = msgspec.field(default_factory=list, name="every")  # at most MAX_LISTED

    def reject(self, kind: str, file: str, line: int, text: str) -> None:
        self.bad[kind] += 1
        bad_row = BadRow(file, line, kind, storable(text[:200]))
        self.first.setdefault(kind, bad_row)
        if self.list_all and len(self.bad_rows) < MAX_LISTED:
            self.bad_rows.append(bad_row)

    def warn(self, text: str) -> None:
        self.warnings.append(storable(text))

    def as_json(self) -> dict[str, Any]:
        return dict(msgspec.to_builtins(self))


class ImportFailed(CommandFailed):
    """An import that changed nothing. The text says what happened and what to do."""


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Collecting garbage among millions of objects, none of them in a cycle, takes a third of an import's time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
