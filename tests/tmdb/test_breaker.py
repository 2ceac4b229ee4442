"""The breaker: TMDB is left alone after eight failures in a row, and tried again once in five seconds."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs
from tests.sandbox import Sandbox
from tests.tmdb.asking import MATRIX, POPULAR, UNKNOWN, SteppingClock, asking

from filmer.errors import ExternalApiError, MovieNotFound, UnusableAnswer
from filmer.tmdb.breaker import Breaker
from filmer.tmdb.client import Tmdb


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def breaker(clock: SteppingClock) -> Breaker:
    return Breaker(clock)


def fails(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.failed()


def lets_through(breaker: Breaker) -> bool:
    try:
        breaker.admit()
    except ExternalApiError:
        return False
    return True


def test_it_opens_at_the_eighth_failure_in_a_row(breaker: Breaker) -> None:
    fails(breaker, 7)
    assert lets_through(breaker)
    assert lets_through(breaker)
    fails(breaker, 1)
    assert not lets_through(breaker)


def test_a_success_between_begins_the_count_anew(breaker: Breaker) -> None:
    fails(breaker, 7)
    breaker.succeeded()
    fails(breaker, 7)
    assert lets_through(breaker)


def test_one_tries_each_five_seconds(breaker: Breaker, clock: SteppingClock) -> None:
    fails(breaker, 8)
    clock.move(4.9)
    assert not lets_through(breaker)
    for _ in range(3):
        clock.move(5.1)
        assert [lets_through(breaker) for _ in range(5)] == [True, False, False, False, False]
    fails(breaker, 1)
    clock.move(4.9)
    assert not lets_through(breaker), "it rests again from the last failure"


def test_a_success_closes_it_and_it_says_both(breaker: Breaker, clock: SteppingClock) -> None:
    with capture_logs() as logs:
        fails(breaker, 20)
        clock.move(5.1)
        assert lets_through(breaker)
        breaker.succeeded()
        breaker.succeeded()
        assert lets_through(breaker)
        assert lets_through(breaker)
        fails(breaker, 7)
        assert lets_through(breaker)
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("TMDB is left alone for a while", "warning"),
        ("TMDB is back", "info"),
    ]


# --- as the client uses it ------------------------------------------------------------------------


async def outcome(asked: Callable[[], Awaitable[object]]) -> type[BaseException] | None:
    try:
        await asked()
    except (ExternalApiError, MovieNotFound) as error:
        return type(error)
    return None


def test_two_requests_with_all_their_tries_open_it(sandbox: Sandbox, clock: SteppingClock) -> None:
    async def run() -> None:
        async with asking(sandbox.url, clock) as tmdb:
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
        assert await outcome(lambda: tmdb.popular(1)) is UnusableAnswer

    async def run() -> None:
        async with asking(sandbox.url, clock) as tmdb:
            for _ in range(7):
                await one_failure(tmdb)
            assert await outcome(lambda: tmdb.film(UNKNOWN)) is MovieNotFound
            for _ in range(7):
                await one_failure(tmdb)
            assert await outcome(lambda: tmdb.popular(1)) is None
            assert sandbox.calls(POPULAR) == 15

    asyncio.run(run())
