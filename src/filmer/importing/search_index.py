"""Builds the search index of the next edition, and writes its files into the edition's table ``search_index``.

Where Tantivy can't be imported, the table stays empty, and search does without.
"""

import fcntl
import hashlib
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self

import msgspec
import psycopg
from psycopg.types.numeric import Int4

from filmer.catalogue import index_format
from filmer.catalogue.index_format import FILMS, FORMAT, KNOWN, PART, PEOPLE, RECORD, Manifest
from filmer.catalogue.index_words import letters_of, pieces_of, spellings_of, starts_of, written_words
from filmer.importing import queries
from filmer.importing.data_set import ImportFailed

HEAP = 200_000_000  # bytes of memory in which Tantivy collects documents before it writes them
_FOLDER = "filmer-search-index-"
JUST_MADE = 60  # seconds
REPORT_EVERY = 2000  # documents


class KnownFilm(msgspec.Struct, gc=False):
    """What the index stores of the best known films alone."""

    words: set[str]  # of title, cast and directors
    credits: Sequence[str]  # terms of stars and directors
    names: Sequence[str]  # of the same
    genres: Sequence[str]
    overview: Sequence[str]  # words


class IndexedFilm(msgspec.Struct, gc=False):
    """A film as the index stores it."""

    no: int
    titles: Sequence[str | None]
    votes: int
    year: int | None
    title_words: set[str]
    known: KnownFilm | None


class IndexedPerson(msgspec.Struct, gc=False):
    no: int
    name: str  # folded
    votes: int
    born: int | None
    words: Iterable[str]


def write_search_index(
    conn: psycopg.Connection[Any],
    films: Iterable[IndexedFilm],
    people: Iterable[IndexedPerson],
    advance: Callable[[int], None],
) -> None:
    """``films`` and ``people``: the best known first. Raises ImportFailed where there is no room for the files."""
    _remove_abandoned()
    with tempfile.TemporaryDirectory(prefix=_FOLDER) as folder, _lock_held(Path(folder)), conn.transaction():
        try:
            is_built = build_search_index(Path(folder), films, people, advance)
        except (OSError, ValueError) as error:  # Tantivy raises ValueError where a file can't be written
            raise ImportFailed(
                f"The search index can't be built in {folder}: {error}. Make room there, or name another folder in "
                "TMPDIR. Nothing was changed."
            ) from error
        with queries.copy_into_new(conn, "search_index", ("part", "content"), binary=True) as copy:
            if is_built:
                _copy_files(Path(folder), copy)


@contextmanager
def _lock_held(folder: Path, *, is_waiting: bool = True) -> Iterator[None]:
    """Hold the lock of a folder. Raises OSError where it is gone, or is locked by another and nobody may wait."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if is_waiting else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned() -> None:
    """Remove the folders of imports that were killed: those that nobody has locked, and that were not made just now.

    An import locks its folder for as long as it needs it, but cannot do so in the moment in which it makes it.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        with suppress(OSError), _lock_held(folder, is_waiting=False):
            if time.time() - folder.stat().st_mtime > JUST_MADE:
                shutil.rmtree(folder, ignore_errors=True)


def build_search_index(
    folder: Path, films: Iterable[IndexedFilm], people: Iterable[IndexedPerson], advance: Callable[[int], None]
) -> bool:
    """Write the index into an empty folder. Returns False where Tantivy can't be imported."""
    try:
        import tantivy
    except ImportError:
        return False
    writer = tantivy.Index(index_format.schema(), path=str(folder)).writer(HEAP, 1)
    place = 0
    with _Records(folder, FILMS) as records:
        for place, film in enumerate(films):
            spellings = spellings_of(*film.titles)
            records.add(spellings, film.no, film.votes, film.year)
            writer.add_document(_film_document(tantivy.Document(), place, film, spellings))
            if place % REPORT_EVERY == 0:
                advance(place)
    with _Records(folder, PEOPLE) as records:
        for rank, person in enumerate(people):
            name = written_words(person.name)
            records.add([name], person.no, person.votes, person.born)
            writer.add_document(_person_document(tantivy.Document(), rank, person, name))
            if rank % REPORT_EVERY == 0:
                advance(place + rank)
    writer.commit()
    writer.wait_merging_threads()
    return True


class _Records:
    """The records and spellings of films or people, by place."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._records: IO[bytes] = (folder / f"{kind}.records").open("wb")
        self._texts: IO[bytes] = (folder / f"{kind}.texts").open("wb")
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._records.write(RECORD.pack(self._end, 0, 0, 0))  # where the last text ends
        self._records.close()
        self._texts.close()

    def add(self, spellings: Sequence[Sequence[str]], no: int, votes: int, year: int | None) -> None:
        text = "\n".join([" ".join(words) for words in spellings]).encode()
        self._records.write(RECORD.pack(self._end, no, math.log10(votes + 1), year or 0))
        self._texts.write(text)
        self._end += len(text)


def _film_document(document: Any, place: int, film: IndexedFilm, spellings: Sequence[Sequence[str]]) -> Any:
    keys = " ".join([letters_of(words) for words in spellings])
    starts = set[str]().union(*[starts_of(words, film.title_words) for words in spellings])
    add = document.add_text
    add("title", " ".join([*film.title_words, *_short_starts(film.title_words)]))
    add("start", " ".join(starts))
    add("key", keys)
    document.add_unsigned("place", place)
    if film.known:
        add("known_piece", " ".join({piece for key in keys.split() for piece in pieces_of(key)}))
        add("known_key", keys)
        add("known_word", " ".join(film.known.words))
        add("credit", " ".join(film.known.credits))
        add("genre", " ".join(film.known.genres))
        add("overview", " ".join(film.known.overview))
        document.add_bytes("names", "\n".join(film.known.names).encode())
        if film.year is not None:
            document.add_unsigned("year", film.year)
    return document


def _person_document(document: Any, rank: int, person: IndexedPerson, name: Sequence[str]) -> Any:
    key = letters_of(name)
    add = document.add_text
    add("name", " ".join([*person.words, *_short_starts(person.words)]))
    add("name_key", key)
    document.add_unsigned("place", rank)
    if rank < KNOWN:
        add("known_name_piece", " ".join(pieces_of(key)))
        add("known_name_key", key)
    return document


def _short_starts(words: Iterable[str]) -> set[str]:
    """So many words begin with one or two letters that these are terms of their own."""
    return {f"^{word[:length]}" for word in words for length in (1, 2)}


def _copy_files(folder: Path, copy: psycopg.Copy) -> None:
    """The files one after the other, in parts from 1 on, and as part 0 the manifest."""
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    digest, number = hashlib.sha256(), 0
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(PART):
                digest.update(block)
                number += 1
                copy.write_row((Int4(number), block))
    manifest = Manifest(FORMAT, digest.hexdigest(), [(path.name, path.stat().st_size) for path in paths])
    copy.write_row((Int4(0), msgspec.json.encode(manifest)))
