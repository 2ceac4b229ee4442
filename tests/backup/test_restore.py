"""A restore brings back all that was in the database, or changes nothing (promise 29).

``FILMER_TRUST_BACKUPS=50`` draws more shops, ``FILMER_TRUST_RESTORE_KILLS=60`` kills more restores.
"""

import os
import random
import re
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from tests.backup.conftest import StoredBackup
from tests.backup.random_shops import (
    database_contents,
    differences,
    draw_shop,
    edition_of,
    filmer,
    names_in,
    restore_from,
    start_filmer,
    write_backup,
)
from tests.conftest import MakeDatabase, Serve
from tests.current_edition import connect, pricing
from tests.figures import record_figure
from tests.shop.stress_shop import FILMS
from tests.users import CARD, open_account, signed_in, token_of

from filmer.errors import CommandFailed
from filmer.store import migrate as migrating
from filmer.store.embedded import Engines
from filmer.store.migrate import migrate

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

SHOPS = int(os.environ.get("FILMER_TRUST_BACKUPS") or 2)
KILLS = int(os.environ.get("FILMER_TRUST_RESTORE_KILLS") or 5)


@pytest.mark.timeout(120 + 20 * SHOPS)
def test_all_comes_back_whatever_it_was(make_database: MakeDatabase, tmp_path: Path) -> None:
    """Compared row by row, without the manifest; restored into an empty database, and over another shop."""
    target, file, rows = make_database(), tmp_path / "backup", 0
    empty: set[str] | None = None
    for number in range(SHOPS):
        url = make_database()
        draw_shop(url, random.Random(number))
        manifest = write_backup(url, file, replace=True)
        contents = database_contents(url)
        before = edition_of(target)
        assert restore_from(target, file, replace=number > 0) == []
        assert differences(contents, database_contents(target)) == []
        assert edition_of(target) not in {before, edition_of(url)}, "otherwise caches would mix the two up"
        never = {table.name for table in manifest.tables if not contents[table.name]}
        empty = never if empty is None else empty & never
        rows += sum(table.rows for table in manifest.tables)
    assert not empty, "every table must have rows in some shop, or this test shows nothing"
    record_figure(f"{SHOPS} shops, {rows:,} rows: 100 % back, 0 differences")


def test_the_commands_say_what_they_did(stored_backup: StoredBackup, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.backup"
    result = filmer(stored_backup.url, "backup", file)
    assert result.returncode == 0, result.stderr
    assert re.search(r"[\d,]+ rows in \d+ tables", result.stdout)
    assert "secret key" in result.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    assert names_in(tmp_path) == [file.name]
    result = filmer(database_url, "restore", file)
    assert result.returncode == 0, result.stderr
    assert "each compared with the backup" in result.stdout
    assert "warning" not in result.stderr
    assert differences(stored_backup.contents, database_contents(database_url)) == []


def test_a_restored_shop_goes_on(make_database: MakeDatabase, serve: Serve, database_url: str, tmp_path: Path) -> None:
    """Users sign in and stay signed in; tokens, cards and own prices work; new orders get new numbers."""
    url = make_database()
    draw_shop(url, random.Random(1))
    person = open_account(url)
    token = token_of(url, person)
    with connect(url) as conn:
        conn.execute(pricing("7.77"), [FILMS[0]])
    server = serve(url, FILMER_CURRENCY="EUR")
    with closing(signed_in(server.client, person)) as before:
        before.post("/api/v1/cart/items", json={"movieId": FILMS[0]}).raise_for_status()
        bought = before.post("/api/v1/checkout", json=CARD).json()["data"]["orderId"]
        before.post("/api/v1/cart/items", json={"movieId": FILMS[0]}).raise_for_status()
        write_backup(url, tmp_path / "backup")  # while the shop serves
        cookies = dict(before.cookies)
    server.stop()
    restore_from(database_url, tmp_path / "backup")
    restored = serve(database_url, FILMER_CURRENCY="EUR").client
    restored.cookies.update(cookies)
    assert restored.get(f"/api/v1/orders/{bought}").status_code == 200
    assert [line["price"] for line in restored.get("/api/v1/cart").json()["data"]["items"]] == [7.77]
    paid = restored.post("/api/v1/checkout", json=CARD)
    assert paid.status_code == 200, paid.text
    assert paid.json()["data"]["orderId"] != bought
    bearer = {"Authorization": f"Bearer {token}"}
    assert restored.get(f"/api/users/{person.id}/favorites", headers=bearer).status_code == 200
    signed_in(restored, person).close()
    names = {"firstName": "Mary", "lastName": "Major", "password": "correct horse battery"}
    assert restored.post("/api/v1/auth/register", json={"email": "new@example.com", **names}).status_code == 201


@pytest.mark.timeout(120 + 10 * KILLS)
def test_a_restore_killed_at_any_moment_changes_all_or_nothing(
    stored_backup: StoredBackup, make_database: MakeDatabase, tmp_path: Path
) -> None:
    url = make_database()
    draw_shop(url, random.Random(2))
    other = tmp_path / "other.backup"
    write_backup(url, other)
    contents = [database_contents(url), stored_backup.contents]
    assert differences(*contents)
    begun = time.monotonic()
    with start_filmer(url, "restore", other, "--replace") as process:
        process.communicate()
    took, killed, left = time.monotonic() - begun, 0, 0
    assert process.returncode == 0
    for turn in range(KILLS):
        with start_filmer(url, "restore", stored_backup.file, "--replace") as process:
            time.sleep(took * (0.3 + 0.7 * turn / KILLS))
            process.kill()
        killed += process.returncode != 0
        _wait_until_gone(url)
        now = database_contents(url)
        assert now in contents, f"neither before nor after: {differences(contents[0], now)}"
        left += now == contents[0]
        if now != contents[0]:
            restore_from(url, other, replace=True)
    assert killed
    assert left
    record_figure(f"{killed} restores killed: {left} left all as it was, {KILLS - left} had brought all back")


def _wait_until_gone(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        deadline = time.monotonic() + 30
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'filmer restore'"
        while conn.execute(query).fetchone() != (0,):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_restore_that_fails_midway_changes_nothing(stored_backup: StoredBackup, make_database: MakeDatabase) -> None:
    """The dump needs an operator class that is not in the search path."""
    url = make_database()
    draw_shop(url, random.Random(3))
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA elsewhere")
        conn.execute("ALTER EXTENSION pg_trgm SET SCHEMA elsewhere")
    contents = database_contents(url)
    with pytest.raises(CommandFailed, match="Nothing was changed"):
        restore_from(url, stored_backup.file, replace=True)
    assert differences(contents, database_contents(url)) == []


def test_a_database_that_holds_something_is_not_replaced_unasked(
    stored_backup: StoredBackup, make_database: MakeDatabase
) -> None:
    url = make_database()
    open_account(url)
    contents = database_contents(url)
    result = filmer(url, "restore", stored_backup.file)
    assert result.returncode == 1
    assert "there are rows in public.account." in result.stderr
    assert "--replace" in result.stderr
    assert differences(contents, database_contents(url)) == []


def test_nothing_is_restored_under_a_shop_that_serves(
    stored_backup: StoredBackup, make_database: MakeDatabase, serve: Serve
) -> None:
    url = make_database()
    server = serve(url)
    contents = database_contents(url)
    result = filmer(url, "restore", stored_backup.file, "--replace")
    assert result.returncode == 1
    assert "filmer is using this database" in result.stderr
    assert differences(contents, database_contents(url)) == []
    server.stop()
    assert filmer(url, "restore", stored_backup.file, "--replace").returncode == 0


def test_what_a_newer_filmer_or_an_import_left_goes_too(
    stored_backup: StoredBackup, make_database: MakeDatabase
) -> None:
    """As after an upgrade: tables that the backup does not have must not stay."""
    url = make_database()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA catalogue_next")
        conn.execute("CREATE TABLE catalogue_next.film ()")
        conn.execute(
            "CREATE TABLE gift (id integer GENERATED ALWAYS AS IDENTITY, account_id integer REFERENCES account)"
        )
        conn.execute("CREATE VIEW gifts AS SELECT * FROM gift")
        conn.execute("INSERT INTO migration VALUES (9999, '9999_gifts.sql', '')")
    restore_from(url, stored_backup.file, replace=True)
    assert differences(stored_backup.contents, database_contents(url)) == []
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT to_regnamespace('catalogue_next')").fetchone() == (None,)


def test_an_older_backup_is_brought_up_to_date(
    database_url: str, make_database: MakeDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make_database()
    with psycopg.connect(old, autocommit=True) as conn, monkeypatch.context() as patched:
        conn.execute("DROP SCHEMA catalogue, public CASCADE")
        conn.execute("CREATE SCHEMA public")
        known = migrating.migrations()
        patched.setattr(migrating, "migrations", lambda: known[:-1])
        list(migrate(conn))
        conn.execute("INSERT INTO genre (name) VALUES ('Drama')")
    write_backup(old, tmp_path / "backup")
    assert restore_from(database_url, tmp_path / "backup") == [known[-1].name]
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT name FROM genre").fetchall() == [("Drama",)]
        assert migrating.pending(conn) == []
    shape, fresh = database_contents(database_url), database_contents(make_database())
    assert [what for what in differences(shape, fresh) if "." not in what] == ["next numbers"]


def test_an_ordinary_user_restores_into_a_database_of_theirs(
    stored_backup: StoredBackup, engines: Engines, tmp_path: Path
) -> None:
    """A user who owns the database, but neither its extension nor anything else."""
    with psycopg.connect(engines.database_url, autocommit=True) as conn:
        conn.execute("CREATE ROLE keeper LOGIN")
        conn.execute("CREATE DATABASE keepers OWNER keeper")
    as_engine = psycopg.conninfo.make_conninfo(engines.database_url, dbname="keepers")
    with psycopg.connect(as_engine, autocommit=True) as conn:
        conn.execute("CREATE EXTENSION pg_trgm")
    url = psycopg.conninfo.make_conninfo(as_engine, user="keeper")
    restore_from(url, stored_backup.file)
    restore_from(url, stored_backup.file, replace=True)
    assert differences(stored_backup.contents, database_contents(url)) == []
    write_backup(url, tmp_path / "again")
    assert filmer(url, "catalogue").returncode == 0


@pytest.mark.parametrize("lost", [True, False])
def test_another_secret_key_is_told_with_what_it_means(
    stored_backup: StoredBackup, make_database: MakeDatabase, engines: Engines, tmp_path: Path, *, lost: bool
) -> None:
    url = make_database()
    other_key = {"FILMER_SECRET_KEY": "" if lost else "quite another key, which nobody knew before"}
    here = {"FILMER_DATA_DIR": str(tmp_path), "REDIS_URL": engines.redis_url, **other_key}
    result = filmer(url, "restore", stored_backup.file, **here)
    assert result.returncode == 0, result.stderr
    assert ("There is no secret key here" if lost else "The secret key here is not the one") in result.stderr
    assert "`filmer card remove --all`" in result.stderr
    assert not (tmp_path / "secret.key").exists(), "a new key would be the wrong one"
    result = filmer(url, "serve", "--port", "0", **here)
    assert result.returncode == 1, "the warning said so"
    assert "another secret key" in result.stderr
