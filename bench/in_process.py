"""The application in this process, called without a socket: the time that it and the database take."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from tests.asgi_client import Headers, ask, running_app

from filmer.app import create_app
from filmer.settings import Settings

WARM_SECONDS = 0.5  # for the first connections


class TimedResponse(msgspec.Struct):
    milliseconds: float
    status: int
    body: bytes
    is_public: bool

    @property
    def data(self) -> Any:
        return msgspec.json.decode(self.body)["data"]


class TimedClient:
    """Asks the application."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def get(self, address: str, cookie: str = "") -> TimedResponse:
        return await self.ask("GET", address, [(b"cookie", cookie.encode())] if cookie else [])

    async def post(self, address: str, body: bytes, headers: Headers = ()) -> TimedResponse:
        json_headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        return await self.ask("POST", address, [*json_headers, *headers], body)

    async def ask(self, method: str, address: str, headers: Headers = (), body: bytes = b"") -> TimedResponse:
        begun = time.perf_counter()
        response = await ask(self._app, method, address.encode(), headers, body)
        is_public = any(name == b"cache-control" and value.startswith(b"public") for name, value in response.headers)
        return TimedResponse((time.perf_counter() - begun) * 1000, response.status, response.body, is_public)


@asynccontextmanager
async def in_process(settings: Settings, *, cached: bool = False) -> AsyncIterator[TimedClient]:
    """The application on running engines, started and stopped as a server would; without caches, or with them."""
    if cached:
        settings = msgspec.structs.replace(settings, cache_duration_seconds=3600)
    else:
        settings = msgspec.structs.replace(settings, cache_duration_seconds=0, redis_url=None)
    app = create_app(settings)
    async with running_app(app):
        await asyncio.sleep(WARM_SECONDS)
        yield TimedClient(app)
