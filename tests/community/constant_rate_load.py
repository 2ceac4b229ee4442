"""Load at a constant rate: connections kept open, requests sent when they are due, however late others are."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Self

from tests.machine import running_seconds

ANSWER_SECONDS = 30


class Response(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """One connection, one request at a time. Raises OSError or EOFError when it is lost."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, request: bytes) -> Response:
        async with asyncio.timeout(ANSWER_SECONDS):
            self._writer.write(request)
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value for name, _, value in (connection.partition(": ") for connection in head[1:-2])
            }
            return Response(
                int(head[0][9:12]), headers, await self._reader.readexactly(int(headers.get("content-length", 0)))
            )

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


@asynccontextmanager
async def connections_to(port: int, count: int) -> AsyncIterator[list[Connection]]:
    connections = [await Connection.open(port) for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            await connection.close()


class PreparedRequest(NamedTuple):
    """A request and the expected ``body`` of its response."""

    address: str
    request: bytes
    body: bytes


class Measurement(NamedTuple):
    """When a request was due (time.monotonic()), and the seconds from then until its response was complete."""

    address: str
    due: float
    seconds: float
    status: int
    is_right: bool
    age: int
    x_cache: str


async def send_steadily(
    connections: Sequence[Connection], requests: Sequence[PreparedRequest], rate: float, seconds: float
) -> list[Measurement]:
    """Sends ``rate`` requests a second, each connection all in turn. A late response delays the next ones, too."""
    begun = time.monotonic()
    measurements: list[Measurement] = []

    async def send(place: int) -> None:
        for turn, number in enumerate(range(place, round(rate * seconds), len(connections))):
            request = requests[(turn + place) % len(requests)]
            due = begun + number / rate
            await asyncio.sleep(due - time.monotonic())
            response = await connections[place].send(request.request)
            age, x_cache = int(response.headers.get("age", -1)), response.headers.get("x-cache", "")
            took, is_right = running_seconds(since=due), response.body == request.body
            measurements.append(Measurement(request.address, due, took, response.status, is_right, age, x_cache))

    await asyncio.gather(*(send(place) for place in range(len(connections))))
    return measurements


def p99(seconds: Sequence[float]) -> float:
    """Milliseconds."""
    return sorted(seconds)[max(0, round(len(seconds) * 0.99) - 1)] * 1000


def get(address: str, token: str = "") -> bytes:
    """A request as it goes over the wire."""
    return write("GET", address, b"", token)


def write(method: str, address: str, body: bytes, token: str) -> bytes:
    head = [f"{method} {address} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
    head += ["content-type: application/json"] if body else []
    head += [f"authorization: Bearer {token}"] if token else []
    return "\r\n".join([*head, "", ""]).encode() + body
