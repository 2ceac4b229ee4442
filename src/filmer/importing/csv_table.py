"""Reads a table in CSV as spreadsheets write it, separated by commas, semicolons or tabs.

The separator is found from the header, whose column names are known; nothing is guessed from the rows.
"""

import csv
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple, TextIO

from filmer.importing.column_names import normal
from filmer.importing.data_set import NOT_STORABLE, ImportFailed

MAX_LINE = 2**20  # characters of a line, and of a row of several lines
MAX_FIELD = 100_000  # characters
MAX_ROWS = 1_000_000
SEPARATORS = {",": "`,`", ";": "`;`", "\t": "tabs"}  # those that are tried, and their names in messages
_SEPARATOR_LINE = re.compile(r'"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)
# What spreadsheets read as a formula when a cell begins with it, also behind the apostrophe with which
# importing/spreadsheet_csv.py makes it text.
FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # the last four: full width


class Row(NamedTuple):
    line: int  # its first line, from 1
    cells: list[str]
    text: str  # as in the file


class CsvTable:
    """``columns``: the cells of the first row that is not empty, in lower case and without space around them."""

    def __init__(
        self, file: TextIO, name: str, known: Collection[str], *, separator: str | None = None, sheet: str = ""
    ) -> None:
        """``known``: the columns there may be. ``separator``: skips the search for it, so that the file is read once.

        ``sheet``: the name of a workbook's sheet, in words. Raises ImportFailed if two columns have the same name.
        """
        self.name = name
        self.separator = separator or _separator(file, name, known)
        self.is_sheet = bool(sheet)
        separated = f"separated by {SEPARATORS.get(self.separator, f'`{self.separator}`')}"
        self.formats = [sheet or separated]  # what the file turned out to be, in words
        self._rows = _rows(file, name, self.separator)
        header = next(self._rows, None)
        self.header = [" ".join(cell.split()) for cell in header.cells] if header else []
        self.columns = [name.casefold() for name in self.header]
        if duplicates := sorted({name for name in self.columns if name and self.columns.count(name) > 1}):
            raise ImportFailed(
                f"{name} has more than one column {', more than one '.join(map(repr, duplicates))}. Give each column "
                "a different name. Nothing was changed."
            )

    def rows(self) -> Iterator[Row]:
        """The rows below the header that are not empty."""
        for count, row in enumerate(self._rows):
            if count == MAX_ROWS:
                raise ImportFailed(f"{self.name} has over {MAX_ROWS:,} rows. Nothing was changed.")
            yield row

    def texts(self, row: Row, columns: Collection[str]) -> dict[str, str]:
        """The row's cells in these columns, without line breaks; "" where the table has no such column.

        Raises ValueError for a row with more cells than columns, and for text that PostgreSQL can't store.
        """
        if not self.is_sheet and any(cell.strip() for cell in row.cells[len(self.columns) :]):
            raise ValueError(f"more fields than columns ({self.formats[0]})")
        cells = zip(self.columns, row.cells, strict=False)
        text = dict.fromkeys(columns, "") | {column: " ".join(plain(cell).split()) for column, cell in cells}
        if invalid := NOT_STORABLE.search("".join(map(text.__getitem__, columns))):
            raise ValueError("a character U+0000" if invalid[0] == "\0" else "text that is not in the encoding")
        return text


def plain(cell: str) -> str:
    """A cell without the apostrophe that makes a formula text."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def _separator(file: TextIO, name: str, known: Collection[str]) -> str:
    """The separator in a first line such as ``sep=;``; else the one that gives most known columns."""
    declared = _SEPARATOR_LINE.fullmatch(next(_Lines(file, name), ""))

    def known_columns(separator: str) -> tuple[int, int]:
        file.seek(0)
        try:
            header = next(_rows(file, name, separator), None)
        except ImportFailed:
            return -1, 0
        columns = [name for cell in header.cells for name in (cell.strip().casefold(), normal(cell))] if header else []
        return len({*columns} & {*known}), len(columns)

    separator = declared[1] if declared else max(SEPARATORS, key=known_columns)
    file.seek(0)
    return separator


def _rows(file: TextIO, name: str, separator: str) -> Iterator[Row]:
    """All rows that are not empty, with the header, but without the line ``sep=;``."""
    lines = _Lines(file, name)
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ImportFailed(f"{name}, line {lines.row}: {error}. Nothing was changed.") from error
        line, text = lines.end_row()
        if any(cell.strip() for cell in cells) and not (line == 1 and _SEPARATOR_LINE.fullmatch(text)):
            yield Row(line, cells, text.rstrip("\r\n"))


class _Lines:
    """The lines of a file for ``csv.reader``, which reads one or more for each row.

    Raises ImportFailed for a row that is too long, and for one that can't be decoded.
    """

    def __init__(self, file: TextIO, name: str) -> None:
        self._file = file
        self._name = name
        self._number = 0
        self._of_row: list[str] = []
        self._length = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = self._file.readline(MAX_LINE + 1 - self._length)
        except UnicodeError as error:
            raise ImportFailed(
                f"{self._name}, line {self._number + 1}: {error}. Name its encoding with --encoding, or save it "
                "as UTF-8. Nothing was changed."
            ) from error
        if not line:
            raise StopIteration
        self._number += 1
        self._of_row.append(line)
        self._length += len(line)
        if self._length > MAX_LINE:
            raise ImportFailed(f"{self._name}, line {self.row}: a row of over 1 MiB. Nothing was changed.")
        return line

    @property
    def row(self) -> int:
        """The number of the first line of the current row."""
        return self._number - max(len(self._of_row) - 1, 0)

    def end_row(self) -> tuple[int, str]:
        """The number of the current row's first line, and its text. The next line begins another row."""
        row = self.row, "".join(self._of_row)
        self._of_row, self._length = [], 0
        return row
