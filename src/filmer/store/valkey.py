"""Valkey/Redis: bytes that all processes share. Only ever a copy, so nothing here may fail a request."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
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


def unpack(packed: bytes | None, shape: type[T]) -> T | None:
    """What ``msgspec.msgpack`` packed; None for nothing, and for what another version of filmer wrote otherwise."""
    try:
        return msgspec.msgpack.decode(packed, type=shape) if packed else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def claim_of(key: str) -> str:
    return f"{key}:claim"


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
        self._behind: set[asyncio.Task[object]] = set()

    async def close(self) -> None:
        await asyncio.gather(*self._behind)  # none takes long, or fails
        if self._client is not None:
            await self._client.aclose()

    async def get(self, key: str) -> bytes | None:
        found = await self.attempt(lambda client: client.get(key))
        return found if isinstance(found, bytes) else None

    async def put(self, key: str, value: bytes, *, seconds: int) -> None:
        await self.attempt(lambda client: client.set(key, value, ex=seconds))

    def put_behind(self, key: str, value: bytes, *, seconds: int) -> None:
        """The same, and nobody waits for it."""
        self._do_behind(lambda client: client.set(key, value, ex=seconds))

    def publish(self, key: str, value: bytes | None, *, seconds: int) -> None:
        """Puts what was claimed, if it came to anything, and gives the claim back; nobody waits for it."""

        def call(client: redis.Redis) -> Awaitable[object]:
            both = client.pipeline(transaction=False)
            if value is not None:
                both.set(key, value, ex=seconds)
            both.delete(claim_of(key))
            return both.execute()

        self._do_behind(call)

    async def claim(self, key: str, *, milliseconds: int) -> bool:
        """Whether we are the first who is to find out what belongs there; true as well when nobody can tell."""
        if not self.is_up:
            return True
        taken = await self.attempt(lambda client: client.set(claim_of(key), b"", px=milliseconds, nx=True))
        return bool(taken) or not self.is_up

    async def keep_claim(self, key: str, *, milliseconds: int) -> None:
        """From now on the claim lasts so long."""
        await self.attempt(lambda client: client.pexpire(claim_of(key), milliseconds))

    async def drop_claim(self, key: str) -> None:
        await self.drop(claim_of(key))

    async def drop(self, key: str) -> None:
        await self.attempt(lambda client: client.delete(key))

    async def ping(self) -> bool:
        return bool(await self.attempt(lambda client: client.ping()))

    def _do_behind(self, call: Callable[[redis.Redis], Awaitable[object]]) -> None:
        if self.is_up:
            task = asyncio.create_task(self.attempt(call))
            self._behind.add(task)
            task.add_done_callback(self._behind.discard)

    @property
    def is_up(self) -> bool:
        return self._client is not None and time.monotonic() >= self._resting_until

    @property
    def has_answered(self) -> bool:
        """Whether it did the last time it was asked."""
        return self._client is not None and not self._resting_until

    async def attempt(self, call: Callable[[redis.Redis], Awaitable[T]]) -> T | None:
        """What the server answers to a call; None when it is away."""
        task = asyncio.current_task()
        cancels = task.cancelling() if task else 0
        answer = await self._attempt(call)
        if task and task.cancelling() > cancels:  # redis-py waits with wait_for, which in Python 3.11 may lose it
            raise asyncio.CancelledError
        return answer

    async def _attempt(self, call: Callable[[redis.Redis], Awaitable[T]]) -> T | None:
        if self._client is None or time.monotonic() < self._resting_until:
            return None
        try:
            answer = await call(self._client)
        except (RedisError, OSError, TimeoutError, RuntimeError) as error:  # uvloop's, of a connection that was reset
            if not self._resting_until:
                log.warning("cache away", error=type(error).__name__, retry_seconds=REST_SECONDS)
            self._resting_until = time.monotonic() + REST_SECONDS
            return None
        if self._resting_until:
            log.info("cache back")
            self._resting_until = 0.0
        return answer
