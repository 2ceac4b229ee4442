"""Reads what is left of a request's body before the response is sent.

The connection would take a body that nobody read for its next request. Of an upload, the rest is read after the
response: many browsers look for a response only when they have sent everything, and find none if the connection is
closed before.
"""

import asyncio
from contextlib import suppress
from typing import Any

from litestar.types import ASGIApp, Receive, Send

from filmer.edge.flight import FLIGHT
from filmer.edge.request import EDGE_REQUEST, EdgeRequest
from filmer.http.uploads import UPLOAD

MAX_DRAINED = 256 * 1024  # bytes; with more left, the connection is closed
DRAIN_SECONDS = 1.0
LINGER_SECONDS = 60.0  # for the rest of an upload, after its response
CLOSE_SECONDS = 0.05  # Granian, told to close while it is still reading, sometimes leaves the connection open


class BodyDrain:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Any, receive: Receive, send: Send) -> Any:
        if FLIGHT in scope:  # what is computed for all who ask has no body
            return self._app(scope, receive, send)
        body = _Body(receive, scope[EDGE_REQUEST])

        async def send_after_body(message: Any) -> None:
            if message["type"] == "http.response.start" and not await body.drain():
                message["headers"] = [*message["headers"], (b"connection", b"close")]
                await asyncio.sleep(CLOSE_SECONDS)
            await send(message)
            if UPLOAD in scope and message["type"] == "http.response.body" and not message.get("more_body"):
                await body.drain(scope[UPLOAD], LINGER_SECONDS)

        return self._app(scope, body.receive, send_after_body)


class _Body:
    """Of one request, of which the application may have read a part.

    One receives at a time: who sends a long response waits for its client to hang up meanwhile, and two that receive
    at once would each get what is the other's.
    """

    def __init__(self, receive: Receive, request: EdgeRequest) -> None:
        self._receive = receive
        self._request = request
        self._is_read = False
        self._receiving = asyncio.Lock()

    async def receive(self) -> Any:
        async with self._receiving:
            return await self._receive_next()

    async def _receive_next(self) -> Any:
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._is_read:
            self._request.is_gone = True
        self._is_read = not message.get("more_body", False)
        return message

    async def drain(self, left: int = MAX_DRAINED, seconds: float = DRAIN_SECONDS) -> bool:
        """Whether all of it has been read. ``left``: bytes that are read at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._is_read and left > 0:
                    async with self._receiving:
                        if not self._is_read:
                            left -= len((await self._receive_next()).get("body", b""))
        return self._is_read
