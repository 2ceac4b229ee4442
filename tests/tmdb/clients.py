"""TMDB clients and caches in this process with a clock of the test's own, and a server with scripted responses."""

import asyncio
import random
import string
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from structlog.testing import capture_logs

from filmer.clock import Clock
from filmer.settings import Settings
from filmer.store.postgres import Database
from filmer.store.valkey import SharedCache
from filmer.tmdb.cache import TmdbCache
from filmer.tmdb.client import Tmdb
from filmer.tmdb.rate_limit import RateLimit

POPULAR = "/3/movie/popular"
MATRIX, SHAWSHANK, UNKNOWN = 603, 278, 999_999_999  # TMDB's ids
KEY = "canary-of-the-credential"


class SteppingClock:
    """Sleeping takes no time, and moves it; ``waits`` holds how long each sleep was."""

    def __init__(self) -> None:
        self._seconds = 1000.0
        self._begun = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.waits: list[float] = []

    def now(self) -> datetime:
        return self._begun + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._seconds += seconds
        await asyncio.sleep(0)

    def move(self, seconds: float) -> None:
        self._seconds += seconds


class LeapingClock(SteppingClock):
    """Time passes as usual, and the test can leap ahead."""

    def __init__(self) -> None:
        super().__init__()
        self._origin = asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        return self._seconds + asyncio.get_running_loop().time() - self._origin

    def now(self) -> datetime:
        return self._begun + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def own_language() -> str:
    """The language is part of the cache key, so a test with its own language shares nothing with others in Valkey."""
    return "".join(random.choices(string.ascii_lowercase, k=3)) + "-" + "".join(random.choices("ABCDEFGH", k=2))


def make_settings(base_url: str, **options: Any) -> Settings:
    defaults: dict[str, Any] = {"tmdb_base_url": base_url, "tmdb_api_key": KEY, "tmdb_requests_per_second": 1000}
    return Settings(**(defaults | options))


async def until(holds: Callable[[], Any], seconds: float = 30) -> None:
    """Wait until something holds for which there is no event."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - it is no event that could be waited for
            await asyncio.sleep(0.01)


@asynccontextmanager
async def tmdb_client(base_url: str, clock: Clock, **options: Any) -> AsyncIterator[Tmdb]:
    """A TMDB client without Valkey. Its logs are captured."""
    settings = make_settings(base_url, **options)
    tmdb = Tmdb(settings, RateLimit(SharedCache(None), clock, per_second=1000, workers=1), clock)
    try:
        with capture_logs():
            yield tmdb
    finally:
        await tmdb.close()


class Worker(NamedTuple):
    """The TMDB cache of one worker, and its storage."""

    tmdb_cache: TmdbCache
    shared: SharedCache
    database: Database

    async def settled(self) -> None:
        """Wait until no task is running any more."""
        await until(lambda: not (self.tmdb_cache._refreshes or self.tmdb_cache._fetches or self.tmdb_cache._saves))


def held(worker: Worker, request: str) -> asyncio.Event:
    """The worker gets no answer to ``Tmdb.<request>`` until the event is set."""
    tmdb, may_come = worker.tmdb_cache._tmdb, asyncio.Event()
    ask = getattr(tmdb, request)

    async def wait_and_ask(*arguments: Any) -> Any:
        await may_come.wait()
        return await ask(*arguments)

    setattr(tmdb, request, wait_and_ask)
    return may_come


@asynccontextmanager
async def worker(
    base_url: str, database_url: str, redis_url: str | None, clock: SteppingClock, **options: Any
) -> AsyncIterator[Worker]:
    settings = make_settings(base_url, **options)
    shared, database = SharedCache(redis_url), Database(database_url, size=2)
    tmdb = Tmdb(settings, RateLimit(SharedCache(None), clock, per_second=1000, workers=1), clock)
    tmdb_cache = TmdbCache(tmdb, shared, database, clock, settings)
    await database.open()
    try:
        with capture_logs():
            yield Worker(tmdb_cache, shared, database)
    finally:
        await tmdb_cache.close()
        await tmdb.close()
        await shared.close()
        await database.close()


class ScriptedServer:
    """An HTTP server with the same response to every request. ``requests``: how many there were."""

    def __init__(self, response: bytes) -> None:
        self._response = response
        self.requests = 0
        self.url = ""

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        writer.write(self._response)
        writer.close()


@asynccontextmanager
async def scripted_server(response: bytes) -> AsyncIterator[ScriptedServer]:
    scripted = ScriptedServer(response)
    async with await asyncio.start_server(scripted._respond, "127.0.0.1", 0) as server:
        scripted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/{uuid.uuid4().hex}"
        yield scripted


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    """The bytes of a response."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
