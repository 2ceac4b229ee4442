"""What a page shows besides, if it is there; and the small print of copies: ages, counts, bounds (contract §7.9)."""

import asyncio
import time
from collections import Counter

import msgspec
import pytest
from tests.conftest import MakeDatabase
from tests.sandbox import Sandbox
from tests.tmdb.clients import MATRIX, POPULAR, SHAWSHANK, UNKNOWN, until
from tests.tmdb.cluster import FRESH, Cluster, Run, key_of, make_run, state

from filmer.errors import MovieNotFound
from filmer.store.embedded import Engines
from filmer.tmdb import cache
from filmer.tmdb.cache import CachedValue
from filmer.tmdb.payloads import TmdbFilm


@pytest.fixture(scope="module")
def database(make_database: MakeDatabase) -> str:
    """No film is kept in it."""
    return make_database()


@pytest.fixture
def run(sandbox: Sandbox, engines: Engines, database: str) -> Run:
    return make_run(sandbox, engines, database)


# --- at hand ------------------------------------------------------------------------------------------


def test_what_is_at_hand_is_shown_and_refreshed_like_any_copy(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker() as one:
            first = await one.tmdb_cache.popular(1)
            assert await one.tmdb_cache.popular_if_available(1) == msgspec.structs.replace(first, state="hit")
            world.move(FRESH)
            assert await one.tmdb_cache.popular_if_available(1) == msgspec.structs.replace(first, state="stale")
            await one.settled()
            assert world.sandbox.calls(POPULAR) == 2
            assert one.tmdb_cache.outcomes == Counter(miss=1, hit=1, stale=1)

    run(work)


def test_what_comes_soon_is_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "OPTIONAL_SECONDS", 20)

    async def work(world: Cluster) -> None:
        async with world.worker() as one:
            result = await one.tmdb_cache.popular_if_available(1)
            assert result is not None
            assert (result.state, result.value.page) == ("hit", 1)
            assert world.sandbox.calls(POPULAR) == 1

    run(work)


def test_what_does_not_come_is_not_waited_for_and_asked_once(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker() as one:
            world.sandbox.fail("latency", seconds=1.5)
            begun = time.monotonic()
            assert await one.tmdb_cache.popular_if_available(1) is None
            assert time.monotonic() - begun >= 0.29
            assert await one.tmdb_cache.popular_if_available(1) is None
            assert one.tmdb_cache.outcomes == Counter(none=2)
            await one.settled()
            assert world.sandbox.calls(POPULAR) == 1
            result = await one.tmdb_cache.popular_if_available(1)
            assert result is not None
            assert result.state == "hit"

    run(work)


def test_while_somebody_asks_it_is_not_asked_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for it at the same time is under way already."""
    monkeypatch.setattr(cache, "OPTIONAL_SECONDS", 20)

    async def work(world: Cluster) -> None:
        async with world.worker() as one:
            world.sandbox.fail("latency", seconds=0.5)
            asked = asyncio.create_task(one.tmdb_cache.popular(1))
            await until(lambda: one.tmdb_cache._fetches)
            result = await one.tmdb_cache.popular_if_available(1)
            assert result is not None
            assert (await asked).value == result.value
            assert one.tmdb_cache._refreshes == {}
            assert world.sandbox.calls(POPULAR) == 1

    run(work)


def test_where_no_tmdb_is_set_up_nobody_asks_or_waits(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker(tmdb_api_key=None) as one:
            assert not one.tmdb_cache.is_set_up
            assert await one.tmdb_cache.popular_if_available(1) is None
            assert one.tmdb_cache._refreshes == {}
        async with world.worker() as other:
            assert other.tmdb_cache.is_set_up

    run(work)


# --- counts and ages ----------------------------------------------------------------------------------


def test_each_answer_is_counted_by_what_it_was(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker(tmdb_deadline_seconds=1) as one:
            for _ in range(2):
                await one.tmdb_cache.film(MATRIX)
            world.move(FRESH)
            await one.tmdb_cache.film(MATRIX)
            await one.settled()
            with pytest.raises(MovieNotFound):
                await one.tmdb_cache.film(UNKNOWN)
            assert one.tmdb_cache.outcomes == Counter(miss=1, hit=1, stale=1, none=1)

    run(work)


def test_a_copy_is_as_old_as_it_is_and_never_younger_than_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker() as one:
            now = world.clock.now().timestamp()
            assert one.tmdb_cache.age(now - 100) == pytest.approx(100, abs=5)
            assert one.tmdb_cache.age(now + 100) == 0.0
            fresh = one.tmdb_cache._fresh_seconds
            monkeypatch.setattr(one.tmdb_cache, "_now", lambda: now)
            assert [one.tmdb_cache.is_fresh(now - age) for age in (fresh - 0.5, fresh, -fresh)] == [True, False, False]

    run(work)


def test_a_copy_of_no_time_is_none(run: Run) -> None:
    async def work(world: Cluster) -> None:
        film = TmdbFilm(MATRIX, "Of no time", None, None, None, None)
        for number, fetched in enumerate((float("nan"), float("inf"), float("-inf"))):
            async with world.worker(tmdb_region="ABC"[number] * 2) as one:
                world.valkey.set(key_of(one), msgspec.msgpack.encode(CachedValue(fetched, film)), ex=60)
                assert (await one.tmdb_cache.film(MATRIX)).value.title == "The Matrix"

    run(work)


def test_what_another_process_brought_is_kept_here_too(run: Run) -> None:
    """Found in Valkey, or heard of while waiting: once it is here, Valkey may forget it."""

    async def work(world: Cluster) -> None:
        world.sandbox.fail("latency", seconds=0.3, times=1)
        async with world.worker() as one, world.worker() as waiting, world.worker() as later:
            asked = [asyncio.create_task(state(one.tmdb_cache))]
            await until(lambda: one.tmdb_cache._fetches)
            asked.append(asyncio.create_task(state(waiting.tmdb_cache)))
            assert [await task for task in asked] == ["miss", "miss"]
            assert world.calls() == 1
            assert await state(later.tmdb_cache) == "hit"
            world.valkey.delete(key_of(one))
            assert [await state(worker.tmdb_cache) for worker in (one, waiting, later)] == ["hit"] * 3
            assert world.calls() == 1

    run(work)


def test_a_copy_is_kept_a_day_in_valkey(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker() as one:
            await one.tmdb_cache.film(MATRIX)
            assert 24 * 3600 - 20 < int(world.valkey.ttl(key_of(one))) <= 24 * 3600

    run(work)


# --- claims and waiting -------------------------------------------------------------------------------


def test_a_claim_is_kept_for_as_long_as_it_takes_and_given_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CLAIM_MILLISECONDS", 500)

    async def work(world: Cluster) -> None:
        world.sandbox.fail("latency", seconds=1)
        async with world.worker() as one, world.worker() as other:
            asked = [asyncio.create_task(state(worker.tmdb_cache)) for worker in (one, other)]
            left = []
            while not all(task.done() for task in asked):
                left.append(int(world.valkey.pttl(f"{key_of(one)}:claim")))
                await asyncio.sleep(0.05)
            assert [await task for task in asked] == ["miss", "miss"]
            assert 200 < max(left) <= 500
            assert world.calls() == 1
            assert not world.valkey.exists(f"{key_of(one)}:claim")
            world.valkey.set(f"{key_of(one)}:claim", b"", px=20_000)
            await asyncio.sleep(0.3)
            assert int(world.valkey.pttl(f"{key_of(one)}:claim")) > 10_000, "and nobody keeps what is another's"

    run(work)


def test_what_came_while_it_was_looked_for_elsewhere_is_not_asked_for(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker(redis_url=None) as one:
            here = await one.tmdb_cache.film(MATRIX)
            resource = one.tmdb_cache._film(MATRIX)
            older, same = (CachedValue(here.fetched - seconds, here.value) for seconds in (1, 0))
            for held in (None, older):
                assert (await one.tmdb_cache._fetch(resource, held)).fetched == here.fetched
            assert world.calls() == 1
            await one.tmdb_cache._fetch(resource, same)
            assert world.calls() == 2

    run(work)


def test_who_waits_looks_ever_less_often(run: Run) -> None:
    async def work(world: Cluster) -> None:
        waits: list[float] = []
        sleep = world.clock.sleep

        async def slept(seconds: float) -> None:
            waits.append(seconds)
            await sleep(seconds)

        world.clock.sleep = slept  # type: ignore[method-assign]
        async with world.worker(tmdb_deadline_seconds=3) as one:
            world.valkey.set(f"{key_of(one)}:claim", b"", px=60_000)
            assert await state(one.tmdb_cache) == "EXTERNAL_API_ERROR"
            world.valkey.delete(f"{key_of(one)}:claim")
        assert waits[:6] == pytest.approx([0.05 * 1.5**number for number in range(6)])
        assert set(waits[6:]) == {0.5}
        assert len(waits) >= 8

    run(work)


def test_a_refusal_is_forgotten_when_there_is_an_answer(run: Run) -> None:
    async def work(world: Cluster) -> None:
        world.sandbox.fail("not-json", times=1)
        async with world.worker(redis_url=None) as one:
            assert await state(one.tmdb_cache) == "EXTERNAL_API_ERROR"
            assert list(one.tmdb_cache._errors) == [f"film:{MATRIX}"]
            world.move(1.1)
            assert await state(one.tmdb_cache) == "miss"
            assert list(one.tmdb_cache._errors) == []

    run(work)


def test_what_others_found_out_is_not_asked_again(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker() as one, world.worker() as other:
            world.valkey.set(f"{key_of(one)}:no", b"EXTERNAL_API_ERROR", ex=60)
            world.valkey.set(f"{key_of(one, f'film:{SHAWSHANK}')}:no", MovieNotFound.code.encode(), ex=60)
            for worker in (one, other):
                assert await state(worker.tmdb_cache) == "EXTERNAL_API_ERROR"
                assert await state(worker.tmdb_cache, SHAWSHANK) == "MOVIE_NOT_FOUND"
            assert world.sandbox.requests() == []
            now = world.clock.monotonic()
            held = {name: until - now for name, (until, _) in one.tmdb_cache._errors.items()}
            assert held[f"film:{MATRIX}"] <= 1
            assert 20 < held[f"film:{SHAWSHANK}"] <= 30

    run(work)


def test_a_crowd_behind_a_waiting_one_is_answered_in_time(run: Run) -> None:
    """The deadline is of each who waits: TMDB's own and a moment for the answer."""

    async def work(world: Cluster) -> None:
        async with world.worker(tmdb_deadline_seconds=1) as one:
            world.sandbox.fail("black-hole")
            begun = time.monotonic()
            assert await state(one.tmdb_cache) == "EXTERNAL_API_ERROR"
            assert time.monotonic() - begun >= 0.9

    run(work)
