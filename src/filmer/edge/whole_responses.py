"""Responses that caches may store: collected to their end, with their age, an ``ETag`` and a compressed twin."""

import hashlib
from typing import Any

from litestar.types import ASGIApp, Receive, Send

from filmer.clock import Clock
from filmer.edge.compression import compress
from filmer.edge.flight import FLIGHT, Flight, collect
from filmer.http.cache_headers import Headers


class WholeResponses:
    """Of a flight. The response to one client's request is passed on as it comes."""

    def __init__(self, app: ASGIApp, *, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    def __call__(self, scope: Any, receive: Receive, send: Send) -> Any:
        flight: Flight | None = scope.get(FLIGHT)
        if flight is None:
            return self._app(scope, receive, send)
        return self._send_whole(flight, scope, send)

    async def _send_whole(self, flight: Flight, scope: Any, send: Send) -> None:
        response = await collect(self._app, scope)
        if "age" in scope["state"]:
            response.fetched = self._clock.monotonic() - scope["state"]["age"]
            response.is_new = scope["state"]["is_new"]
        if response.status == 200 and _is_public(response.headers):  # noqa: PLR2004 - OK
            response.etag = b'"' + hashlib.blake2b(response.body, digest_size=12).hexdigest().encode() + b'"'
            response.headers.append((b"etag", response.etag))
            compress(response)
        flight.response = response
        await response.send(send)


def _is_public(headers: Headers) -> bool:
    return any(name == b"cache-control" and value.startswith(b"public") for name, value in headers)
