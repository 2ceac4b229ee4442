"""``filmer backup``: a snapshot of a busy shop, in a file that is complete or not there."""

import contextlib
import os
import re
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

import msgspec
import psutil
import psycopg
import pytest
from tests.backup.conftest import StoredBackup
from tests.backup.random_shops import (
    database_contents,
    differences,
    filmer,
    flipped,
    names_in,
    restore_from,
    start_filmer,
    write_backup,
)
from tests.conftest import MakeDatabase, Serve
from tests.importing.datasets import everything, import_imdb
from tests.importing.two_catalogues import FILMS as CATALOGUES
from tests.importing.two_catalogues import write
from tests.raw_connections import RawConnection
from tests.shop import stress_shop
from tests.users import put_card

from filmer.backup import queries
from filmer.backup.archive import DUMP, MANIFEST, new_archive, open_archive
from filmer.backup.client_programs import find_program
from filmer.errors import CommandFailed
from filmer.importing.progress import Progress
from filmer.store.migrate import migrations

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

BOUGHT = ("tt0000001", "tt0000002")


def read(file: Path) -> bytes:
    """The manifest, if the file is undamaged."""
    with Progress(quiet=True) as progress, open_archive(file, progress) as (manifest, _):
        return msgspec.json.encode(manifest)


@pytest.mark.timeout(180)
def test_a_backup_of_a_busy_shop_is_of_one_moment(make_database: MakeDatabase, serve: Serve, tmp_path: Path) -> None:
    """Orders are placed and catalogues swapped meanwhile; the backup is consistent, and its manifest matches."""
    url, target = make_database(), make_database()
    folders = {name: write(name, tmp_path / name) for name in CATALOGUES}
    catalogues = []
    for name in ("old", "new"):
        import_imdb(url, folders[name])
        catalogues.append(everything(url))
    put_card(url)
    server = serve(url)
    buyers = stress_shop.customers(url, 400)
    accounts = [buyer.account_id for buyer in buyers]
    over = threading.Event()
    with psycopg.connect(url) as conn:
        stress_shop.fill_carts(conn, accounts, BOUGHT)

    def buy() -> None:
        with RawConnection(server.port) as line:
            for buyer in buyers:
                if not over.is_set():
                    assert line.round_trip(stress_shop.checkout(buyer)).status == 200

    def swap() -> int:
        backups = 0
        while not over.is_set():
            import_imdb(url, folders[("old", "new")[backups % 2]])
            backups += 1
        return backups

    with ThreadPoolExecutor(2) as pool:
        buying, swapping = pool.submit(buy), pool.submit(swap)
        orders = []
        for number in range(4):
            file = tmp_path / f"{number}"
            write_backup(url, file)
            restore_from(target, file, replace=number > 0)
            assert everything(target) in catalogues
            with psycopg.connect(target) as conn:
                assert not stress_shop.audit(conn)
                assert not stress_shop.halves(conn, accounts, BOUGHT)
                orders.append(conn.execute("SELECT count(*) FROM shop_order").fetchone())
        over.set()
        buying.result()
        assert swapping.result() > 1
    assert len(set(orders)) > 1, "nobody bought meanwhile"


def test_an_import_waits_for_a_backup_before_it_swaps(database_url: str, tmp_path: Path) -> None:
    import_imdb(database_url, write("old", tmp_path / "old"))
    before = everything(database_url)
    with queries.connect(database_url, "filmer backup") as conn, ThreadPoolExecutor(1) as pool:
        with queries.snapshot(conn):
            importing = pool.submit(import_imdb, database_url, write("new", tmp_path / "new"))
            assert _waits(database_url)
            assert everything(database_url) == before
        importing.result()
    assert everything(database_url) != before


def _waits(url: str) -> bool:
    """Waits until a connection waits for the lock."""
    deadline = time.monotonic() + 30
    with psycopg.connect(url, autocommit=True) as conn:
        while time.monotonic() < deadline:
            query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            if conn.execute(query).fetchone() != (0,):
                return True
            time.sleep(0.02)
    return False


def test_what_is_there_already_stays(stored_backup: StoredBackup, tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_text("mine")
    result = filmer(stored_backup.url, "backup", file)
    assert result.returncode == 1
    assert "--replace" in result.stderr
    assert file.read_text() == "mine"
    assert filmer(stored_backup.url, "backup", file, "--replace").returncode == 0
    assert read(file)
    assert names_in(tmp_path) == ["mine"]


@pytest.mark.parametrize(("place", "why"), [("nowhere/file", "No such file or directory"), (".", "exists already")])
def test_a_place_that_takes_no_file_is_told(stored_backup: StoredBackup, tmp_path: Path, place: str, why: str) -> None:
    result = filmer(stored_backup.url, "backup", tmp_path / place)
    assert result.returncode == 1
    assert why in result.stderr


def test_a_backup_that_was_killed_does_not_look_like_one(stored_backup: StoredBackup, tmp_path: Path) -> None:
    file = tmp_path / "shop"
    with psycopg.connect(stored_backup.url) as conn:
        conn.execute("LOCK TABLE rating")  # so that the backup can't finish
        with start_filmer(stored_backup.url, "backup", file) as process:
            deadline = time.monotonic() + 30
            while not file.with_name("shop.part").exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process.kill()
    assert not file.exists()
    with pytest.raises(CommandFailed, match="cut off or damaged"):
        read(file.with_name("shop.part"))
    write_backup(stored_backup.url, file)
    assert read(file)
    assert names_in(tmp_path) == ["shop"], "the next backup removes the part"


def test_nobody_alters_a_table_meanwhile(stored_backup: StoredBackup) -> None:
    """Otherwise the dump would have the old rows and the digests the new ones."""
    with queries.connect(stored_backup.url, "test") as conn, queries.connect(stored_backup.url, "test") as other_conn:
        other_conn.execute("SET lock_timeout = '100ms'")
        with queries.snapshot(conn), pytest.raises(psycopg.errors.LockNotAvailable):
            other_conn.execute("ALTER TABLE account ADD COLUMN shoe_size int")


@pytest.mark.parametrize("is_link", [False, True])
def test_a_file_in_the_way_that_another_name_leads_to_is_left_alone(
    stored_backup: StoredBackup, tmp_path: Path, *, is_link: bool
) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    part = tmp_path / "shop.part"
    part.symlink_to(mine) if is_link else part.hardlink_to(mine)
    result = filmer(stored_backup.url, "backup", tmp_path / "shop")
    assert result.returncode == 1
    assert "There is no backup" in result.stderr or "in the way" in result.stderr
    assert mine.read_text() == "mine"
    assert not (tmp_path / "shop").exists()


def test_a_failing_pg_dump_leaves_nothing(make_database: MakeDatabase, tmp_path: Path) -> None:
    url = make_database()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE ROLE stranger LOGIN")
        conn.execute("GRANT SELECT ON migration, edition TO stranger")
    result = filmer(psycopg.conninfo.make_conninfo(url, user="stranger"), "backup", tmp_path / "shop")
    assert result.returncode == 1
    assert "permission denied" in result.stderr
    assert names_in(tmp_path) == []


def test_a_database_without_filmer_has_no_backup(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("DROP SCHEMA catalogue, public CASCADE")
        conn.execute("CREATE SCHEMA public")
    result = filmer(database_url, "backup", tmp_path / "shop")
    assert result.returncode == 1
    assert "no tables of filmer" in result.stderr


def test_a_database_that_is_behind_is_backed_up_before_it_is_migrated(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("DELETE FROM migration WHERE number = 5")
    assert filmer(database_url, "backup", tmp_path / "shop").returncode == 0


def test_every_extension_that_migrations_need_is_in_the_dump() -> None:
    needed = {
        name
        for migration in migrations()
        for name in re.findall(r"CREATE EXTENSION (?:IF NOT EXISTS )?(\w+)", migration.sql)
    }
    assert needed == {queries.EXTENSION}


def test_no_password_is_on_a_command_line(stored_backup: StoredBackup, tmp_path: Path) -> None:
    """Every user of the machine could read it there."""
    url = psycopg.conninfo.make_conninfo(stored_backup.url, password="tell-nobody", sslpassword="tell-nobody-either")
    command_lines: set[str] = set()
    with psycopg.connect(stored_backup.url) as conn, ThreadPoolExecutor(1) as pool:
        conn.execute("LOCK TABLE guess")  # makes pg_dump wait: only it locks this unlogged table
        writing = pool.submit(write_backup, url, tmp_path / "shop")
        deadline = time.monotonic() + 30
        while not command_lines:
            assert time.monotonic() < deadline
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.Error):
                    line = " ".join(child.cmdline())
                    command_lines |= {line} if "pg_dump" in line and "--snapshot" in line else set()
        conn.rollback()
        writing.result()
    assert not any("tell-nobody" in line for line in command_lines)


def test_a_missing_program_is_told_with_what_to_do() -> None:
    with pytest.raises(CommandFailed, match=r"pg_dump is of version.*PostgreSQL 99 needs.*Install it"):
        find_program("pg_dump", at_least=99)


# --- files that are no backups --------------------------------------------------------------------


def test_any_damage_is_found(stored_backup: StoredBackup, tmp_path: Path) -> None:
    """A flipped bit anywhere, also in the zip's own structures; a file that is cut off or too long."""
    file = tmp_path / "shop"
    shutil.copy(stored_backup.file, file)
    size = file.stat().st_size
    assert read(file)
    places = {*range(0, size, size // 150), *range(size - 300, size)}
    for at in places:
        with flipped(file, at), pytest.raises(CommandFailed, match="cut off or damaged"):
            read(file)
    assert read(file)
    content = file.read_bytes()
    for end in (0, 1, 63, 64, 65, size // 2, size - 65, size - 1):
        file.write_bytes(content[:end])
        with pytest.raises(CommandFailed, match="cut off or damaged"):
            read(file)
    file.write_bytes(content + b"\0")
    with pytest.raises(CommandFailed, match="cut off or damaged"):
        read(file)


def test_what_is_no_backup_changes_nothing(
    stored_backup: StoredBackup, make_database: MakeDatabase, tmp_path: Path
) -> None:
    url = make_database()
    contents = database_contents(url)
    foreign = tmp_path / "foreign.zip"
    with ZipFile(foreign, "w") as archive:
        archive.writestr("letter.txt", "Dear Mary")
    other_archive = tmp_path / "sealed"
    with new_archive(other_archive, replace=False) as archive:
        archive.writestr("letter.txt", "Dear Mary")
    cut = tmp_path / "cut"
    cut.write_bytes(stored_backup.file.read_bytes()[:-1000])
    for file in (foreign, other_archive, cut, tmp_path, tmp_path / "nothing", Path(__file__), Path(os.devnull)):
        with pytest.raises(CommandFailed, match=file.name):
            restore_from(url, file, replace=True)
    result = filmer(url, "restore", cut, "--replace")
    assert result.returncode == 1
    assert f"\nfilmer: {cut} is not a backup" in result.stderr
    assert differences(contents, database_contents(url)) == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": 2, "filmer": "9.0"}, "filmer 9.0, in a format that this version does not know"),
        ({"migrations": {"1": "other"}, "filmer": "9.0"}, "filmer 9.0, whose database this version does not know"),
        ({"migrations": {"99": "new"}, "filmer": "9.0"}, "filmer 9.0, whose database this version does not know"),
        ({"tables": "none"}, "cut off or damaged"),
        ({"tables": []}, "What was restored differs from what was backed up"),
    ],
)
def test_a_manifest_that_is_not_ours_is_refused(
    stored_backup: StoredBackup, make_database: MakeDatabase, tmp_path: Path, change: dict[str, object], why: str
) -> None:
    url, file = make_database(), tmp_path / "shop"
    contents = database_contents(url)
    with ZipFile(stored_backup.file) as old, new_archive(file, replace=False) as new:
        new.writestr(DUMP, old.read(DUMP))
        new.writestr(MANIFEST, msgspec.json.encode(msgspec.json.decode(old.read(MANIFEST)) | change))
    with pytest.raises(CommandFailed, match=why):
        restore_from(url, file, replace=True)
    assert differences(contents, database_contents(url)) == []


def test_a_dump_that_is_not_the_manifests_is_rolled_back(
    stored_backup: StoredBackup, make_database: MakeDatabase, tmp_path: Path
) -> None:
    """The dump has one row more than the manifest, as if from another snapshot."""
    url, file, other = make_database(), tmp_path / "shop", tmp_path / "other"
    contents = database_contents(url)
    write_backup(url, other)
    with ZipFile(stored_backup.file) as old, ZipFile(other) as dump, new_archive(file, replace=False) as new:
        new.writestr(DUMP, dump.read(DUMP))
        new.writestr(MANIFEST, old.read(MANIFEST))
    with pytest.raises(CommandFailed, match=r"What was restored differs from what was backed up: .*account"):
        restore_from(url, file, replace=True)
    assert differences(contents, database_contents(url)) == []
