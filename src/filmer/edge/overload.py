"""A bound on what is computed at the same time: beyond it requests wait a little, then are told to come again.

Without it each of too many requests gets a share of the processor, and all are answered late, to clients that have
gone (decision 0018).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Collection
from types import TracebackType
from typing import Any, Self

from litestar.types import ASGIApp, Receive, Send

from filmer.edge.cache import CachedResponse
from filmer.edge.refusals import Refusals
from filmer.edge.request import EDGE_REQUEST, EdgeRequest
from filmer.errors import ServiceUnavailable
from filmer.http.envelopes import is_page

WAIT_SECONDS = 2.0  # for a slot, before we say 503
FAIR_SECONDS = 1.0  # up to which those who wait are served in the order they came
WAITING_EACH = 32  # for every slot there is; a request that finds so many waiting is refused at once, which costs least
LENT_SECONDS = 0.5
CROWDED = "Too many people ask at this moment"


class Slot:
    """Leave to compute, within its ``with``.

    It counts for ``LENT_SECONDS`` at most: a request that takes longer waits for TMDB, or for a client that sends
    slowly, and must not keep others out.
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
    """The slots of one process.

    First come, first served, as long as that keeps the waiting short. Where it does not, some have to wait too long,
    and those who came first are the likelier to have left: then the last to come is the next.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._most_waiting = at_once * WAITING_EACH
        self._waiting: OrderedDict[asyncio.Future[Slot | None], float] = OrderedDict()  # since when

    @property
    def is_full(self) -> bool:
        """Whether so many wait that one more would wait in vain."""
        return len(self._waiting) >= self._most_waiting

    async def acquire(self) -> Slot | None:
        """None when no slot was free in time."""
        if self._free:
            self._free -= 1
            return Slot(self)
        if self.is_full:
            return None
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Slot | None] = loop.create_future()
        self._waiting[waiter] = loop.time()
        refusal = loop.call_later(WAIT_SECONDS, _refuse, waiter)
        try:
            return await waiter
        finally:
            refusal.cancel()
            self._waiting.pop(waiter, None)

    def release(self) -> None:
        while self._waiting:
            longest = asyncio.get_running_loop().time() - next(iter(self._waiting.values()))
            waiter, _ = self._waiting.popitem(last=longest >= FAIR_SECONDS)
            if not waiter.done():  # neither refused nor cancelled at this very moment
                waiter.set_result(Slot(self))
                return
        self._free += 1


def _refuse(waiter: asyncio.Future[Slot | None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Overload:
    """Lets a request pass when there is a slot for it, and else answers 503."""

    def __init__(self, app: ASGIApp, *, limit: ConcurrencyLimit, exempt: Collection[str], refusals: Refusals) -> None:
        """``exempt``: the paths that need no slot, so that monitoring is answered whatever the load."""
        self._app = app
        self._limit = limit
        self._exempt = frozenset(exempt)
        self._refusals = refusals
        self._page: CachedResponse | None = None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        request: EdgeRequest = scope[EDGE_REQUEST]
        if request.path in self._exempt:
            await self._app(scope, receive, send)
        elif slot := await self._limit.acquire():
            with slot:
                await self._app(scope, receive, send)
        else:
            await self._refusal(request.path).send(send)

    def _refusal(self, path: str) -> CachedResponse:
        """The page is rendered once, which makes refusing cheap."""
        if not is_page(path):
            return self._refusals.response(path, ServiceUnavailable(CROWDED))
        if self._page is None:
            self._page = self._refusals.response(path, ServiceUnavailable(CROWDED))
        return self._page
