"""CSV that a spreadsheet opens as it was meant: RFC 4180, UTF-8, a decimal point, and no text that is a formula."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from filmer.clock import timestamp
from filmer.importing.csv_table import FORMULA

Cell = str | int | float | Decimal | date | datetime | None
CHUNK = 32 * 1024  # characters, about


def rows(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """The file in chunks, as its rows come. An empty header is none: for the further parts of a file.

    A text that would be a formula gets a leading apostrophe, which ``importing/csv_table.py`` takes away. Numbers are
    never changed.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if header:
        writer.writerow([_inert(name) for name in header])
    for row in rows:
        writer.writerow([_written(cell) for cell in row])
        if text.tell() >= CHUNK:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    if text.tell():
        yield text.getvalue().encode()


def _inert(text: str) -> str:
    return f"'{text}" if FORMULA.match(text) else text


def _written(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            return _inert(cell)
        case Decimal():
            return f"{cell:f}"
        case datetime():
            return timestamp(cell)
        case date():
            return cell.isoformat()
        case _:
            return str(cell)
