"""Reads a sheet of a workbook (.xlsx, .ods) as lines of CSV, in a child process with a memory limit.

The library allocates every cell between the first and the last that is used, so a file of a few kilobytes can ask for
hundreds of gigabytes; and it aborts its process if an allocation fails. Each row is one line, so that row numbers are
line numbers; empty rows are empty lines.
"""

import csv
import io
import json
import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import IO, TYPE_CHECKING, Any, TextIO

from filmer.importing.column_names import normal
from filmer.importing.data_set import ImportFailed

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

MAX_MEMORY = 2 * 2**30  # bytes of address space of the child process
MAX_SECONDS = 600  # of CPU time of the child process
_BEYOND_MEMORY = 3  # exit code
MAX_UNPACKED = 2**29  # bytes
ANY_SHEET = "*"  # among the columns: without one that has any, the first sheet that is not empty

Cell = int | float | str | bool | date | datetime | time | timedelta


@contextmanager
def open_sheet(columns: Sequence[str], file: IO[bytes], name: str) -> Iterator[tuple[str, TextIO]]:
    """The first sheet whose first row (that is not empty) has one of the columns: its name in words, its lines.

    ``file`` must be a file on a disk. Raises ImportFailed, also at the end, if the workbook can't be read.
    """
    _require_no_bomb(file, name)
    os.lseek(file.fileno(), 0, os.SEEK_SET)  # the child shares the file's offset, not our read buffer
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "filmer.importing.workbooks", *columns],
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        with io.TextIOWrapper(child.stdout or io.BytesIO(), "utf-8", newline="") as lines:
            yield _described(lines.readline(), child, columns[0], name), lines
        if child.wait() != 0:
            raise _failed(child, name)
    finally:
        child.kill()
        child.wait()


def _require_no_bomb(file: IO[bytes], name: str) -> None:
    """Of what its index says: the memory limit holds for an index that lies."""
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, UnicodeError, ValueError) as error:
        raise ImportFailed(
            f"{name} can't be read as .xlsx or .ods: it is damaged. Save it again, or as CSV. Nothing was changed."
        ) from error
    if unpacked > MAX_UNPACKED:
        raise ImportFailed(
            f"{name} unpacks to more than {MAX_UNPACKED // 2**20} MiB. Save the sheet as CSV. Nothing was changed."
        )


def _described(line: str, child: "subprocess.Popen[bytes]", column: str, name: str) -> str:
    if not line:
        child.wait()
        raise _failed(child, name)
    message: dict[str, Any] = json.loads(line)
    if "error" in message:
        raise ImportFailed(f"{name} can't be read as .xlsx or .ods: {message['error']}. Nothing was changed.")
    if message["sheet"] is None:
        rows = message["first_rows"].items()
        sheets = "; ".join(f"{sheet!r}: {', '.join(cells) or 'nothing'}" for sheet, cells in rows)
        raise ImportFailed(
            f"{name} has no sheet whose first row has a column '{column}'. The first rows are, in sheet "
            f"{sheets[:1000]}. Nothing was changed."
        )
    return f"sheet {message['sheet']!r}" + (f" of {message['sheets']}" if message["sheets"] > 1 else "")


def _failed(child: "subprocess.Popen[bytes]", name: str) -> ImportFailed:
    if child.returncode < 0 or child.returncode == _BEYOND_MEMORY:
        return ImportFailed(
            f"{name} needs more than {MAX_MEMORY // 2**30} GiB of memory or {MAX_SECONDS // 60} minutes to read. "
            "Delete cells that are far away from the table, or save the sheet as CSV. Nothing was changed."
        )
    return ImportFailed(f"{name} is damaged. Save it again, or save it as CSV. Nothing was changed.")


def main(columns: Sequence[str]) -> None:
    """The child process; the workbook is its standard input."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
    import python_calamine  # only the child process needs it

    out = io.TextIOWrapper(sys.stdout.buffer, "utf-8", newline="")
    try:
        _write(python_calamine.load_workbook(sys.stdin.buffer), columns, out)
    except python_calamine.PasswordError:
        out.write(json.dumps({"error": "it is protected with a password"}) + "\n")
    except python_calamine.CalamineError as error:
        out.write(json.dumps({"error": str(error)[:200]}) + "\n")
    except MemoryError:
        sys.exit(_BEYOND_MEMORY)
    out.flush()


def _write(workbook: "CalamineWorkbook", columns: Sequence[str], out: TextIO) -> None:
    first_rows: dict[str, list[str]] = {}
    for name in workbook.sheet_names:
        row, empty, rows = _header(workbook, name)
        if {*columns} & {spelling for cell in row for spelling in (cell.strip().casefold(), normal(cell))}:
            _write_sheet(workbook, name, row, empty, rows, out)
            return
        first_rows[name] = row[:50]
    if named := next((name for name, row in first_rows.items() if row and ANY_SHEET in columns), None):
        _write_sheet(workbook, named, *_header(workbook, named), out)
        return
    out.write(json.dumps({"sheet": None, "first_rows": first_rows}) + "\n")


def _header(workbook: "CalamineWorkbook", sheet: str) -> tuple[list[str], int, Iterator[list[str]]]:
    """The first row that is not empty, how many are before it, and the rows below."""
    rows = map(_texts, workbook.get_sheet_by_name(sheet).iter_rows())
    empty = 0
    for row in rows:
        if row:
            return row, empty, rows
        empty += 1
    return [], empty, rows


def _write_sheet(
    workbook: "CalamineWorkbook", name: str, row: list[str], empty: int, rows: Iterator[list[str]], out: TextIO
) -> None:
    out.write(json.dumps({"sheet": name, "sheets": len(workbook.sheet_names)}) + "\n" * (empty + 1))
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(row)
    writer.writerows(rows)


def _texts(row: Sequence[Cell]) -> list[str]:
    """The cells of a row as text, without the empty ones at its end."""
    texts = [_text(cell) for cell in row]
    while texts and not texts[-1]:
        texts.pop()
    return texts


def _text(cell: Cell) -> str:
    """A cell as a spreadsheet shows it: 1988.0 is 1988, and numbers have at most 15 digits."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return f"{cell:.15g}"
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    return " ".join(str(cell).split())


if __name__ == "__main__":
    main(sys.argv[1:])
