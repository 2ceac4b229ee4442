"""The cache of public GETs in this process's memory, in front of everything that costs."""

import asyncio
from collections.abc import Sequence
from typing import Any

from litestar.types import ASGIApp, Receive, Send

from filmer.catalogue.edition import Edition
from filmer.edge.cache import ResponseCache
from filmer.edge.flight import Computed, Flight, Flights, compute
from filmer.edge.negotiation import send_negotiated
from filmer.edge.overload import ConcurrencyLimit
from filmer.edge.refusals import Refusals
from filmer.edge.request import EDGE_REQUEST, EdgeRequest
from filmer.edge.traffic import PAGE_COMPUTED, PAGE_MEMORY
from filmer.errors import ServiceUnavailable
from filmer.single_flight import single_flight

COMPUTE_SECONDS = 4.5  # that a client waits before it is told to come again

Key = tuple[str, bytes]  # edition and address


class PublicCache:
    """Answers from memory. What is not there is computed once, however many ask for it at the same time.

    Responses are stored under the catalogue's edition: when an import brings in another one, nothing of the old is
    found any more. Pages are public for visitors who bring no session along.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        public: Sequence[str],
        pages: Sequence[str],
        edition: Edition,
        memory: ResponseCache,
        limit: ConcurrencyLimit,
        refusals: Refusals,
    ) -> None:
        """``public``: prefixes of paths that are the same for everybody. ``pages``: for those without a session."""
        self._app = app
        self._public = tuple(public)
        self._sessionless = (*public, *(prefix for prefix in pages if prefix != "/"))
        self._has_home = "/" in pages  # as a prefix it would fit every path
        self._edition = edition
        self._memory = memory
        self._limit = limit
        self._refusals = refusals
        self._flights: Flights[Key] = {}

    def __call__(self, scope: Any, receive: Receive, send: Send) -> Any:
        request: EdgeRequest = scope[EDGE_REQUEST]
        path = request.path
        if scope["method"] != "GET" or not (
            path.startswith(self._public if request.has_session else self._sessionless)
            or (path == "/" and self._has_home and not request.has_session)
        ):
            return self._app(scope, receive, send)
        edition = self._edition.key
        if response := self._memory.get(edition, request.address, request.begun):
            request.source = PAGE_MEMORY
            return send_negotiated(send, request, response)
        key = (edition, request.address)
        request.source = PAGE_COMPUTED
        if self._limit.is_full and key not in self._flights:
            return self._app(scope, receive, send)  # it is refused at once, and no task is started for that
        return self._send_computed(scope, send, key)

    async def _send_computed(self, scope: Any, send: Send, key: Key) -> None:
        request: EdgeRequest = scope[EDGE_REQUEST]
        try:
            async with asyncio.timeout(COMPUTE_SECONDS):
                computed = await single_flight(self._flights, key, lambda: self._compute(scope, key))
        except TimeoutError:
            await self._refusals.send(send, request.path, ServiceUnavailable("The answer takes too long"))
            return
        response, request.source = computed
        await send_negotiated(send, request, response)

    async def _compute(self, scope: Any, key: Key) -> Computed:
        flight = Flight(PAGE_COMPUTED, *key)
        response, source = await compute(self._app, scope, flight)
        if flight.until is not None:
            self._memory.put(*key, response, until=flight.until)
        return response, source
