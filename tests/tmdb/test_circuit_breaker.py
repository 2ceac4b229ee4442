"""The circuit breaker suspends requests after eight failures in a row, and tries one every five seconds."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs
from tests.sandbox import Sandbox
from tests.tmdb.clients import MATRIX, POPULAR, UNKNOWN, SteppingClock, tmdb_client

from filmer.errors import ExternalApiError, MovieNotFound, UnusableTmdbResponse
from filmer.tmdb.circuit_breaker import CircuitBreaker
from filmer.tmdb.client import Tmdb


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def circuit_breaker(clock: SteppingClock) -> CircuitBreaker:
    return CircuitBreaker(clock)


def fails(circuit_breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        circuit_breaker.record_failure()


def lets_through(circuit_breaker: CircuitBreaker) -> bool:
    try:
        circuit_breaker.admit()
    except ExternalApiError:
        return False
    return True


def test_it_opens_at_the_eighth_failure_in_a_row(circuit_breaker: CircuitBreaker) -> None:
    fails(circuit_breaker, 7)
    assert lets_through(circuit_breaker)
    assert lets_through(circuit_breaker)
    fails(circuit_breaker, 1)
    assert not lets_through(circuit_breaker)


def test_a_success_between_begins_the_count_anew(circuit_breaker: CircuitBreaker) -> None:
    fails(circuit_breaker, 7)
    circuit_breaker.record_success()
    fails(circuit_breaker, 7)
    assert lets_through(circuit_breaker)


def test_one_tries_each_five_seconds(circuit_breaker: CircuitBreaker, clock: SteppingClock) -> None:
    fails(circuit_breaker, 8)
    clock.move(4.9)
    assert not lets_through(circuit_breaker)
    for _ in range(3):
        clock.move(5.1)
        assert [lets_through(circuit_breaker) for _ in range(5)] == [True, False, False, False, False]
    fails(circuit_breaker, 1)
    clock.move(4.9)
    assert not lets_through(circuit_breaker), "it rests again from the last failure"


def test_a_success_closes_it_and_it_says_both(circuit_breaker: CircuitBreaker, clock: SteppingClock) -> None:
    with capture_logs() as logs:
        fails(circuit_breaker, 20)
        clock.move(5.1)
        assert lets_through(circuit_breaker)
        circuit_breaker.record_success()
        circuit_breaker.record_success()
        assert lets_through(circuit_breaker)
        assert lets_through(circuit_breaker)
        fails(circuit_breaker, 7)
        assert lets_through(circuit_breaker)
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("requests to TMDB are suspended", "warning"),
        ("TMDB answers again", "info"),
    ]


# --- as the client uses it ------------------------------------------------------------------------


async def outcome(call: Callable[[], Awaitable[object]]) -> type[BaseException] | None:
    try:
        await call()
    except (ExternalApiError, MovieNotFound) as error:
        return type(error)
    return None


def test_two_requests_with_all_their_tries_open_it(sandbox: Sandbox, clock: SteppingClock) -> None:
    async def run() -> None:
        async with tmdb_client(sandbox.url, clock) as tmdb:
            sandbox.fail("500")
            assert [await outcome(lambda: tmdb.popular(1)) for _ in range(4)] == [ExternalApiError] * 4
            assert sandbox.calls(POPULAR) == 8
            assert await outcome(lambda: tmdb.film(MATRIX)) is ExternalApiError, "nothing else is asked either"
            clock.move(5.1)
            assert await asyncio.gather(*(outcome(lambda: tmdb.film(MATRIX)) for _ in range(3))) == (
                [ExternalApiError] * 3
            )
            assert sandbox.calls("/3/movie/603") == 4, "one tried, with its tries"
            sandbox.heal()
            assert await outcome(lambda: tmdb.popular(1)) is ExternalApiError
            clock.move(5.1)
            assert [await outcome(lambda: tmdb.popular(1)) for _ in range(2)] == [None, None]

    asyncio.run(run())


def test_that_there_is_no_such_film_is_a_success(sandbox: Sandbox, clock: SteppingClock) -> None:
    async def one_failure(tmdb: Tmdb) -> None:
        sandbox.fail("not-json", times=1)
        assert await outcome(lambda: tmdb.popular(1)) is UnusableTmdbResponse

    async def run() -> None:
        async with tmdb_client(sandbox.url, clock) as tmdb:
            for _ in range(7):
                await one_failure(tmdb)
            assert await outcome(lambda: tmdb.film(UNKNOWN)) is MovieNotFound
            for _ in range(7):
                await one_failure(tmdb)
            assert await outcome(lambda: tmdb.popular(1)) is None
            assert sandbox.calls(POPULAR) == 15

    asyncio.run(run())
