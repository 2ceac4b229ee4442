"""One computation of a response, for all who ask for it at the same time (single flight)."""

import asyncio
from collections.abc import Hashable
from typing import Any, Final, TypeVar

import msgspec
from litestar.types import ASGIApp

from filmer.edge.cache import CachedResponse
from filmer.edge.traffic import UNCACHED

FLIGHT: Final = "filmer.flight"  # under which the scope of a computation has it

K = TypeVar("K", bound=Hashable)
Computed = tuple[CachedResponse, str]  # the response and its source
Flights = dict[K, asyncio.Task[Computed]]  # those under way, for ``single_flight``


class Flight(msgspec.Struct):
    """What the cache that starts it and the layers behind it tell each other."""

    source: str  # one of traffic.SOURCES
    edition: str = ""  # the catalogue's, of a response that processes share; else empty
    address: bytes = b""
    response: CachedResponse | None = None  # None: a layer refused before it came to that
    until: float | None = None  # by Clock.monotonic, how long the response may be cached; None: not at all


async def compute(app: ASGIApp, scope: Any, flight: Flight) -> Computed:
    """The response to a GET without cookies: what everybody gets shows nothing of the client that asked first."""
    headers = [header for header in scope["headers"] if header[0] != b"cookie"]
    sent = await collect(app, {**scope, "headers": headers, "state": {}, FLIGHT: flight})
    return (flight.response, flight.source) if flight.response else (sent, UNCACHED)


async def collect(app: ASGIApp, scope: Any) -> CachedResponse:
    """The whole response to a request without a body."""
    start: dict[str, Any] = {}
    chunks: list[bytes] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            chunks.append(message.get("body", b""))

    await app(scope, receive, send)
    headers = [(bytes(name), bytes(value)) for name, value in start["headers"]]
    return CachedResponse(start["status"], headers, b"".join(chunks))
