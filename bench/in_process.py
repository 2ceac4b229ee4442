"""filmer in this process, asked without a socket between: what it and the database take, and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from filmer.app import create_app
from filmer.settings import Settings

WARM_SECONDS = 0.5  # for the first connections

Headers = Sequence[tuple[bytes, bytes]]


class Answered(msgspec.Struct):
    milliseconds: float
    status: int
    body: bytes

    @property
    def data(self) -> Any:
        return msgspec.json.decode(self.body)["data"]


class InProcess:
    """Asks the application."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def get(self, address: str, cookie: str = "") -> Answered:
        return await self.ask("GET", address, [(b"cookie", cookie.encode())] if cookie else [])

    async def post(self, address: str, body: bytes, headers: Headers = ()) -> Answered:
        told = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        return await self.ask("POST", address, [*told, *headers], body)

    async def ask(self, method: str, address: str, headers: Headers = (), body: bytes = b"") -> Answered:
        path, _, query = address.partition("?")
        start: dict[str, Any] = {}
        parts: list[bytes] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                parts.append(message["body"])

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "headers": list(headers),
            "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
        }  # fmt: skip
        begun = time.perf_counter()
        await self._app(scope, receive, send)
        return Answered((time.perf_counter() - begun) * 1000, start["status"], b"".join(parts))


@asynccontextmanager
async def in_process(settings: Settings, *, cached: bool = False) -> AsyncIterator[InProcess]:
    """The application on running engines, started and stopped as a server would; without caches, or with them."""
    if cached:
        settings = msgspec.structs.replace(settings, cache_duration_seconds=3600)
    else:
        settings = msgspec.structs.replace(settings, cache_duration_seconds=0, redis_url=None)
    app = create_app(settings)
    events: asyncio.Queue[Any] = asyncio.Queue()
    begun, ended = asyncio.Event(), asyncio.Event()

    async def send(message: Any) -> None:
        {"lifespan.startup.complete": begun, "lifespan.shutdown.complete": ended}[message["type"]].set()

    life: Any = app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, events.get, send)  # type: ignore[arg-type]
    task = asyncio.create_task(life)
    await events.put({"type": "lifespan.startup"})
    await begun.wait()
    await asyncio.sleep(WARM_SECONDS)
    try:
        yield InProcess(app)
    finally:
        await events.put({"type": "lifespan.shutdown"})
        await ended.wait()
        await task
