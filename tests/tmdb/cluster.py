"""Several workers with one Valkey, one database, one sandbox and one clock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import redis
from tests.sandbox import Sandbox
from tests.tmdb.clients import MATRIX, LeapingClock, Worker, own_language, worker

from filmer.errors import FilmerError
from filmer.store.connecting import BriefConnection
from filmer.store.embedded import Engines
from filmer.tmdb import queries
from filmer.tmdb.cache import TmdbCache
from filmer.tmdb.payloads import TmdbFilm

FRESH = 30  # CACHE_DURATION_SECONDS


class Cluster:
    def __init__(self, sandbox: Sandbox, engines: Engines, database_url: str, client: redis.Redis) -> None:
        self.sandbox, self.valkey = sandbox, client
        self.database_url, self._redis_url = database_url, engines.redis_url
        self._language = own_language()
        self.clock = LeapingClock()

    @asynccontextmanager
    async def worker(self, **given: Any) -> AsyncIterator[Worker]:
        told: dict[str, Any] = {
            "cache_duration_seconds": FRESH,
            "tmdb_language": self._language,
            "redis_url": self._redis_url,
            "database_url": self.database_url,
        }
        told |= given
        redis_url, database = told.pop("redis_url"), told.pop("database_url")
        async with worker(self.sandbox.url, database, redis_url, self.clock, **told) as running:
            yield running

    def move(self, seconds: float) -> None:
        """Time goes by, in Valkey as well."""
        self.clock.move(seconds)
        for key in self.valkey.scan_iter("filmer:tmdb:*"):
            left = int(self.valkey.pttl(key)) - int(seconds * 1000)
            if left <= 0:
                self.valkey.delete(key)
            else:
                self.valkey.pexpire(key, left)

    def calls(self, movie_id: int = MATRIX) -> int:
        return self.sandbox.calls(f"/3/movie/{movie_id}")

    async def keep(self, film: TmdbFilm, *, age: timedelta) -> None:
        """As if somebody had taken to a film that was told so long ago."""
        async with await BriefConnection.connect(self.database_url) as conn:
            await queries.upsert_film(conn, film, self.clock.now() - age)

    def rows(self) -> dict[int, tuple[str, datetime]]:
        """Titles, and when they were told."""
        with psycopg.connect(self.database_url) as conn:
            found = conn.execute("SELECT movie_id, title, fetched FROM tmdb_film").fetchall()
        return {row[0]: (row[1], row[2]) for row in found}


Work = Callable[[Cluster], Awaitable[None]]
Run = Callable[[Work], None]


def make_run(sandbox: Sandbox, engines: Engines, database_url: str) -> Run:
    """Runs a test's work; what goes wrong in the loop without anybody looking makes it fail."""

    async def in_loop(work: Work, unheard: list[dict[str, Any]]) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
        with redis.Redis.from_url(engines.redis_url) as client:
            await work(Cluster(sandbox, engines, database_url, client))

    def run(work: Work) -> None:
        unheard: list[dict[str, Any]] = []
        asyncio.run(in_loop(work, unheard))
        assert unheard == []

    return run


async def state(tmdb_cache: TmdbCache, movie_id: int = MATRIX) -> str:
    """How a film came: hit, miss, stale, or the code of the error."""
    try:
        return (await tmdb_cache.film(movie_id)).state
    except FilmerError as error:
        return error.code


def key_of(one: Worker, name: str = f"film:{MATRIX}") -> str:
    return f"{one.tmdb_cache._prefix}:{name}"
