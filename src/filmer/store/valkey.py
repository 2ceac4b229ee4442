"""The cache in Valkey or Redis that all processes share. It holds only copies, so its failure fails no request."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

import msgspec
import redis.asyncio as redis
import structlog
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

T = TypeVar("T")
log = structlog.get_logger()

POOL_WAIT_SECONDS = 1.0  # for a connection, when all are in use
TIMEOUT_SECONDS = 0.05  # a reply takes 0.1 ms over a network; beyond this the request is faster without the cache
RETRY_SECONDS = 1.0  # after a failure, no call is sent for this long

FAILURES = (RedisError, OSError, TimeoutError, RuntimeError)  # uvloop raises the last on a reset connection
CLAIMED = b"claimed"  # in place of a value that a process computes
_RELEASE = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1])"
MAX_BATCH = 100  # commands that are sent together


Command = Callable[[Pipeline], object]  # adds itself to a batch


def unpack(packed: bytes | None, shape: type[T]) -> T | None:
    """Decodes MessagePack. None for None, and for what another version of filmer wrote in another format."""
    try:
        return msgspec.msgpack.decode(packed, type=shape) if packed else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def claim_key(key: str) -> str:
    return f"{key}:claim"


class SharedCache:
    """Bytes under keys, with an expiry. While the server is unavailable, every key is missing and nothing is stored."""

    def __init__(self, url: str | None, password: str | None = None) -> None:
        self.pool: redis.BlockingConnectionPool | None = None
        self._client: redis.Redis | None = None
        if url:
            self.pool = redis.BlockingConnectionPool.from_url(
                url,
                password=password,
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
                max_connections=50,
                timeout=POOL_WAIT_SECONDS,
                retry=Retry(NoBackoff(), 0),  # redis-py's default retries a failing server for seconds
                decode_responses=False,
            )
            self._client = redis.Redis.from_pool(self.pool)
        self._retry_at = 0.0  # by time.monotonic(); 0: the last call succeeded
        self._queue: list[tuple[Command, asyncio.Future[object]]] = []  # to be sent with the next batch
        self._sender: asyncio.Task[None] | None = None

    async def close(self) -> None:
        if self._sender is not None:
            await self._sender  # it is bounded by the timeouts, and never raises
        if self._client is not None:
            with suppress(*FAILURES):
                await self._client.aclose()

    async def get(self, key: str) -> bytes | None:
        value = await self.attempt(lambda client: client.get(key))
        return value if isinstance(value, bytes) else None

    async def put(self, key: str, value: bytes, *, seconds: int) -> None:
        await self.attempt(lambda client: client.set(key, value, ex=seconds))

    def put_in_background(self, key: str, value: bytes, *, seconds: int) -> None:
        """Like ``put``, without waiting for it."""
        self._send(lambda batch: batch.set(key, value, ex=seconds))

    async def get_or_claim(self, key: str, *, milliseconds: int) -> bytes | None:
        """The value; ``CLAIMED`` while another process computes it.

        None: the caller is to compute it, and then calls ``put_or_release``. Also when the server is unavailable.
        """
        value = await self._send(lambda batch: batch.set(key, CLAIMED, px=milliseconds, nx=True, get=True))
        return value if isinstance(value, bytes) else None

    def put_or_release(self, key: str, value: bytes | None, *, seconds: int) -> None:
        """Stores the value of a claimed key, or releases the claim where there is none, without waiting for it.

        A claim that has expired may be another's by now: then its claim goes, and the value is computed once more. A
        value stays, also where there was no claim as the server could not be asked for one.
        """
        if value is None:
            self._send(lambda batch: batch.eval(_RELEASE, 1, key, CLAIMED))
        else:
            self.put_in_background(key, value, seconds=seconds)

    async def claim(self, key: str, *, milliseconds: int) -> bool:
        """Whether the caller is to compute the value of this key; also true when the server is unavailable."""
        if not self.accepts_calls:
            return True
        claimed = await self.attempt(lambda client: client.set(claim_key(key), b"", px=milliseconds, nx=True))
        return bool(claimed) or not self.accepts_calls

    async def extend_claim(self, key: str, *, milliseconds: int) -> None:
        """Makes the claim expire this long from now."""
        await self.attempt(lambda client: client.pexpire(claim_key(key), milliseconds))

    async def release_claim(self, key: str) -> None:
        await self.delete(claim_key(key))

    async def delete(self, key: str) -> None:
        await self.attempt(lambda client: client.delete(key))

    async def ping(self) -> bool:
        return bool(await self.attempt(lambda client: client.ping()))

    def _send(self, command: Command) -> "asyncio.Future[object]":
        """A command's reply; None when the server is unavailable.

        Commands that come while others are under way are sent together: one by one, each costs half as much as
        computing the response that it asks for.
        """
        reply = asyncio.get_running_loop().create_future()
        if not self.accepts_calls:
            reply.set_result(None)
            return reply
        self._queue.append((command, reply))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_queue())
        return reply

    async def _send_queue(self) -> None:
        while self._queue:
            batch, self._queue = self._queue[:MAX_BATCH], self._queue[MAX_BATCH:]
            replies: Sequence[object] | None = None
            try:
                replies = await self.attempt(partial(_execute, [command for command, _ in batch]))
            finally:  # whatever fails, nobody waits for good
                for (_, future), reply in zip(batch, replies or [None] * len(batch), strict=True):
                    if not future.done():  # its waiter may have been cancelled
                        future.set_result(reply)

    @property
    def accepts_calls(self) -> bool:
        """Whether a server is configured, and no failure happened within RETRY_SECONDS."""
        return self._client is not None and time.monotonic() >= self._retry_at

    @property
    def last_call_succeeded(self) -> bool:
        """Also true before the first call; false without a server."""
        return self._client is not None and not self._retry_at

    async def attempt(self, call: Callable[[redis.Redis], Awaitable[T]]) -> T | None:
        """The server's reply to a call; None when the server is unavailable."""
        task = asyncio.current_task()
        cancels = task.cancelling() if task else 0
        reply = await self._attempt(call)
        if task and task.cancelling() > cancels:  # redis-py uses wait_for, which in Python 3.11 may lose a cancellation
            raise asyncio.CancelledError
        return reply

    async def _attempt(self, call: Callable[[redis.Redis], Awaitable[T]]) -> T | None:
        if self._client is None or not self.accepts_calls:
            return None
        try:
            reply = await call(self._client)
        except FAILURES as error:
            if not self._retry_at:
                log.warning("cache away", error=type(error).__name__, retry_seconds=RETRY_SECONDS)
            self._retry_at = time.monotonic() + RETRY_SECONDS
            return None
        if self._retry_at:
            log.info("cache back")
            self._retry_at = 0.0
        return reply


async def _execute(commands: Sequence[Command], client: redis.Redis) -> list[object]:
    async with client.pipeline(transaction=False) as batch:
        for command in commands:
            command(batch)
        return await batch.execute()
