"""Without a cached value: who asks TMDB, who waits, how long errors count, what runs in the background (§7.9)."""

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
    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a:
            cluster.valkey.set(f"{key_of(worker_a)}:claim", b"", px=700)
            begun = time.monotonic()
            assert await state(worker_a.tmdb_cache) == "miss"
            assert time.monotonic() - begun > 0.5
            at_most(2, since=begun)
            assert not cluster.valkey.exists(f"{key_of(worker_a)}:claim"), "and ours is given back"

    run(work)


def test_a_claim_that_never_ends_is_not_waited_for_beyond_the_deadline(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker(tmdb_deadline_seconds=1) as worker_a:
            cluster.valkey.set(f"{key_of(worker_a)}:claim", b"", px=20_000)
            begun = time.monotonic()
            assert await state(worker_a.tmdb_cache) == "EXTERNAL_API_ERROR"
            at_most(2, since=begun)
            cluster.valkey.delete(f"{key_of(worker_a)}:claim")

    run(work)


def test_whoever_waited_for_another_before_they_asked_is_told_soon_after_the_deadline(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("black-hole")
        async with cluster.worker(tmdb_deadline_seconds=2) as worker_a:
            cluster.valkey.set(f"{key_of(worker_a)}:claim", b"", px=1500)
            begun = time.monotonic()
            assert await state(worker_a.tmdb_cache) == "EXTERNAL_API_ERROR"
            at_most(3.2, since=begun)

    run(work)


def test_who_waits_hears_of_the_failure(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("500")
        async with (
            cluster.worker(tmdb_deadline_seconds=2) as worker_a,
            cluster.worker(tmdb_deadline_seconds=2) as worker_b,
        ):
            begun = time.monotonic()
            asked = [state(worker.tmdb_cache) for worker in (worker_a, worker_b) for _ in range(3)]
            assert set(await asyncio.gather(*asked)) == {"EXTERNAL_API_ERROR"}
            assert cluster.calls() == 2
            at_most(2.5, since=begun)

    run(work)


def test_whoever_hangs_up_leaves_the_work_to_the_others(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("latency", seconds=1)
        async with cluster.worker() as worker_a:
            first = asyncio.create_task(worker_a.tmdb_cache.film(MATRIX))
            await until(cluster.calls)
            others = [asyncio.create_task(worker_a.tmdb_cache.film(MATRIX)) for _ in range(5)]
            await asyncio.sleep(0)
            first.cancel()
            assert len({result.fetched for result in await asyncio.gather(*others)}) == 1
            assert first.cancelled()
            assert cluster.calls() == 1

    run(work)


@pytest.mark.parametrize("given", [{}, {"redis_url": None}], ids=["valkey", "without"])
def test_who_looked_while_it_came_does_not_ask_again(given: dict[str, None], run: Run) -> None:
    """Nothing was there when they began to look, and the answer was when they were done."""

    async def work(cluster: Cluster) -> None:
        async with cluster.worker(**given) as worker_a:
            films = [film.id for film in (await worker_a.tmdb_cache.popular(1)).value.results]
            for movie_id in films:
                await asyncio.gather(*(worker_a.tmdb_cache.film(movie_id) for _ in range(60)))
            assert [cluster.calls(movie_id) for movie_id in films] == [1] * len(films)

    run(work)


def connections(cluster: Cluster) -> int:
    found: Any = cluster.valkey.info("clients")
    return int(found["connected_clients"])


def test_a_crowd_does_not_crowd_valkey(run: Run) -> None:
    """As many connections would take longer to open than Valkey has to answer, and then no claim counts."""

    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("latency", seconds=0.2)
        async with cluster.worker() as worker_a:
            before = connections(cluster)
            asked = asyncio.gather(*(worker_a.tmdb_cache.film(MATRIX) for _ in range(50)))
            await until(cluster.calls)
            assert connections(cluster) - before < 10
            await asked

    run(work)


# --- refusals ---------------------------------------------------------------------------------------


def test_that_there_is_no_such_film_holds_half_a_minute(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker(redis_url=None) as worker_a:
            assert [await state(worker_a.tmdb_cache, UNKNOWN) for _ in range(10)] == ["MOVIE_NOT_FOUND"] * 10
            cluster.move(29)
            assert await state(worker_a.tmdb_cache, UNKNOWN) == "MOVIE_NOT_FOUND"
            assert cluster.calls(UNKNOWN) == 1
            cluster.move(1.5)
            assert await state(worker_a.tmdb_cache, UNKNOWN) == "MOVIE_NOT_FOUND"
            assert cluster.calls(UNKNOWN) == 2

    run(work)


def test_all_processes_know_that_there_is_no_such_film(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a, cluster.worker() as worker_b:
            assert (
                await state(worker_a.tmdb_cache, UNKNOWN)
                == await state(worker_b.tmdb_cache, UNKNOWN)
                == "MOVIE_NOT_FOUND"
            )
            assert cluster.calls(UNKNOWN) == 1
            assert 25 < int(cluster.valkey.ttl(key_of(worker_a, f"film:{UNKNOWN}:no"))) <= 30

    run(work)


def test_a_failure_holds_a_second(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("not-json")
        async with cluster.worker(redis_url=None) as worker_a:
            assert [await state(worker_a.tmdb_cache) for _ in range(10)] == ["EXTERNAL_API_ERROR"] * 10
            assert cluster.calls() == 1
            cluster.sandbox.heal()
            cluster.move(1.1)
            assert await state(worker_a.tmdb_cache) == "miss"

    run(work)


def test_a_failure_of_one_thing_is_none_of_another(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("not-json", path=f"/3/movie/{MATRIX}")
        async with cluster.worker() as worker_a:
            assert await state(worker_a.tmdb_cache) == "EXTERNAL_API_ERROR"
            assert await state(worker_a.tmdb_cache, SHAWSHANK) == "miss"
            with pytest.raises(ExternalApiError):
                await worker_a.tmdb_cache.film(MATRIX)
            with pytest.raises(MovieNotFound):
                await worker_a.tmdb_cache.film(UNKNOWN)

    run(work)


# --- behind -----------------------------------------------------------------------------------------


def test_at_most_four_are_refreshed_at_once_and_nothing_twice(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("latency", seconds=0.3)
        numbers = list(range(1, 11))  # unknown to the sandbox, but requested all the same
        async with cluster.worker() as worker_a:
            for _ in range(3):
                worker_a.tmdb_cache.refresh(numbers)
            assert len(worker_a.tmdb_cache._refreshes) == 10
            await worker_a.settled()
        times = [request.at for request in cluster.sandbox.requests()]
        assert len(times) == 10
        for first, fifth in zip(times, times[4:], strict=False):
            assert fifth - first > 0.28

    run(work)


def test_what_waits_behind_is_bounded(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("latency", seconds=0.5)
        async with cluster.worker() as worker_a:
            worker_a.tmdb_cache.refresh(range(1, 5000))
            assert len(worker_a.tmdb_cache._refreshes) == 500

    run(work)


def test_closing_ends_what_is_under_way(run: Run) -> None:
    """No task is left, and ``run`` checks that none failed."""

    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a:
            await worker_a.tmdb_cache.film(MATRIX)
            cluster.move(FRESH)
            cluster.sandbox.fail("black-hole")
            assert await state(worker_a.tmdb_cache) == "stale"
            worker_a.tmdb_cache.refresh(range(1, 20))
            cold = asyncio.create_task(worker_a.tmdb_cache.film(SHAWSHANK))
            await until(lambda: cluster.calls() and cluster.calls(1))
            begun = time.monotonic()
            await worker_a.tmdb_cache.close()
            at_most(1, since=begun)
            with pytest.raises(asyncio.CancelledError):
                await cold
            await asyncio.sleep(0)
            assert (worker_a.tmdb_cache._refreshes, worker_a.tmdb_cache._fetches) == ({}, {})
            assert not cluster.valkey.exists(f"{key_of(worker_a)}:claim")

    run(work)
