"""Reads the files of IMDb's data set in blocks: tab-separated, without quoting, plain or compressed with gzip."""

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
from filmer.importing.imdb_ids import NONE, Ints, parse_ids
from filmer.importing.progress import Progress

BLOCK = 4 * 2**20  # bytes of text in memory at a time
MAX_LINE = 2**20  # bytes
MAX_PACKED = 30  # times its size on the disk; IMDb's files unpack to 3 to 8 times their size
ALWAYS_ALLOWED = 2**28  # bytes that a file of any size may unpack to
NULL = b"\\N"


class ImdbFile:
    """One file of the data set. Its columns are bytes. Malformed rows are reported."""

    def __init__(self, path: Path, columns: Sequence[str], report: Report) -> None:
        self._path = path
        self._columns = columns
        self._report = report
        self._rows = 0
        self._malformed: deque[Any] = deque()
        report.rows[path.name] = 0

    def batches(self, wanted: Sequence[str], progress: Progress) -> Iterator[pa.RecordBatch]:
        """The wanted columns, a block of rows at a time.

        Raises ImportFailed for a file that has other columns, is damaged or is cut off.
        """
        size = self._path.stat().st_size
        with progress.step(f"Reading {self._path.name}", size, unit="bytes") as advance, self._opened() as (raw, text):
            try:
                reader = csv.open_csv(
                    _Utf8Stream(text, max(ALWAYS_ALLOWED, size * MAX_PACKED)),
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
                    f"{self._path.name} does not begin with the header of its columns"
                    f" ({', '.join(self._columns)}). Nothing was changed."
                ) from error
            except _LongLineError as error:
                raise ImportFailed(
                    f"{self._path.name}, line {self._line_number(error.offset)}: over 1 MiB long, as no line of IMDb's "
                    "is. Download it again. Nothing was changed."
                ) from error
            except _BombError as error:
                raise ImportFailed(
                    f"{self._path.name} unpacks to over {MAX_PACKED} times its size, as no file of IMDb's does. "
                    "Download it again. Nothing was changed."
                ) from error
            except (pa.ArrowInvalid, EOFError, OSError, ValueError, isal_zlib.error, IsalError) as error:  # type: ignore[misc]
                raise ImportFailed(
                    f"{self._path.name} is damaged or cut off: {error}. Download it again. Nothing was changed."
                ) from error
            finally:
                self._report_malformed()
                self._report.rows[self._path.name] = self._rows

    def parse_ids(self, batch: pa.RecordBatch, column: str, prefix: bytes, bad: str) -> Ints:
        """A column of ids as numbers. Rows without a valid id are reported."""
        numbers = parse_ids(batch[column], prefix)
        self.reject_rows(bad, batch, numbers == NONE)
        return numbers

    def reject(self, kind: str, row: Sequence[bytes]) -> None:
        text = b"\t".join(row).decode(errors="replace")
        self._report.reject(kind, self._path.name, 0, text)

    def reject_rows(self, kind: str, batch: pa.RecordBatch, which: npt.NDArray[np.bool_]) -> None:
        """Report the rows of a batch for which ``which`` is true."""
        if not which.any():
            return
        rows = batch.filter(pa.array(which))
        for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
            self.reject(kind, row)

    def _skip(self, row: Any) -> str:
        """The CSV reader calls this, in threads of its own."""
        self._malformed.append(row)
        return "skip"

    def _report_malformed(self) -> None:
        while self._malformed:
            row = self._malformed.popleft()
            kind = "too few fields" if row.actual_columns < row.expected_columns else "too many fields"
            self._report.reject(kind, self._path.name, row.number or 0, str(row.text))

    def _line_number(self, offset: int) -> int:
        """The number of the line that begins at an offset in the text. Only an error needs it, so it reads again."""
        with self._opened() as (_, text):
            number = 1
            while offset:
                block = text.read(min(offset, BLOCK))
                number += block.count(b"\n")
                offset -= len(block)
            return number

    @contextmanager
    def _opened(self) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """The file, and its uncompressed text."""
        with self._path.open("rb") as raw:
            if self._path.suffix != ".gz":
                yield raw, raw
                return
            with igzip_threaded.open(raw, "rb", threads=1) as text:  # type: ignore[no-untyped-call]
                yield raw, text


def _ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same batches, each read while the one before is processed."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield batch


class _LongLineError(Exception):
    def __init__(self, offset: int) -> None:
        """``offset``: where the line begins in the text."""
        self.offset = offset


class _BombError(Exception):
    """The file unpacks to far more than files of its size do."""


class _Utf8Stream(io.RawIOBase):
    """A stream in which bytes that are not UTF-8 are replaced by U+FFFD, which the importer then rejects.

    Without that, pyarrow's reader fails for a file that has a malformed line which is not UTF-8. Raises for what would
    fill the memory: a line that is too long, and more text than a file of this size should have.
    """

    def __init__(self, stream: IO[bytes], max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._offset = 0
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while True:
            block = self._stream.read(size if size > 0 else BLOCK)
            text = self._rest + block
            offset = _find_long_line(text)
            if offset is not None:
                raise _LongLineError(self._offset + offset)
            end = text.rfind(b"\n") + 1 if block else len(text)
            whole, self._rest = text[:end], text[end:]
            self._offset += end
            if self._offset > self._max_bytes:
                raise _BombError
            if whole or not block:
                return _as_utf8(whole)


def _find_long_line(text: bytes) -> int | None:
    """Where the first line begins that is too long."""
    offset = 0
    while len(text) - offset > MAX_LINE:
        end = text.rfind(b"\n", offset, offset + MAX_LINE + 1)
        if end < 0:
            return offset
        offset = end + 1
    return None


def _as_utf8(text: bytes) -> bytes:
    if text.isascii() or _is_utf8(text):
        return text
    return text.decode(errors="replace").encode()


def _is_utf8(text: bytes) -> bool:
    """The same as trying ``text.decode()``, but three times as fast, and other threads can run meanwhile."""
    bounds = pa.py_buffer(np.array([0, len(text)], dtype=np.int32))
    value = pa.Array.from_buffers(pa.string(), 1, [None, bounds, pa.py_buffer(text)])
    try:
        value.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def find_file(folder: Path, name: str) -> Path | None:
    """For ``title.basics``: ``title.basics.tsv.gz`` or ``title.basics.tsv`` in the folder."""
    for path in (folder / f"{name}.tsv.gz", folder / f"{name}.tsv"):
        if path.is_file():
            return path
    return None
