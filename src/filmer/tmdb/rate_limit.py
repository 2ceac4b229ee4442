"""Limits the requests per second that all workers together send to TMDB."""

from collections import deque
from collections.abc import Awaitable, Callable
from functools import cached_property

from filmer.clock import Clock
from filmer.store.valkey import SharedCache

POLL_SECONDS = 0.05


class RateLimit:
    """Counts requests in Valkey; while Valkey is away, each worker limits itself to its share."""

    def __init__(self, shared: SharedCache, clock: Clock, *, per_second: int, workers: int) -> None:
        self._shared = shared
        self._clock = clock
        self._per_second = per_second
        share = max(1, per_second // max(1, workers))
        self._granted: deque[float] = deque(maxlen=share)  # the last requests granted here, by clock.monotonic()

    async def acquire(self) -> None:
        """Wait until a request may be sent."""
        while not await self._is_granted():
            await self._clock.sleep(POLL_SECONDS)

    async def _is_granted(self) -> bool:
        if hit := self._hit:
            is_granted = await self._shared.attempt(lambda _: hit())
            if is_granted is not None:
                return is_granted
        return self._is_granted_locally()

    @cached_property
    def _hit(self) -> Callable[[], Awaitable[bool]] | None:
        """Asks Valkey for leave to send a request; None without Valkey."""
        if self._shared.pool is None:
            return None
        from filmer.tmdb.shared_rate_limit import shared_limit  # 30 ms and 2 MiB, which a shop without TMDB saves

        return shared_limit(self._shared.pool, self._per_second)

    def _is_granted_locally(self) -> bool:
        now = self._clock.monotonic()
        if len(self._granted) == self._granted.maxlen and now - self._granted[0] < 1:
            return False
        self._granted.append(now)
        return True
