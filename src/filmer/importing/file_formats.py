"""Opens an owner's file as a table: CSV in any encoding that spreadsheets write, or a workbook.

Windows-1252 can't be told from similar encodings, so the owner is asked, or the report has a warning. All other
encodings can be recognized for certain, and so can the separator. Libraries that detect both (charset-normalizer,
clevercsv) go by probability, and may read the same file differently after a row is added. Endless input is refused
before it fills memory or disk.
"""

import codecs
import io
import os
import stat
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from filmer.importing.csv_table import MAX_LINE, CsvTable
from filmer.importing.data_set import ImportFailed, Report, storable
from filmer.importing.workbooks import open_sheet

MAX_BYTES = 2**29
WINDOWS = "cp1252"
_BLOCK = 2**16
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
_WORKBOOK = b"PK\x03\x04"
_REFUSED = {
    b"\x1f\x8b": "compressed with gzip. Unpack it",
    b"\xd0\xcf\x11\xe0": "a workbook in the old format (.xls), or has a password. Save it as .xlsx without one",
}

Confirm = Callable[[str], bool | None]  # asks the owner a yes-no question; None if nobody is there to answer


@contextmanager
def open_table(
    path: Path, known: Collection[str], report: Report, *,
    main: Sequence[str], separator: str | None, encoding: str | None, confirm: Confirm, name: str = "",
) -> Iterator[CsvTable]:  # fmt: skip
    """``known``: the columns there may be; ``main``: names of the one by which the sheet of a workbook is known.

    ``separator``, ``encoding``: what the owner named, if anything. ``confirm`` asks the owner if the encoding is
    uncertain.

    Raises ImportFailed for a file that can't be read as a table.
    """
    name = name or storable(path.name)
    try:
        with _opened(path, name) as file:
            start = file.read(4)
            file.seek(0)
            if start == _WORKBOOK:
                with open_sheet(main, file, name) as (sheet, lines):
                    yield CsvTable(lines, name, known, separator=",", sheet=sheet)
                return
            with read_table(
                file, known, report, separator=separator, encoding=encoding, confirm=confirm, name=name
            ) as (table):
                yield table
    except OSError as error:
        raise ImportFailed(f"{storable(str(path))} can't be read: {error.strerror}") from error


@contextmanager
def read_table(
    file: IO[bytes], known: Collection[str], report: Report, *,
    separator: str | None = None, encoding: str | None = None, confirm: Confirm, name: str,
) -> Iterator[CsvTable]:  # fmt: skip
    """A file that is open, and no workbook. As ``open_table`` else."""
    start = file.read(4)
    file.seek(0)
    if refusal := next((text for magic, text in _REFUSED.items() if start.startswith(magic)), None):
        raise ImportFailed(f"{name} is {refusal}, and try again.")
    encoding = encoding or _encoding(file, name, report, confirm)
    file.seek(0)
    # Invalid bytes become lone surrogates, so that only the row they are in is rejected.
    errors = "surrogatepass" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    with io.TextIOWrapper(file, encoding, errors, newline="") as text:
        table = CsvTable(text, name, known, separator=separator)
        if not encoding.startswith("utf-8"):
            table.formats.append(f"in {encoding}")
        yield table


@contextmanager
def _opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The file, or a copy of what comes from a pipe or device, as the content is read more than once."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode):
            if status.st_size > MAX_BYTES:
                raise _too_large(name)
            yield file
            return
        with tempfile.TemporaryFile(prefix="filmer-") as copy:
            _copy(file, copy, name)
            copy.seek(0)
            yield copy


def _copy(file: IO[bytes], copy: IO[bytes], name: str) -> None:
    line, length = 1, 0  # the number of the current line, and its bytes so far
    is_text = None
    while block := file.read(_BLOCK):
        is_text = not block.startswith(_WORKBOOK) if is_text is None else is_text
        line += block.count(b"\n")
        at = max(block.rfind(b"\n"), block.rfind(b"\r"))
        length = length + len(block) if at < 0 else len(block) - at
        if is_text and length > 4 * MAX_LINE:  # a character has at most 4 bytes
            raise ImportFailed(f"{name}, line {line}: a row of over 1 MiB. Nothing was changed.")
        if copy.tell() > MAX_BYTES:
            raise _too_large(name)
        copy.write(block)


def _too_large(name: str) -> ImportFailed:
    return ImportFailed(f"{name} is larger than {MAX_BYTES // 2**20} MiB. Nothing was changed.")


def _encoding(file: IO[bytes], name: str, report: Report, confirm: Confirm) -> str:
    """UTF-16 has a byte order mark, or every other byte of its header is 0; UTF-8 is valid in its first letter."""
    start = file.read(4)
    if from_bom := next((encoding for bom, encoding in _BOMS.items() if start.startswith(bom)), None):
        return from_bom
    zeros = [byte == 0 for byte in start[:2]]
    if zeros in ([False, True], [True, False]):
        return "utf-16-le" if zeros[1] else "utf-16-be"
    file.seek(0)
    not_utf8 = None
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), b""), start=1):
        if not line.isascii():
            try:
                line.decode()
            except UnicodeDecodeError:
                not_utf8 = not_utf8 or (number, line)
            else:
                return "utf-8"
    return _windows(*not_utf8, name, report, confirm) if not_utf8 else "utf-8"


def _windows(number: int, line: bytes, name: str, report: Report, confirm: Confirm) -> str:
    """Windows-1252, unless the owner says that it is not."""
    shown = storable(line.decode(WINDOWS, "replace").strip()[:100])
    answer = confirm(
        f"{name} is not UTF-8. Read as Windows-1252, which Excel writes, line {number} is:\n{shown}\nIs that right?"
    )
    if answer is False:
        raise ImportFailed(
            f"{name} is not UTF-8. Name its encoding with --encoding, such as cp1250, or save it as UTF-8. Nothing was "
            "changed."
        )
    if answer is None:
        report.warn(
            f"{name} is not UTF-8, and was read as Windows-1252, in which line {number} is {shown!r}. If that is not "
            "right, name its encoding with --encoding, or save it as UTF-8."
        )
    return WINDOWS
