"""``filmer link tmdb``: which films it looks up, what it keeps, and that it may be stopped at any time."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.conftest import import_films
from tests.people import open_account
from tests.sandbox import Sandbox
from tests.tmdb.linking import FAST, IDS, KNOWN, STRANGERS, Linker, asked, ended, eventually, failed, fine, stock

from filmer.clock import SystemClock
from filmer.community import queries as community
from filmer.store.embedded import Engines
from filmer.store.valkey import SharedCache
from filmer.tmdb.pace import Pace


@pytest.fixture
def linker(database_url: str, engines: Engines, sandbox: Sandbox) -> Iterator[Linker]:
    with contextlib.ExitStack() as ends:
        yield Linker(database_url, engines.redis_url, sandbox, ends)


def test_films_get_their_tmdb_ids_and_those_unknown_are_remembered(
    linker: Linker, sandbox: Sandbox, tmp_path: Path
) -> None:
    told, *films = IDS[:30]
    stock(linker.url, tmp_path, [told, *films, *STRANGERS, "f123456789", "tt123456"], {told: 77})
    said = fine(linker.run())
    assert linker.links() == {film: KNOWN[film] for film in films} | dict.fromkeys(STRANGERS)
    assert linker.fetch("SELECT id, tmdb_id FROM catalogue.film WHERE tmdb_id IS NOT NULL") == [(told, 77)]
    assert linker.fetch("SELECT film_id, tmdb_id FROM film_terms") == [(told, 77)]
    assert said.startswith(
        "Linked 29 of 31 films, 2 unknown to TMDB. None is left to look up.\n2 films have no IMDb id"
    )
    assert {request.query["external_source"] for request in sandbox.requests()} == {"imdb_id"}

    sandbox.forget()
    assert fine(linker.run()).startswith("Linked 0 of 0 films. None is left to look up.\n")
    assert asked(sandbox) == []


def test_whom_tmdb_did_not_know_is_looked_up_anew_after_a_month(
    linker: Linker, sandbox: Sandbox, tmp_path: Path
) -> None:
    lately, long_ago, linked = IDS[:3]
    stock(linker.url, tmp_path, [lately, long_ago, linked])
    linker.execute(
        "INSERT INTO tmdb_link VALUES"
        f" ('{lately}', NULL, now() - interval '29 days'), ('{long_ago}', NULL, now() - interval '31 days'),"
        f" ('{linked}', 5, now() - interval '31 days')"
    )
    fine(linker.run())
    assert asked(sandbox) == [long_ago]
    fine(linker.run("--again"))
    assert asked(sandbox) == [long_ago, lately]
    assert linker.links() == {lately: KNOWN[lately], long_ago: KNOWN[long_ago], linked: 5}
    assert linker.fetch("SELECT count(*) FROM tmdb_link WHERE looked > now() - interval '1 minute'") == [(2,)]


def test_a_limit_takes_those_with_most_votes(linker: Linker, sandbox: Sandbox, tmp_path: Path) -> None:
    stock(linker.url, tmp_path, IDS[:30])
    assert fine(linker.run("--limit", "12")) == "Linked 12 of 30 films, 18 left: run it again to go on.\n"
    assert set(linker.links()) == set(IDS[:12])
    assert sorted(asked(sandbox)) == sorted(IDS[:12])
    fine(linker.run())
    assert set(linker.links()) == set(IDS[:30])
    assert linker.run("--limit", "0").returncode != 0


def test_more_films_than_are_read_at_once(linker: Linker, sandbox: Sandbox, tmp_path: Path) -> None:
    films = [f"tt{number:08}" for number in range(70000000, 70000700)]
    stock(linker.url, tmp_path, films)
    assert fine(linker.run()) == "Linked 0 of 700 films, 700 unknown to TMDB. None is left to look up.\n"
    order = asked(sandbox)
    assert sorted(order) == films
    place = {film: at for at, film in enumerate(films)}
    assert max(abs(place[film] - at) for at, film in enumerate(order)) < 50  # several are asked for at once


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_is_gone_on_with(
    linker: Linker, sandbox: Sandbox, tmp_path: Path, number: signal.Signals
) -> None:
    films = IDS[:60]
    stock(linker.url, tmp_path, films)
    first = linker.start(TMDB_REQUESTS_PER_SECOND="40")
    eventually(lambda: len(linker.links()) > 20)
    first.send_signal(number)
    done = ended(first)
    there = linker.links()
    assert 20 < len(there) < 60
    if number == signal.SIGINT:
        assert done.returncode == 130
        assert f"Linked {len(there)} of 60 films, {60 - len(there)} left: run it again to go on." in done.stderr
        assert "Traceback" not in done.stderr

    left = 60 - len(there)
    assert fine(linker.run()) == f"Linked {left} of {left} films. None is left to look up.\n"
    assert linker.links() == {film: KNOWN[film] for film in films}
    assert [film for film in there if sandbox.calls(f"/3/find/{film}") != 1] == []
    assert len(asked(sandbox)) <= 60 + 8  # what was under way


def test_a_second_run_beside_the_first_is_refused(linker: Linker, sandbox: Sandbox, tmp_path: Path) -> None:
    stock(linker.url, tmp_path, IDS[:10])
    sandbox.fail("black-hole", path="/3/find")
    first = linker.start(TMDB_DEADLINE_SECONDS="60")
    eventually(lambda: asked(sandbox))
    assert "Another `filmer link tmdb` is under way" in failed(linker.run())
    first.kill()
    ended(first)
    sandbox.heal()
    fine(linker.run())


def test_links_outlive_an_import(linker: Linker, sandbox: Sandbox, tmp_path: Path) -> None:
    stock(linker.url, tmp_path, IDS[:5])
    fine(linker.run())
    import_films(linker.url)  # without those five
    assert linker.links() == {film: KNOWN[film] for film in IDS[:5]}
    sandbox.forget()
    stock(linker.url, tmp_path, IDS[:6])
    fine(linker.run())
    assert asked(sandbox) == IDS[5:6]


def test_an_import_under_way_is_noticed(linker: Linker, tmp_path: Path) -> None:
    """Its films are linked as well, those with most votes, though other films had those places before."""
    old, new = IDS[:40], IDS[40:60]
    stock(linker.url, tmp_path, old)
    run = linker.start(TMDB_REQUESTS_PER_SECOND="60")
    eventually(linker.links)
    stock(linker.url, tmp_path, new)
    fine(ended(run))
    assert set(new) <= set(linker.links())


# --- films that somebody favourited or rated ---------------------------------------------------------


def test_films_somebody_kept_are_in_use(linker: Linker, tmp_path: Path) -> None:
    favorite, rated, other, gone = IDS[:4]
    person = open_account(linker.url)
    linker.execute(
        f"INSERT INTO favorite (account_id, movie_id, created) VALUES ({person.id}, {KNOWN[favorite]}, now())"
    )
    linker.execute(
        "INSERT INTO rating (account_id, movie_id, rating, created, updated)"
        f" VALUES ({person.id}, {KNOWN[rated]}, 4, now(), now())"
    )
    stock(linker.url, tmp_path, [favorite, rated, other])
    fine(linker.run())
    assert linker.fetch("SELECT film_id FROM film_in_use ORDER BY film_id") == [
        (film,) for film in sorted([favorite, rated])
    ]
    stock(linker.url, tmp_path, [gone])
    import_films(linker.url)
    assert linker.fetch(f"SELECT count(*) FROM catalogue.film WHERE id IN ('{favorite}', '{rated}')") == [(2,)]


def test_a_film_favourited_while_it_is_linked_is_in_use(linker: Linker, sandbox: Sandbox, tmp_path: Path) -> None:
    """Whoever favourites it finds no link yet, and the link no favourite: one waits for the other."""
    person = open_account(linker.url)
    film, movie = IDS[0], KNOWN[IDS[0]]
    assert movie
    stock(linker.url, tmp_path, [film])

    async def favourite() -> str:
        async with await psycopg.AsyncConnection.connect(linker.url) as conn:
            await community.insert_film_in_use(conn, movie)
            run = linker.start()
            eventually(lambda: sandbox.calls(f"/3/find/{film}"))
            eventually(lambda: linker.fetch("SELECT FROM pg_locks WHERE NOT granted"))
            await asyncio.sleep(0.5)  # longer than it makes others wait
            assert linker.links() == {}
            await community.insert_favorite(conn, person.id, movie, SystemClock().now())
            await conn.commit()
            return fine(ended(run))

    assert asyncio.run(favourite()).startswith("Linked 1 of 1 films")
    assert linker.fetch("SELECT film_id FROM film_in_use") == [(film,)]


# --- its pace ----------------------------------------------------------------------------------------


def test_half_of_the_requests_are_left_to_a_server(
    linker: Linker, engines: Engines, sandbox: Sandbox, tmp_path: Path
) -> None:
    stock(linker.url, tmp_path, IDS[:60])

    async def beside() -> list[float]:
        """A server that would like to ask all the time; when it could."""
        clock = SystemClock()
        shared = SharedCache(engines.redis_url)
        pace = Pace(shared, clock, per_second=40, workers=1)
        run = linker.start(TMDB_REQUESTS_PER_SECOND="40")
        await asyncio.to_thread(eventually, lambda: asked(sandbox))
        taken = []
        while run.poll() is None:
            await pace.take()
            taken.append(time.monotonic())
        fine(ended(run))
        await shared.close()
        return taken

    theirs, ours = asyncio.run(beside()), [request.at for request in sandbox.requests()]
    assert len(ours) == 60
    assert [at for at, then in zip(ours, ours[20:], strict=False) if then - at < 0.9] == []
    both = sorted(theirs + ours)
    assert [at for at, then in zip(both, both[40:], strict=False) if then - at < 0.9] == []
    assert len(theirs) / (theirs[-1] - theirs[0]) > 18


# --- where it can't --------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["503", "not-json", "reset", "black-hole"])
def test_a_tmdb_that_fails_ends_it_and_a_later_run_goes_on(
    linker: Linker, sandbox: Sandbox, tmp_path: Path, fault: str
) -> None:
    films = IDS[:40]
    stock(linker.url, tmp_path, films)
    for film in films[20:]:
        sandbox.fail(fault, path=f"/3/find/{film}")
    said = failed(linker.run())
    there = linker.links()
    assert 12 <= len(there) <= 20  # those under way beside the failing ones are given up
    assert there == {film: KNOWN[film] for film in films[:20] if film in there}
    assert f"Linked {len(there)} of 40 films, " in said
    assert f" failed, {40 - len(there)} left: run it again to go on.\n" in said
    assert said.splitlines()[-1].startswith("filmer: TMDB failed for 5 films in a row; the last time: ")

    sandbox.heal()
    sandbox.forget()
    left = sorted(set(films) - set(there))
    assert fine(linker.run()) == f"Linked {len(left)} of {len(left)} films. None is left to look up.\n"
    assert sorted(asked(sandbox)) == left


def test_films_that_fail_alone_are_left_for_the_next_run(linker: Linker, sandbox: Sandbox, tmp_path: Path) -> None:
    films = IDS[:60]
    stock(linker.url, tmp_path, films)
    bad = films[::12]
    for film in bad:
        sandbox.fail("wrong-types", path=f"/3/find/{film}", times=1)
    assert fine(linker.run()) == "Linked 55 of 60 films, 5 failed, 5 left: run it again to go on.\n"
    assert set(linker.links()) == set(films) - set(bad)
    assert fine(linker.run()) == "Linked 5 of 5 films. None is left to look up.\n"


def test_a_try_that_fails_is_followed_by_another(linker: Linker, sandbox: Sandbox, tmp_path: Path) -> None:
    stock(linker.url, tmp_path, IDS[:3])
    sandbox.fail("503", times=1)
    assert fine(linker.run(TMDB_DEADLINE_SECONDS="15")).startswith("Linked 3 of 3")


def test_a_credential_that_tmdb_refuses_ends_it_at_once(linker: Linker, sandbox: Sandbox, tmp_path: Path) -> None:
    stock(linker.url, tmp_path, IDS[:40])
    said = failed(linker.run(TMDB_API_KEY="wrong"))
    assert "filmer: TMDB refuses the credential: set TMDB_ACCESS_TOKEN" in said.splitlines()[-1]
    assert len(asked(sandbox)) <= 8
    assert linker.links() == {}


def test_without_a_credential_nothing_is_begun(linker: Linker, sandbox: Sandbox) -> None:
    assert failed(linker.run(TMDB_API_KEY="", DATABASE_URL="postgresql://127.0.0.1:1/none")) == (
        "filmer: TMDB is not set up: set TMDB_ACCESS_TOKEN to your API read access token (or TMDB_API_KEY to your "
        "key).\n"
    )
    assert asked(sandbox) == []


def test_a_wrong_address_makes_no_film_unknown(linker: Linker, sandbox: Sandbox, tmp_path: Path) -> None:
    """TMDB's word that there is nothing there is not about films."""
    stock(linker.url, tmp_path, IDS[:20])
    assert "TMDB_BASE_URL" in failed(linker.run(TMDB_BASE_URL=f"{sandbox.url}/3")).splitlines()[-1]
    assert linker.links() == {}


def test_a_database_that_goes_away_ends_it(linker: Linker, tmp_path: Path) -> None:
    stock(linker.url, tmp_path, IDS[:40])
    run = linker.start(TMDB_REQUESTS_PER_SECOND="20")
    eventually(linker.links)
    linker.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'filmer link'")
    said = failed(ended(run))
    assert "left: run it again to go on." in said
    assert "filmer: the database can't be reached" in said
    assert "Traceback" not in said


def test_an_empty_catalogue(linker: Linker) -> None:
    assert fine(linker.run()) == "Linked 0 of 0 films. None is left to look up.\n"


def test_a_terminal_shows_how_far_it_is(linker: Linker, tmp_path: Path) -> None:
    stock(linker.url, tmp_path, IDS[:30])
    terminal, end = os.openpty()
    run = linker.start(stderr=end, **FAST, TERM="xterm-256color")
    os.close(end)
    seen = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while block := os.read(terminal, 65536):
            seen += block
    assert run.wait(60) == 0
    os.close(terminal)
    assert "Looking up films at TMDB" in seen.decode()
    assert "30/30" in seen.decode()
    assert "a second" in seen.decode()
