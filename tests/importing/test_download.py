"""``--download``, from a server of our own."""

import gzip
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.importing.datasets import HEADERS, ImdbFiles, filmer, films, tt

from filmer.commands import imports
from filmer.importing.data_set import ImportFailed
from filmer.importing.download import download
from filmer.importing.progress import Progress

NAMES = [f"{name}.tsv.gz" for name in HEADERS]


class Library(ThreadingHTTPServer):
    """Serves files with ETags and ranges, and fails as a test asks it to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        data = ImdbFiles()
        data.person(1, "Ann")
        for number in range(1, 500):
            data.film(number, f"Film {number * 7919 % 1000}", cast=[1], rated=(5, number))
        self.files = {f"{name}.tsv.gz": gzip.compress(b"\n".join(lines) + b"\n") for name, lines in data.lines.items()}
        self.versions = dict.fromkeys(self.files, 1)
        self.cut: dict[str, int] = {}  # how many responses break off in the middle
        self.failing: dict[str, int] = {}  # the status to answer with
        self.with_etags = True
        self.requests_served: list[tuple[str, str, int]] = []  # file, range, status

    def change(self, name: str) -> None:
        self.files[name] = gzip.compress(gzip.decompress(self.files[name]) * 2)
        self.versions[name] += 1

    def statuses(self) -> list[int]:
        """The statuses of the responses since the last call."""
        statuses_served = [status for _, _, status in self.requests_served]
        self.requests_served.clear()
        return statuses_served

    @property
    def source(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Library

    def do_GET(self) -> None:
        name = self.path.strip("/")
        etag = f'"{name}-{self.server.versions.get(name)}"' if self.server.with_etags else None
        wanted = self.headers.get("Range", "")
        body, status = self.server.files.get(name, b""), 200
        if name in self.server.failing or name not in self.server.files:
            body, status = b"an error", self.server.failing.get(name, 404)
        elif etag and self.headers.get("If-None-Match") == etag:
            body, status = b"", 304
        elif wanted and etag and self.headers.get("If-Range") == etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            status = 206 if start < len(body) else 416
            body = body[start:] if status == 206 else b""
        self.server.requests_served.append((name, wanted, status))
        self.send_response(status)
        if etag:
            self.send_header("ETag", etag)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.cut.get(name, 0) and status in {200, 206}:
            self.server.cut[name] -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("filmer.importing.download.time.sleep", lambda _: None)  # between two tries
    with Library() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch(folder: Path, library: Library) -> None:
    with Progress(quiet=True) as progress:
        download(folder, progress, source=library.source)


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.gz")}


def test_all_files_are_fetched_into_a_new_folder(library: Library, tmp_path: Path) -> None:
    fetch(tmp_path / "new" / "folder", library)
    assert files_in(tmp_path / "new" / "folder") == library.files
    assert sorted(name for name, *_ in library.requests_served) == sorted(NAMES)
    assert not list(tmp_path.rglob("*.part"))


def test_what_has_not_changed_is_not_fetched_again(library: Library, tmp_path: Path) -> None:
    fetch(tmp_path, library)
    assert library.statuses() == [200] * 5
    fetch(tmp_path, library)
    assert library.statuses() == [304] * 5
    library.change(NAMES[2])
    fetch(tmp_path, library)
    assert library.statuses() == [304, 304, 200, 304, 304]
    assert files_in(tmp_path) == library.files


def test_a_connection_that_is_cut_goes_on_where_it_was(library: Library, tmp_path: Path) -> None:
    library.cut = {NAMES[0]: 2, NAMES[4]: 1}
    fetch(tmp_path, library)
    assert files_in(tmp_path) == library.files
    assert library.statuses() == [200, 206, 206, 200, 200, 200, 200, 206]


def test_an_interrupted_download_goes_on_the_next_time(library: Library, tmp_path: Path) -> None:
    library.cut = {NAMES[1]: 100}
    with pytest.raises(ImportFailed, match=re.escape(NAMES[1])):
        fetch(tmp_path, library)
    assert files_in(tmp_path) == {NAMES[0]: library.files[NAMES[0]]}  # a file has its name only once it is complete
    library.cut.clear()
    library.statuses()
    fetch(tmp_path, library)
    assert library.statuses() == [304, 206, 200, 200, 200]
    assert files_in(tmp_path) == library.files


def test_a_part_of_another_version_is_not_gone_on_with(library: Library, tmp_path: Path) -> None:
    library.cut = {NAMES[1]: 100}
    with pytest.raises(ImportFailed):
        fetch(tmp_path, library)
    library.cut.clear()
    library.change(NAMES[1])
    fetch(tmp_path, library)
    assert files_in(tmp_path) == library.files


def test_a_new_version_that_is_cut_is_not_taken_for_the_old_file(library: Library, tmp_path: Path) -> None:
    """The old version of the file is complete; of the new one there is a part."""
    fetch(tmp_path, library)
    library.change(NAMES[3])
    library.cut = {NAMES[3]: 1}
    fetch(tmp_path, library)
    assert files_in(tmp_path) == library.files


def test_a_new_version_that_could_not_be_had_is_fetched_the_next_time(library: Library, tmp_path: Path) -> None:
    fetch(tmp_path, library)
    before = files_in(tmp_path)
    library.change(NAMES[3])
    library.cut = {NAMES[3]: 100}
    with pytest.raises(ImportFailed):
        fetch(tmp_path, library)
    assert files_in(tmp_path) == before
    library.cut.clear()
    fetch(tmp_path, library)
    assert files_in(tmp_path) == library.files


def test_a_server_without_etags_is_enough(library: Library, tmp_path: Path) -> None:
    library.with_etags = False
    library.cut = {NAMES[0]: 1}
    fetch(tmp_path, library)
    assert files_in(tmp_path) == library.files
    library.change(NAMES[0])
    fetch(tmp_path, library)
    assert files_in(tmp_path) == library.files


def test_a_part_that_is_longer_than_the_file_is_dropped(library: Library, tmp_path: Path) -> None:
    library.cut = {NAMES[0]: 100}
    with pytest.raises(ImportFailed):
        fetch(tmp_path, library)
    (part,) = tmp_path.glob("*.part")
    part.write_bytes(part.read_bytes() + bytes(10**6))
    library.cut.clear()
    fetch(tmp_path, library)
    assert files_in(tmp_path) == library.files


@pytest.mark.parametrize("status", [404, 403, 500])
def test_a_file_that_cannot_be_had_is_named_with_the_reason(library: Library, tmp_path: Path, status: int) -> None:
    library.failing = {NAMES[2]: status}
    with pytest.raises(ImportFailed, match=f"{re.escape(NAMES[2])}.*{status}"):
        fetch(tmp_path, library)
    assert files_in(tmp_path).keys() == set(NAMES[:2])


def test_without_a_network_it_is_said(library: Library, tmp_path: Path) -> None:
    source = library.source
    library.server_close()
    with pytest.raises(ImportFailed, match=re.escape(NAMES[0])), Progress(quiet=True) as progress:
        download(tmp_path, progress, source=source)


def test_the_command_fetches_first_and_then_imports(
    library: Library, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "download", partial(download, source=library.source))
    result = filmer(database_url, "import", "imdb", tmp_path / "data", "--download")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("499 films and 1 star are")
    assert films(database_url)[tt(1)].title == "Film 919"
    assert files_in(tmp_path / "data") == library.files
