"""An ASGI application in this process: started and stopped as a server would, called without a socket."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import unquote

Headers = Sequence[tuple[bytes, bytes]]


class Response(NamedTuple):
    status: int
    headers: Headers
    body: bytes


@asynccontextmanager
async def running_app(app: Any) -> AsyncIterator[None]:
    """Runs the application's lifespan; raises what startup or shutdown raise."""
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    outgoing: asyncio.Queue[str] = asyncio.Queue()

    async def send(message: Any) -> None:
        await outgoing.put(message["type"])

    life = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, incoming.get, send))

    async def go(step: str) -> None:
        await incoming.put({"type": f"lifespan.{step}"})
        reply = asyncio.create_task(outgoing.get())
        await asyncio.wait({life, reply}, return_when=asyncio.FIRST_COMPLETED)
        if not reply.done():
            reply.cancel()
            await life
        assert reply.result() == f"lifespan.{step}.complete"

    await go("startup")
    try:
        yield
    finally:
        await go("shutdown")
        await life


async def ask(app: Any, method: str, address: bytes, headers: Headers = (), body: bytes = b"") -> Response:
    """``address``: path and query as they stand in a request."""
    path, _, query = address.partition(b"?")
    start: dict[str, Any] = {}
    chunks: list[bytes] = []
    is_received = asyncio.Event()

    async def receive() -> Any:
        if is_received.is_set():
            await asyncio.Event().wait()  # the client stays
        is_received.set()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            chunks.append(message.get("body", b""))

    has_host = any(name == b"host" for name, _ in headers)
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(path.decode("ascii")), "raw_path": path, "query_string": query,
        "headers": [*headers] if has_host else [(b"host", b"shop"), *headers],
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    return Response(start["status"], start["headers"], b"".join(chunks))
