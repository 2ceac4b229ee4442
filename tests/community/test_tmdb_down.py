"""TMDB is down, and pages that were requested before are served as usual (contract §7.9; promise 15).

``FILMER_TRUST_OUTAGE_SECONDS=600`` and ``FILMER_TRUST_OUTAGE_RATE=300`` make it long and hard; then times are asserted.
"""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest
from tests.community.conftest import POPULAR, Community, tmdb_settings
from tests.community.constant_rate_load import (
    Connection,
    Measurement,
    PreparedRequest,
    connections_to,
    get,
    p99,
    send_steadily,
)
from tests.community.responses import own_language
from tests.conftest import Serve, Server
from tests.figures import record_figure
from tests.proxy import Proxy, proxied_valkey
from tests.sandbox import Sandbox

from filmer.store.embedded import Engines
from filmer.tmdb.cache import MAX_REFRESHES
from filmer.tmdb.circuit_breaker import FAILURES, OPEN_SECONDS
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


class OutageSetup:
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

    def break_tmdb(self, how: str) -> None:
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
        """The number of requests to TMDB. A refused connection does not count them, but each failure is logged."""
        if how == "refused":
            return self.server.output().count("TMDB failed")
        return sum(self.sandbox.calls(path) for path in PATHS)

    async def warmed(self, lines: Sequence[Connection]) -> list[PreparedRequest]:
        """Request everything once on each connection, so that the process behind each has it cached."""
        requests = []
        for address, token in self._addresses:
            replies = [await line.send(get(address, token)) for line in lines]
            assert {reply.status for reply in replies} == {200}
            assert len({reply.body for reply in replies}) == 1
            requests.append(PreparedRequest(address, get(address, token), replies[0].body))
        assert len({question.body for question in requests}) == len(requests)
        return requests


def make_setup(serve: Serve, database_url: str, sandbox: Sandbox, **environment: str) -> OutageSetup:
    own = {"CACHE_DURATION_SECONDS": str(CACHE_SECONDS), "TMDB_LANGUAGE": own_language()}
    server = serve(database_url, "--workers", str(WORKERS), **tmdb_settings(sandbox), **own, **environment)
    return OutageSetup(server, database_url, sandbox)


@pytest.fixture
def own_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def setup(serve: Serve, database_url: str, own_sandbox: Sandbox) -> Iterator[OutageSetup]:
    made = make_setup(serve, database_url, own_sandbox)
    yield made
    made.close()


def most_tries(seconds: float) -> int:
    """The most requests to TMDB while it is down (circuit_breaker.py, cache.py).

    Each worker finds out with so many failures, while as many requests as it makes at once are under way, with all
    their tries. From then on one tries at a time: a try that fails begins a rest anew, so the next one comes a rest
    after the third failure, which came two waits after the first.
    """
    apart = FIRST_WAIT * (1 + MULTIPLIER) + OPEN_SECONDS
    trials = 1 + int(seconds / apart)
    return WORKERS * (FAILURES + ATTEMPTS * (MAX_REFRESHES + trials))


def assert_all_right(measurements: Sequence[Measurement], rate: float, seconds: float) -> None:
    assert len(measurements) == round(rate * seconds)
    assert [result for result in measurements if result.status != 200 or not result.is_right] == []


def assert_old(measurements: Sequence[Measurement], broken_at: float, oldest: int) -> None:
    """What was cached before TMDB went down grows older from then on. ``oldest``: the highest age seen before."""
    late = [measurement for measurement in measurements if measurement.due > broken_at + CACHE_SECONDS + 1]
    assert {measurement.address for measurement in late} == {measurement.address for measurement in measurements}
    for measurement in late:
        assert measurement.x_cache == "stale", measurement
        assert (
            measurement.due - broken_at - 2
            <= measurement.age
            <= measurement.due + measurement.seconds - broken_at + oldest + 1
        ), measurement


async def seconds_until_fresh(lines: Sequence[Connection], requests: Sequence[PreparedRequest]) -> float:
    """Until each address was answered from a copy that is not over its time."""
    begun = time.monotonic()
    old = {question.address for question in requests}
    while old:
        measurements = await send_steadily(lines, requests, SMALL_RATE, 1)
        assert_all_right(measurements, SMALL_RATE, 1)
        old -= {result.address for result in measurements if result.x_cache != "stale"}
        assert time.monotonic() - begun < FRESH_AGAIN_SECONDS, old
    return time.monotonic() - begun


async def goes_down(setup: OutageSetup, how: str, rate: float, seconds: float) -> None:
    async with connections_to(setup.server.port, LINES) as lines:
        requests = await setup.warmed(lines)
        healthy = await send_steadily(lines, requests, rate, min(60, max(2, seconds / 4)))
        assert {measurement.status for measurement in healthy} == {200}
        assert all(measurement.is_right for measurement in healthy)
        assert "hit" in {measurement.x_cache for measurement in healthy}
        broken_at = time.monotonic()
        setup.break_tmdb(how)
        down = await send_steadily(lines, requests, rate, seconds)
        tries, most = setup.tries(how), most_tries(time.monotonic() - broken_at)
        setup.heal(how)
        fresh_again = await seconds_until_fresh(lines, requests)
    before, meanwhile = (
        p99([measurement.seconds for measurement in healthy]),
        p99([measurement.seconds for measurement in down]),
    )
    record_figure(
        f"{how}: {len(down):,} answers at {rate:.0f}/s, p99 {before:.1f} ms before, {meanwhile:.1f} ms meanwhile; TMDB"
        f" asked {tries} times (bound: {most}); fresh {fresh_again:.1f} s after"
    )
    assert_all_right(down, rate, seconds)
    assert_old(down, broken_at, max(measurement.age for measurement in healthy))
    assert 0 < tries <= most
    assert not IS_FULL or how != "black-hole" or meanwhile <= max(before + 5, before * 2)


@pytest.mark.timeout(1500)
def test_a_tmdb_that_never_answers_is_not_noticed(setup: OutageSetup) -> None:
    asyncio.run(goes_down(setup, "black-hole", RATE, SECONDS))


@pytest.mark.parametrize("how", ["refused", "503"])
def test_a_tmdb_that_fails_at_once_is_not_noticed(setup: OutageSetup, how: str) -> None:
    asyncio.run(goes_down(setup, how, SMALL_RATE, SMALL_SECONDS))


async def goes_down_together(setup: OutageSetup, valkey: Proxy) -> None:
    async with connections_to(setup.server.port, LINES) as lines:
        requests = await setup.warmed(lines)
        broken_at = time.monotonic()
        setup.break_tmdb("black-hole")
        valkey.freeze()
        down = await send_steadily(lines, requests, SMALL_RATE, SMALL_SECONDS)
        tries, most = setup.tries("black-hole"), most_tries(time.monotonic() - broken_at)
    assert "cache away" in setup.server.output()
    assert_all_right(down, SMALL_RATE, SMALL_SECONDS)
    assert_old(down, broken_at, CACHE_SECONDS)
    assert 0 < tries <= most


def test_not_even_when_valkey_is_away_as_well(
    serve: Serve, database_url: str, own_sandbox: Sandbox, engines: Engines
) -> None:
    """Popular pages come from a process's own memory, the details of favourites from PostgreSQL."""
    with proxied_valkey(engines) as (url, valkey):
        setup = make_setup(serve, database_url, own_sandbox, REDIS_URL=url)
        try:
            asyncio.run(goes_down_together(setup, valkey))
        finally:
            setup.close()
            setup.server.stop()
