"""``filmer link tmdb`` when it fails: its messages, what it has stored, and that a later run goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sandbox import Sandbox
from tests.tmdb.link_command import (
    IDS,
    KNOWN,
    LinkCommand,
    eventually,
    import_catalogue,
    requested_ids,
    result_of,
    stderr_of,
    stdout_of,
)

from filmer.store.embedded import Engines

pytestmark = [pytest.mark.proof, pytest.mark.parallel]


@pytest.fixture
def linker(database_url: str, engines: Engines, sandbox: Sandbox) -> Iterator[LinkCommand]:
    with LinkCommand(database_url, engines.redis_url, sandbox) as running:
        yield running


@pytest.mark.parametrize("fault", ["503", "black-hole"])
def test_a_tmdb_that_fails_ends_it_and_a_later_run_goes_on(
    linker: LinkCommand, sandbox: Sandbox, tmp_path: Path, fault: str
) -> None:
    films = IDS[:40]
    import_catalogue(linker.url, tmp_path, films)
    for film in films[20:]:
        sandbox.fail(fault, path=f"/3/find/{film}")
    output = stderr_of(linker.run())
    links = linker.links()
    assert 12 <= len(links) <= 20  # those under way beside the failing ones are given up
    assert links == {film: KNOWN[film] for film in films[:20] if film in links}
    assert f"Linked {len(links)} films, " in output
    assert f" failed, {40 - len(links)} left: run it again to go on.\n" in output
    assert output.splitlines()[-1].startswith("filmer: TMDB failed for 5 films in a row; the last time: ")

    sandbox.heal()
    sandbox.forget()
    left = sorted(set(films) - set(links))
    assert stdout_of(linker.run()) == f"Linked {len(left)} films. None is left to look up.\n"
    assert sorted(requested_ids(sandbox)) == left


def test_films_that_fail_alone_are_left_for_the_next_run(linker: LinkCommand, sandbox: Sandbox, tmp_path: Path) -> None:
    films = IDS[:60]
    import_catalogue(linker.url, tmp_path, films)
    bad = films[::12]
    for film in bad:
        sandbox.fail("wrong-types", path=f"/3/find/{film}", times=1)
    assert stdout_of(linker.run()) == "Linked 55 films, 5 failed, 5 left: run it again to go on.\n"
    assert set(linker.links()) == set(films) - set(bad)
    assert stdout_of(linker.run()) == "Linked 5 films. None is left to look up.\n"


def test_a_film_that_can_not_be_used_is_not_taken_for_none(
    linker: LinkCommand, sandbox: Sandbox, tmp_path: Path
) -> None:
    """An empty title counts as none (contract §7.12): the film is looked up again."""
    import_catalogue(linker.url, tmp_path, IDS[:3])
    for film, flaw in zip(IDS[:3], ("empty-title", "big-id", "low-vote"), strict=True):
        sandbox.fail("flawed", flaw=flaw, path=f"/3/find/{film}", times=1)
    assert stdout_of(linker.run()) == "Linked 1 film, 2 failed, 2 left: run it again to go on.\n"
    assert linker.links() == {IDS[2]: KNOWN[IDS[2]]}
    assert stdout_of(linker.run()) == "Linked 2 films. None is left to look up.\n"


def test_a_try_that_fails_is_followed_by_another(linker: LinkCommand, sandbox: Sandbox, tmp_path: Path) -> None:
    import_catalogue(linker.url, tmp_path, IDS[:3])
    sandbox.fail("503", times=1)
    assert stdout_of(linker.run(TMDB_DEADLINE_SECONDS="15")).startswith("Linked 3 films.")


def test_a_credential_that_tmdb_refuses_ends_it_at_once(linker: LinkCommand, sandbox: Sandbox, tmp_path: Path) -> None:
    import_catalogue(linker.url, tmp_path, IDS[:40])
    output = stderr_of(linker.run(TMDB_API_KEY="wrong"))
    assert "filmer: TMDB refuses the credential: set TMDB_ACCESS_TOKEN" in output.splitlines()[-1]
    assert len(requested_ids(sandbox)) <= 8
    assert linker.links() == {}


def test_without_a_credential_nothing_is_begun(linker: LinkCommand, sandbox: Sandbox) -> None:
    assert stderr_of(linker.run(TMDB_API_KEY="", DATABASE_URL="postgresql://127.0.0.1:1/none")) == (
        "filmer: TMDB is not set up: set TMDB_ACCESS_TOKEN to your API read access token (or TMDB_API_KEY to your "
        "key).\n"
    )
    assert requested_ids(sandbox) == []


def test_a_wrong_address_makes_no_film_unknown(linker: LinkCommand, sandbox: Sandbox, tmp_path: Path) -> None:
    """An unknown path at TMDB does not mean that a film is unknown."""
    import_catalogue(linker.url, tmp_path, IDS[:20])
    assert "TMDB_BASE_URL" in stderr_of(linker.run(TMDB_BASE_URL=f"{sandbox.url}/3")).splitlines()[-1]
    assert linker.links() == {}


def test_a_database_that_goes_away_ends_it(linker: LinkCommand, tmp_path: Path) -> None:
    import_catalogue(linker.url, tmp_path, IDS[:40])
    run = linker.start(TMDB_REQUESTS_PER_SECOND="20")
    eventually(linker.links)
    linker.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'filmer link'")
    output = stderr_of(result_of(run))
    assert "left: run it again to go on." in output
    assert "filmer: the database can't be reached" in output
    assert "Traceback" not in output


def test_a_second_run_beside_the_first_is_refused(linker: LinkCommand, sandbox: Sandbox, tmp_path: Path) -> None:
    import_catalogue(linker.url, tmp_path, IDS[:10])
    sandbox.fail("black-hole", path="/3/find")
    first = linker.start(TMDB_DEADLINE_SECONDS="60")
    eventually(lambda: requested_ids(sandbox))
    assert "Another `filmer link tmdb` is under way" in stderr_of(linker.run())
    first.kill()
    result_of(first)
    sandbox.heal()
    stdout_of(linker.run())
