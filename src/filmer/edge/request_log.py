"""Gives each request its id, and records what became of it: in the access log, and for the metrics."""

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import structlog
from litestar.types import ASGIApp, Receive, Send

from filmer.clock import Clock
from filmer.edge.request import EDGE_REQUEST, EdgeRequest, read_request
from filmer.edge.traffic import GONE, Traffic

log = structlog.get_logger()


class RequestLog:
    """The outermost layer, which makes the ``EdgeRequest`` that the others read.

    A response is recorded just before its last message is sent: the client that has it finds it logged and counted.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        lifespan: ASGIApp,
        clock: Clock,
        access_log: bool = False,
        traffic: Traffic | None = None,
        secret_paths: Sequence[str] = (),
    ) -> None:
        """``lifespan``: the application that is told when the process starts and stops.

        ``secret_paths``: what paths begin with of which the rest is a secret.
        """
        self._app = app
        self._lifespan = lifespan
        self._monotonic = clock.monotonic
        self._access_log = access_log
        self._traffic = traffic
        self._secret_paths = secret_paths
        self._ids = _drawn_ids()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._lifespan(scope, receive, send)
            return
        request = scope[EDGE_REQUEST] = read_request(scope, self._monotonic())
        if not request.id:
            request.id = next(self._ids)
        status: int | None = 0  # None: recorded

        def send_recorded(message: Any) -> Any:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *request.response_headers, (b"x-request-id", request.id)]
            elif status is not None and not message.get("more_body", False):
                if self._access_log:
                    self._log(request, status)
                if self._traffic is not None:
                    self._count(self._traffic, request, status)
                status = None
            return send(message)

        try:
            await self._app(scope, receive, send_recorded)
        finally:
            if status is not None and self._traffic is not None:
                self._count(self._traffic, request, status)

    def _log(self, request: EdgeRequest, status: int) -> None:
        log.info(
            "request",
            method=request.method,
            path=next(filter(request.path.startswith, self._secret_paths), request.path),
            status=status,
            milliseconds=round((self._monotonic() - request.begun) * 1000, 2),
            request_id=request.id.decode(),
        )

    def _count(self, traffic: Traffic, request: EdgeRequest, status: int) -> None:
        """``status``: 0 where no response was begun."""
        cached = request.cached
        if cached is None:
            route = traffic.route_of(request.path)
        elif not (route := cached.route):
            route = cached.route = traffic.route_of(request.path)  # once, not each time it is sent
        status = GONE if request.is_gone else status or GONE
        traffic.add((request.method, route, status, request.source), self._monotonic() - request.begun)


def _drawn_ids() -> Iterator[bytes]:
    """Request ids, drawn many at a time: one by one they would be a third of what a response from memory takes."""
    while True:
        drawn = secrets.token_hex(8 * 512).encode()
        yield from (drawn[start : start + 16] for start in range(0, len(drawn), 16))
