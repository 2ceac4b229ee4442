"""TMDB is down, and nobody notices on pages that were asked for before (contract §7.9; promise 15).

``FILMER_TRUST_OUTAGE_SECONDS=600`` and ``FILMER_TRUST_OUTAGE_RATE=300`` make it long and hard; then times are asserted.
"""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest
from tests.community.answers import own_language
from tests.community.conftest import POPULAR, Community, tmdb_settings
from tests.community.steady_load import Heard, Line, Question, ask_steadily, get, lines_to, p99
from tests.conftest import Serve, Server
from tests.figures import record_figure
from tests.proxy import Proxy, proxied_valkey
from tests.sandbox import Sandbox

from filmer.store.embedded import Engines
from filmer.tmdb.breaker import FAILURES, REST_SECONDS
from filmer.tmdb.cache import AT_ONCE
from filmer.tmdb.client import ATTEMPTS, FIRST_WAIT, MULTIPLIER

pytestmark = pytest.mark.proof

IS_FULL = "FILMER_TRUST_OUTAGE_SECONDS" in os.environ
SECONDS = float(os.environ.get("FILMER_TRUST_OUTAGE_SECONDS") or 8)
RATE = float(os.environ.get("FILMER_TRUST_OUTAGE_RATE") or 60)
SMALL_SECONDS, SMALL_RATE = 4, 60
CACHE_SECONDS = 2
WORKERS = 2
LINES = 8
PAGES = 5
FILMS = [(278, 550, 238), (603, 550, 680), (238, 155, 13)]  # TMDB's ids; whose favourites they are
SORTS = ["", "?sort=rating&order=asc"]
FRESH_AGAIN_SECONDS = 15
PATHS = ["/3/movie/popular", *(f"/3/movie/{film}" for film in {film for kept in FILMS for film in kept})]


class Town:
    """A server, a TMDB that can be harmed and healed, and what people ask for."""

    def __init__(self, server: Server, database_url: str, sandbox: Sandbox) -> None:
        self.server = server
        self.sandbox = sandbox
        self._community = Community(database_url, server.client)
        self._addresses = [(f"{POPULAR}?page={page}", "") for page in range(1, PAGES + 1)]
        for films in FILMS:
            user = self._community.user()
            for film in films:
                user.favorite(film)
            user.rate(films[0], 4.5)
            self._addresses += [(user.favorites + sort, user.token) for sort in SORTS]

    def close(self) -> None:
        self._community.close()
        with suppress(ProcessLookupError):
            self.sandbox.kill()

    def harm(self, how: str) -> None:
        self.sandbox.forget()
        if how == "refused":
            self.sandbox.kill()
        else:
            self.sandbox.fail(how)

    def heal(self, how: str) -> None:
        if how == "refused":
            self.sandbox = Sandbox(self.sandbox.port)
        else:
            self.sandbox.heal()

    def tries(self, how: str) -> int:
        """How often TMDB was asked; who refuses does not know it, but what fails is logged."""
        if how == "refused":
            return self.server.output().count("TMDB failed")
        return sum(self.sandbox.calls(path) for path in PATHS)

    async def warmed(self, lines: Sequence[Line]) -> list[Question]:
        """Everything asked for once on each line: so whichever process a line leads to has it."""
        questions = []
        for address, token in self._addresses:
            replies = [await line.ask(get(address, token)) for line in lines]
            assert {reply.status for reply in replies} == {200}
            assert len({reply.body for reply in replies}) == 1
            questions.append(Question(address, get(address, token), replies[0].body))
        assert len({question.body for question in questions}) == len(questions)
        return questions


def make_town(serve: Serve, database_url: str, sandbox: Sandbox, **environment: str) -> Town:
    own = {"CACHE_DURATION_SECONDS": str(CACHE_SECONDS), "TMDB_LANGUAGE": own_language()}
    server = serve(database_url, "--workers", str(WORKERS), **tmdb_settings(sandbox), **own, **environment)
    return Town(server, database_url, sandbox)


@pytest.fixture
def own_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def town(serve: Serve, database_url: str, own_sandbox: Sandbox) -> Iterator[Town]:
    made = make_town(serve, database_url, own_sandbox)
    yield made
    made.close()


def most_tries(seconds: float) -> int:
    """How often TMDB may be asked while it is down (tmdb/breaker.py, tmdb/cache.py).

    Each worker finds out with so many failures, while as many requests as it makes at once are under way, with all
    their tries. From then on one tries at a time: a try that fails begins a rest anew, so the next one comes a rest
    after the third failure, which came two waits after the first.
    """
    apart = FIRST_WAIT * (1 + MULTIPLIER) + REST_SECONDS
    trials = 1 + int(seconds / apart)
    return WORKERS * (FAILURES + ATTEMPTS * (AT_ONCE + trials))


def assert_all_right(heard: Sequence[Heard], rate: float, seconds: float) -> None:
    assert len(heard) == round(rate * seconds)
    assert [one for one in heard if one.status != 200 or not one.is_right] == []


def assert_old(heard: Sequence[Heard], harmed_at: float, oldest: int) -> None:
    """What was told before TMDB went down grows older from then on. ``oldest``: what was met before."""
    late = [one for one in heard if one.due > harmed_at + CACHE_SECONDS + 1]
    assert {one.address for one in late} == {one.address for one in heard}
    for one in late:
        assert one.x_cache == "stale", one
        assert one.due - harmed_at - 2 <= one.age <= one.due + one.seconds - harmed_at + oldest + 1, one


async def seconds_until_fresh(lines: Sequence[Line], questions: Sequence[Question]) -> float:
    """Until each address was answered from a copy that is not over its time."""
    begun = time.monotonic()
    old = {question.address for question in questions}
    while old:
        heard = await ask_steadily(lines, questions, SMALL_RATE, 1)
        assert_all_right(heard, SMALL_RATE, 1)
        old -= {one.address for one in heard if one.x_cache != "stale"}
        assert time.monotonic() - begun < FRESH_AGAIN_SECONDS, old
    return time.monotonic() - begun


async def goes_down(town: Town, how: str, rate: float, seconds: float) -> None:
    async with lines_to(town.server.port, LINES) as lines:
        questions = await town.warmed(lines)
        healthy = await ask_steadily(lines, questions, rate, min(60, max(2, seconds / 4)))
        assert {one.status for one in healthy} == {200}
        assert all(one.is_right for one in healthy)
        assert "hit" in {one.x_cache for one in healthy}
        harmed_at = time.monotonic()
        town.harm(how)
        down = await ask_steadily(lines, questions, rate, seconds)
        tries, most = town.tries(how), most_tries(time.monotonic() - harmed_at)
        town.heal(how)
        fresh_again = await seconds_until_fresh(lines, questions)
    before, meanwhile = p99([one.seconds for one in healthy]), p99([one.seconds for one in down])
    record_figure(
        f"{how}: {len(down):,} answers at {rate:.0f}/s, p99 {before:.1f} ms before, {meanwhile:.1f} ms meanwhile; TMDB"
        f" asked {tries} times (bound: {most}); fresh {fresh_again:.1f} s after"
    )
    assert_all_right(down, rate, seconds)
    assert_old(down, harmed_at, max(one.age for one in healthy))
    assert 0 < tries <= most
    assert not IS_FULL or how != "black-hole" or meanwhile <= max(before + 5, before * 2)


@pytest.mark.timeout(1500)
def test_a_tmdb_that_never_answers_is_not_noticed(town: Town) -> None:
    asyncio.run(goes_down(town, "black-hole", RATE, SECONDS))


@pytest.mark.parametrize("how", ["refused", "503"])
def test_a_tmdb_that_fails_at_once_is_not_noticed(town: Town, how: str) -> None:
    asyncio.run(goes_down(town, how, SMALL_RATE, SMALL_SECONDS))


async def goes_down_together(town: Town, valkey: Proxy) -> None:
    async with lines_to(town.server.port, LINES) as lines:
        questions = await town.warmed(lines)
        harmed_at = time.monotonic()
        town.harm("black-hole")
        valkey.freeze()
        down = await ask_steadily(lines, questions, SMALL_RATE, SMALL_SECONDS)
        tries, most = town.tries("black-hole"), most_tries(time.monotonic() - harmed_at)
    assert "cache away" in town.server.output()
    assert_all_right(down, SMALL_RATE, SMALL_SECONDS)
    assert_old(down, harmed_at, CACHE_SECONDS)
    assert 0 < tries <= most


def test_not_even_when_valkey_is_away_as_well(
    serve: Serve, database_url: str, own_sandbox: Sandbox, engines: Engines
) -> None:
    """Popular pages come from a process's own memory, what is told of favourites from PostgreSQL."""
    with proxied_valkey(engines) as (url, valkey):
        town = make_town(serve, database_url, own_sandbox, REDIS_URL=url)
        try:
            asyncio.run(goes_down_together(town, valkey))
        finally:
            town.close()
            town.server.stop()
