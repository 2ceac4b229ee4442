"""Requests to TMDB never come faster than is set, from all workers together."""

import asyncio
import time
from typing import ClassVar

import pytest
import redis
from tests.machine import at_most
from tests.sandbox import Sandbox
from tests.tmdb.clients import KEY, make_settings, own_language

from filmer.clock import SystemClock
from filmer.server.serving import free_port
from filmer.store.embedded import Engines
from filmer.store.valkey import SharedCache
from filmer.tmdb.client import Tmdb
from filmer.tmdb.rate_limit import RateLimit

A_SECOND = 0.95  # two clocks may differ a little

Turn = tuple[float, float]


def most_in_a_second(turns: list[Turn]) -> int:
    """Of the turns that were granted at some moment between the two of each, whatever held up this process then."""
    return max(sum(begun <= asked and told < begun + A_SECOND for asked, told in turns) for begun, _ in turns)


class RecordingRateLimit(RateLimit):
    """Records when each granted request was asked for, and when it was told so."""

    turns: ClassVar[list[Turn]] = []

    async def _is_granted(self) -> bool:
        asked = time.monotonic()
        is_granted = await super()._is_granted()
        if is_granted:
            self.turns.append((asked, time.monotonic()))
        return is_granted


class NoWaits(SystemClock):
    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"a wait of {seconds} s")


async def ask(sandbox: Sandbox, urls: list[str | None], *, per_second: int, each: int) -> list[Turn]:
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
    turns = asyncio.run(ask(sandbox, [engines.redis_url] * 2, per_second=10, each=14))
    assert len(turns) == 28
    assert most_in_a_second(turns) <= 10
    at_most(15, since=turns[0][0])  # and not much slower than they may


def test_one_worker_may_use_what_the_other_leaves(engines: Engines) -> None:
    with redis.Redis.from_url(engines.redis_url) as client:
        for key in client.scan_iter("*pace*"):  # so that earlier requests do not count
            client.delete(key)

    async def run() -> None:
        cache = SharedCache(engines.redis_url)
        busy = RateLimit(cache, NoWaits(), per_second=10, workers=2)
        for _ in range(10):
            await busy.acquire()
        await cache.close()

    asyncio.run(run())


@pytest.mark.parametrize("is_refused", [True, False], ids=["refused", "not set up"])
def test_without_valkey_each_keeps_to_its_share(is_refused: bool, sandbox: Sandbox) -> None:  # noqa: FBT001 - a table's column
    url = f"redis://127.0.0.1:{free_port('127.0.0.1')}/0" if is_refused else None
    turns = asyncio.run(ask(sandbox, [url] * 2, per_second=10, each=8))
    assert len(turns) == 16
    assert most_in_a_second(turns) <= 10


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
        begun = time.monotonic()
        for _ in range(20):
            await rate_limit.acquire()
        at_most(2, since=begun)
        assert not cache.accepts_calls
        await cache.close()

    asyncio.run(run())


def test_the_credential_is_no_part_of_what_is_counted(engines: Engines, sandbox: Sandbox) -> None:
    asyncio.run(ask(sandbox, [engines.redis_url], per_second=1000, each=2))
    with redis.Redis.from_url(engines.redis_url) as client:
        keys = list(client.scan_iter("*pace*"))
        assert keys
        assert not any(KEY.encode() in key for key in keys)
