"""The requests per second that are counted in Valkey."""

from collections.abc import Awaitable, Callable
from functools import partial

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import ConnectionPool


class _Storage(RedisStorage):
    """Without this it would also import the other client libraries that are installed, which take 3 MiB."""

    DEPENDENCIES = {"redis": RedisStorage.DEPENDENCIES["redis"]}  # noqa: RUF012 - as the class declares it


def shared_limit(pool: ConnectionPool, per_second: int) -> Callable[[], Awaitable[bool]]:
    """A call returns whether a request may be sent now, and counts it if so."""
    storage = _Storage("redis://", implementation="redispy", key_prefix="filmer:pace", connection_pool=pool)  # type: ignore[arg-type]
    return partial(MovingWindowRateLimiter(storage).hit, RateLimitItemPerSecond(per_second), "tmdb")
