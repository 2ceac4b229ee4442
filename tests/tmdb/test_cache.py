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
    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a:
            first = await worker_a.tmdb_cache.film(MATRIX)
            assert (first.state, first.value.title) == ("miss", "The Matrix")
            cluster.move(FRESH - 1)
            assert await worker_a.tmdb_cache.film(MATRIX) == msgspec.structs.replace(first, state="hit")
            assert cluster.calls() == 1
            cluster.move(1.5)
            cluster.sandbox.fail("latency", seconds=0.3, times=1)
            assert [await state(worker_a.tmdb_cache) for _ in range(20)] == ["stale"] * 20
            await worker_a.settled()
            assert cluster.calls() == 2
            newer = await worker_a.tmdb_cache.film(MATRIX)
            assert (newer.state, newer.value) == ("hit", first.value)
            assert newer.fetched >= first.fetched + FRESH

    run(work)


def test_popular_pages_are_copies_each_of_its_own(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a:
            pages = [await worker_a.tmdb_cache.popular(page) for page in (1, 2, 1, 2)]
            assert [page.state for page in pages] == ["miss", "miss", "hit", "hit"]
            assert [page.value.page for page in pages] == [1, 2, 1, 2]
            cluster.move(FRESH)
            assert (await worker_a.tmdb_cache.popular(1)).state == "stale"
            await worker_a.settled()
            assert cluster.sandbox.calls(POPULAR) == 3

    run(work)


@pytest.mark.parametrize("fault", ["black-hole", "500", "401", "wrong-types", "wrong-id"])
def test_however_old_it_is_served_at_once(fault: str, run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker(tmdb_deadline_seconds=1) as worker_a:
            first = await worker_a.tmdb_cache.film(MATRIX)
            cached = cluster.valkey.get(key_of(worker_a))
            cluster.sandbox.fail(fault)
            cluster.move(23 * 3600)
            for _ in range(3):
                begun = time.monotonic()
                assert await worker_a.tmdb_cache.film(MATRIX) == msgspec.structs.replace(first, state="stale")
                at_most(0.25, since=begun)
                await worker_a.settled()
                cluster.move(2)
            assert cluster.valkey.get(key_of(worker_a)) == cached
            assert cluster.calls() == 4
            cluster.move(20 * 365 * 24 * 3600)
            assert cluster.valkey.get(key_of(worker_a)) is None
            assert await worker_a.tmdb_cache.film(MATRIX) == msgspec.structs.replace(first, state="stale")
            await worker_a.settled()
            cluster.sandbox.heal()
            cluster.move(6)
            await state(worker_a.tmdb_cache)
            await worker_a.settled()
            assert await state(worker_a.tmdb_cache) == "hit"

    run(work)


def test_no_time_at_all_means_always_stale_and_never_waited_for(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker(cache_duration_seconds=0) as worker_a:
            assert [await state(worker_a.tmdb_cache) for _ in range(3)] == ["miss", "stale", "stale"]

    run(work)


def test_many_at_once_make_one_request(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        cluster.sandbox.fail("latency", seconds=0.3)
        async with cluster.worker() as worker_a, cluster.worker() as worker_b:
            requests = [worker.tmdb_cache.film(MATRIX) for worker in (worker_a, worker_b) for _ in range(50)]
            results = await asyncio.gather(*requests)
            assert len({(result.value, result.fetched) for result in results}) == 1
            assert cluster.calls() == 1
            cluster.move(FRESH)
            states = await asyncio.gather(
                *(state(worker.tmdb_cache) for worker in (worker_a, worker_b) for _ in range(50))
            )
            assert set(states) == {"stale"}
            await worker_a.settled()
            await worker_b.settled()
            assert cluster.calls() == 2

    run(work)


# --- Valkey -----------------------------------------------------------------------------------------


def test_another_process_has_it_from_valkey(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a, cluster.worker() as worker_b, cluster.worker() as worker_c:
            first = await worker_a.tmdb_cache.film(MATRIX)
            assert await worker_b.tmdb_cache.film(MATRIX) == msgspec.structs.replace(first, state="hit")
            assert VALKEY_SECONDS - 10 < int(cluster.valkey.ttl(key_of(worker_a))) <= VALKEY_SECONDS
            cluster.move(FRESH)
            assert await state(worker_a.tmdb_cache) == "stale"
            await worker_a.settled()
            assert await state(worker_b.tmdb_cache) == "hit", "it has another's newer one rather than its own"
            assert await state(worker_c.tmdb_cache) == "hit"
            assert cluster.calls() == 2

    run(work)


def test_another_language_or_region_is_another_thing(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with (
            cluster.worker() as worker_a,
            cluster.worker(tmdb_region="DE") as worker_b,
            cluster.worker(tmdb_language=own_language()) as worker_c,
        ):
            assert [(await worker.tmdb_cache.popular(1)).state for worker in (worker_a, worker_b, worker_c)] == [
                "miss"
            ] * 3

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
    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a, cluster.worker() as worker_b, cluster.worker() as worker_c:
            await worker_a.tmdb_cache.film(MATRIX)
            packed: Any = cluster.valkey.get(key_of(worker_a))
            cluster.valkey.set(key_of(worker_a), corrupt(packed)[kind], ex=60)
            assert await state(worker_b.tmdb_cache) == "miss"
            assert await state(worker_c.tmdb_cache) == "hit", "a good one is in its place"

    run(work)


def test_a_key_of_another_kind_is_nothing(run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a:
            cluster.valkey.rpush(key_of(worker_a), "a list")
            assert await state(worker_a.tmdb_cache) == "miss"
            cluster.valkey.delete(key_of(worker_a))

    run(work)


@pytest.mark.parametrize("url", [None, "redis://127.0.0.1:{port}/0"], ids=["not set up", "refused"])
def test_without_valkey_it_goes_on(url: str | None, run: Run) -> None:
    async def work(cluster: Cluster) -> None:
        redis_url = url and url.format(port=free_port("127.0.0.1"))
        async with cluster.worker(redis_url=redis_url) as worker_a:
            assert await asyncio.gather(*(state(worker_a.tmdb_cache) for _ in range(20))) == ["miss"] * 20
            cluster.move(FRESH)
            assert await state(worker_a.tmdb_cache) == "stale"
            await worker_a.settled()
            assert await state(worker_a.tmdb_cache) == "hit"
            assert cluster.calls() == 2

    run(work)


def test_a_copy_from_the_future_is_stale(run: Run) -> None:
    """A clock that was wrong, and was put right."""

    async def work(cluster: Cluster) -> None:
        cluster.clock.move(7200)
        async with cluster.worker() as worker_a:
            assert await state(worker_a.tmdb_cache) == "miss"
            cluster.clock.move(-3600)
            assert await state(worker_a.tmdb_cache) == "stale"
            await worker_a.settled()
            assert await state(worker_a.tmdb_cache) == "hit"

    run(work)


def test_each_process_refreshes_by_itself_what_it_served(run: Run) -> None:
    """An older copy of another process is no news to one that holds it already, or never saw it."""

    async def work(cluster: Cluster) -> None:
        async with cluster.worker() as worker_a, cluster.worker() as worker_b:
            await worker_a.tmdb_cache.film(MATRIX)
            cluster.move(60)
            worker_b.tmdb_cache.refresh([MATRIX])
            await worker_b.settled()
            assert cluster.calls() == 2
            assert await state(worker_a.tmdb_cache) == "hit"

    run(work)
