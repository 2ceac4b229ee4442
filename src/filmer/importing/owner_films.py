"""``filmer import csv``: an owner's own catalogue, a film per row. The demo catalogue is such a file too.

The header names the columns, in any order and in upper or lower case. Only ``title`` is required:

- ``id``: at most 10 characters that a URL can have, such as IMDb's ``tt0111161``; without it, an id is made of title
  and year;
- ``title``, ``original_title``, ``year``, ``release_date`` (YYYY-MM-DD), ``runtime_minutes``;
- ``directors``, ``genres``, ``stars``: several are separated by ``|``; a star is ``Name``, ``Name (1958)`` or
  ``Name (1958) [nm0000209]``;
- ``rating`` (0 to 10), ``votes``, ``popularity``, ``tmdb_id``, ``price``, ``overview``;
- ``title_type``: as IMDb names them, such as ``movie`` or ``tvMovie``;
- ``certificate``, ``country``, ``language``, as they are to be shown.
"""

import hashlib
import re
from base64 import b32encode
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any, TextIO

from filmer.catalogue.folding import fold
from filmer.catalogue.schemas import FIRST_OWN
from filmer.importing.column_names import FIELDS, TITLES, by_name, is_imdb_list
from filmer.importing.csv_table import MAX_FIELD, CsvTable, Row
from filmer.importing.data_set import (
    DataSet,
    ImportedFilm,
    ImportedPerson,
    ImportFailed,
    Report,
    require_identifier,
    require_indexable,
    require_short,
    require_title,
)
from filmer.importing.file_formats import Confirm, open_table
from filmer.importing.workbooks import ANY_SHEET

COLUMNS = (
    "id", "title", "original_title", "year", "release_date", "runtime_minutes", "directors", "genres", "stars",
    "rating", "votes", "popularity", "tmdb_id", "price", "overview", "title_type", "certificate", "country", "language",
)  # fmt: skip
MAX_NAMED = 20  # line numbers, or columns, in one warning
SHOWN_ROWS = 20  # by which the columns are known
TITLE_TYPE = re.compile(r"[A-Za-z]{1,20}")
MAX_GENRE = 100  # characters
MAX_LENGTHS = {"certificate": 20, "country": 100, "language": 100, "overview": MAX_FIELD}
MAX_INTEGER = 2**31 - 1
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_OR_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9:.]+)?|[0-9]{2}:[0-9]{2}:[0-9]{2}")
_DECIMAL_COMMA = re.compile(r"([+-]?[0-9]+),([0-9]+)")
_STAR = re.compile(r"(?P<name>[^\[\]]+?)(?:\s*\((?P<born>\d{4})\))?(?:\s*\[(?P<id>[^\[\]]*)\])?")

Named = tuple[str, int | None, str | None]  # a person as an owner writes one: name, year of birth, id
Match = Callable[[CsvTable, Sequence[Row]], Sequence[str]]  # of a table and its first rows: the field of each column


def read_csv(
    path: Path,
    report: Report,
    *,
    separator: str | None = None,
    encoding: str | None = None,
    confirm: Confirm = lambda _: None,
    name: str = "",
    match: Match = lambda table, _: by_name(table.header),
    names_by: str = "",
    any_sheet: bool = False,
) -> DataSet:
    """Read the films of a file. Bad rows are left out, and reported with the reason.

    ``separator``, ``encoding``: what the owner named, if anything. ``confirm`` asks the owner if the encoding is
    uncertain. ``name``: of the file in the report. ``names_by``: what separates the names in a cell; "": a ``|``, and
    in IMDb's lists a comma. ``any_sheet``: of a workbook without a column known as the title's, the first sheet.
    Raises ImportFailed for a file that can't be read as a table of films.
    """
    main = [*TITLES, ANY_SHEET] if any_sheet else TITLES
    with open_table(
        path, FIELDS, report, main=main, separator=separator, encoding=encoding, confirm=confirm, name=name
    ) as table:
        return _OwnerFilmReader(table, report, match, names_by).read()


def read_rows(file: TextIO, name: str, report: Report) -> DataSet:
    """Read the films of a text in CSV."""
    return _OwnerFilmReader(CsvTable(file, name, FIELDS), report).read()


class _OwnerFilmReader:
    def __init__(
        self,
        table: CsvTable,
        report: Report,
        match: Match = lambda table, _: by_name(table.header),
        names_by: str = "",
    ) -> None:
        self._table = table
        self._report = report
        self._match = match
        self._names_by = names_by or ("," if is_imdb_list(table.header) else "|")
        self._data_set = DataSet()
        self._person_indices: dict[str, int] = {}  # by id
        self._directors: list[tuple[ImportedFilm, list[Named]]] = []
        self._film_ids: set[str] = set()
        self._has_decimal_commas = False
        self._row_warnings: dict[str, tuple[Row, list[int]]] = {}  # by text: the first row, and the lines of all rows

    def read(self) -> DataSet:
        table, report = self._table, self._report
        if not table.columns:
            raise ImportFailed(f"{table.name} is empty. Nothing was changed.")
        rows = table.rows()
        first = list(islice(rows, SHOWN_ROWS))
        fields = self._match(table, first)
        table.columns = [field or f"({name})" * bool(name) for field, name in zip(fields, table.columns, strict=True)]
        if "title" not in fields:
            raise ImportFailed(
                f"{table.name} has no column 'title'. It was read as {', '.join(table.formats)}, and its first row "
                f"names: {', '.join(table.header)[:500]}. There may be: {', '.join(COLUMNS)}. Only title is required. "
                "If something else separates its columns, name it with --separator. Nothing was changed."
            )
        if unknown := [name for name, field in zip(table.header, fields, strict=True) if name and not field]:
            more = f" and {len(unknown) - MAX_NAMED:,} more" if len(unknown) > MAX_NAMED else ""
            names = ", ".join(unknown[:MAX_NAMED])
            report.warn(f"{table.name}: unknown columns, which were not read: {names}{more}")
        report.rows[table.name] = 0
        for row in chain(first, rows):
            report.rows[table.name] += 1
            try:
                film = self._film(row)
            except ValueError as error:
                report.reject(str(error), table.name, row.line, row.text)
                continue
            self._film_ids.add(film.id)
            self._data_set.films.append(film)
            self._data_set.lines.append(row.line)
        self._find_directors()
        report.formats[table.name] = table.formats + ["with decimal commas"] * self._has_decimal_commas
        self._report_row_warnings()
        return self._data_set

    def _film(self, row: Row) -> ImportedFilm:
        text = self._texts(row)
        values = {column: read(text[column]) for column, read in READERS.items()}
        title, year, genres, names = values.pop("title"), values["year"], values["genres"], values.pop("directors")
        cast = [_star(*person) for person in values.pop("stars")]
        identifier = text["id"] or made_film_id(title, year)
        require_identifier(identifier)
        if identifier in self._film_ids:
            raise ValueError("an id given twice")
        require_indexable(title, genres)
        directors = [_read_director(name) for name in names]
        names = ", ".join(name for name, _, _ in directors)
        film = ImportedFilm(id=identifier, title=title, directors=names or None, **values)
        film.cast = list(dict.fromkeys(self._star_index(star, row) for star in cast))
        if directors:
            self._directors.append((film, directors))
        for column in ("genres", "stars"):
            if "," in text[column] and "|" not in text[column] and self._names_by == "|":
                self._warn(f"{column} with a comma and no |, read as one name; several names are separated by |", row)
        return film

    def _texts(self, row: Row) -> dict[str, str]:
        """The cells by column. Raises ValueError for a row that can't be read."""
        table = self._table
        text = table.texts(row, COLUMNS)
        unnamed = [cell for name, cell in zip_longest(table.columns, row.cells, fillvalue="") if not name]
        if any(cell.strip() for cell in unnamed):
            self._warn("cells in a column without a name, which were not read", row)
        if table.is_sheet and _DATE_OR_TIME.fullmatch(text["title"]):
            raise ValueError("a title that the workbook stores as a date or time: format its cell as text")
        if self._names_by != "|":
            for column in ("directors", "genres", "stars"):
                text[column] = text[column].replace(self._names_by, "|")
        if table.separator != ",":
            for column in ("rating", "popularity", "price"):
                if number := _DECIMAL_COMMA.fullmatch(text[column]):
                    text[column] = f"{number[1]}.{number[2]}"
                    self._has_decimal_commas = True
        return text

    def _star_index(self, star: ImportedPerson, row: Row) -> int:
        """The index in ``DataSet.people``, to which a new star is added."""
        people = self._data_set.people
        index = self._person_indices.setdefault(star.id, len(people))
        if index == len(people):
            people.append(star)
        elif fold(people[index].name) != fold(star.name):
            self._warn("a star's id that has another name in an earlier row; that name is used", row)
        return index

    def _find_directors(self) -> None:
        """Give films their directors as people: the star of that name, if there is one alone; else a new person.

        A director with an id is the person of that id.
        """
        people = self._data_set.people
        named: dict[str, list[int]] = {}
        for index, person in enumerate(people):
            named.setdefault(fold(person.name), []).append(index)
        for film, directors in self._directors:
            indices: dict[int, None] = {}
            for name, born, identifier in directors:
                if identifier:
                    index = self._person_indices.setdefault(identifier, len(people))
                    people += [ImportedPerson(identifier, name, born)] * (index == len(people))
                    indices[index] = None
                elif folded := fold(name):
                    same = named.setdefault(folded, [])
                    if len(same) != 1:  # of several, nobody knows which one is meant
                        person = ImportedPerson(made_id("p", f"{folded} "), name)
                        same[:] = [self._person_indices.setdefault(person.id, len(people))]
                        people += [person] * (same[0] == len(people))
                    indices[same[0]] = None
            film.directed_by = list(indices)

    def _warn(self, warning: str, row: Row) -> None:
        self._row_warnings.setdefault(warning, (row, []))[1].append(row.line)

    def _report_row_warnings(self) -> None:
        for warning, (first, lines) in self._row_warnings.items():
            named = ", ".join(map(str, lines[:MAX_NAMED]))
            more = f" and {len(lines) - MAX_NAMED:,} more" if len(lines) > MAX_NAMED else ""
            self._report.warn(
                f"{self._table.name}, {'line' if len(lines) == 1 else 'lines'} {named}{more}: {warning}. The first: "
                f"{first.text[:200]}"
            )


def _several(cell: str) -> list[str]:
    return [part.strip() for part in cell.split("|") if part.strip()]


def _title(cell: str) -> str:
    require_title(cell)
    require_indexable(cell, ())
    return cell


def _text(cell: str, column: str) -> str | None:
    if len(cell) > MAX_LENGTHS[column]:
        raise ValueError(f"{column} has over {MAX_LENGTHS[column]} characters")
    return cell or None


def _genres(cell: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(_several(cell)))
    if any(len(name) > MAX_GENRE for name in names):
        raise ValueError(f"a genre of over {MAX_GENRE} characters")
    require_indexable("", names)
    return names


def _names(cell: str) -> list[str]:
    require_short(names := _several(cell))
    return names


def _original_title(cell: str) -> str | None:
    require_short([cell])
    return cell or None


def _title_type(cell: str) -> str | None:
    if cell[:1].isupper():  # as IMDb's lists have it: Movie, TV Movie
        first, *others = cell.split()
        cell = first.lower() + "".join(others)
    if cell and not TITLE_TYPE.fullmatch(cell):
        raise ValueError("title_type is not a word such as movie or tvMovie")
    return cell or None


def _number(cell: str, column: str, kind: Callable[[str], Any], low: float, high: float) -> Any:
    if not cell:
        return None
    try:
        number = kind(cell if cell.isascii() and "_" not in cell else "")
    except ValueError:
        raise ValueError(f"{column} is not {'an integer' if kind is int else 'a number'}") from None
    if not low <= number <= high:
        raise ValueError(f"{column} is not between {low:g} and {high:g}")
    return number


def _rating(cell: str) -> float | None:
    rating = _number(cell, "rating", float, 0, 10)
    return None if rating is None else round(rating, 1)


def _date(cell: str) -> date | None:
    if not cell:
        return None
    try:
        return date.fromisoformat(cell if _DATE.fullmatch(cell) else "")  # fromisoformat also takes 2001-W05-3
    except ValueError:
        raise ValueError("release_date is not YYYY-MM-DD") from None


def _price(cell: str) -> Decimal | None:
    if not cell:
        return None
    try:
        price = Decimal(cell if cell.isascii() and "_" not in cell else "")
    except InvalidOperation:
        raise ValueError("price is not a number") from None
    if not price.is_finite() or not 0 <= price < 1_000_000 or price != round(price, 2):
        raise ValueError("price is not between 0 and 999999.99 with at most two decimals")
    return price


def read_people(cell: str) -> list[Named]:
    """Each is ``Name``, ``Name (year of birth)`` and perhaps ``[id]``. Raises ValueError with what is wrong."""
    people = [_read_person(entry) for entry in _several(cell)]
    require_short(name for name, _, _ in people)
    return people


def _read_person(entry: str) -> Named:
    match = _STAR.fullmatch(entry)
    if match is None or not fold(match["name"]):
        raise ValueError("a star that is not 'Name (year) [id]'")
    if match["id"] is not None:
        try:
            require_identifier(match["id"])
        except ValueError as error:
            raise ValueError(f"a star with {error}") from None
    return match["name"], int(match["born"]) if match["born"] else None, match["id"]


def _read_director(entry: str) -> Named:
    """A name, whatever it looks like, or ``Name (year) [id]``. Raises ValueError with what is wrong with an id."""
    match = _STAR.fullmatch(entry)
    return _read_person(entry) if match and match["id"] is not None and fold(match["name"]) else (entry, None, None)


def _star(name: str, born: int | None, identifier: str | None) -> ImportedPerson:
    return ImportedPerson(identifier or made_id("p", f"{fold(name)} {born or ''}"), name, born)


# What a cell says; of an empty one most say None. The office reads its forms with them, too. All raise ValueError.
READERS: dict[str, Callable[[str], Any]] = {
    "title": _title,
    "original_title": _original_title,
    "year": partial(_number, column="year", kind=int, low=0, high=9999),
    "release_date": _date,
    "runtime_minutes": partial(_number, column="runtime_minutes", kind=int, low=1, high=100_000),
    "directors": _names,
    "genres": _genres,
    "stars": read_people,
    "rating": _rating,
    "votes": partial(_number, column="votes", kind=int, low=0, high=MAX_INTEGER),
    "popularity": partial(_number, column="popularity", kind=float, low=0, high=1e9),
    "tmdb_id": partial(_number, column="tmdb_id", kind=int, low=1, high=FIRST_OWN - 1),
    "price": _price,
    "title_type": _title_type,
    **{column: partial(_text, column=column) for column in MAX_LENGTHS},
}


def made_film_id(title: str, year: int | None) -> str:
    return made_id("f", f"{fold(title)} {year}")


def has_made_id(film: ImportedFilm) -> bool:
    """Whether it came without an id, or with the one that it would have had."""
    return film.id == made_film_id(film.title, film.year)


def made_id(prefix: str, text: str) -> str:
    """An id for a film or star without one: always the same for the same text, and unlikely to clash."""
    digest = hashlib.sha256(text.encode()).digest()[:10]  # more than is used: encoding it takes longest
    return prefix + b32encode(digest)[:9].decode().lower()
