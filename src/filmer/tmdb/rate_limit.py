"""How many requests a second TMDB gets, from all workers together."""

from collections import deque

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from filmer.clock import Clock
from filmer.store.valkey import SharedCache

POLL_SECONDS = 0.05


class RateLimit:
    """Counted in Valkey; while that is away each worker keeps to its share."""

    def __init__(self, shared: SharedCache, clock: Clock, *, per_second: int, workers: int) -> None:
        self._shared = shared
        self._clock = clock
        self._all = RateLimitItemPerSecond(per_second)
        share = max(1, per_second // max(1, workers))
        self._granted: deque[float] = deque(maxlen=share)  # the last turns we gave ourselves, by clock.monotonic()
        pool = shared.pool
        self._together = pool and MovingWindowRateLimiter(
            RedisStorage("redis://", implementation="redispy", key_prefix="filmer:pace", connection_pool=pool)  # type: ignore[arg-type]
        )

    async def take(self) -> None:
        """Waits for its turn."""
        while not await self._may():
            await self._clock.sleep(POLL_SECONDS)

    async def _may(self) -> bool:
        if self._together:
            single_flight = self._together
            answered = await self._shared.attempt(lambda _: single_flight.hit(self._all, "tmdb"))
            if answered is not None:
                return answered
        return self._may_alone()

    def _may_alone(self) -> bool:
        now = self._clock.monotonic()
        if len(self._granted) == self._granted.maxlen and now - self._granted[0] < 1:
            return False
        self._granted.append(now)
        return True
