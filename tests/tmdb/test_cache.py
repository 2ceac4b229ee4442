"""Copies of what TMDB answered: served at once however old, refreshed behind, shared by all (contract §7.9)."""

import asyncio
import time
from typing import Any

import msgspec
import pytest
from tests.machine import at_most
from tests.tmdb.clients import MATRIX, POPULAR, own_language
from tests.tmdb.cluster import FRESH, Cluster, Run, key_of, state

from filmer.server.serving import free_port
from filmer.tmdb.cache import VALKEY_SECONDS, CachedValue
from filmer.tmdb.payloads import TmdbFilm

# --- fresh, stale, behind ---------------------------------------------------------------------------


def test_fresh_for_its_time_then_stale_and_refreshed_behind_once(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker() as one:
            first = await one.tmdb_cache.film(MATRIX)
            assert (first.state, first.value.title) == ("miss", "The Matrix")
            world.move(FRESH - 1)
            assert await one.tmdb_cache.film(MATRIX) == msgspec.structs.replace(first, state="hit")
            assert world.calls() == 1
            world.move(1.5)
            world.sandbox.fail("latency", seconds=0.3, times=1)
            assert [await state(one.tmdb_cache) for _ in range(20)] == ["stale"] * 20
            await one.settled()
            assert world.calls() == 2
            newer = await one.tmdb_cache.film(MATRIX)
            assert (newer.state, newer.value) == ("hit", first.value)
            assert newer.fetched >= first.fetched + FRESH

    run(work)


def test_popular_pages_are_copies_each_of_its_own(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker() as one:
            pages = [await one.tmdb_cache.popular(page) for page in (1, 2, 1, 2)]
            assert [page.state for page in pages] == ["miss", "miss", "hit", "hit"]
            assert [page.value.page for page in pages] == [1, 2, 1, 2]
            world.move(FRESH)
            assert (await one.tmdb_cache.popular(1)).state == "stale"
            await one.settled()
            assert world.sandbox.calls(POPULAR) == 3

    run(work)


@pytest.mark.parametrize("fault", ["black-hole", "500", "401", "wrong-types", "wrong-id"])
def test_however_old_it_is_served_at_once(fault: str, run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker(tmdb_deadline_seconds=1) as one:
            first = await one.tmdb_cache.film(MATRIX)
            cached = world.valkey.get(key_of(one))
            world.sandbox.fail(fault)
            world.move(23 * 3600)
            for _ in range(3):
                begun = time.monotonic()
                assert await one.tmdb_cache.film(MATRIX) == msgspec.structs.replace(first, state="stale")
                at_most(0.25, since=begun)
                await one.settled()
                world.move(2)
            assert world.valkey.get(key_of(one)) == cached
            assert world.calls() == 4
            world.move(20 * 365 * 24 * 3600)
            assert world.valkey.get(key_of(one)) is None
            assert await one.tmdb_cache.film(MATRIX) == msgspec.structs.replace(first, state="stale")
            await one.settled()
            world.sandbox.heal()
            world.move(6)
            await state(one.tmdb_cache)
            await one.settled()
            assert await state(one.tmdb_cache) == "hit"

    run(work)


def test_no_time_at_all_means_always_stale_and_never_waited_for(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker(cache_duration_seconds=0) as one:
            assert [await state(one.tmdb_cache) for _ in range(3)] == ["miss", "stale", "stale"]

    run(work)


def test_many_at_once_make_one_request(run: Run) -> None:
    async def work(world: Cluster) -> None:
        world.sandbox.fail("latency", seconds=0.3)
        async with world.worker() as one, world.worker() as other:
            asked = [worker.tmdb_cache.film(MATRIX) for worker in (one, other) for _ in range(50)]
            found = await asyncio.gather(*asked)
            assert len({(cached.value, cached.fetched) for cached in found}) == 1
            assert world.calls() == 1
            world.move(FRESH)
            states = await asyncio.gather(*(state(one.tmdb_cache) for one in (one, other) for _ in range(50)))
            assert set(states) == {"stale"}
            await one.settled()
            await other.settled()
            assert world.calls() == 2

    run(work)


# --- Valkey -----------------------------------------------------------------------------------------


def test_another_process_has_it_from_valkey(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker() as one, world.worker() as other, world.worker() as third:
            first = await one.tmdb_cache.film(MATRIX)
            assert await other.tmdb_cache.film(MATRIX) == msgspec.structs.replace(first, state="hit")
            assert VALKEY_SECONDS - 10 < int(world.valkey.ttl(key_of(one))) <= VALKEY_SECONDS
            world.move(FRESH)
            assert await state(one.tmdb_cache) == "stale"
            await one.settled()
            assert await state(other.tmdb_cache) == "hit", "it has another's newer one rather than its own"
            assert await state(third.tmdb_cache) == "hit"
            assert world.calls() == 2

    run(work)


def test_another_language_or_region_is_another_thing(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with (
            world.worker() as one,
            world.worker(tmdb_region="DE") as other,
            world.worker(tmdb_language=own_language()) as third,
        ):
            assert [(await asked.tmdb_cache.popular(1)).state for asked in (one, other, third)] == ["miss"] * 3

    run(work)


def corrupt(packed: bytes) -> dict[str, bytes]:
    copy = msgspec.msgpack.decode(packed)
    return {
        "noise": bytes(range(256)),
        "cut off": packed[: len(packed) // 2],
        "nothing much": b"\x00",
        "another film's shape": msgspec.msgpack.encode([copy[0], {"id": 603}]),
        "a list": msgspec.msgpack.encode([copy[0], [1, 2]]),
        "text that is none": packed.replace(b"The Matrix", b"\xff\xfe Matrix"),
        "deep": packed[:10] + b"\x91" * 3000,
        "deep behind it": b"\x93" + packed[1:] + b"\x91" * 3000,
    }


CORRUPT = list(
    corrupt(msgspec.msgpack.encode(CachedValue(1.0, TmdbFilm(MATRIX, "The Matrix", None, None, None, None))))
)


@pytest.mark.parametrize("kind", CORRUPT)
def test_bytes_that_are_no_copy_are_nothing(kind: str, run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker() as one, world.worker() as other, world.worker() as third:
            await one.tmdb_cache.film(MATRIX)
            packed: Any = world.valkey.get(key_of(one))
            world.valkey.set(key_of(one), corrupt(packed)[kind], ex=60)
            assert await state(other.tmdb_cache) == "miss"
            assert await state(third.tmdb_cache) == "hit", "a good one is in its place"

    run(work)


def test_a_key_of_another_kind_is_nothing(run: Run) -> None:
    async def work(world: Cluster) -> None:
        async with world.worker() as one:
            world.valkey.rpush(key_of(one), "a list")
            assert await state(one.tmdb_cache) == "miss"
            world.valkey.delete(key_of(one))

    run(work)


@pytest.mark.parametrize("url", [None, "redis://127.0.0.1:{port}/0"], ids=["not set up", "refused"])
def test_without_valkey_it_goes_on(url: str | None, run: Run) -> None:
    async def work(world: Cluster) -> None:
        redis_url = url and url.format(port=free_port("127.0.0.1"))
        async with world.worker(redis_url=redis_url) as one:
            assert await asyncio.gather(*(state(one.tmdb_cache) for _ in range(20))) == ["miss"] * 20
            world.move(FRESH)
            assert await state(one.tmdb_cache) == "stale"
            await one.settled()
            assert await state(one.tmdb_cache) == "hit"
            assert world.calls() == 2

    run(work)


def test_a_copy_from_the_future_is_stale(run: Run) -> None:
    """A clock that was wrong, and was put right."""

    async def work(world: Cluster) -> None:
        world.clock.move(7200)
        async with world.worker() as one:
            assert await state(one.tmdb_cache) == "miss"
            world.clock.move(-3600)
            assert await state(one.tmdb_cache) == "stale"
            await one.settled()
            assert await state(one.tmdb_cache) == "hit"

    run(work)


def test_each_process_refreshes_by_itself_what_it_served(run: Run) -> None:
    """An older copy of another process is no news to one that holds it already, or never saw it."""

    async def work(world: Cluster) -> None:
        async with world.worker() as one, world.worker() as other:
            await one.tmdb_cache.film(MATRIX)
            world.move(60)
            other.tmdb_cache.refresh([MATRIX])
            await other.settled()
            assert world.calls() == 2
            assert await state(one.tmdb_cache) == "hit"

    run(work)
