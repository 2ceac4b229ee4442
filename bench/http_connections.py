"""Keep-alive connections for requests that differ, in one thread: what a browser's connection does, and no more."""

import itertools
import selectors
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

CONNECTION_SECONDS = 30
_FINE = (b"HTTP/1.1 200", b"HTTP/1.1 302")  # filmer's API redirects nobody


def request(
    method: str,
    path: str,
    *,
    cookie: str = "",
    key: str = "",
    body: bytes = b"",
    content_type: str = "application/json",
) -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: bench"]
    head += [f"Cookie: {cookie}"] if cookie else []
    head += [f"Idempotency-Key: {key}"] if key else []
    head += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([*head, "", ""]).encode() + body


class KeepAliveConnection:
    """One connection, one request at a time. ``asked``: when."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=CONNECTION_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self.sent_at = 0.0
        self.is_waiting = False

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.is_waiting = True
        self._socket.sendall(request)

    def receive(self) -> bool:
        """Takes what has come; True when that was the rest of the answer. Raises for any but a 200 or a redirect."""
        chunk = self._socket.recv(1 << 18)
        self._received += chunk
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not chunk or (separator and not head.startswith(_FINE)):
            raise ConnectionError((self._received or b"closed").decode(errors="replace"))
        if not separator or not _is_whole(head.lower(), body):
            return False
        self._received = b""
        self.is_waiting = False
        return True

    def close(self) -> None:
        self._socket.close()


def _is_whole(head: bytes, body: bytes) -> bool:
    """``head`` in lower case. JSON and pages hold no bare end of a chunked answer."""
    if b"transfer-encoding: chunked" in head:
        return body.endswith(b"\r\n0\r\n\r\n") or body == b"0\r\n\r\n"
    start = head.index(b"content-length:") + len(b"content-length:")
    return len(body) >= int(head[start:].split(b"\r\n", 1)[0])


def answers_per_second(url: str, requests: list[bytes], *, connections: int) -> float:
    """All requests once, each by whichever connection is free next."""
    begun = time.perf_counter()
    answered(url, [iter(requests)] * connections)
    return len(requests) / (time.perf_counter() - begun)


def answers_for(url: str, requests: list[bytes], *, connections: int, seconds: float) -> list[float]:
    """The requests over and over for so long; how many milliseconds each answer took."""
    end = time.perf_counter() + seconds
    again = itertools.takewhile(lambda _: time.perf_counter() < end, itertools.cycle(requests))
    return answered(url, [again] * connections)


def journeys_per_second(url: str, journeys: list[list[bytes]], *, connections: int) -> float:
    """All journeys once, each by whichever connection is free next: its requests one after another."""
    left = iter(journeys)
    begun = time.perf_counter()
    answered(url, [itertools.chain.from_iterable(left) for _ in range(connections)])
    return len(journeys) / (time.perf_counter() - begun)


def answered(url: str, sources: list[Iterator[bytes]]) -> list[float]:
    """How many milliseconds each answer took. ``sources``: for each connection, where its requests come from."""
    taken = []
    selector = selectors.DefaultSelector()
    connections_open = [KeepAliveConnection(url) for _ in sources]
    waiting = 0
    for connection, left in zip(connections_open, sources, strict=True):
        selector.register(connection, selectors.EVENT_READ, left)
        if asked := next(left, None):
            connection.send(asked)
            waiting += 1
    while waiting:
        for key, _ in selector.select(timeout=CONNECTION_SECONDS):
            connection = key.fileobj  # type: ignore[assignment]
            if connection.receive():
                taken.append((time.perf_counter() - connection.sent_at) * 1000)
                waiting -= 1
                if following := next(key.data, None):
                    connection.send(following)
                    waiting += 1
    for connection in connections_open:
        connection.close()
    return taken
