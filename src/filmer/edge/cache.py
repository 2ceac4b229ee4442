"""Whole answers in the memory of one process: what public GETs are answered from."""

from collections import OrderedDict

import msgspec

from filmer.http.cache_headers import Headers


class CachedResponse(msgspec.Struct, array_like=True, gc=False):
    """A whole response, as it lies in memory and in Valkey."""

    status: int
    headers: Headers
    body: bytes
    etag: bytes = b""
    fetched: float | None = None  # by clock.monotonic(), when TMDB told what it tells; None: it is all ours
    is_new: bool = False  # it was asked for just now
    compressed: "CachedResponse | None" = None  # the same for whoever takes gzip, where that is shorter
    route: str = ""  # whose answer it is, in this process's memory: for those who count

    @property
    def is_public(self) -> bool:
        return bool(self.etag)


class ResponseCache:
    """Answers of one process: by address, bounded in bytes and time, of one edition at a time.

    Times are those of ``clock.monotonic()``.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self._answers: OrderedDict[bytes, tuple[float, CachedResponse]] = OrderedDict()
        self._bytes = 0
        self._max_bytes = max_bytes
        self._edition = ""

    def get(self, edition: str, address: bytes, now: float) -> CachedResponse | None:
        found = self._answers.get(address)
        if found is None or edition != self._edition or found[0] < now:
            return None
        self._answers.move_to_end(address)
        return found[1]

    def put(self, edition: str, address: bytes, answer: CachedResponse, *, until: float) -> None:
        if edition != self._edition:
            self._answers.clear()
            self._bytes = 0
            self._edition = edition
        if address in self._answers:
            self._bytes -= _size(address, self._answers.pop(address)[1])
        self._answers[address] = (until, answer)
        self._bytes += _size(address, answer)
        while self._bytes > self._max_bytes and self._answers:
            oldest, (_, dropped) = self._answers.popitem(last=False)
            self._bytes -= _size(oldest, dropped)


def _size(address: bytes, answer: CachedResponse) -> int:
    also = len(answer.compressed.body) + 1000 if answer.compressed else 0
    return len(address) + len(answer.body) + also + 1000  # about what the objects around them take
