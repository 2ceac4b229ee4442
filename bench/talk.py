"""Keep-alive connections for requests that differ, in one thread: what a browser's connection does, and no more."""

import selectors
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

CONNECTION_SECONDS = 30


def request(method: str, path: str, *, cookie: str = "", key: str = "", body: bytes = b"") -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: bench"]
    head += [f"Cookie: {cookie}"] if cookie else []
    head += [f"Idempotency-Key: {key}"] if key else []
    head += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([*head, "", ""]).encode() + body


class Talk:
    """One connection, one request at a time. ``asked``: when."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=CONNECTION_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self.asked = 0.0
        self.is_waiting = False

    def fileno(self) -> int:
        return self._socket.fileno()

    def ask(self, asked: bytes) -> None:
        self.asked = time.perf_counter()
        self.is_waiting = True
        self._socket.sendall(asked)

    def answered(self) -> bool:
        """Takes what has come; True when that was the rest of the answer. Raises for any but a 200."""
        came = self._socket.recv(1 << 18)
        self._received += came
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not came or (found and not head.startswith(b"HTTP/1.1 200")):
            raise ConnectionError((self._received or b"closed").decode(errors="replace"))
        if not found or len(body) < _length(head):
            return False
        self._received = b""
        self.is_waiting = False
        return True

    def close(self) -> None:
        self._socket.close()


def _length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(b"content-length:") + len(b"content-length:")
    return int(lowered[start:].split(b"\r\n", 1)[0])


def answers_per_second(url: str, requests: list[bytes], *, connections: int) -> float:
    """All requests once, each by whichever connection is free next."""
    left: Iterator[bytes] = iter(requests)
    chooser = selectors.DefaultSelector()
    talks = [Talk(url) for _ in range(connections)]
    for talk in talks:
        chooser.register(talk, selectors.EVENT_READ)
    waiting = 0
    begun = time.perf_counter()
    for talk, asked in zip(talks, left, strict=False):
        talk.ask(asked)
        waiting += 1
    while waiting:
        for key, _ in chooser.select(timeout=CONNECTION_SECONDS):
            talk = key.fileobj  # type: ignore[assignment]
            if talk.answered():
                waiting -= 1
                if following := next(left, None):
                    talk.ask(following)
                    waiting += 1
    seconds = time.perf_counter() - begun
    for talk in talks:
        talk.close()
    return len(requests) / seconds
