"""Reads the files of IMDb's data set: tab-separated, no quoting, a marker for null, plain or gzipped, by blocks."""

import io
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from isal import igzip_threaded, isal_zlib
from isal.igzip_lib import IsalError
from pyarrow import csv

from filmer.importing.data_set import ImportFailed, Report
from filmer.importing.identifiers import NONE, Ints, identifiers
from filmer.importing.progress import Progress

BLOCK = 4 * 2**20  # bytes of text in memory at a time
MAX_LINE = 2**20  # bytes
MAX_PACKED = 30  # times its size on the disk; IMDb's files unpack to 3 to 8 times theirs
ENOUGH = 2**28  # bytes that any file may unpack to
NULL = b"\\N"


class Table:
    """One file of the data set. Its columns are bytes; what is not a row of it is reported."""

    def __init__(self, path: Path, columns: Sequence[str], report: Report) -> None:
        self._path = path
        self._columns = columns
        self._report = report
        self._rows = 0
        self._malformed: deque[Any] = deque()
        report.rows[path.name] = 0

    def batches(self, wanted: Sequence[str], progress: Progress) -> Iterator[pa.RecordBatch]:
        """The wanted columns, a block of rows at a time.

        Raises ImportFailed for a file that is not what its name says, or is damaged or cut off.
        """
        size = self._path.stat().st_size
        with progress.step(f"Reading {self._path.name}", size, unit="bytes") as advance, self._opened() as (raw, text):
            try:
                reader = csv.open_csv(
                    _Sound(text, max(ENOUGH, size * MAX_PACKED)),
                    read_options=csv.ReadOptions(block_size=BLOCK),
                    parse_options=csv.ParseOptions(
                        delimiter="\t",
                        quote_char=False,
                        double_quote=False,
                        escape_char=False,
                        ignore_empty_lines=False,
                        invalid_row_handler=self._skip,
                    ),
                    convert_options=csv.ConvertOptions(
                        column_types=dict.fromkeys(self._columns, pa.binary()),
                        include_columns=list(wanted),
                        strings_can_be_null=False,
                        check_utf8=False,
                    ),
                )
                for batch in _ahead(reader):
                    self._report_malformed()
                    self._rows += batch.num_rows
                    yield batch
                    advance(min(raw.tell(), size), self._rows)
            except pa.ArrowKeyError as error:
                raise ImportFailed(
                    f"{self._path.name} does not start with the line that names its columns"
                    f" ({', '.join(self._columns)}). Nothing was changed."
                ) from error
            except _LongLineError as error:
                raise ImportFailed(
                    f"{self._path.name}, line {self._line_at(error.place)}: over 1 MiB long, as no line of IMDb's is. "
                    "Fetch it again. Nothing was changed."
                ) from error
            except _BombError as error:
                raise ImportFailed(
                    f"{self._path.name} is over {MAX_PACKED} times as large when it is unpacked, as no file of IMDb's "
                    "is. Fetch it again. Nothing was changed."
                ) from error
            except (pa.ArrowInvalid, EOFError, OSError, ValueError, isal_zlib.error, IsalError) as error:  # type: ignore[misc]
                raise ImportFailed(
                    f"{self._path.name} is damaged or cut off: {error}. Fetch it again. Nothing was changed."
                ) from error
            finally:
                self._report_malformed()
                self._report.rows[self._path.name] = self._rows

    def identifiers(self, batch: pa.RecordBatch, column: str, prefix: bytes, bad: str) -> Ints:
        """A column of identifiers as numbers; rows without a sound one are reported."""
        numbers = identifiers(batch[column], prefix)
        self.reject_rows(bad, batch, numbers == NONE)
        return numbers

    def reject(self, kind: str, row: Sequence[bytes]) -> None:
        text = b"\t".join(row).decode(errors="replace")
        self._report.reject(kind, self._path.name, 0, text)

    def reject_rows(self, kind: str, batch: pa.RecordBatch, which: npt.NDArray[np.bool_]) -> None:
        """Report the rows of a batch that are marked."""
        if not which.any():
            return
        rows = batch.filter(pa.array(which))
        for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
            self.reject(kind, row)

    def _skip(self, row: Any) -> str:
        """Called by the reader, in threads of its own."""
        self._malformed.append(row)
        return "skip"

    def _report_malformed(self) -> None:
        while self._malformed:
            row = self._malformed.popleft()
            kind = "too few fields" if row.actual_columns < row.expected_columns else "too many fields"
            self._report.reject(kind, self._path.name, row.number or 0, str(row.text))

    def _line_at(self, place: int) -> int:
        """The number of the line at a place in the text; counted anew, as nobody else needs it."""
        with self._opened() as (_, text):
            number = 1
            while place:
                block = text.read(min(place, BLOCK))
                number += block.count(b"\n")
                place -= len(block)
            return number

    @contextmanager
    def _opened(self) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """The file, and its text: the same where it is not compressed."""
        with self._path.open("rb") as raw:
            if self._path.suffix != ".gz":
                yield raw, raw
                return
            with igzip_threaded.open(raw, "rb", threads=1) as text:  # type: ignore[no-untyped-call]
                yield raw, text


def _ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same; the next is read while one is worked on."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch


class _LongLineError(Exception):
    def __init__(self, place: int) -> None:
        """``place``: in the text, where the line begins."""
        self.place = place


class _BombError(Exception):
    pass


class _Sound(io.RawIOBase):
    """A stream in which bytes that are not UTF-8 are replaced by U+FFFD, which the importer takes for a fault.

    The reader in C++ gives up on a file whose bad lines are not UTF-8 either. Raises for what would fill the memory:
    a line without end, and more text than a file of this size can hold.
    """

    def __init__(self, stream: IO[bytes], most: int) -> None:
        """``most``: bytes of text."""
        self._stream = stream
        self._most = most
        self._passed = 0
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while True:
            block = self._stream.read(size if size > 0 else BLOCK)
            text = self._rest + block
            place = _long_line(text)
            if place is not None:
                raise _LongLineError(self._passed + place)
            end = text.rfind(b"\n") + 1 if block else len(text)
            whole, self._rest = text[:end], text[end:]
            self._passed += end
            if self._passed > self._most:
                raise _BombError
            if whole or not block:
                return _sound(whole)


def _long_line(text: bytes) -> int | None:
    """Where in it the first line begins that is too long."""
    place = 0
    while len(text) - place > MAX_LINE:
        end = text.rfind(b"\n", place, place + MAX_LINE + 1)
        if end < 0:
            return place
        place = end + 1
    return None


def _sound(text: bytes) -> bytes:
    if text.isascii() or _is_utf8(text):
        return text
    return text.decode(errors="replace").encode()


def _is_utf8(text: bytes) -> bool:
    """As ``text.decode()`` would find, three times as fast and beside other threads."""
    bounds = pa.py_buffer(np.array([0, len(text)], dtype=np.int32))
    value = pa.Array.from_buffers(pa.string(), 1, [None, bounds, pa.py_buffer(text)])
    try:
        value.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def find(folder: Path, name: str) -> Path | None:
    """``title.basics`` as ``title.basics.tsv.gz`` or ``title.basics.tsv`` in a folder."""
    for path in (folder / f"{name}.tsv.gz", folder / f"{name}.tsv"):
        if path.is_file():
            return path
    return None
