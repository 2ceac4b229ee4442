"""Data directories that the servers cannot use are refused, with the reason and what to do, and not changed."""

import fcntl
import shutil
import sys
from pathlib import Path

import pytest
from tests.store.embedded.clients import as_root, as_user

from filmer.store.embedded import EmbeddedError, client, running_engines


def test_a_database_of_another_postgresql_is_refused(home: Path) -> None:
    data_dir = home / "data"
    (data_dir / "postgres").mkdir(parents=True, mode=0o711)
    data_dir.chmod(0o711)
    (data_dir / "postgres" / "PG_VERSION").write_text("11\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 11; this is PostgreSQL \d\d .* pg_dump"):
        running_engines(data_dir).__enter__()
    assert (data_dir / "postgres" / "PG_VERSION").read_text() == "11\n"


def test_files_that_are_no_database_are_left_alone(home: Path) -> None:
    data_dir = home / "data"
    (data_dir / "postgres").mkdir(parents=True)
    data_dir.chmod(0o711)
    (data_dir / "postgres" / "letter.txt").write_text("dear")
    with pytest.raises(EmbeddedError, match="no PostgreSQL database"):
        running_engines(data_dir, valkey=False).__enter__()
    assert (data_dir / "postgres" / "letter.txt").read_text() == "dear"


def test_the_reason_why_a_server_does_not_start_is_passed_on(data_dir: Path) -> None:
    with running_engines(data_dir, valkey=False):
        pass
    with (data_dir / "postgres" / "postgresql.conf").open("a") as conf:
        conf.write("work_mem = 'a lot'\n")
    with pytest.raises(EmbeddedError, match=r'(?s)PostgreSQL did not start.*"work_mem": "a lot"'):
        running_engines(data_dir).__enter__()


def test_a_keeper_that_does_not_come_up_is_an_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir = home / "data"
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(EmbeddedError, match=f"ended at once. The end of {data_dir}/engines.log"):
        running_engines(data_dir).__enter__()


def test_a_keeper_that_does_not_answer_is_not_waited_for_forever(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir = home / "data"
    monkeypatch.setattr(client, "CONNECT_LIMIT", 0.1)
    data_dir.mkdir()
    with (data_dir / "keeper.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(EmbeddedError, match="does not answer"):
            running_engines(data_dir).__enter__()


def test_a_data_directory_that_is_a_file_is_refused(home: Path) -> None:
    (home / "file").touch()
    for path in (home / "file", home / "file" / "data"):
        with pytest.raises(EmbeddedError, match="It has to be a directory: pick another place with --data-dir"):
            running_engines(path).__enter__()


@as_user
def test_a_data_directory_one_may_not_write_to_is_refused(home: Path) -> None:
    home.chmod(0o500)
    with pytest.raises(EmbeddedError, match=r"Permission denied .* pick another place with --data-dir"):
        running_engines(home / "data").__enter__()
    with pytest.raises(EmbeddedError, match=r"Permission denied .* pick another place with --data-dir"):
        running_engines(home).__enter__()


@as_root
def test_a_directory_in_the_way_of_the_servers_user_is_named_and_left_alone(home: Path) -> None:
    home.chmod(0o700)
    with pytest.raises(EmbeddedError, match=f"may not enter {home}, .* --data-dir, such as /var/lib/filmer"):
        running_engines(home / "data").__enter__()
    assert home.stat().st_mode & 0o777 == 0o700
