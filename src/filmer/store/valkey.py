"""Valkey/Redis: bytes that all processes share. Only ever a copy, so nothing here may fail a request."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import redis.asyncio as redis
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

T = TypeVar("T")
log = structlog.get_logger()

CROWD_SECONDS = 1.0  # for one of our connections, when all are in use
ANSWER_SECONDS = 0.05  # one machine away it takes 0.1 ms; whoever waits longer is better off without
REST_SECONDS = 1.0  # after a failure we leave it alone for this long


class SharedCache:
    """Short-lived bytes under keys. When the server is away, everything is simply not there."""

    def __init__(self, url: str | None, password: str | None = None) -> None:
        self.pool: redis.BlockingConnectionPool | None = None
        self._client: redis.Redis | None = None
        if url:
            self.pool = redis.BlockingConnectionPool.from_url(
                url,
                password=password,
                socket_timeout=ANSWER_SECONDS,
                socket_connect_timeout=ANSWER_SECONDS,
                max_connections=50,
                timeout=CROWD_SECONDS,
                retry=Retry(NoBackoff(), 0),  # by default a failing server is tried for seconds
                decode_responses=False,
            )
            self._client = redis.Redis.from_pool(self.pool)
        self._resting_until = 0.0  # by time.monotonic(); 0: it answered the last time

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def get(self, key: str) -> bytes | None:
        found = await self.attempt(lambda client: client.get(key))
        return found if isinstance(found, bytes) else None

    async def put(self, key: str, value: bytes, *, seconds: int) -> None:
        await self.attempt(lambda client: client.set(key, value, ex=seconds))

    async def claim(self, key: str, *, milliseconds: int) -> bool:
        """Whether we are the first to ask for this key; true as well when nobody can tell."""
        if not self.is_up:
            return True
        taken = await self.attempt(lambda client: client.set(key, b"", px=milliseconds, nx=True))
        return bool(taken) or not self.is_up

    async def keep_claim(self, key: str, *, milliseconds: int) -> None:
        """From now on the claim lasts so long."""
        await self.attempt(lambda client: client.pexpire(key, milliseconds))

    async def drop(self, key: str) -> None:
        await self.attempt(lambda client: client.delete(key))

    async def ping(self) -> bool:
        return bool(await self.attempt(lambda client: client.ping()))

    @property
    def is_up(self) -> bool:
        return self._client is not None and time.monotonic() >= self._resting_until

    async def attempt(self, call: Callable[[redis.Redis], Awaitable[T]]) -> T | None:
        """What the server answers to a call; None when it is away."""
        if self._client is None or time.monotonic() < self._resting_until:
            return None
        try:
            answer = await call(self._client)
        except (RedisError, OSError, TimeoutError) as error:
            if not self._resting_until:
                log.warning("cache away", error=type(error).__name__, retry_seconds=REST_SECONDS)
            self._resting_until = time.monotonic() + REST_SECONDS
            return None
        if self._resting_until:
            log.info("cache back")
            self._resting_until = 0.0
        return answer
