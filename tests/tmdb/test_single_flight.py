"""Where there is no copy: who asks TMDB, who waits, what holds after a refusal, what goes on behind (contract §7.9)."""

import asyncio
import time
from typing import Any

import pytest
from tests.machine import at_most
from tests.tmdb.clients import MATRIX, SHAWSHANK, UNKNOWN, until
from tests.tmdb.cluster import FRESH, Cluster, Run, key_of, state

from filmer.errors import ExternalApiError, MovieNotFound

# --- who asks ---------------------------------------------------------------------------------------


def test_the_claim_of_one_who_died_is_over_soon(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker() as one:
            world.valkey.set(f"{key_of(one)}:claim", b"", px=700)
            begun = time.monotonic()
            assert await state(one.tmdb_cache) == "miss"
            assert time.monotonic() - begun > 0.5
            at_most(2, since=begun)
            assert not world.valkey.exists(f"{key_of(one)}:claim"), "and ours is given back"

    run(work)


def test_a_claim_that_never_ends_is_not_waited_for_beyond_the_deadline(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker(tmdb_deadline_seconds=1) as one:
            world.valkey.set(f"{key_of(one)}:claim", b"", px=20_000)
            begun = time.monotonic()
            assert await state(one.tmdb_cache) == "EXTERNAL_API_ERROR"
            at_most(2, since=begun)
            world.valkey.delete(f"{key_of(one)}:claim")

    run(work)


def test_whoever_waited_for_another_before_they_asked_is_told_soon_after_the_deadline(run: Run) -> None:
    async def work(world: Cluster) -> None:
        world.sandbox.fail("black-hole")
        async with world.worker(tmdb_deadline_seconds=2) as one:
            world.valkey.set(f"{key_of(one)}:claim", b"", px=1500)
            begun = time.monotonic()
            assert await state(one.tmdb_cache) == "EXTERNAL_API_ERROR"
            at_most(3.2, since=begun)

    run(work)


def test_who_waits_hears_of_the_failure(run: Run) -> None:
    async def work(world: Cluster) -> None:
        world.sandbox.fail("500")
        async with world.worker(tmdb_deadline_seconds=2) as one, world.worker(tmdb_deadline_seconds=2) as other:
            begun = time.monotonic()
            asked = [state(worker.tmdb_cache) for worker in (one, other) for _ in range(3)]
            assert set(await asyncio.gather(*asked)) == {"EXTERNAL_API_ERROR"}
            assert world.calls() == 2
            at_most(2.5, since=begun)

    run(work)


def test_whoever_hangs_up_leaves_the_work_to_the_others(run: Run) -> None:
    async def work(world: Cluster) -> None:
        world.sandbox.fail("latency", seconds=1)
        async with world.worker() as one:
            first = asyncio.create_task(one.tmdb_cache.film(MATRIX))
            await until(world.calls)
            others = [asyncio.create_task(one.tmdb_cache.film(MATRIX)) for _ in range(5)]
            await asyncio.sleep(0)
            first.cancel()
            assert len({result.fetched for result in await asyncio.gather(*others)}) == 1
            assert first.cancelled()
            assert world.calls() == 1

    run(work)


@pytest.mark.parametrize("given", [{}, {"redis_url": None}], ids=["valkey", "without"])
def test_who_looked_while_it_came_does_not_ask_again(given: dict[str, None], run: Run) -> None:
    """Nothing was there when they began to look, and the answer was when they were done."""

    async def work(world: Cluster) -> None:
        async with world.worker(**given) as one:
            films = [film.id for film in (await one.tmdb_cache.popular(1)).value.results]
            for movie_id in films:
                await asyncio.gather(*(one.tmdb_cache.film(movie_id) for _ in range(60)))
            assert [world.calls(movie_id) for movie_id in films] == [1] * len(films)

    run(work)


def connections(world: Cluster) -> int:
    found: Any = world.valkey.info("clients")
    return int(found["connected_clients"])


def test_a_crowd_does_not_crowd_valkey(run: Run) -> None:
    """As many connections would take longer to open than Valkey has to answer, and then no claim counts."""

    async def work(world: Cluster) -> None:
        world.sandbox.fail("latency", seconds=0.2)
        async with world.worker() as one:
            before = connections(world)
            asked = asyncio.gather(*(one.tmdb_cache.film(MATRIX) for _ in range(50)))
            await until(world.calls)
            assert connections(world) - before < 10
            await asked

    run(work)


# --- refusals ---------------------------------------------------------------------------------------


def test_that_there_is_no_such_film_holds_half_a_minute(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker(redis_url=None) as one:
            assert [await state(one.tmdb_cache, UNKNOWN) for _ in range(10)] == ["MOVIE_NOT_FOUND"] * 10
            world.move(29)
            assert await state(one.tmdb_cache, UNKNOWN) == "MOVIE_NOT_FOUND"
            assert world.calls(UNKNOWN) == 1
            world.move(1.5)
            assert await state(one.tmdb_cache, UNKNOWN) == "MOVIE_NOT_FOUND"
            assert world.calls(UNKNOWN) == 2

    run(work)


def test_all_processes_know_that_there_is_no_such_film(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker() as one, world.worker() as other:
            assert await state(one.tmdb_cache, UNKNOWN) == await state(other.tmdb_cache, UNKNOWN) == "MOVIE_NOT_FOUND"
            assert world.calls(UNKNOWN) == 1
            assert 25 < int(world.valkey.ttl(key_of(one, f"film:{UNKNOWN}:no"))) <= 30

    run(work)


def test_a_failure_holds_a_second(run: Run) -> None:
    async def work(world: Cluster) -> None:
        world.sandbox.fail("not-json")
        async with world.worker(redis_url=None) as one:
            assert [await state(one.tmdb_cache) for _ in range(10)] == ["EXTERNAL_API_ERROR"] * 10
            assert world.calls() == 1
            world.sandbox.heal()
            world.move(1.1)
            assert await state(one.tmdb_cache) == "miss"

    run(work)


def test_a_failure_of_one_thing_is_none_of_another(run: Run) -> None:
    async def work(world: Cluster) -> None:
        world.sandbox.fail("not-json", path=f"/3/movie/{MATRIX}")
        async with world.worker() as one:
            assert await state(one.tmdb_cache) == "EXTERNAL_API_ERROR"
            assert await state(one.tmdb_cache, SHAWSHANK) == "miss"
            with pytest.raises(ExternalApiError):
                await one.tmdb_cache.film(MATRIX)
            with pytest.raises(MovieNotFound):
                await one.tmdb_cache.film(UNKNOWN)

    run(work)


# --- behind -----------------------------------------------------------------------------------------


def test_at_most_four_are_refreshed_at_once_and_nothing_twice(run: Run) -> None:
    async def work(world: Cluster) -> None:
        world.sandbox.fail("latency", seconds=0.3)
        numbers = list(range(1, 11))  # the sandbox knows none of them: it is asked all the same
        async with world.worker() as one:
            for _ in range(3):
                one.tmdb_cache.refresh(numbers)
            assert len(one.tmdb_cache._refreshes) == 10
            await one.settled()
        times = [request.at for request in world.sandbox.requests()]
        assert len(times) == 10
        for first, fifth in zip(times, times[4:], strict=False):
            assert fifth - first > 0.28

    run(work)


def test_what_waits_behind_is_bounded(run: Run) -> None:
    async def work(world: Cluster) -> None:
        world.sandbox.fail("latency", seconds=0.5)
        async with world.worker() as one:
            one.tmdb_cache.refresh(range(1, 5000))
            assert len(one.tmdb_cache._refreshes) == 500

    run(work)


def test_closing_ends_what_is_under_way(run: Run) -> None:
    """Nothing is left of it, and nothing is said: ``run`` sees to that."""

    async def work(world: Cluster) -> None:
        async with world.worker() as one:
            await one.tmdb_cache.film(MATRIX)
            world.move(FRESH)
            world.sandbox.fail("black-hole")
            assert await state(one.tmdb_cache) == "stale"
            one.tmdb_cache.refresh(range(1, 20))
            cold = asyncio.create_task(one.tmdb_cache.film(SHAWSHANK))
            await until(lambda: world.calls() and world.calls(1))
            begun = time.monotonic()
            await one.tmdb_cache.close()
            at_most(1, since=begun)
            with pytest.raises(asyncio.CancelledError):
                await cold
            await asyncio.sleep(0)
            assert (one.tmdb_cache._refreshes, one.tmdb_cache._fetches) == ({}, {})
            assert not world.valkey.exists(f"{key_of(one)}:claim")

    run(work)
