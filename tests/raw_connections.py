"""Bare connections to a server, which can be cut at any moment."""

import contextlib
import http.client
import json
import socket
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

LOST = (OSError, http.client.HTTPException)


class Customer(NamedTuple):
    """Whose session a request carries."""

    account_id: int
    cookie: str


class RawResponse(NamedTuple):
    status: int
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)["data"]


class RawConnection:
    """One connection, kept open, that sends exactly the bytes a test gives it."""

    def __init__(self, port: int, timeout: float = 20) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, request: bytes) -> None:
        self.socket.sendall(request)

    def receive(self) -> RawResponse:
        """Raises OSError or http.client.HTTPException when the connection is lost."""
        response = http.client.HTTPResponse(self.socket)
        try:
            response.begin()
            return RawResponse(response.status, response.read())
        finally:
            response.close()

    def round_trip(self, request: bytes) -> RawResponse:
        self.send(request)
        return self.receive()

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Hang up at once (RST), whatever is under way."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


@contextlib.contextmanager
def open_connections(port: int, count: int) -> Iterator[list[RawConnection]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(RawConnection(port)) for _ in range(count)]


def request(
    method: str,
    path: str,
    customer: Customer | None = None,
    body: Mapping[str, Any] | None = None,
    *,
    key: str | None = None,
) -> bytes:
    """A request as it goes over the wire."""
    sent = json.dumps(body).encode() if body is not None else b""
    head = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(sent)}"]
    if body is not None:
        head.append("content-type: application/json")
    if customer is not None:
        head.append(f"cookie: JSESSIONID={customer.cookie}")
    if key is not None:
        head.append(f"idempotency-key: {key}")
    return "\r\n".join([*head, "", ""]).encode() + sent
