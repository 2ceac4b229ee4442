"""The two ways a request comes to the framework: passed on as it comes, or asked for the whole answer at once."""

import asyncio
import hashlib
from contextlib import suppress
from typing import Any

from litestar.types import ASGIApp, HTTPScope, Receive, Send

from filmer.clock import Clock
from filmer.edge.cache import CachedResponse
from filmer.edge.compression import compress
from filmer.edge.headers import completed, is_public
from filmer.http.cache_headers import Headers

MAX_DRAINED = 256 * 1024  # bytes of a body nobody wants
DRAIN_SECONDS = 1.0
CLOSE_SECONDS = 0.05  # Granian, told to close while it is still reading, sometimes leaves the connection open


class ForwardedRequest:
    """Sends on what the framework sends, with our headers, after the request was read to its end.

    A body left unread would be taken for the connection's next request: what is small is read and dropped.
    """

    def __init__(self, receive: Receive, send: Send, path: str, always: Headers) -> None:
        self._receive = receive
        self._send = send
        self._path = path
        self._always = always
        self._is_read = False
        self.is_gone = False  # the caller hung up before the request had come in whole
        self.status = 0

    async def receive(self) -> Any:
        message = await self._receive()
        self.is_gone = self.is_gone or (message["type"] == "http.disconnect" and not self._is_read)
        self._is_read = not message.get("more_body", False)
        return message

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*completed(message["headers"], self._path), *self._always]
            if not await self._drained():
                headers.append((b"connection", b"close"))
                await asyncio.sleep(CLOSE_SECONDS)
            message["headers"] = headers
        await self._send(message)

    async def _drained(self) -> bool:
        left = MAX_DRAINED
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self._is_read and left > 0:
                    message: Any = await self.receive()
                    left -= len(message.get("body", b""))
        return self._is_read


async def collect_response(app: ASGIApp, scope: HTTPScope, clock: Clock, *, is_kept: bool) -> CachedResponse:
    """What the framework answers to a GET. ``is_kept``: where it may be, so that the next is answered alike."""
    parts: list[bytes] = []
    start: dict[str, Any] = {}

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    # What everybody gets is nobody's: not even a notice that the first who asked brought along is seen.
    headers = [header for header in scope["headers"] if header[0] != b"cookie"] if is_kept else scope["headers"]
    inner: Any = {**scope, "headers": headers, "state": {}}
    await app(inner, receive, send)
    body = b"".join(parts)
    told: Headers = [(bytes(name), bytes(value)) for name, value in start["headers"]]
    answer = CachedResponse(start["status"], completed(told, scope["path"]), body)
    if "age" in inner["state"]:
        answer.fetched = clock.monotonic() - inner["state"]["age"]
        answer.is_new = inner["state"]["is_new"]
    if is_kept and answer.status == 200 and is_public(told):  # noqa: PLR2004 - OK
        answer.etag = b'"' + hashlib.blake2b(body, digest_size=12).hexdigest().encode() + b'"'
        answer.headers.append((b"etag", answer.etag))
        compress(answer)
    return answer
