"""Which form of a cached response a client gets: compressed or not, or 304 because it holds the response already."""

import re
from functools import lru_cache
from typing import Any, Final

from litestar.types import Send

from filmer.edge.cache import CachedResponse
from filmer.edge.request import EdgeRequest
from filmer.http.cache_headers import Headers

_GZIP = {b"gzip": b"gzip", b"x-gzip": b"gzip", b"*": b"*"}  # the names by which it is offered (RFC 9110, 8.4.1.3)
_CODING = re.compile(rb"\s*[^\s;]+(?:\s*;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?\s*")
_OF_A_BODY: Final = frozenset({b"content-length", b"content-type"})


async def send_negotiated(
    send: Send, request: EdgeRequest, response: CachedResponse, more: Headers | None = None
) -> None:
    """``more``: headers that the cache does not hold."""
    request.cached = response
    if response.compressed is not None and takes_gzip(request.accept_encoding):
        response = response.compressed
    status, body = response.status, response.body
    headers = [*response.headers, *more] if more else response.headers
    if request.if_none_match and response.etag and _matches(request.if_none_match, response.etag):
        headers = [header for header in headers if header[0] not in _OF_A_BODY]
        status, body = 304, b""
    start: Any = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": False})


@lru_cache(maxsize=64)  # browsers have but a few of them
def takes_gzip(accept_encoding: bytes) -> bool:
    """Whether gzip is offered by its name, else by ``*``, with a weight that is valid and not 0."""
    offered: dict[bytes, bool] = {}
    for part in accept_encoding.lower().split(b","):
        name = _GZIP.get(part.partition(b";")[0].strip())
        if name:
            coding = _CODING.fullmatch(part)
            has_weight = coding is not None and (coding[1] is None or float(coding[1]) > 0)
            offered[name] = has_weight and offered.get(name, True)
    return offered.get(b"gzip", offered.get(b"*", False))


def _matches(if_none_match: bytes, etag: bytes) -> bool:
    tags = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
    return etag in tags or if_none_match.strip() == b"*"
