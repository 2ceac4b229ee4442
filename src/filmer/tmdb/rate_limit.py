"""Limits the requests per second that all workers together send to TMDB."""

from collections import deque

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from filmer.clock import Clock
from filmer.store.valkey import SharedCache

POLL_SECONDS = 0.05


class _Storage(RedisStorage):
    """Without this it would also import the other client libraries that are installed, which take 3 MiB."""

    DEPENDENCIES = {"redis": RedisStorage.DEPENDENCIES["redis"]}  # noqa: RUF012 - as the class declares it


class RateLimit:
    """Counts requests in Valkey; while Valkey is away, each worker limits itself to its share."""

    def __init__(self, shared: SharedCache, clock: Clock, *, per_second: int, workers: int) -> None:
        self._shared = shared
        self._clock = clock
        self._limit = RateLimitItemPerSecond(per_second)
        share = max(1, per_second // max(1, workers))
        self._granted: deque[float] = deque(maxlen=share)  # the last requests granted here, by clock.monotonic()
        pool = shared.pool
        self._shared_limiter = pool and MovingWindowRateLimiter(
            _Storage("redis://", implementation="redispy", key_prefix="filmer:pace", connection_pool=pool)  # type: ignore[arg-type]
        )

    async def acquire(self) -> None:
        """Wait until a request may be sent."""
        while not await self._is_granted():
            await self._clock.sleep(POLL_SECONDS)

    async def _is_granted(self) -> bool:
        if self._shared_limiter:
            limiter = self._shared_limiter
            is_granted = await self._shared.attempt(lambda _: limiter.hit(self._limit, "tmdb"))
            if is_granted is not None:
                return is_granted
        return self._is_granted_locally()

    def _is_granted_locally(self) -> bool:
        now = self._clock.monotonic()
        if len(self._granted) == self._granted.maxlen and now - self._granted[0] < 1:
            return False
        self._granted.append(now)
        return True
