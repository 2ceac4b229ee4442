"""Whatever happens to an import, visitors see all of the old catalogue, then all of the new one, and no mixture."""

import os
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from tests.conftest import MakeDatabase, Serve
from tests.connections import fetch_value
from tests.importing.datasets import CURRENT, SCHEMAS, environment, everything, execute, filmer, import_imdb, version
from tests.importing.two_catalogues import FILM, FILMS, PAGE, Visitors, catalogue_in, write

from filmer.importing import queries
from filmer.store.connecting import USE_CURRENT_EDITION

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

KILLS = int(os.environ.get("FILMER_TRUST_KILLS", "8"))


class Shop(NamedTuple):
    database_url: str
    folders: dict[str, Path]
    whole: dict[str, dict[str, list[str]]]  # every row of the catalogues


@pytest.fixture
def shop(make_database: MakeDatabase, tmp_path: Path) -> Shop:
    """A database that has had both catalogues, and has the old one."""
    url = make_database()
    folders = {name: write(name, tmp_path / name) for name in FILMS}
    whole = {}
    for name in ("old", "new", "old"):
        import_imdb(url, folders[name])
        whole[name] = everything(url)
    assert whole["old"] != whole["new"]
    return Shop(url, folders, whole)


def start_import(shop: Shop, name: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "filmer", "import", "imdb", shop.folders[name]],
        env=environment(shop.database_url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def first_line(process: "subprocess.Popen[str]") -> str:
    """Waits until an import has finished its first step: it prints a line for each."""
    assert process.stderr is not None
    return process.stderr.readline()


def wait_until_gone(shop: Shop) -> None:
    """Waits until PostgreSQL has noticed that the import was killed."""
    deadline = time.monotonic() + 30
    gone = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
    while fetch_value(shop.database_url, gone, "filmer import"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.timeout(120 + 5 * KILLS)
def test_an_import_killed_at_any_moment_changes_all_or_nothing(shop: Shop, serve: Serve) -> None:
    begun = time.monotonic()
    with start_import(shop, "new") as process:
        assert first_line(process)
        starting = time.monotonic() - begun
        process.communicate()
    working = time.monotonic() - begun - starting
    assert process.returncode == 0

    server = serve(shop.database_url, CACHE_DURATION_SECONDS="0")
    current, other = "new", "old"
    killed = 0
    with Visitors(server.port) as visitors:
        for turn in range(KILLS):
            before = version(shop.database_url)
            with start_import(shop, other) as process:
                if turn:
                    first_line(process)
                    time.sleep(working * (turn - 1) / (KILLS - 1))
                else:
                    time.sleep(starting / 2)
                process.kill()
                process.wait()
                killed += process.returncode != 0
            wait_until_gone(shop)
            swaps = version(shop.database_url) - before
            assert swaps in {0, 1}
            if swaps:
                current, other = other, current
            assert everything(shop.database_url) == shop.whole[current], f"moment {turn} of {KILLS}"
            assert catalogue_in(PAGE, server.client.get(PAGE)) == current
        assert killed
        assert filmer(shop.database_url, "import", "imdb", shop.folders[other]).returncode == 0
        assert catalogue_in(PAGE, server.client.get(PAGE)) == other
    assert visitors.wrong == []
    assert sum(visitors.responses.values()) > KILLS
    assert everything(shop.database_url) == shop.whole[other]
    assert fetch_value(shop.database_url, SCHEMAS) == fetch_value(shop.database_url, CURRENT)
    assert fetch_value(shop.database_url, "SELECT count(*) FROM import_run") == version(shop.database_url)
    server.stop()


def test_visitors_see_one_catalogue_or_the_other_while_they_are_swapped(shop: Shop, serve: Serve) -> None:
    """Without a cache, by two processes."""
    server = serve(shop.database_url, "--workers", "2", CACHE_DURATION_SECONDS="0")
    before = version(shop.database_url)
    with Visitors(server.port, count=4) as visitors:
        for name in islice(cycle(["new", "old"]), 8):
            import_imdb(shop.database_url, shop.folders[name])
            assert catalogue_in(FILM, server.client.get(FILM)) == name
    assert visitors.wrong == []
    assert visitors.responses.keys() == FILMS.keys()
    assert version(shop.database_url) == before + 8
    server.stop()


def test_after_an_import_the_next_answers_are_new_whatever_was_cached(shop: Shop, serve: Serve) -> None:
    server = serve(shop.database_url, "--workers", "2", CACHE_DURATION_SECONDS="30")

    def visits() -> set[str]:
        """On connections of their own, which the workers share."""
        catalogues = set()
        for _ in range(8):
            with httpx.Client(base_url=server.client.base_url, trust_env=False, verify=False) as client:
                catalogues |= {catalogue_in(address, client.get(address)) for address in (PAGE, FILM)}
        return catalogues

    assert visits() == {"old"}
    for name in ("new", "old", "new"):
        assert filmer(shop.database_url, "import", "imdb", shop.folders[name]).returncode == 0
        assert visits() == {name}
    server.stop()


def test_no_answer_is_of_two_catalogues_however_often_they_are_swapped(shop: Shop, serve: Serve) -> None:
    """Swaps all the time for three seconds; real imports swap once a minute at most."""
    server = serve(shop.database_url, CACHE_DURATION_SECONDS="0")
    copies = fetch_value(
        shop.database_url,
        "SELECT string_agg(format('CREATE TABLE spare.%1$I (LIKE %2$I.%1$I INCLUDING ALL);"
        " INSERT INTO spare.%1$I TABLE %2$I.%1$I', tablename, schemaname), ';')"
        " FROM pg_tables WHERE schemaname = (SELECT schema FROM edition)",
    )
    execute(shop.database_url, "CREATE SCHEMA spare", copies)
    import_imdb(shop.database_url, shop.folders["new"])
    execute(shop.database_url, "ALTER SCHEMA spare RENAME TO catalogue_next")
    with Visitors(server.port) as visitors, queries.connect(shop.database_url) as conn:
        conn.execute("SET synchronous_commit = off")
        end = time.monotonic() + 3
        while time.monotonic() < end:
            former = fetch_value(shop.database_url, "SELECT schema FROM edition")
            conn.execute(USE_CURRENT_EDITION)
            version = queries.swap(conn, [], {}, edits=0, keep_others=False, run=None)
            assert version is not None
            queries.wait_for_processes(conn, version)
            conn.execute(f"ALTER SCHEMA {former} RENAME TO catalogue_next".encode())
    assert visitors.wrong == []
    assert visitors.responses.keys() == FILMS.keys()
    server.stop()
