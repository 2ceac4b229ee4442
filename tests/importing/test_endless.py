"""Files or lines without end are refused with the line number, in bounded memory."""

import gzip
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain, repeat
from pathlib import Path

import pytest
from tests.importing.datasets import ImdbFiles
from tests.importing.workbooks import ods_of_too_many_cells, xlsx, xlsx_of_one_far_cell

from filmer.importing import csv_table, file_formats, imdb, owner_films
from filmer.importing.data_set import ImportFailed, Report
from filmer.importing.progress import Progress

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

MIB = 2**20
ALLOWED = 160 * MIB  # more than a process that reads a small file needs

# Reads a file or data set in a child process, and prints the error and the peak memory.
READ = """
import resource, sys
from pathlib import Path
from filmer.importing import imdb, owner_films
from filmer.importing.data_set import ImportFailed, Report
from filmer.importing.progress import Progress
path = Path(sys.argv[1])
try:
    if path.is_dir():
        imdb.read_imdb(path, imdb.TitleFilter(), Report(), Progress(quiet=True))
    else:
        owner_films.read_csv(path, Report())
except ImportFailed as error:
    print(error)
processes = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
print(*(resource.getrusage(process).ru_maxrss for process in processes))
"""


def read_in_child(path: Path, extra: bytes = b"") -> tuple[str, int]:
    """The messages about a file, and the peak memory of the processes that read it, in bytes."""
    result = subprocess.run(
        [sys.executable, "-c", READ, path], input=extra, capture_output=True, check=True, timeout=110
    )
    *lines, peaks = result.stdout.decode().splitlines()
    return "\n".join(lines), max(map(int, peaks.split())) * 1024


def long_line(path: Path) -> Path:
    """A third line of 500 MiB, in a sparse file."""
    with path.open("wb") as file:
        file.write(b"title\nFine\n")
        file.truncate(500 * MIB)
    return path


def endless_row(path: Path) -> Path:
    """Each line ends inside quotes: no field is long, but the row never ends."""
    path.write_bytes(b"title\nFine\n" + b'"\n","\n",' * MIB)
    return path


def packed(start: bytes, block: bytes, times: int) -> bytes:
    """A large text as gzip, made quickly: the same member is repeated."""
    return gzip.compress(start) + gzip.compress(block) * times


def bomb_of_one_line(folder: Path) -> Path:
    data = ImdbFiles()
    data.film(1, "Fine")
    data.write(folder, gz=True)
    path = folder / "title.basics.tsv.gz"
    path.write_bytes(packed(gzip.decompress(path.read_bytes()), b"x" * (8 * MIB), 512))
    return folder


def bomb_of_rows(folder: Path) -> Path:
    """2 GiB of valid rows in 2 MiB, about a film that does not exist, so that reading is fast."""
    data = ImdbFiles()
    data.film(1, "Fine")
    data.write(folder, gz=True)
    path = folder / "title.crew.tsv.gz"
    rows = b"tt0000009\tnm0000001\tnm0000001\n" * (MIB // 4)
    path.write_bytes(packed(gzip.decompress(path.read_bytes()), rows, 256))
    return folder


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (long_line, "line 3: a row of over 1 MiB"),
        (endless_row, "line 3: a row of over 1 MiB"),
        (lambda _: Path("/dev/zero"), "line 1: a row of over 1 MiB"),
        (bomb_of_one_line, "title.basics.tsv.gz, line 3: over 1 MiB long"),
        (bomb_of_rows, "title.crew.tsv.gz unpacks to over 30 times its size"),
    ],
)
def test_what_never_ends_is_refused_in_little_memory(tmp_path: Path, make: Callable[[Path], Path], reason: str) -> None:
    (tmp_path / "small.csv").write_bytes(b"title\nFine\n")
    _, usual = read_in_child(tmp_path / "small.csv")
    output, peak = read_in_child(make(tmp_path / "films.csv"))
    assert reason in output
    assert peak < usual + ALLOWED


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("far.xlsx", xlsx_of_one_far_cell(), "far.xlsx needs more than 2 GiB of memory"),
        ("many.ods", ods_of_too_many_cells(), "many.ods can't be read as .xlsx or .ods"),
    ],
)
def test_a_workbook_that_needs_too_much_memory_is_refused(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImportFailed, match=re.escape(reason)):
        owner_films.read_csv(tmp_path / name, Report())


def through_a_pipe(path: Path, parts: Iterable[bytes]) -> tuple[list[str], Report]:
    """Read a pipe while another thread writes to it."""
    os.mkfifo(path)

    def write() -> None:
        with suppress(BrokenPipeError), path.open("wb") as pipe:
            for part in parts:
                pipe.write(part)

    writer = threading.Thread(target=write)
    writer.start()
    report = Report()
    try:
        return [film.title for film in owner_films.read_csv(path, report).films], report
    finally:
        writer.join()


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    titles, report = through_a_pipe(tmp_path / "csv", [b"title;year\nAm\xc3\xa9lie;2001\n", b"Alien;1979\n"])
    assert (titles, report.formats) == (["Amélie", "Alien"], {"csv": ["separated by `;`"]})
    titles, _ = through_a_pipe(tmp_path / "xlsx", [xlsx({"Films": [["title"], ["Alien"]]})])
    assert titles == ["Alien"]
    titles, _ = through_a_pipe(tmp_path / "mac", [b"title\r", *[b"Film %d\r" % at for at in range(3)]])
    assert titles == ["Film 0", "Film 1", "Film 2"]


def test_a_pipe_without_end_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImportFailed, match="line, line 3: a row of over 1 MiB"):
        through_a_pipe(tmp_path / "line", chain([b"title\nFine\n"], repeat(b"x" * 5000)))
    monkeypatch.setattr(file_formats, "MAX_BYTES", MIB)
    with pytest.raises(ImportFailed, match="rows is larger than 1 MiB"):
        through_a_pipe(tmp_path / "rows", chain([b"title\n"], repeat(b"Film\n")))


def test_a_file_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "films.csv"
    path.write_bytes(b"title\n" + b"Film\n" * 11)
    monkeypatch.setattr(csv_table, "MAX_ROWS", 11)
    assert owner_films.read_csv(path, report := Report()).films
    assert report.rows == {"films.csv": 11}
    monkeypatch.setattr(csv_table, "MAX_ROWS", 10)
    with pytest.raises(ImportFailed, match="over 10 rows"):
        owner_films.read_csv(path, Report())
    monkeypatch.setattr(file_formats, "MAX_BYTES", 20)
    with pytest.raises(ImportFailed, match="larger than"):
        owner_films.read_csv(path, Report())


@pytest.mark.parametrize("size", [csv_table.MAX_LINE, csv_table.MAX_LINE + 1])
def test_a_line_is_as_long_as_that(tmp_path: Path, size: int) -> None:
    """With fields that are not too long themselves, in columns that are not read."""
    header = b"title" + b",x%d" * 15 % tuple(range(15))
    row = b"Long" + b",".join([b"", *[b"y" * 70_000] * 14, b""])
    row += b"y" * (size - len(row) - 1) + b"\n"
    (tmp_path / "films.csv").write_bytes(header + b"\nFine\n" + row)
    if size > csv_table.MAX_LINE:
        with pytest.raises(ImportFailed, match="line 3"):
            owner_films.read_csv(tmp_path / "films.csv", Report())
    else:
        assert [film.title for film in owner_films.read_csv(tmp_path / "films.csv", Report()).films] == ["Fine", "Long"]


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize(("size", "line"), [(MIB, None), (MIB + 1, 50_003)])
def test_a_line_of_imdb_is_as_long_as_that(tmp_path: Path, size: int, line: int | None, *, gz: bool) -> None:
    """Far behind the first block, and in the last line, which may lack its line break."""
    data = ImdbFiles()
    data.film(1, "Fine", rated=("5.0", 1))
    data.lines["title.ratings"] += [b"tt0000002\t5.0\t%d" % (10**80) for _ in range(50_000)]
    data.lines["title.ratings"].append(b"x" * size)
    folder = data.write(tmp_path, gz=gz)
    report = Report()
    if line is None:
        imdb.read_imdb(folder, imdb.TitleFilter(), report, Progress(quiet=True))
        assert report.bad["too few fields"] == 1
    else:
        with pytest.raises(ImportFailed, match=rf"title.ratings.tsv(.gz)?, line {line}: over 1 MiB"):
            imdb.read_imdb(folder, imdb.TitleFilter(), report, Progress(quiet=True))
