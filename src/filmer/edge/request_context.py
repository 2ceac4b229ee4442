"""What handlers and their log lines know of a request: when it arrived, and its id."""

from typing import Any

import structlog
from litestar.types import ASGIApp, Receive, Send

from filmer.clock import Clock
from filmer.edge.request import EDGE_REQUEST, EdgeRequest
from filmer.http.cookies import SET_COOKIES
from filmer.http.handlers import ARRIVAL_KEY, Arrival


class RequestContext:
    """Stands in front of all that waits: decision 0019 counts from the time of arrival."""

    def __init__(self, app: ASGIApp, *, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    def __call__(self, scope: Any, receive: Receive, send: Send) -> Any:
        request: EdgeRequest = scope[EDGE_REQUEST]
        structlog.contextvars.bind_contextvars(request_id=request.id.decode())
        scope[SET_COOKIES] = []
        scope[ARRIVAL_KEY] = Arrival(self._clock.now(), request.begun)
        return self._app(scope, receive, send)
