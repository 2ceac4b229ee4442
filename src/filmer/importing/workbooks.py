"""Reads the sheet of a workbook (.xlsx, .ods) as lines of CSV, in a process of its own whose memory is bounded.

The library holds every cell between the first and the last that is used, so a file of a few kilobytes can ask for
hundreds of gigabytes; and where it gets none it ends its process. Each row is one line, so that the two have one
number; empty rows are empty lines.
"""

import csv
import io
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import IO, TYPE_CHECKING, Any, TextIO

from filmer.importing.data_set import ImportFailed

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

MAX_MEMORY = 2 * 2**30  # bytes of address space of the process that reads
MAX_SECONDS = 600  # of its processor time
_BEYOND_MEMORY = 3  # exit code

Cell = int | float | str | bool | date | datetime | time | timedelta


@contextmanager
def sheet_with(column: str, file: IO[bytes], name: str) -> Iterator[tuple[str, TextIO]]:
    """The first sheet whose first row that is not empty has the column: what it is called, and its lines.

    ``file`` is a file on a disk. Raises ImportFailed, at the end too, where it can't be read.
    """
    os.lseek(file.fileno(), 0, os.SEEK_SET)  # the child shares the place in the file, not what we read ahead
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "filmer.importing.sheets", column],
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        with io.TextIOWrapper(child.stdout or io.BytesIO(), "utf-8", newline="") as lines:
            yield _described(lines.readline(), child, column, name), lines
        if child.wait() != 0:
            raise _failed(child, name)
    finally:
        child.kill()
        child.wait()


def _described(line: str, child: "subprocess.Popen[bytes]", column: str, name: str) -> str:
    answer: dict[str, Any] = json.loads(line) if line else {}
    if not line:
        child.wait()
        raise _failed(child, name)
    if "error" in answer:
        raise ImportFailed(f"{name} can't be read as .xlsx or .ods: {answer['error']}. Nothing was changed.")
    if answer["sheet"] is None:
        sheets = "; ".join(f"{sheet!r}: {', '.join(cells) or 'nothing'}" for sheet, cells in answer["found"].items())
        raise ImportFailed(
            f"{name} has no sheet whose first row names a column '{column}'. The first rows are, in sheet "
            f"{sheets[:1000]}. Nothing was changed."
        )
    return f"sheet {answer['sheet']!r}" + (f" of {answer['sheets']}" if answer["sheets"] > 1 else "")


def _failed(child: "subprocess.Popen[bytes]", name: str) -> ImportFailed:
    if child.returncode < 0 or child.returncode == _BEYOND_MEMORY:
        return ImportFailed(
            f"{name} needs more than {MAX_MEMORY // 2**30} GiB of memory or {MAX_SECONDS // 60} minutes to read. "
            "Delete cells far away from the table, or save the sheet as CSV. Nothing was changed."
        )
    return ImportFailed(f"{name} is damaged. Save it anew, or as CSV. Nothing was changed.")


def main(column: str) -> None:
    """The process that reads: the workbook is its standard input."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
    import python_calamine  # by nobody else

    out = io.TextIOWrapper(sys.stdout.buffer, "utf-8", newline="")
    try:
        _write(python_calamine.load_workbook(sys.stdin.buffer), column, out)
    except python_calamine.PasswordError:
        out.write(json.dumps({"error": "it is locked with a password"}) + "\n")
    except python_calamine.CalamineError as error:
        out.write(json.dumps({"error": str(error)[:200]}) + "\n")
    except MemoryError:
        sys.exit(_BEYOND_MEMORY)
    out.flush()


def _write(workbook: "CalamineWorkbook", column: str, out: TextIO) -> None:
    found: dict[str, list[str]] = {}
    for name in workbook.sheet_names:
        rows = map(_texts, workbook.get_sheet_by_name(name).iter_rows())
        empty = 0  # rows before the first
        for row in rows:
            if row:
                break
            empty += 1
        else:
            row = []
        if column in {cell.strip().casefold() for cell in row}:
            out.write(json.dumps({"sheet": name, "sheets": len(workbook.sheet_names)}) + "\n" * (empty + 1))
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(row)
            writer.writerows(rows)
            return
        found[name] = row[:50]
    out.write(json.dumps({"sheet": None, "found": found}) + "\n")


def _texts(row: Sequence[Cell]) -> list[str]:
    """A row without the empty cells at its end."""
    texts = [_text(cell) for cell in row]
    while texts and not texts[-1]:
        texts.pop()
    return texts


def _text(cell: Cell) -> str:
    """A cell as a spreadsheet shows it: 1988.0 is 1988, and of a number 15 digits count."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return f"{cell:.15g}"
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    return " ".join(str(cell).split())


if __name__ == "__main__":
    main(sys.argv[1])
