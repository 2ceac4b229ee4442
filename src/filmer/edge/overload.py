"""No more is computed at once than can be: beyond that, requests wait a little, then are told to come again.

Without a bound each of too many requests gets a share of the processor, and all are answered late, to people who have
gone (decision 0018).
"""

import asyncio
from collections import OrderedDict
from types import TracebackType
from typing import Self

WAIT_SECONDS = 2.0  # for a turn, before we say 503
FAIR_SECONDS = 1.0  # up to which those who wait are served in the order they came
WAITING_EACH = 32  # for every turn there is; who comes when so many wait already is told at once, which costs least
LENT_SECONDS = 0.5


class Slot:
    """Leave to compute, within its ``with``.

    It counts for ``LENT_SECONDS`` at most: who takes longer waits for somebody else, for TMDB or for a caller who
    sends slowly, and is not to keep others out.
    """

    def __init__(self, concurrency: "ConcurrencyLimit") -> None:
        self._limit = concurrency
        self._is_over = False
        self._ending = asyncio.get_running_loop().call_later(LENT_SECONDS, self._end)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._ending.cancel()
            self._limit.release()


class ConcurrencyLimit:
    """Of one process.

    First come, first served, as long as that keeps the waiting short. Where it does not, somebody has to wait too long,
    and those who came first are the likelier to have left: then the last to come is the next.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._most_waiting = at_once * WAITING_EACH
        self._waiting: OrderedDict[asyncio.Future[Slot | None], float] = OrderedDict()  # since when

    @property
    def is_full(self) -> bool:
        """Whether it is no use to wait for one."""
        return len(self._waiting) >= self._most_waiting

    async def acquire(self) -> Slot | None:
        """None when there was none in time."""
        if self._free:
            self._free -= 1
            return Slot(self)
        if self.is_full:
            return None
        loop = asyncio.get_running_loop()
        place: asyncio.Future[Slot | None] = loop.create_future()
        self._waiting[place] = loop.time()
        sending_away = loop.call_later(WAIT_SECONDS, _send_away, place)
        try:
            return await place
        finally:
            sending_away.cancel()
            self._waiting.pop(place, None)

    def release(self) -> None:
        while self._waiting:
            longest = asyncio.get_running_loop().time() - next(iter(self._waiting.values()))
            place, _ = self._waiting.popitem(last=longest >= FAIR_SECONDS)
            if not place.done():  # neither sent away nor hung up, at this very moment
                place.set_result(Slot(self))
                return
        self._free += 1


def _send_away(place: asyncio.Future[Slot | None]) -> None:
    if not place.done():
        place.set_result(None)
