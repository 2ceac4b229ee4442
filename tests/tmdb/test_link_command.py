"""``filmer link tmdb``: which films it looks up, what it stores, and that it may be stopped at any time."""

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import import_films
from tests.sandbox import Sandbox
from tests.tmdb.link_command import (
    FAST,
    IDS,
    KNOWN,
    UNKNOWN,
    LinkCommand,
    eventually,
    import_catalogue,
    requested_ids,
    result_of,
    stdout_of,
)
from tests.users import open_account

from filmer.clock import SystemClock
from filmer.community import queries as community
from filmer.store.connecting import CancellableConnection
from filmer.store.embedded import Engines
from filmer.store.valkey import SharedCache
from filmer.tmdb.rate_limit import RateLimit

pytestmark = [pytest.mark.proof, pytest.mark.parallel]


@pytest.fixture
def linker(database_url: str, engines: Engines, sandbox: Sandbox) -> Iterator[LinkCommand]:
    with LinkCommand(database_url, engines.redis_url, sandbox) as running:
        yield running


def test_films_get_their_tmdb_ids_and_those_unknown_are_remembered(
    linker: LinkCommand, sandbox: Sandbox, tmp_path: Path
) -> None:
    with_id, *films = IDS[:30]
    import_catalogue(linker.url, tmp_path, [with_id, *films, *UNKNOWN, "f123456789", "tt123456"], {with_id: 77})
    output = stdout_of(linker.run())
    assert linker.links() == {film: KNOWN[film] for film in films} | dict.fromkeys(UNKNOWN)
    assert linker.fetch("SELECT id, tmdb_id FROM film WHERE tmdb_id IS NOT NULL") == [(with_id, 77)]
    assert linker.fetch("SELECT film_id, tmdb_id FROM film_terms") == [(with_id, 77)]
    assert output.startswith("Linked 29 films, 2 unknown to TMDB. None is left to look up.\n2 films have no IMDb id")
    assert {request.query["external_source"] for request in sandbox.requests()} == {"imdb_id"}

    assert re.search(r"^TMDB ids +30$", linker.catalogue(), re.MULTILINE)

    sandbox.forget()
    assert stdout_of(linker.run()).startswith("Linked 0 films. None is left to look up.\n")
    assert requested_ids(sandbox) == []


def test_whom_tmdb_did_not_know_is_looked_up_anew_after_a_month(
    linker: LinkCommand, sandbox: Sandbox, tmp_path: Path
) -> None:
    lately, long_ago, linked = IDS[:3]
    import_catalogue(linker.url, tmp_path, [lately, long_ago, linked])
    linker.execute(
        "INSERT INTO tmdb_link VALUES"
        f" ('{lately}', NULL, now() - interval '29 days'), ('{long_ago}', NULL, now() - interval '31 days'),"
        f" ('{linked}', 5, now() - interval '31 days')"
    )
    stdout_of(linker.run())
    assert requested_ids(sandbox) == [long_ago]
    stdout_of(linker.run("--again"))
    assert requested_ids(sandbox) == [long_ago, lately]
    assert linker.links() == {lately: KNOWN[lately], long_ago: KNOWN[long_ago], linked: 5}
    assert linker.fetch("SELECT count(*) FROM tmdb_link WHERE looked > now() - interval '1 minute'") == [(2,)]


def test_a_limit_takes_those_with_most_votes(linker: LinkCommand, sandbox: Sandbox, tmp_path: Path) -> None:
    import_catalogue(linker.url, tmp_path, IDS[:30])
    assert stdout_of(linker.run("--limit", "12")) == "Linked 12 films, 18 left: run it again to go on.\n"
    assert set(linker.links()) == set(IDS[:12])
    assert sorted(requested_ids(sandbox)) == sorted(IDS[:12])
    stdout_of(linker.run())
    assert set(linker.links()) == set(IDS[:30])
    assert linker.run("--limit", "0").returncode != 0


def test_more_films_than_are_read_at_once(linker: LinkCommand, sandbox: Sandbox, tmp_path: Path) -> None:
    films = [f"tt{number:08}" for number in range(70000000, 70000700)]
    import_catalogue(linker.url, tmp_path, films)
    assert stdout_of(linker.run()) == "Linked 0 films, 700 unknown to TMDB. None is left to look up.\n"
    order = requested_ids(sandbox)
    assert sorted(order) == films
    place = {film: at for at, film in enumerate(films)}
    assert max(abs(place[film] - at) for at, film in enumerate(order)) < 50  # several requests run at once


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_is_gone_on_with(
    linker: LinkCommand, sandbox: Sandbox, tmp_path: Path, number: signal.Signals
) -> None:
    films = IDS[:200]
    import_catalogue(linker.url, tmp_path, films)
    first = linker.start(TMDB_REQUESTS_PER_SECOND="40")
    eventually(lambda: len(linker.links()) > 20)
    first.send_signal(number)
    result = result_of(first)
    links = linker.links()
    assert 20 < len(links) < 200, result
    if number == signal.SIGINT:
        assert result.returncode == 130
        match = re.search(r"Linked (\d+) films, (\d+) left: run it again to go on.\n", result.stderr)
        assert match
        assert len(links) - 8 <= int(match[1]) <= len(links)  # the last results may be stored but not counted
        assert int(match[1]) + int(match[2]) == 200
        assert "Traceback" not in result.stderr

    left = 200 - len(links)
    assert stdout_of(linker.run()) == f"Linked {left} films. None is left to look up.\n"
    assert linker.links() == {film: KNOWN[film] for film in films}
    assert [film for film in links if sandbox.calls(f"/3/find/{film}") != 1] == []
    assert len(requested_ids(sandbox)) <= 200 + 8  # what was under way


def test_links_outlive_an_import(linker: LinkCommand, sandbox: Sandbox, tmp_path: Path) -> None:
    import_catalogue(linker.url, tmp_path, IDS[:5])
    stdout_of(linker.run())
    import_films(linker.url)  # without those five
    assert linker.links() == {film: KNOWN[film] for film in IDS[:5]}
    sandbox.forget()
    import_catalogue(linker.url, tmp_path, IDS[:6])
    stdout_of(linker.run())
    assert requested_ids(sandbox) == IDS[5:6]


def test_an_import_under_way_is_noticed(linker: LinkCommand, tmp_path: Path) -> None:
    """Its films are linked as well, those with most votes, though other films had those places before."""
    old, new = IDS[:40], IDS[40:60]
    import_catalogue(linker.url, tmp_path, old)
    run = linker.start(TMDB_REQUESTS_PER_SECOND="20")  # it takes half of them: four seconds, for an import
    eventually(linker.links)
    import_catalogue(linker.url, tmp_path, new)
    output = stdout_of(result_of(run))
    assert set(new) <= set(linker.links())
    assert output.endswith(" films. None is left to look up.\n")


def test_an_empty_catalogue(linker: LinkCommand) -> None:
    assert stdout_of(linker.run()) == "Linked 0 films. None is left to look up.\n"


def test_a_terminal_shows_how_far_it_is(linker: LinkCommand, tmp_path: Path) -> None:
    import_catalogue(linker.url, tmp_path, IDS[:30])
    terminal, end = os.openpty()
    run = linker.start(stderr=end, **FAST, TERM="xterm-256color")
    os.close(end)
    output = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while block := os.read(terminal, 65536):
            output += block
    assert run.wait(60) == 0
    os.close(terminal)
    assert "Looking up films at TMDB" in output.decode()
    assert "30/30" in output.decode()
    assert "a second" in output.decode()


# --- films that somebody favourited or rated ---------------------------------------------------------


def test_films_somebody_kept_are_in_use(linker: LinkCommand, tmp_path: Path) -> None:
    favorite, rated, other, gone = IDS[:4]
    person = open_account(linker.url)
    linker.execute(
        f"INSERT INTO favorite (account_id, movie_id, created) VALUES ({person.id}, {KNOWN[favorite]}, now())"
    )
    linker.execute(
        "INSERT INTO rating (account_id, movie_id, rating, created, updated)"
        f" VALUES ({person.id}, {KNOWN[rated]}, 4, now(), now())"
    )
    import_catalogue(linker.url, tmp_path, [favorite, rated, other])
    stdout_of(linker.run())
    assert linker.fetch("SELECT film_id FROM film_in_use ORDER BY film_id") == [
        (film,) for film in sorted([favorite, rated])
    ]
    import_catalogue(linker.url, tmp_path, [gone])
    import_films(linker.url)
    assert linker.fetch(f"SELECT count(*) FROM film WHERE id IN ('{favorite}', '{rated}')") == [(2,)]


def test_a_film_favourited_while_it_is_linked_is_in_use(linker: LinkCommand, sandbox: Sandbox, tmp_path: Path) -> None:
    """Whoever favourites it finds no link yet, and the link no favourite: one waits for the other."""
    person = open_account(linker.url)
    film, movie = IDS[0], KNOWN[IDS[0]]
    assert movie
    import_catalogue(linker.url, tmp_path, [film])

    async def favourite() -> str:
        async with await CancellableConnection.connect(linker.url) as conn:
            await community.insert_film_in_use(conn, movie)
            run = linker.start()
            eventually(lambda: sandbox.calls(f"/3/find/{film}"))
            eventually(lambda: linker.fetch("SELECT FROM pg_locks WHERE NOT granted"))
            await asyncio.sleep(0.5)  # longer than it makes others wait
            assert linker.links() == {}
            await community.insert_entry(conn, "favorite", person.id, movie, SystemClock().now())
            await conn.commit()
            return stdout_of(result_of(run))

    assert asyncio.run(favourite()) == "Linked 1 film. None is left to look up.\n"
    assert linker.fetch("SELECT film_id FROM film_in_use") == [(film,)]


# --- its pace ----------------------------------------------------------------------------------------


def test_half_of_the_requests_are_left_to_a_server(
    linker: LinkCommand, engines: Engines, sandbox: Sandbox, tmp_path: Path
) -> None:
    import_catalogue(linker.url, tmp_path, IDS[:100])

    async def beside() -> list[float]:
        """A server that would like to ask all the time; when it could."""
        clock = SystemClock()
        shared = SharedCache(engines.redis_url)
        rate_limit = RateLimit(shared, clock, per_second=40, workers=1)
        run = linker.start(TMDB_REQUESTS_PER_SECOND="40", TMDB_DEADLINE_SECONDS="15")  # it waits for its turn, too
        await asyncio.to_thread(eventually, lambda: requested_ids(sandbox))
        taken = []
        while run.poll() is None:
            await rate_limit.acquire()
            taken.append(time.monotonic())
        stdout_of(result_of(run))
        await shared.close()
        return taken

    theirs, ours = asyncio.run(beside()), [request.at for request in sandbox.requests()]
    assert len(ours) == 100
    assert len(ours) <= 20 * (ours[-1] - ours[0] + 1.25)  # over all: on a busy machine single ones are noted late
    both = sorted(theirs + ours)
    assert len(both) <= 40 * (both[-1] - both[0] + 1.25)
    assert len(theirs) / (theirs[-1] - theirs[0]) > 15
