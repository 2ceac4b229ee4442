"""Whole responses in the memory of one process."""

from collections import OrderedDict
from typing import Any

import msgspec
from litestar.types import Send

from filmer.http.cache_headers import Headers


class CachedResponse(msgspec.Struct, array_like=True, gc=False):
    """A whole response, as it lies in memory and in Valkey."""

    status: int
    headers: Headers
    body: bytes
    etag: bytes = b""
    fetched: float | None = None  # by clock.monotonic(), when TMDB answered what it shows; None: it shows only ours
    is_new: bool = False  # TMDB was asked for it just now
    compressed: "CachedResponse | None" = None  # the same for clients that take gzip, where that is shorter
    route: str = ""  # the route it belongs to, in this process's memory: for the metrics

    @property
    def is_public(self) -> bool:
        return bool(self.etag)

    async def send(self, send: Send) -> None:
        start: Any = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class ResponseCache:
    """By address, bounded in bytes and time, of one edition at a time.

    Times are those of ``clock.monotonic()``.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self._responses: OrderedDict[bytes, tuple[float, CachedResponse]] = OrderedDict()
        self._bytes = 0
        self._max_bytes = max_bytes
        self._edition = ""

    def get(self, edition: str, address: bytes, now: float) -> CachedResponse | None:
        entry = self._responses.get(address)
        if entry is None or edition != self._edition or entry[0] < now:
            return None
        self._responses.move_to_end(address)
        return entry[1]

    def put(self, edition: str, address: bytes, response: CachedResponse, *, until: float) -> None:
        if edition != self._edition:
            self._responses.clear()
            self._bytes = 0
            self._edition = edition
        if address in self._responses:
            self._bytes -= _size(address, self._responses.pop(address)[1])
        self._responses[address] = (until, response)
        self._bytes += _size(address, response)
        while self._bytes > self._max_bytes and self._responses:
            oldest, (_, dropped) = self._responses.popitem(last=False)
            self._bytes -= _size(oldest, dropped)


def _size(address: bytes, response: CachedResponse) -> int:
    compressed = len(response.compressed.body) + 1000 if response.compressed else 0
    return len(address) + len(response.body) + compressed + 1000  # about what the objects around them take
