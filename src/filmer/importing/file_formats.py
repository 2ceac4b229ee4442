"""Opens an owner's file as a table: CSV in whatever encoding spreadsheets write, or a workbook.

Windows-1252 is the one encoding that can't be told from others like it, so somebody is asked, or the report says so.
Each of the rest announces itself, and so does the separator; libraries that detect both (charset-normalizer, clevercsv)
go by what is likely, and may read one file in two ways before and after a row is added. Endless input is refused
before it fills memory or disk.
"""

import codecs
import io
import os
import stat
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from filmer.importing.data_set import ImportFailed, Report, storable
from filmer.importing.sheets import sheet_with
from filmer.importing.tables import MAX_LINE, Table

MAX_BYTES = 2**29
WINDOWS = "cp1252"
_BLOCK = 2**16
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
_WORKBOOK = b"PK\x03\x04"
_OTHER_KINDS = {
    b"\x1f\x8b": "compressed with gzip. Unpack it",
    b"\xd0\xcf\x11\xe0": "a workbook of an old kind (.xls), or one with a password. Save it as .xlsx without one",
}

Confirm = Callable[[str], bool | None]  # asks a question; None where nobody can answer


@contextmanager
def open_table(
    path: Path, known: Collection[str], report: Report, *, separator: str | None, encoding: str | None, confirm: Confirm
) -> Iterator[Table]:
    """``known``: the columns there may be. ``separator``, ``encoding``: where somebody said them.

    Raises ImportFailed for what is no table.
    """
    name = storable(path.name)
    try:
        with _opened(path, name) as file:
            start = file.read(4)
            file.seek(0)
            if other := next((kind for magic, kind in _OTHER_KINDS.items() if start.startswith(magic)), None):
                raise ImportFailed(f"{name} is {other}, and try again.")
            if start == _WORKBOOK:
                with sheet_with("title", file, name) as (sheet, lines):
                    yield Table(lines, name, known, separator=",", sheet=sheet)
                return
            encoding = encoding or _encoding(file, name, report, confirm)
            file.seek(0)
            # What is no text stays recognizable, so that the row it is in can be refused, and no other.
            errors = "surrogatepass" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
            with io.TextIOWrapper(file, encoding, errors, newline="") as text:
                table = Table(text, name, known, separator=separator)
                if not encoding.startswith("utf-8"):
                    table.found.append(f"in {encoding}")
                yield table
    except OSError as error:
        raise ImportFailed(f"{storable(str(path))} can't be read: {error.strerror}") from error


@contextmanager
def _opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The file; a copy of what comes from a pipe or device, as it is read more than once."""
    with path.open("rb") as file:
        about = os.fstat(file.fileno())
        if stat.S_ISREG(about.st_mode) and about.st_size <= MAX_BYTES:
            yield file
            return
        if stat.S_ISREG(about.st_mode):
            raise _too_large(name)
        with tempfile.TemporaryFile(prefix="filmer-") as copy:
            _copy(file, copy, name)
            copy.seek(0)
            yield copy


def _copy(file: IO[bytes], copy: IO[bytes], name: str) -> None:
    lines, since = 1, 0  # where we are, and the bytes since that line began
    is_text = None
    while block := file.read(_BLOCK):
        is_text = not block.startswith(_WORKBOOK) if is_text is None else is_text
        lines += block.count(b"\n")
        at = max(block.rfind(b"\n"), block.rfind(b"\r"))
        since = since + len(block) if at < 0 else len(block) - at
        if is_text and since > 4 * MAX_LINE:  # of the longest characters
            raise ImportFailed(f"{name}, line {lines}: a row of over 1 MiB. Nothing was changed.")
        if copy.tell() > MAX_BYTES:
            raise _too_large(name)
        copy.write(block)


def _too_large(name: str) -> ImportFailed:
    return ImportFailed(f"{name} has over {MAX_BYTES // 2**20} MiB. Nothing was changed.")


def _encoding(file: IO[bytes], name: str, report: Report, confirm: Confirm) -> str:
    """UTF-16 has a mark at its start, or every other byte of its header is 0; UTF-8 shows in its first letter."""
    start = file.read(4)
    if marked := next((encoding for bom, encoding in _BOMS.items() if start.startswith(bom)), None):
        return marked
    zeros = [byte == 0 for byte in start[:2]]
    if zeros in ([False, True], [True, False]):
        return "utf-16-le" if zeros[1] else "utf-16-be"
    file.seek(0)
    other = None
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), b""), start=1):
        if not line.isascii():
            try:
                line.decode()
            except UnicodeDecodeError:
                other = other or (number, line)
            else:
                return "utf-8"
    return _windows(*other, name, report, confirm) if other else "utf-8"


def _windows(number: int, line: bytes, name: str, report: Report, confirm: Confirm) -> str:
    """Windows-1252, unless somebody says it is not."""
    shown = storable(line.decode(WINDOWS, "replace").strip()[:100])
    answer = confirm(
        f"{name} is not UTF-8. As Windows-1252, as Excel writes it, line {number} is:\n{shown}\nIs that right?"
    )
    if answer is False:
        raise ImportFailed(
            f"{name} is not UTF-8. Say --encoding and what it is, such as cp1250, or save it as UTF-8. Nothing was "
            "changed."
        )
    if answer is None:
        report.warn(
            f"{name} is not UTF-8, and was taken for Windows-1252, in which line {number} is {shown!r}. If that is not "
            "right, say --encoding and what it is, or save it as UTF-8."
        )
    return WINDOWS
