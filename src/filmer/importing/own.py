"""``filmer import csv``: an owner's own catalogue, one film a row. The demo catalogue is such a file.

Columns, by the header's names, in any order; only ``title`` is required:

- ``id``: at most 10 characters, such as IMDb's ``tt0111161``; without one, an id is made of title and year;
- ``title``, ``original_title``, ``year``, ``release_date`` (YYYY-MM-DD), ``runtime_minutes``;
- ``directors``, ``genres``, ``stars``: several are separated by ``|``; a star is ``Name``, ``Name (1958)`` or
  ``Name (1958) [nm0000209]``;
- ``rating`` (0 to 10), ``votes``, ``popularity``, ``tmdb_id``, ``price``, ``overview``.
"""

import csv
import hashlib
import re
from base64 import b32encode
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TextIO

from filmer.catalogue.folding import fold
from filmer.importing.arrival import Arrival, ArrivingFilm, ArrivingStar, ImportFailed, Report, require_indexable

COLUMNS = (
    "id", "title", "original_title", "year", "release_date", "runtime_minutes", "directors", "genres", "stars",
    "rating", "votes", "popularity", "tmdb_id", "price", "overview",
)  # fmt: skip
MAX_FIELD = 100_000  # characters
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_STAR = re.compile(r"(?P<name>[^\[\]]+?)(?:\s*\((?P<born>\d{4})\))?(?:\s*\[(?P<id>[^\[\]\s/]{1,10})\])?")


def read_csv(path: Path, report: Report) -> Arrival:
    """The films of a file. Rows that can't be used are reported, each with its reason; the others are taken.

    Raises ImportFailed for a file that is no such table at all.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return read_rows(file, path.name, report)
    except OSError as error:
        raise ImportFailed(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ImportFailed(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8 and try again.") from error


def read_rows(file: TextIO, name: str, report: Report) -> Arrival:
    csv.field_size_limit(MAX_FIELD)
    reader = csv.DictReader(file, strict=True)
    header = reader.fieldnames or []
    if "title" not in header:
        raise ImportFailed(f"{name} has no column 'title'. Its first line must name the columns: {', '.join(COLUMNS)}.")
    if unknown := [column for column in header if column not in COLUMNS]:
        report.warnings.append(f"{name}: columns not known and not read: {', '.join(map(str, unknown))}")
    arrival = Arrival()
    stars: dict[str, int] = {}
    seen: set[str] = set()
    rows = _rows(reader, name)
    for line, row in rows:
        report.rows[name] = report.rows.get(name, 0) + 1
        try:
            film = _film(row, arrival, stars, seen)
        except ValueError as error:
            report.reject(str(error), name, line, ",".join(str(value) for value in row.values()))
            continue
        seen.add(film.id)
        arrival.films.append(film)
    return arrival


def _rows(reader: "csv.DictReader[str]", name: str) -> Iterator[tuple[int, dict[Any, Any]]]:
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            endless = "larger" in str(error) or "unexpected end" in str(error)
            line = reader.line_num + endless  # of a field that never ends, the reader tells the line before
            raise ImportFailed(f"{name}, line {line}: {error}. Nothing was changed.") from error
        yield reader.line_num, row


def _film(row: dict[Any, Any], arrival: Arrival, stars: dict[str, int], seen: set[str]) -> ArrivingFilm:
    if None in row:
        raise ValueError("more fields than columns")
    text = {column: " ".join((row.get(column) or "").split()) for column in COLUMNS}
    if any("\0" in value for value in text.values()):
        raise ValueError("a character U+0000")
    if not text["title"] or not fold(text["title"]):
        raise ValueError("no title")
    year = _number(text, "year", int, 0, 9999)
    identifier = text["id"] or _made_id("f", f"{fold(text['title'])} {year}")
    if len(identifier) > 10 or " " in identifier or "/" in identifier:
        raise ValueError("an id that has over 10 characters, a space or a slash")
    if identifier in seen:
        raise ValueError("an id given twice")
    genres = tuple(dict.fromkeys(_genre(name) for name in _several(text["genres"])))
    require_indexable(text["title"], genres)
    rating = _number(text, "rating", float, 0, 10)
    cast = [_star(entry, arrival, stars) for entry in _several(text["stars"])]
    return ArrivingFilm(
        id=identifier,
        title=text["title"],
        year=year,
        directors=", ".join(_several(text["directors"])) or None,
        genres=genres,
        cast=list(dict.fromkeys(cast)),
        rating=None if rating is None else round(rating, 1),
        votes=_number(text, "votes", int, 0, 2**31 - 1),
        original_title=text["original_title"] or None,
        release_date=_date(text["release_date"]),
        runtime_minutes=_number(text, "runtime_minutes", int, 1, 100_000),
        popularity=_number(text, "popularity", float, 0, 1e9),
        tmdb_id=_number(text, "tmdb_id", int, 1, 2**31 - 1),
        price=_price(text["price"]),
        overview=text["overview"] or None,
    )


def _several(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]


def _genre(name: str) -> str:
    if len(name) > 100:
        raise ValueError("a genre of over 100 characters")
    return name


def _number(text: dict[str, str], column: str, kind: Callable[[str], Any], low: float, high: float) -> Any:
    given = text[column]
    if not given:
        return None
    try:
        number = kind(given if given.isascii() and "_" not in given else "")
    except ValueError:
        raise ValueError(f"{column} is not {'an integer' if kind is int else 'a number'}") from None
    if not low <= number <= high:
        raise ValueError(f"{column} is not between {low:g} and {high:g}")
    return number


def _date(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text if _DATE.fullmatch(text) else "")  # which would also take 2001-W05-3
    except ValueError:
        raise ValueError("release_date is not YYYY-MM-DD") from None


def _price(text: str) -> Decimal | None:
    if not text:
        return None
    try:
        price = Decimal(text)
    except InvalidOperation:
        raise ValueError("price is not a number") from None
    if not price.is_finite() or not 0 <= price < 1_000_000 or price != round(price, 2):
        raise ValueError("price is not between 0 and 999999.99 with at most two decimals")
    return price


def _star(entry: str, arrival: Arrival, stars: dict[str, int]) -> int:
    match = _STAR.fullmatch(entry)
    if match is None or not fold(match["name"]):
        raise ValueError("a star that is not 'Name (year) [id]'")
    name, born = match["name"], match["born"]
    identifier = match["id"] or _made_id("p", f"{fold(name)} {born or ''}")
    if identifier not in stars:
        stars[identifier] = len(arrival.stars)
        arrival.stars.append(ArrivingStar(identifier, name, int(born) if born else None))
    return stars[identifier]


def _made_id(prefix: str, text: str) -> str:
    """An id for what has none: the same for the same, and in nobody's way."""
    digest = hashlib.sha256(text.encode()).digest()
    return prefix + b32encode(digest)[:9].decode().lower()
