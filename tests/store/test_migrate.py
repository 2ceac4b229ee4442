"""Migrating a database: each file once, in order, by one process at a time, in whole or not at all."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import psycopg
import pytest
from tests.commands import filmer
from tests.conftest import import_films

from filmer.importing.pipeline import import_connection
from filmer.store import migrate as migrating
from filmer.store.embedded import Engines
from filmer.store.migrate import Migration, MigrationError, migrate, migrations, pending, require_supported

FIRST = Migration(1, "0001_first.sql", "CREATE TABLE first (n integer); INSERT INTO first VALUES (1)")
SECOND = Migration(2, "0002_second.sql", "ALTER TABLE first ADD m integer DEFAULT 2; CREATE TABLE second ()")
HELD = Migration(2, "0002_held.sql", "SET LOCAL lock_timeout = '10ms'; SELECT pg_advisory_xact_lock(1)")
BROKEN = Migration(2, "0002_broken.sql", "CREATE TABLE second (); INSERT INTO first VALUES (2); SELECT 1 / 0")


@pytest.fixture(scope="module")
def shared_database(engines: Engines) -> str:
    """A database for all tests of this module; ``empty`` empties it."""
    with psycopg.connect(engines.database_url, autocommit=True) as conn:
        conn.execute("CREATE DATABASE test_migrate")
    return psycopg.conninfo.make_conninfo(engines.database_url, dbname="test_migrate")


@pytest.fixture
def empty(shared_database: str) -> str:
    with connected(shared_database) as conn:
        conn.execute("DROP SCHEMA IF EXISTS catalogue CASCADE")
        conn.execute("DROP SCHEMA public CASCADE")
        conn.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")  # as a new database has it
        conn.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
    return shared_database


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SET client_min_messages = warning")
        yield conn


def set_migrations(monkeypatch: pytest.MonkeyPatch, *package_migrations: Migration) -> None:
    """Makes these the migrations of the package."""
    monkeypatch.setattr(migrating, "migrations", lambda: list(package_migrations))


def applied(url: str) -> list[Migration]:
    with connected(url) as conn:
        return list(migrate(conn))


def rows(url: str, statement: str) -> list[Any]:
    with connected(url) as conn:
        return [row[0] for row in conn.execute(statement.encode()).fetchall()]


def tables(url: str) -> list[str]:
    return rows(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")


def numbers(url: str) -> list[int]:
    return rows(url, "SELECT number FROM migration ORDER BY 1")


def locks(url: str) -> int:
    """The number of advisory locks in this database; other tests have locks in other databases."""
    statement = (
        "SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE locktype = 'advisory' AND datname = current_database()"
    )
    return len(rows(url, statement))


def test_the_package_s_migrations_are_numbered_without_a_gap() -> None:
    all_migrations = migrations()
    assert all_migrations
    assert [migration.number for migration in all_migrations] == list(range(1, len(all_migrations) + 1))
    assert [migration.name[:4] for migration in all_migrations] == [
        f"{migration.number:04d}" for migration in all_migrations
    ]


def test_the_package_s_migrations_apply_once(empty: str) -> None:
    assert applied(empty) == migrations()
    assert "edition" in tables(empty)
    assert rows(empty, "SELECT digest FROM migration ORDER BY number") == [
        migration.digest for migration in migrations()
    ]
    assert applied(empty) == []
    with connected(empty) as conn:
        assert pending(conn) == []
    assert locks(empty) == 0


def test_only_what_is_pending_is_applied_in_order(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_migrations(monkeypatch, FIRST)
    assert applied(empty) == [FIRST]
    set_migrations(monkeypatch, FIRST, SECOND)
    with connected(empty) as conn:
        assert pending(conn) == [SECOND]
    assert applied(empty) == [SECOND]
    assert rows(empty, "SELECT m FROM first") == [2]
    assert (numbers(empty), tables(empty)) == ([1, 2], ["first", "migration", "second"])


def test_a_migration_of_the_catalogue_reaches_its_current_edition_and_all_that_follow(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_films(database_url)
    text = "ALTER TABLE {edition}.film ADD COLUMN added integer; CREATE INDEX film_added ON {edition}.film (added)"
    set_migrations(monkeypatch, *migrations(), Migration(99, "0099_added.sql", text))
    assert [migration.number for migration in applied(database_url)] == [99]
    has_both = (
        "SELECT count(*) FROM edition JOIN pg_indexes ON schemaname = schema AND indexname = 'film_added'"
        " JOIN information_schema.columns ON table_schema = schema AND column_name = 'added'"
    )
    assert rows(database_url, has_both) == [1]
    import_films(database_url)
    assert rows(database_url, "SELECT schema FROM edition") == ["catalogue_2"]
    assert rows(database_url, has_both) == [1]


def test_a_migration_of_the_catalogue_waits_for_an_import(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_migrations(
        monkeypatch, *migrations(), Migration(99, "0099_added.sql", "ALTER TABLE {edition}.film ADD added integer")
    )
    with import_connection(database_url), connected(database_url) as conn:
        monkeypatch.setattr(migrating, "LOCK_SECONDS", 0.1)
        with pytest.raises(MigrationError, match="perhaps an import"):
            list(migrate(conn))
    assert numbers(database_url)[-1] == len(numbers(database_url)), "nothing was changed"


def test_a_migration_is_told_after_it_is_done(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_migrations(monkeypatch, FIRST, SECOND)
    with connected(empty) as conn:
        steps = migrate(conn)
        assert next(steps) == FIRST
        assert numbers(empty) == [1]  # read with another connection: it is committed
        assert next(steps) == SECOND
        assert numbers(empty) == [1, 2]
        assert list(steps) == []


def test_a_migration_that_fails_leaves_nothing_and_keeps_those_before_it(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_migrations(monkeypatch, FIRST, BROKEN)
    with pytest.raises(psycopg.errors.DivisionByZero):
        applied(empty)
    assert (numbers(empty), tables(empty)) == ([1], ["first", "migration"])
    assert rows(empty, "SELECT n FROM first") == [1]
    assert locks(empty) == 0
    set_migrations(monkeypatch, FIRST, SECOND)
    assert applied(empty) == [SECOND]


def test_a_migration_whose_process_dies_leaves_nothing_and_no_lock(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An advisory lock is released with its connection; a lock in a table would remain."""
    dies = Migration(2, "0002_dies.sql", "CREATE TABLE second (); SELECT pg_terminate_backend(pg_backend_pid())")
    set_migrations(monkeypatch, FIRST, dies)
    with pytest.raises(psycopg.OperationalError):
        applied(empty)
    assert (numbers(empty), tables(empty)) == ([1], ["first", "migration"])
    set_migrations(monkeypatch, FIRST, SECOND)
    assert applied(empty) == [SECOND]


def test_several_at_once_apply_each_migration_once(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Migration(1, FIRST.name, f"SELECT pg_sleep(0.2); {FIRST.sql}")
    set_migrations(monkeypatch, slow, SECOND)
    barrier = threading.Barrier(4)

    def run() -> list[Migration]:
        with connected(empty) as conn:
            barrier.wait()
            return list(migrate(conn))

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(run) for _ in range(4)]
    assert sorted(len(future.result()) for future in futures) == [0, 0, 0, 2]
    assert rows(empty, "SELECT n FROM first") == [1]
    assert numbers(empty) == [1, 2]


def test_a_newer_database_is_refused_untouched(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_migrations(monkeypatch, FIRST, SECOND)
    applied(empty)
    set_migrations(monkeypatch, FIRST)
    with pytest.raises(MigrationError, match=r"migration 2.*newer"):
        applied(empty)
    with connected(empty) as conn, pytest.raises(MigrationError):
        pending(conn)
    assert (numbers(empty), locks(empty)) == ([1, 2], 0)


def test_a_database_of_other_files_is_refused_untouched(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_migrations(monkeypatch, FIRST)
    applied(empty)
    changed = Migration(1, FIRST.name, FIRST.sql + " -- changed")
    set_migrations(monkeypatch, changed, SECOND)
    with pytest.raises(MigrationError, match=FIRST.name):
        applied(empty)
    assert (numbers(empty), tables(empty)) == ([1], ["first", "migration"])


def test_a_user_who_may_not_is_told_to_own_the_database(empty: str) -> None:
    role = "test_migrate_guest"
    with connected(empty) as conn:
        conn.execute(f"CREATE ROLE {role}")
        try:
            conn.execute(f"SET ROLE {role}")
            with pytest.raises(MigrationError, match="must own"):
                list(migrate(conn))
        finally:
            conn.execute("RESET ROLE")
            conn.execute(f"DROP ROLE {role}")
    assert tables(empty) == []


@pytest.mark.parametrize(("version", "fine"), [(140012, False), (149999, False), (150000, True), (180001, True)])
def test_postgresql_15_is_the_oldest(version: int, *, fine: bool) -> None:
    conn = Mock(spec=psycopg.Connection, info=SimpleNamespace(server_version=version))
    if fine:
        require_supported(conn)
        return
    with pytest.raises(MigrationError, match=f"PostgreSQL {version // 10000} is too old"):
        require_supported(conn)
    with pytest.raises(MigrationError, match="too old"):
        next(migrate(conn))
    conn.execute.assert_not_called()


def test_the_command_says_what_it_did(empty: str) -> None:
    result = filmer("migrate", DATABASE_URL=empty)
    assert result.stdout.splitlines() == [f"applied {migration.name}" for migration in migrations()], result.stderr
    result = filmer("migrate", DATABASE_URL=empty)
    assert (result.returncode, result.stdout) == (0, "the database is up to date\n")


@pytest.mark.parametrize("command", ["serve", "catalogue"])
def test_a_database_that_is_behind_is_told_what_to_run(empty: str, command: str) -> None:
    result = filmer(command, DATABASE_URL=empty, REDIS_URL="redis://127.0.0.1:1")
    assert result.returncode == 1
    assert "filmer migrate" in result.stderr
    assert migrations()[0].name in result.stderr
    assert "Traceback" not in result.stderr
    assert tables(empty) == []


def test_a_database_that_is_not_there_is_told(engines: Engines, tmp_path: Path) -> None:
    url = psycopg.conninfo.make_conninfo(engines.database_url, host=str(tmp_path))
    result = filmer("migrate", DATABASE_URL=url)
    assert result.returncode == 1
    assert "can't be reached" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_somebody_else_holds_is_waited_for_and_then_said(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_migrations(monkeypatch, FIRST, HELD)
    with connected(empty) as other_conn:
        other_conn.execute("SELECT pg_advisory_lock(1)")
        with pytest.raises(MigrationError, match=r"perhaps an import.* Wait until it is done, and try again\."):
            applied(empty)
        assert numbers(empty) == [1]
    assert applied(empty) == [HELD]
