"""The embedded servers are started, stopped and started again, wherever the data directory is."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.server_processes import accepts, eventually
from tests.store.embedded.clients import another_client, ping, servers, sql

from filmer.store.embedded import EmbeddedError, Engines, logs, running_engines, starting_engines

pytestmark = [pytest.mark.proof, pytest.mark.parallel]


def test_both_servers_run_inside_the_context_and_not_after(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir = home / "data"
    monkeypatch.setenv("PGPORT", "1")  # the URL overrides it
    with running_engines(data_dir) as engines:
        assert ping(engines) is True
        assert sql(engines, "SELECT current_user || '@' || current_database()") == "filmer@filmer"
        for setting in ("data_checksums", "fsync", "synchronous_commit"):
            assert sql(engines, f"SHOW {setting}") == "on"
        assert sql(engines, "SHOW server_encoding") == "UTF8"
        sockets = data_dir / "run"
        assert (sockets.stat().st_mode & 0o777) == 0o700
        assert len(servers(data_dir)) > 3
        for server in servers(data_dir):
            assert server.net_connections("inet") == []
            assert server.uids().effective != 0
    assert not servers(data_dir)
    assert not list(sockets.iterdir())
    assert not accepts(engines.database_url)


def test_text_of_every_alphabet_is_text(data_dir: Path) -> None:
    with running_engines(data_dir, valkey=False) as engines:
        assert sql(engines, "SELECT lower('ÉÖЁΣ')") == "éöёσ"
        assert sql(engines, "SELECT 'ё' > 'z' AND 'Z' < 'a'") is True
        sql(engines, "CREATE EXTENSION pg_trgm")
        assert sql(engines, "SELECT word_similarity('Ёлка', 'Большая ёлка')") == 1


def test_data_survives_a_restart(data_dir: Path) -> None:
    with running_engines(data_dir, valkey=False) as engines:
        sql(engines, "CREATE TABLE film AS SELECT 'Solaris' AS title")
    with running_engines(data_dir, valkey=False) as engines:
        assert sql(engines, "SELECT title FROM film") == "Solaris"
    assert "received fast shutdown request" in (data_dir / "postgres.log").read_text()


def test_a_server_nobody_asks_for_is_not_started(home: Path) -> None:
    data_dir = home / "data"
    with running_engines(data_dir, postgres=False) as first:
        assert ping(first) is True
        assert first.database_url == ""
        assert not (data_dir / "postgres").exists()
        with running_engines(data_dir, valkey=False) as second:  # until a client requests it
            assert second.redis_url == ""
            assert sql(second, "SELECT 1") == 1
    with running_engines(data_dir, postgres=False, valkey=False) as none:
        assert none == Engines("", "")
        assert not servers(data_dir)


def test_servers_start_while_something_else_is_done(data_dir: Path) -> None:
    with ExitStack() as stack:
        with starting_engines(data_dir, valkey=False):
            assert eventually(lambda: servers(data_dir))
            engines = stack.enter_context(running_engines(data_dir, valkey=False))
        assert sql(engines, "SELECT 1") == 1
    assert not servers(data_dir)


def test_servers_that_were_started_meanwhile_end_where_nobody_came_to_use_them(data_dir: Path) -> None:
    def fail() -> None:
        with starting_engines(data_dir, valkey=False):
            assert eventually(lambda: servers(data_dir))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert eventually(lambda: not servers(data_dir))


def test_why_servers_cannot_start_meanwhile_is_told_to_who_wants_to_use_them(home: Path) -> None:
    (home / "file").touch()
    with starting_engines(home / "file"), pytest.raises(EmbeddedError, match="It has to be a directory"):
        running_engines(home / "file").__enter__()


@pytest.mark.parametrize(
    "folder",
    ["with a space, a comma", "фильмы 'n' \"films\"", "long-" * 40],
    ids=["space", "unicode", "long"],
)
def test_any_path_will_do(home: Path, folder: str) -> None:
    data_dir = home / folder / "data"
    with running_engines(data_dir) as engines:
        assert ping(engines) is True
        assert sql(engines, "SELECT 1") == 1
        sockets = (data_dir / "run").resolve()
        assert sockets.stat().st_mode & 0o777 == 0o700
        with another_client(data_dir) as (_, same):
            assert same == engines
    if sockets.parent != data_dir:
        assert not sockets.exists()
        assert not (data_dir / "run").is_symlink()


def test_a_long_log_is_put_aside(home: Path) -> None:
    log = home / "postgres.log"
    log.touch()
    os.truncate(log, logs.LOG_LIMIT)
    for size in (logs.LOG_LIMIT + 4, 4):
        with logs.open_log(log) as opened:
            opened.write(b"news")
        assert log.stat().st_size == size
    assert (home / "postgres.log.1").stat().st_size == logs.LOG_LIMIT + 4
