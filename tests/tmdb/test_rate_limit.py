"""Requests to TMDB never come faster than is set, from all workers together."""

import asyncio
import time
from typing import ClassVar

import pytest
import redis
from tests.sandbox import Sandbox
from tests.tmdb.clients import KEY, make_settings, own_language

from filmer.clock import SystemClock
from filmer.server.serving import free_port
from filmer.store.embedded import Engines
from filmer.store.valkey import SharedCache
from filmer.tmdb.client import Tmdb
from filmer.tmdb.rate_limit import RateLimit

A_SECOND = 0.75  # Valkey counts by its own time, and its replies to two requests may be delayed differently


def most_in_a_second(times: list[float]) -> int:
    times = sorted(times)
    return max(sum(begun <= at < begun + A_SECOND for at in times) for begun in times)


class RecordingRateLimit(RateLimit):
    """Records when each request was granted."""

    turns: ClassVar[list[float]] = []

    async def acquire(self) -> None:
        await super().acquire()
        self.turns.append(time.monotonic())


async def ask(sandbox: Sandbox, urls: list[str | None], *, per_second: int, each: int) -> list[float]:
    """When so many workers got their turns, each asking for films as fast as it may."""
    RecordingRateLimit.turns.clear()
    settings = make_settings(sandbox.url, tmdb_language=own_language(), tmdb_deadline_seconds=30)
    caches = [SharedCache(url) for url in urls]
    clock = SystemClock()
    paces = [RecordingRateLimit(cache, clock, per_second=per_second, workers=len(urls)) for cache in caches]
    workers = [Tmdb(settings, rate_limit, clock) for rate_limit in paces]

    async def go_on(process: Tmdb, times: int) -> None:
        for _ in range(times):
            await process.film(603)

    try:
        await asyncio.gather(*(go_on(process, each // 2) for process in workers for _ in range(2)))
    finally:
        for process in workers:
            await process.close()
        for cache in caches:
            await cache.close()
    assert len(sandbox.requests()) == len(RecordingRateLimit.turns)
    return list(RecordingRateLimit.turns)


def test_two_workers_keep_one_pace(engines: Engines, sandbox: Sandbox) -> None:
    times = asyncio.run(ask(sandbox, [engines.redis_url] * 2, per_second=10, each=14))
    assert len(times) == 28
    assert most_in_a_second(times) <= 10
    assert max(times) - min(times) < 15, "and not much slower than they may"


def test_one_worker_may_use_what_the_other_leaves(engines: Engines) -> None:
    async def run() -> float:
        caches = [SharedCache(engines.redis_url) for _ in range(2)]
        busy, _ = (RateLimit(cache, SystemClock(), per_second=10, workers=2) for cache in caches)
        await asyncio.sleep(1.1)  # so that earlier requests no longer count
        begun = time.monotonic()
        for _ in range(10):
            await busy.acquire()
        taken = time.monotonic() - begun
        for cache in caches:
            await cache.close()
        return taken

    assert asyncio.run(run()) < 0.8


@pytest.mark.parametrize("is_refused", [True, False], ids=["refused", "not set up"])
def test_without_valkey_each_keeps_to_its_share(is_refused: bool, sandbox: Sandbox) -> None:  # noqa: FBT001 - a table's column
    url = f"redis://127.0.0.1:{free_port('127.0.0.1')}/0" if is_refused else None
    times = asyncio.run(ask(sandbox, [url] * 2, per_second=10, each=8))
    assert len(times) == 16
    assert most_in_a_second(times) <= 10


def test_a_share_is_never_nothing() -> None:
    async def run() -> None:
        rate_limit = RateLimit(SharedCache(None), SystemClock(), per_second=1, workers=8)
        async with asyncio.timeout(0.5):
            await rate_limit.acquire()

    asyncio.run(run())


def test_valkey_that_goes_away_stops_nobody(engines: Engines) -> None:
    """Refused while it counts: the next turn is counted here."""

    async def run() -> None:
        cache = SharedCache(engines.redis_url)
        rate_limit = RateLimit(cache, SystemClock(), per_second=1000, workers=2)
        await rate_limit.acquire()
        assert cache.pool is not None
        await cache.pool.disconnect()
        cache.pool.connection_kwargs["path"] = "/nowhere/valkey.sock"
        cache.pool.reset()  # type: ignore[no-untyped-call]
        async with asyncio.timeout(2):
            for _ in range(20):
                await rate_limit.acquire()
        assert not cache.accepts_calls
        await cache.close()

    asyncio.run(run())


def test_the_credential_is_no_part_of_what_is_counted(engines: Engines, sandbox: Sandbox) -> None:
    asyncio.run(ask(sandbox, [engines.redis_url], per_second=1000, each=2))
    with redis.Redis.from_url(engines.redis_url) as client:
        keys = list(client.scan_iter("*pace*"))
        assert keys
        assert not any(KEY.encode() in key for key in keys)
