"""The search index on its way from the database to a machine: whole, or search does without it as before."""

import asyncio
import errno
import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec
import psycopg
import pytest
from tests.backup.random_shops import restore_from, write_backup
from tests.conftest import FILMS, MakeDatabase, ServeHere, import_films
from tests.current_edition import connect
from tests.importing.datasets import everything
from tests.responses import data_of
from tests.search_index import wait_for_index

from filmer.catalogue import index_follower
from filmer.catalogue.index_files import Unpacked, locked, partial_folder
from filmer.catalogue.index_format import FORMAT, Manifest
from filmer.importing import search_index
from filmer.importing.data_set import ImportFailed

MISSPELT = "/api/v1/search/suggestions?query=shawshnak"
AS_TYPED = "/api/v1/search/suggestions?query=shawsh"
CORRECTED = "x-search-corrected"


@pytest.fixture
def database(make_database: MakeDatabase) -> str:
    return make_database(films=True)


@pytest.fixture
def start(serve_here: ServeHere, tmp_path: Path) -> Callable[..., httpx.Client]:
    """Starts a node with a data directory of its own, or the one that is named."""

    def start(url: str, data_dir: Path = tmp_path) -> httpx.Client:
        return serve_here(url, FILMER_DATA_DIR=str(data_dir), CACHE_DURATION_SECONDS="0").client

    return start


def indexes(data_dir: Path) -> list[str]:
    return sorted(path.name for path in (data_dir / "search").iterdir() if path.is_dir())


def searches_without(client: httpx.Client) -> None:
    """As before there was an index: what is typed is found, and nothing is corrected."""
    response = client.get(MISSPELT)
    assert (response.status_code, data_of(response)["items"], CORRECTED in response.headers) == (200, [], False)
    assert [item["id"] for item in data_of(client.get(AS_TYPED))["items"]] == ["tt0111161"]


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_nodes_of_one_machine_share_an_index_and_others_have_their_own(
    database: str, start: Callable[..., httpx.Client], tmp_path: Path
) -> None:
    clients = [start(database), start(database), start(database, tmp_path / "other")]
    answers = [wait_for_index(client).get(MISSPELT).json() for client in clients]
    assert answers[0]["data"]["items"][0]["id"] == "tt0111161"
    assert answers == [answers[0]] * 3
    assert len(indexes(tmp_path)) == 1
    assert indexes(tmp_path) == indexes(tmp_path / "other")


def test_the_next_edition_brings_its_own_index_and_the_former_goes(
    database: str, start: Callable[..., httpx.Client], tmp_path: Path
) -> None:
    client = wait_for_index(start(database))
    (former,) = indexes(tmp_path)
    new = tmp_path / "new.csv"
    new.write_text(f"{FILMS.read_text('utf-8').splitlines()[0]}\ntt1,Shawshank Returns,{',' * 12}\n", "utf-8")
    import_films(database, new)

    def is_new() -> bool:
        items = data_of(client.get(MISSPELT))["items"]
        assert [item["id"] for item in items] in ([], ["tt0111161"], ["tt1"])
        return [item["id"] for item in items] == ["tt1"]

    wait_until(is_new)
    wait_until(lambda: len(indexes(tmp_path)) == 1 and indexes(tmp_path) != [former])


def test_a_new_price_leaves_the_index_open(database: str, start: Callable[..., httpx.Client], tmp_path: Path) -> None:
    client = wait_for_index(start(database))
    (name,) = indexes(tmp_path)
    with connect(database) as conn:
        conn.execute("UPDATE edition SET version = version + 1")
        conn.execute("NOTIFY catalogue")
    for _ in range(20):
        assert CORRECTED in client.get(MISSPELT).headers
    assert indexes(tmp_path) == [name]


def test_what_a_killed_node_left_is_unpacked_anew(
    database: str, start: Callable[..., httpx.Client], tmp_path: Path
) -> None:
    """It was killed before it gave the folder its name."""
    wait_for_index(start(database, tmp_path / "whole"))
    (name,) = indexes(tmp_path / "whole")
    partial = tmp_path / "search" / f"{name}.partial"
    shutil.copytree(tmp_path / "whole" / "search" / name, partial)
    for path in partial.iterdir():
        os.truncate(path, path.stat().st_size // 2)
    assert CORRECTED in wait_for_index(start(database)).get(MISSPELT).headers
    assert indexes(tmp_path) == [name]


def test_a_folder_that_was_damaged_later_is_unpacked_anew(
    database: str, start: Callable[..., httpx.Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_follower, "RETRY_SECONDS", 0.1)
    wait_for_index(start(database))
    (name,) = indexes(tmp_path)
    for path in (tmp_path / "search" / name).iterdir():
        path.write_bytes(b"")
    client = start(database)
    wait_until(lambda: CORRECTED in client.get(MISSPELT).headers)
    assert indexes(tmp_path) == [name]


def test_pages_may_be_stored_where_no_index_can_be_opened(
    database: str, start: Callable[..., httpx.Client], tmp_path: Path
) -> None:
    (tmp_path / "search").write_text("no folder can be made here")
    client = start(database)
    wait_until(lambda: client.get(AS_TYPED).headers["cache-control"] == "public, no-cache")
    searches_without(client)
    assert client.get("/films/tt0111161").headers["cache-control"] == "public, no-cache"


@pytest.mark.parametrize("damage", ["shortened", "changed", "lost"])
def test_a_damaged_index_is_not_used(
    database: str, start: Callable[..., httpx.Client], tmp_path: Path, damage: str
) -> None:
    part = "(SELECT max(part) FROM search_index)"
    with connect(database) as conn:
        conn.execute({
            "shortened": f"UPDATE search_index SET content = substr(content, 2) WHERE part = {part}",
            "changed": f"UPDATE search_index SET content = set_byte(content, 0, 255 - get_byte(content, 0))"
            f" WHERE part = {part}",
            "lost": f"DELETE FROM search_index WHERE part = {part}",
        }[damage].encode())  # fmt: skip
    client = start(database)
    wait_until((tmp_path / "search").exists)
    for _ in range(20):
        searches_without(client)
    assert indexes(tmp_path) == []


def test_an_edition_without_index_is_searched_as_before(database: str, start: Callable[..., httpx.Client]) -> None:
    """One of an older version, or where the importer had no Tantivy. Its responses may be stored."""
    with connect(database) as conn:
        conn.execute("DELETE FROM search_index")
    client = wait_for_index(start(database))
    searches_without(client)


def test_a_full_disk_costs_the_index_and_nothing_else(
    database: str, start: Callable[..., httpx.Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only until there is room."""
    monkeypatch.setattr(index_follower, "RETRY_SECONDS", 0.2)
    with monkeypatch.context() as full:

        def fail(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        full.setattr(os, "fsync", fail)
        client = start(database)
        wait_until((tmp_path / "search").exists)
        for _ in range(20):
            searches_without(client)
        wait_until(lambda: client.get(MISSPELT).headers["cache-control"] == "public, no-cache")
    wait_until(lambda: CORRECTED in client.get(MISSPELT).headers)
    assert len(indexes(tmp_path)) == 1


def test_a_data_directory_that_is_none_costs_the_index_and_nothing_else(
    database: str, start: Callable[..., httpx.Client], tmp_path: Path
) -> None:
    (tmp_path / "search").write_text("in the way")
    searches_without(start(database))


def test_a_restored_database_has_its_index(
    database: str, make_database: MakeDatabase, start: Callable[..., httpx.Client], tmp_path: Path
) -> None:
    """Under a name of its own, as restoring gives the database another id."""
    write_backup(database, tmp_path / "backup")
    other = make_database()
    restore_from(other, tmp_path / "backup")
    first, second = wait_for_index(start(database)), wait_for_index(start(other))
    assert first.get(MISSPELT).json() == second.get(MISSPELT).json()
    assert CORRECTED in second.get(MISSPELT).headers
    assert len(indexes(tmp_path)) == 2


@pytest.fixture
def parts() -> tuple[Manifest, list[bytes]]:
    stream = [b"ab", b"cde", b"f"]
    return Manifest(FORMAT, hashlib.sha256(b"abcdef").hexdigest(), [("one", 4), ("empty", 0), ("two", 2)]), stream


def unpack(root: Path, manifest: Manifest, stream: list[bytes]) -> None:
    with Unpacked(partial_folder(root, "index"), manifest) as unpacked:
        for part in stream:
            unpacked.write(part)
        unpacked.finish(root / "index")


def test_files_are_cut_out_of_the_stream(tmp_path: Path, parts: tuple[Manifest, list[bytes]]) -> None:
    manifest, stream = parts
    unpack(tmp_path, manifest, stream)
    files = {path.name: path.read_bytes() for path in (tmp_path / "index").iterdir()}
    assert files == {"one": b"abcd", "empty": b"", "two": b"ef"}
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


@pytest.mark.parametrize("stream", [[b"abcde"], [b"abcdeg"], [b"abcdefg"], []])
def test_another_stream_leaves_nothing(
    tmp_path: Path, parts: tuple[Manifest, list[bytes]], stream: list[bytes]
) -> None:
    with pytest.raises(ValueError, match=r"search index|more parts"):
        unpack(tmp_path, parts[0], stream)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../out", "/out", "a/b", ""])
def test_no_file_is_written_elsewhere(tmp_path: Path, name: str) -> None:
    manifest = Manifest(FORMAT, hashlib.sha256(b"x").hexdigest(), [("one", 0), (name, 1)])
    with pytest.raises(ValueError, match=r"search index|more parts"):
        unpack(tmp_path, manifest, [b"x"])
    assert list(tmp_path.iterdir()) == []


def test_one_process_unpacks_at_a_time(tmp_path: Path) -> None:
    async def work() -> list[str]:
        done = []

        async def take(name: str) -> None:
            async with locked(tmp_path / "search"):
                done.append(f"{name} in")
                await asyncio.sleep(0.05)
                done.append(f"{name} out")

        await asyncio.gather(take("a"), take("b"))
        return done

    done = asyncio.run(work())
    assert [entry.split()[1] for entry in done] == ["in", "out", "in", "out"]


def test_parts_are_small_and_their_digest_is_right(database: str) -> None:
    with connect(database) as conn:
        rows = conn.execute("SELECT part, content FROM search_index ORDER BY part").fetchall()
    assert [part for part, _ in rows] == list(range(len(rows)))
    assert all(len(content) <= 1 << 20 for _, content in rows)
    manifest = msgspec.json.decode(rows[0][1], type=Manifest)
    stream = b"".join(content for _, content in rows[1:])
    assert hashlib.sha256(stream).hexdigest() == manifest.digest
    assert sum(size for _, size in manifest.files) == len(stream)


def test_where_tantivy_is_missing_an_import_goes_without(
    make_database: MakeDatabase, start: Callable[..., httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tantivy", None)
    url = make_database()
    import_films(url)
    with connect(url) as conn:
        assert conn.execute("SELECT count(*) FROM search_index").fetchone() == (0,)
    searches_without(wait_for_index(start(url)))


def test_where_tantivy_is_missing_a_node_searches_as_before(
    database: str, start: Callable[..., httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "filmer.catalogue.search_index", raising=False)
    monkeypatch.setitem(sys.modules, "tantivy", None)
    searches_without(wait_for_index(start(database)))


def test_an_import_without_room_for_the_index_changes_nothing(
    database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = everything(database, "edition")
    monkeypatch.setattr(search_index, "build_search_index", fail)
    with pytest.raises(ImportFailed, match=r"The search index can't be built in .*No space left on device.*TMPDIR"):
        import_films(database)
    assert everything(database, "edition") == before
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_import_left_in_the_temporary_directory_goes(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """But not what another import is writing, which it has locked, or has made just now and will lock."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    killed, at_work, made_now = (tmp_path / f"filmer-search-index-{name}" for name in ("killed", "working", "made-now"))
    for folder in (killed, at_work, made_now):
        folder.mkdir()
        (folder / "films.records").touch()
    long_ago = time.time() - 2 * search_index.JUST_MADE
    os.utime(killed, (long_ago, long_ago))
    os.utime(at_work, (long_ago, long_ago))
    descriptor = os.open(at_work, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    import_films(make_database())
    os.close(descriptor)
    assert set(tmp_path.iterdir()) == {at_work, made_now}


def test_an_import_keeps_its_folder_until_its_files_are_in_the_database(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another import may begin in any moment: Tantivy has given back its own lock when the files are copied."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(search_index, "JUST_MADE", -1)
    copy_files = search_index._copy_files

    def begin_another_and_copy(folder: Path, copy: psycopg.Copy) -> None:
        search_index._remove_abandoned()
        copy_files(folder, copy)

    monkeypatch.setattr(search_index, "_copy_files", begin_another_and_copy)
    database = make_database()
    import_films(database)
    with connect(database) as conn:
        assert conn.execute("SELECT count(*) FROM search_index").fetchone() != (0,)
