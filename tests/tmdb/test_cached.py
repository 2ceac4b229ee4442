"""Values that a page can do without, and details of the cache: ages, counts, claims, bounds (contract §7.9)."""

import asyncio
import time
from collections import Counter

import msgspec
import pytest
from tests.tmdb.clients import MATRIX, POPULAR, SHAWSHANK, UNKNOWN, held, until
from tests.tmdb.cluster import FRESH, Cluster, Run, key_of, state

from filmer.errors import MovieNotFound
from filmer.tmdb import cache
from filmer.tmdb.cache import CachedValue
from filmer.tmdb.payloads import TmdbFilm

# --- if available -------------------------------------------------------------------------------------


def test_what_is_at_hand_is_shown_and_refreshed_like_any_copy(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a:
            first = await worker_a.tmdb_cache.popular(1)
            assert await worker_a.tmdb_cache.popular_if_available(1) == msgspec.structs.replace(first, state="hit")
            cluster.move(FRESH)
            assert await worker_a.tmdb_cache.popular_if_available(1) == msgspec.structs.replace(first, state="stale")
            await worker_a.settled()
            assert cluster.sandbox.calls(POPULAR) == 2
            assert worker_a.tmdb_cache.outcomes == Counter(miss=1, hit=1, stale=1)

    run(work)


def test_what_comes_soon_is_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "OPTIONAL_SECONDS", 20)

    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a:
            result = await worker_a.tmdb_cache.popular_if_available(1)
            assert result is not None
            assert (result.state, result.value.page) == ("hit", 1)
            assert cluster.sandbox.calls(POPULAR) == 1

    run(work)


def test_what_does_not_come_is_not_waited_for_and_asked_once(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a:
            may_come = held(worker_a, "popular")
            begun = time.monotonic()
            assert await worker_a.tmdb_cache.popular_if_available(1) is None
            assert time.monotonic() - begun >= 0.29
            assert await worker_a.tmdb_cache.popular_if_available(1) is None
            assert worker_a.tmdb_cache.outcomes == Counter(none=2)
            may_come.set()
            await worker_a.settled()
            assert cluster.sandbox.calls(POPULAR) == 1
            result = await worker_a.tmdb_cache.popular_if_available(1)
            assert result is not None
            assert result.state == "hit"

    run(work)


def test_while_somebody_asks_it_is_not_asked_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetch that is running already is not started again."""
    monkeypatch.setattr(cache, "OPTIONAL_SECONDS", 20)

    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a:
            may_come = held(worker_a, "popular")
            task = asyncio.create_task(worker_a.tmdb_cache.popular(1))
            await until(lambda: worker_a.tmdb_cache._fetches)
            asyncio.get_running_loop().call_later(0.1, may_come.set)
            result = await worker_a.tmdb_cache.popular_if_available(1)
            assert result is not None
            assert (await task).value == result.value
            assert worker_a.tmdb_cache._refreshes == {}
            assert cluster.sandbox.calls(POPULAR) == 1

    run(work)


def test_where_no_tmdb_is_set_up_nobody_asks_or_waits(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker(tmdb_api_key=None) as worker_a:
            assert not worker_a.tmdb_cache.is_set_up
            assert await worker_a.tmdb_cache.popular_if_available(1) is None
            assert worker_a.tmdb_cache._refreshes == {}
        async with cluster.worker() as worker_b:
            assert worker_b.tmdb_cache.is_set_up

    run(work)


# --- counts and ages ----------------------------------------------------------------------------------


def test_each_answer_is_counted_by_what_it_was(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a:
            for _ in range(2):
                await worker_a.tmdb_cache.film(MATRIX)
            cluster.move(FRESH)
            await worker_a.tmdb_cache.film(MATRIX)
            await worker_a.settled()
            with pytest.raises(MovieNotFound):
                await worker_a.tmdb_cache.film(UNKNOWN)
            assert worker_a.tmdb_cache.outcomes == Counter(miss=1, hit=1, stale=1, none=1)

    run(work)


def test_a_copy_is_as_old_as_it_is_and_never_younger_than_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a:
            now = cluster.clock.now().timestamp()
            assert worker_a.tmdb_cache.age(now - 100) == pytest.approx(100, abs=5)
            assert worker_a.tmdb_cache.age(now + 100) == 0.0
            fresh = worker_a.tmdb_cache._fresh_seconds
            monkeypatch.setattr(worker_a.tmdb_cache, "_now", lambda: now)
            assert [worker_a.tmdb_cache.is_fresh(now - age) for age in (fresh - 0.5, fresh, -fresh)] == [
                True,
                False,
                False,
            ]

    run(work)


def test_a_copy_of_no_time_is_none(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        film = TmdbFilm(MATRIX, "Of no time", None, None, None, None)
        for number, fetched in enumerate((float("nan"), float("inf"), float("-inf"))):
            async with cluster.worker(tmdb_region="ABC"[number] * 2) as worker_a:
                cluster.valkey.set(key_of(worker_a), msgspec.msgpack.encode(CachedValue(fetched, film)), ex=60)
                assert (await worker_a.tmdb_cache.film(MATRIX)).value.title == "The Matrix"

    run(work)


def test_what_another_process_brought_is_kept_here_too(run: Run) -> None:
    """Once a value from Valkey is in the memory of a process, it may be gone from Valkey."""

    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a, cluster.worker() as waiting, cluster.worker() as later:
            may_come = held(worker_a, "film")
            tasks = [asyncio.create_task(state(worker_a.tmdb_cache))]
            await until(lambda: cluster.valkey.exists(f"{key_of(worker_a)}:claim"))
            tasks.append(asyncio.create_task(state(waiting.tmdb_cache)))
            await until(lambda: waiting.tmdb_cache._fetches)
            may_come.set()
            assert [await task for task in tasks] == ["miss", "miss"]
            assert cluster.calls() == 1
            assert await state(later.tmdb_cache) == "hit"
            cluster.valkey.delete(key_of(worker_a))
            assert [await state(worker.tmdb_cache) for worker in (worker_a, waiting, later)] == ["hit"] * 3
            assert cluster.calls() == 1

    run(work)


def test_a_copy_is_kept_a_day_in_valkey(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a:
            await worker_a.tmdb_cache.film(MATRIX)
            assert 24 * 3600 - 20 < int(cluster.valkey.ttl(key_of(worker_a))) <= 24 * 3600

    run(work)


# --- claims and waiting -------------------------------------------------------------------------------


def test_a_claim_is_kept_for_as_long_as_it_takes_and_given_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CLAIM_MILLISECONDS", 3000)
    renewed_every = 3000 / 4000  # seconds

    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a, cluster.worker() as worker_b:
            claim = f"{key_of(worker_a)}:claim"
            may_come = [held(worker, "film") for worker in (worker_a, worker_b)]
            tasks = [asyncio.create_task(state(worker.tmdb_cache)) for worker in (worker_a, worker_b)]
            await until(lambda: cluster.valkey.exists(claim))
            left = [int(cluster.valkey.pttl(claim))]
            async with asyncio.timeout(20):
                while len(left) < 2 or left[-1] <= left[-2]:  # until it is renewed
                    await asyncio.sleep(0.02)
                    left.append(int(cluster.valkey.pttl(claim)))
            assert min(left) > 0
            assert max(left) <= 3000
            for event in may_come:
                event.set()
            assert [await task for task in tasks] == ["miss", "miss"]
            assert cluster.calls() == 1
            assert not cluster.valkey.exists(claim)
            cluster.valkey.set(claim, b"", px=60_000)
            await asyncio.sleep(1.2 * renewed_every)
            assert int(cluster.valkey.pttl(claim)) > 10_000, "the claim of another process is not renewed"

    run(work)


def test_what_came_while_it_was_looked_for_elsewhere_is_not_asked_for(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker(redis_url=None) as worker_a:
            cached = await worker_a.tmdb_cache.film(MATRIX)
            resource = worker_a.tmdb_cache._film(MATRIX)
            older, same = (CachedValue(cached.fetched - seconds, cached.value) for seconds in (1, 0))
            for current in (None, older):
                assert (await worker_a.tmdb_cache._fetch(resource, current)).fetched == cached.fetched
            assert cluster.calls() == 1
            await worker_a.tmdb_cache._fetch(resource, same)
            assert cluster.calls() == 2

    run(work)


def test_who_waits_looks_ever_less_often(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        waits: list[float] = []

        async def slept(seconds: float) -> None:
            waits.append(seconds)
            cluster.clock.move(seconds)

        cluster.clock.sleep = slept  # type: ignore[method-assign]
        async with cluster.worker(tmdb_deadline_seconds=3) as worker_a:
            cluster.valkey.set(f"{key_of(worker_a)}:claim", b"", px=60_000)
            assert await state(worker_a.tmdb_cache) == "EXTERNAL_API_ERROR"
            cluster.valkey.delete(f"{key_of(worker_a)}:claim")
        assert waits[:6] == pytest.approx([0.05 * 1.5**number for number in range(6)])
        assert set(waits[6:]) == {0.5}
        assert len(waits) >= 8

    run(work)


def test_a_refusal_is_forgotten_when_there_is_an_answer(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("not-json", times=1)
        async with cluster.worker(redis_url=None) as worker_a:
            assert await state(worker_a.tmdb_cache) == "EXTERNAL_API_ERROR"
            assert list(worker_a.tmdb_cache._errors) == [f"film:{MATRIX}"]
            cluster.move(1.1)
            assert await state(worker_a.tmdb_cache) == "miss"
            assert list(worker_a.tmdb_cache._errors) == []

    run(work)


def test_what_others_found_out_is_not_asked_again(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a, cluster.worker() as worker_b:
            cluster.valkey.set(f"{key_of(worker_a)}:no", b"EXTERNAL_API_ERROR", ex=60)
            cluster.valkey.set(f"{key_of(worker_a, f'film:{SHAWSHANK}')}:no", MovieNotFound.code.encode(), ex=60)
            for worker in (worker_a, worker_b):
                assert await state(worker.tmdb_cache) == "EXTERNAL_API_ERROR"
                assert await state(worker.tmdb_cache, SHAWSHANK) == "MOVIE_NOT_FOUND"
            assert cluster.sandbox.requests() == []
            now = cluster.clock.monotonic()
            remaining = {name: until - now for name, (until, _) in worker_a.tmdb_cache._errors.items()}
            assert remaining[f"film:{MATRIX}"] <= 1
            assert 20 < remaining[f"film:{SHAWSHANK}"] <= 30

    run(work)


def test_a_crowd_behind_a_waiting_one_is_answered_in_time(run: Run) -> None:
    """Each caller has a deadline: TMDB's, and a moment for the response."""

    async def work(cluster: Cluster) -> None:
        async with cluster.worker(tmdb_deadline_seconds=1) as worker_a:
            cluster.sandbox.fail("black-hole")
            begun = time.monotonic()
            assert await state(worker_a.tmdb_cache) == "EXTERNAL_API_ERROR"
            assert time.monotonic() - begun >= 0.9

    run(work)
