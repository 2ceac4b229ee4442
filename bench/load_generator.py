"""A load generator for one address: keep-alive connections in one thread, which knows responses by their length."""

import selectors
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

CONNECTIONS = 32


def in_turn(urls: Mapping[str, str], *, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Requests per second of each, round by round, one after another in each round."""
    rates: dict[str, list[float]] = {what: [] for what in urls}
    for _ in range(rounds):
        for what, url in urls.items():
            rates[what].append(requests_per_second(url, seconds=seconds))
    return rates


def requests_per_second(url: str, *, seconds: float, connections: int = CONNECTIONS) -> float:
    """GETs answered per second. Every body must be as long as the first, whose answer is checked to be a 200."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept-Encoding: gzip\r\n\r\n".encode()
    address = (parts.hostname or "127.0.0.1", parts.port or 80)
    size = _size(address, request)
    selector = selectors.DefaultSelector()
    sockets = []
    for _ in range(connections):
        connection = socket.create_connection(address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, [0])
        connection.sendall(request)
        sockets.append(connection)
    responses = 0
    begun = time.perf_counter()
    end = begun + seconds
    while (now := time.perf_counter()) < end:
        for key, _ in selector.select(timeout=1):
            left = key.data
            connection = key.fileobj  # type: ignore[assignment]
            received = connection.recv(1 << 18)
            if not received:
                raise ConnectionError("the server closed a connection")
            if not left[0]:  # an answer begins, and its head comes in one piece; heads differ (Age: 9, Age: 10)
                left[0] = received.index(b"\r\n\r\n") + 4 + size
            left[0] -= len(received)
            if not left[0]:
                responses += 1
                connection.sendall(request)
    for connection in sockets:
        connection.close()
    return responses / (now - begun)


def _size(address: tuple[str, int], request: bytes) -> int:
    """Bytes of one answer's body."""
    with socket.create_connection(address) as connection:
        connection.sendall(request)
        response = b""
        while b"\r\n\r\n" not in response:
            response += connection.recv(1 << 16)
        head, _, body = response.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(head.decode())
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
        size = int(fields[b"content-length"])
        while len(body) < size:
            body += connection.recv(1 << 16)
    return size
