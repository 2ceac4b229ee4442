"""Calls the handlers of the catalogue's public endpoints past the framework, which took half of a short read's time.

Only for a computation that many may wait for (``edge/flight.py``): its request has no body, no cookies and the method
GET. The framework answers everything else.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from litestar import Request, Response
from litestar.types import ASGIApp, Receive, Send

from filmer.edge.cache import CachedResponse
from filmer.edge.flight import FLIGHT
from filmer.edge.refusals import Refusals
from filmer.errors import ServerLost
from filmer.http.cache_headers import PUBLIC
from filmer.http.envelopes import shop_data
from filmer.http.failures import SERVER_LOST, as_filmer_error

Handler = Callable[..., Awaitable[Any]]


class DirectRoutes:
    """A route is a path whose segments are all literal but one in braces, as in ``/genres/{genre_id:str}/movies``."""

    def __init__(self, app: ASGIApp, *, prefix: str, routes: Mapping[str, Handler], refusals: Refusals) -> None:
        """``routes``: handlers by their path after ``prefix``."""
        self._app = app
        self._prefix = f"{prefix}/"
        self._routes = {_pattern(path.split("/")[1:]): _Route(path, handler) for path, handler in routes.items()}
        self._refusals = refusals

    def __call__(self, scope: Any, receive: Receive, send: Send) -> Any:
        path: str = scope["path"]
        if FLIGHT in scope and path.startswith(self._prefix):
            segments = path[len(self._prefix) :].split("/")
            if "" not in segments and (route := self._routes.get(tuple(segments))):
                return self._answer(route, {}, scope, send)
            if len(segments) > 1 and (route := self._routes.get((segments[0], "", *segments[2:]))) and segments[1]:
                return self._answer(route, {route.parameter: segments[1]}, scope, send)
        return self._app(scope, receive, send)

    async def _answer(self, route: "_Route", parameters: dict[str, str], scope: Any, send: Send) -> None:
        if route.takes_request:
            parameters["request"] = Request(scope)  # type: ignore[assignment]
        try:
            data = await route.handler(**parameters)
        except Exception as raised:  # noqa: BLE001 - as the framework's exception handler does
            await self._fail(raised, scope, send)
            return
        fields: dict[str, str] = {"cache-control": PUBLIC, "content-type": "application/json"}
        if isinstance(data, Response):
            fields |= data.headers
            data = data.content
        body = shop_data(data)
        headers = [(name.encode(), value.encode("latin-1")) for name, value in fields.items()]
        await CachedResponse(200, [*headers, (b"content-length", str(len(body)).encode())], body).send(send)

    async def _fail(self, raised: Exception, scope: Any, send: Send) -> None:
        error = as_filmer_error(raised)
        scope[SERVER_LOST] = isinstance(error, ServerLost)
        await self._refusals.send(send, scope["path"], error)


class _Route:
    def __init__(self, path: str, handler: Handler) -> None:
        self.handler = handler
        self.parameter = path.partition("{")[2].partition(":")[0]  # empty: the path has none
        self.takes_request = "request" in handler.__annotations__


def _pattern(segments: list[str]) -> tuple[str, ...]:
    return tuple("" if segment.startswith("{") else segment for segment in segments)
