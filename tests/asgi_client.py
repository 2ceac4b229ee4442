"""An ASGI application in this process: started and stopped as a server would, asked without a socket between."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import unquote

Headers = Sequence[tuple[bytes, bytes]]


class Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes


@asynccontextmanager
async def alive(app: Any) -> AsyncIterator[None]:
    """Between its start and its end; raises what it raises at either."""
    asked: asyncio.Queue[Any] = asyncio.Queue()
    told: asyncio.Queue[str] = asyncio.Queue()

    async def send(message: Any) -> None:
        await told.put(message["type"])

    life = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, asked.get, send))

    async def go(step: str) -> None:
        await asked.put({"type": f"lifespan.{step}"})
        answer = asyncio.create_task(told.get())
        await asyncio.wait({life, answer}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            await life
        assert answer.result() == f"lifespan.{step}.complete"

    await go("startup")
    try:
        yield
    finally:
        await go("shutdown")
        await life


async def ask(app: Any, method: str, address: bytes, headers: Headers = (), body: bytes = b"") -> Answer:
    """``address``: path and query as they stand in a request."""
    path, _, query = address.partition(b"?")
    start: dict[str, Any] = {}
    parts: list[bytes] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    has_host = any(name == b"host" for name, _ in headers)
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(path.decode("ascii")), "raw_path": path, "query_string": query,
        "headers": [*headers] if has_host else [(b"host", b"shop"), *headers],
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    return Answer(start["status"], start["headers"], b"".join(parts))
