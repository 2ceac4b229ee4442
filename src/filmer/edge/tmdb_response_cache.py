"""The cache of GETs that show what TMDB answered: it has an age, and is served on when it is stale.

What has no age is computed anew each time, though but once for all who ask at the same time.
"""

from collections.abc import Collection
from typing import Any

import msgspec
from litestar.types import ASGIApp, Receive, Send

from filmer.clock import Clock
from filmer.edge.cache import CachedResponse, ResponseCache
from filmer.edge.flight import Computed, Flight, Flights, compute
from filmer.edge.negotiation import send_negotiated
from filmer.edge.request import EDGE_REQUEST, EdgeRequest
from filmer.edge.traffic import OUTSIDE_COMPUTED, OUTSIDE_MEMORY, OUTSIDE_STALE
from filmer.http.cache_headers import freshness
from filmer.single_flight import single_flight

STALE_SECONDS = 0.2  # after which the handler is asked whether there is a newer response than a stale one


class TmdbResponseCache:
    """Handlers give the age in ``scope["state"]``, and refresh what is stale by ``tmdb/cache.py`` (contract §7.9)."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        paths: Collection[str],
        ageless: tuple[str, str],
        memory: ResponseCache,
        clock: Clock,
        seconds: int,
    ) -> None:
        """``ageless``: what paths of responses without an age begin and end with.

        ``seconds``: how long a response is fresh; 0: none is cached.
        """
        self._app = app
        self._paths = frozenset(paths)
        self._first, self._last = ageless
        self._memory = memory
        self._clock = clock
        self._seconds = seconds
        self._flights: Flights[bytes] = {}

    def __call__(self, scope: Any, receive: Receive, send: Send) -> Any:
        request: EdgeRequest = scope[EDGE_REQUEST]
        if scope["method"] != "GET" or not (request.path in self._paths or self._is_ageless(request.path)):
            return self._app(scope, receive, send)
        if response := self._memory.get("", request.address, request.begun):
            request.source = OUTSIDE_MEMORY
            return self._send_with_age(send, request, response)
        return self._send_computed(scope, send)

    def _is_ageless(self, path: str) -> bool:
        return path.endswith(self._last) and path.startswith(self._first)

    async def _send_computed(self, scope: Any, send: Send) -> None:
        request: EdgeRequest = scope[EDGE_REQUEST]
        response, request.source = await single_flight(
            self._flights, request.address, lambda: self._compute(scope, request.address)
        )
        await self._send_with_age(send, request, response)

    async def _send_with_age(self, send: Send, request: EdgeRequest, response: CachedResponse) -> None:
        more = None
        if response.fetched is not None:
            age = int(self._clock.monotonic() - response.fetched)
            more = freshness(age, self._seconds, is_new=response.is_new)
            if age >= self._seconds and not response.is_new:
                request.source = OUTSIDE_STALE
        await send_negotiated(send, request, response, more)

    async def _compute(self, scope: Any, address: bytes) -> Computed:
        response, source = await compute(self._app, scope, Flight(OUTSIDE_COMPUTED))
        if response.is_public and response.fetched is not None and self._seconds:
            until = max(response.fetched + self._seconds, self._clock.monotonic() + STALE_SECONDS)
            self._memory.put("", address, msgspec.structs.replace(response, is_new=False), until=until)
        return response, source
