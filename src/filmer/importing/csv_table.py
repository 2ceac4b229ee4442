"""The rows of a table in text, as spreadsheets write it: separated by commas, semicolons or tabs.

By what it is separated is seen from its header, whose columns are known; nothing is guessed from the rows.
"""

import csv
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple, TextIO

from filmer.importing.data_set import ImportFailed

MAX_LINE = 2**20  # characters of a line, and of a row that goes over several
MAX_FIELD = 100_000  # characters
MAX_ROWS = 1_000_000
SEPARATORS = {",": "`,`", ";": "`;`", "\t": "tabs"}  # what is looked for, and what it is called
_SEPARATOR_LINE = re.compile(r'"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)


class Row(NamedTuple):
    line: int  # where it begins, from 1
    cells: list[str]
    text: str  # as it stands in the file


class Table:
    """``columns``: what the first row that is not empty names, in lower case and without blanks around."""

    def __init__(
        self, file: TextIO, name: str, known: Collection[str], *, separator: str | None = None, sheet: str = ""
    ) -> None:
        """``known``: the columns there may be. ``separator``: where it is known, so that the file is read once.

        ``sheet``: which of a workbook it is, in words. Raises ImportFailed where two columns have one name.
        """
        self.name = name
        self.separator = separator or _separator(file, name, known)
        self.is_sheet = bool(sheet)
        separated = f"separated by {SEPARATORS.get(self.separator, f'`{self.separator}`')}"
        self.found = [sheet or separated]  # what it turned out to be, in words
        self._rows = _rows(file, name, self.separator)
        header = next(self._rows, None)
        self.header = [" ".join(cell.split()) for cell in header.cells] if header else []
        self.columns = [name.casefold() for name in self.header]
        if twice := sorted({name for name in self.columns if name and self.columns.count(name) > 1}):
            raise ImportFailed(
                f"{name} names more than one column {', more than one '.join(map(repr, twice))}. Give each a name of "
                "its own. Nothing was changed."
            )

    def rows(self) -> Iterator[Row]:
        """Those below the header that are not empty."""
        for count, row in enumerate(self._rows):
            if count == MAX_ROWS:
                raise ImportFailed(f"{self.name} has over {MAX_ROWS:,} rows. Nothing was changed.")
            yield row


def _separator(file: TextIO, name: str, known: Collection[str]) -> str:
    """What a first line such as ``sep=;`` says, which Excel goes by; else what makes most columns known."""
    said = _SEPARATOR_LINE.fullmatch(next(_Lines(file, name), ""))

    def known_columns(separator: str) -> tuple[int, int]:
        file.seek(0)
        try:
            header = next(_rows(file, name, separator), None)
        except ImportFailed:
            return -1, 0
        columns = [cell.strip().casefold() for cell in header.cells] if header else []
        return len({*columns} & {*known}), len(columns)

    found = said[1] if said else max(SEPARATORS, key=known_columns)
    file.seek(0)
    return found


def _rows(file: TextIO, name: str, separator: str) -> Iterator[Row]:
    """All that are not empty, with the header, without the line that tells the separator."""
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
        line, text = lines.taken()
        if any(cell.strip() for cell in cells) and not (line == 1 and _SEPARATOR_LINE.fullmatch(text)):
            yield Row(line, cells, text.rstrip("\r\n"))


class _Lines:
    """The lines of a file for the reader of CSV, which makes a row of one or more.

    Raises ImportFailed for a row without end, and for one that is no text.
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
                f"{self._name}, line {self._number + 1}: {error}. Say --encoding, or save it as UTF-8. Nothing was "
                "changed."
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
        """Where the row begins whose lines were taken last."""
        return self._number - max(len(self._of_row) - 1, 0)

    def taken(self) -> tuple[int, str]:
        """Where that row begins, and its text. The next line begins another."""
        row = self.row, "".join(self._of_row)
        self._of_row, self._length = [], 0
        return row
