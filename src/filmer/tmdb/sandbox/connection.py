"""One HTTP connection of the sandbox: it reads requests, and sends responses whole or in pieces."""

import asyncio
import json
import socket
import struct
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import h11

MAX_BODY = 64 * 1024  # bytes
_READ = 64 * 1024  # bytes at a time


class SandboxRequest(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    authorization: str
    body: bytes


class HttpConnection:
    """HTTP/1.1 on a socket. Raises OSError when the client has closed the connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)
        self._method = ""

    async def next_request(self) -> SandboxRequest | None:
        """The next request, or None at the end. Bytes that are not HTTP get an error response."""
        try:
            return await self._request()
        except h11.RemoteProtocolError as error:
            if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                body = json.dumps({"error": str(error)}).encode()
                await self.send(error.error_status_hint, body, (("content-type", "application/json"),))
            return None

    async def send(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...]) -> None:
        length = () if status == 204 else (("content-length", str(len(body))),)  # noqa: PLR2004 - No Content
        await self.start(status, headers + length)
        if body and self._method != "HEAD":
            await self.send_data(body)
        await self._send(h11.EndOfMessage())
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()

    async def start(self, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        """Send status and headers only; the caller sends the body."""
        await self._send(h11.Response(status_code=status, headers=list(headers)))

    async def send_data(self, data: bytes) -> None:
        await self._send(h11.Data(data=data))

    async def read_to_end(self) -> None:
        """Read until the client closes the connection."""
        while await self._reader.read(_READ):
            pass

    def reset(self) -> None:
        """Abort the connection with RST, so that the client sees a reset and not a close."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    @property
    def is_open(self) -> bool:
        """Whether another request may follow."""
        return self._http.our_state is h11.IDLE

    async def _request(self) -> SandboxRequest | None:
        request = await self._next_event()
        if not isinstance(request, h11.Request):
            return None
        self._method = request.method.decode("ascii")
        body = b""
        while isinstance(event := await self._next_event(), h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                raise h11.RemoteProtocolError(f"a body of over {MAX_BODY} bytes", error_status_hint=413)
        target = urlsplit(request.target.decode("ascii"))
        headers = {name: value.decode("latin-1") for name, value in request.headers}
        query = dict(parse_qsl(target.query, keep_blank_values=True))
        return SandboxRequest(self._method, target.path, query, headers.get(b"authorization", ""), body)

    async def _next_event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(_READ))
        return event

    async def _send(self, event: h11.Event) -> None:
        self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()
