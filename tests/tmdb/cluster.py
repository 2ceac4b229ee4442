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
from filmer.store.connecting import CancellableConnection
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
    async def worker(self, **changes: Any) -> AsyncIterator[Worker]:
        options: dict[str, Any] = {
            "cache_duration_seconds": FRESH,
            "tmdb_language": self._language,
            "redis_url": self._redis_url,
            "database_url": self.database_url,
        }
        options |= changes
        redis_url, database = options.pop("redis_url"), options.pop("database_url")
        async with worker(self.sandbox.url, database, redis_url, self.clock, **options) as running:
            yield running

    def move(self, seconds: float) -> None:
        """Move the time ahead, in Valkey as well."""
        self.clock.move(seconds)
        for key in self.valkey.scan_iter("filmer:tmdb:*"):
            left = int(self.valkey.pttl(key)) - int(seconds * 1000)
            if left <= 0:
                self.valkey.delete(key)
            else:
                self.valkey.pexpire(key, left)

    def calls(self, movie_id: int = MATRIX) -> int:
        return self.sandbox.calls(f"/3/movie/{movie_id}")

    async def store(self, film: TmdbFilm, *, age: timedelta) -> None:
        """Store a film as if TMDB had sent it that long ago."""
        async with await CancellableConnection.connect(self.database_url) as conn:
            await queries.upsert_film(conn, film, self.clock.now() - age)

    def rows(self) -> dict[int, tuple[str, datetime]]:
        """The stored titles, and when TMDB sent them, by TMDB id."""
        with psycopg.connect(self.database_url) as conn:
            rows = conn.execute("SELECT movie_id, title, fetched FROM tmdb_film").fetchall()
        return {row[0]: (row[1], row[2]) for row in rows}


Work = Callable[[Cluster], Awaitable[None]]
Run = Callable[[Work], None]


def make_run(sandbox: Sandbox, engines: Engines, database_url: str) -> Run:
    """Run a test's work. Errors of tasks that nothing awaits make the test fail."""

    async def in_loop(work: Work, loop_errors: list[dict[str, Any]]) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: loop_errors.append(context))
        with redis.Redis.from_url(engines.redis_url) as client:
            await work(Cluster(sandbox, engines, database_url, client))

    def run(work: Work) -> None:
        loop_errors: list[dict[str, Any]] = []
        asyncio.run(in_loop(work, loop_errors))
        assert loop_errors == []

    return run


async def state(tmdb_cache: TmdbCache, movie_id: int = MATRIX) -> str:
    """The state of a film's result: hit, miss, stale, or the code of the error."""
    try:
        return (await tmdb_cache.film(movie_id)).state
    except FilmerError as error:
        return error.code


def key_of(target: Worker, name: str = f"film:{MATRIX}") -> str:
    return f"{target.tmdb_cache._prefix}:{name}"
