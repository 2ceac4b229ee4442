"""One request on its way through the layers: what they read of it, and what they note for the layers around them."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from filmer.edge.cache import CachedResponse
from filmer.edge.traffic import UNCACHED

EDGE_REQUEST: Final = "filmer.edge_request"  # under which a request's scope has it
_READ = frozenset({b"host", b"x-request-id", b"if-none-match", b"cookie", b"accept-encoding"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class EdgeRequest(msgspec.Struct, gc=False):
    """Header lists that came in several lines are one, with commas between."""

    begun: float  # by Clock.monotonic
    method: str  # as the client sent it; layers behind Head see GET for HEAD
    path: str
    address: bytes  # the raw path and query
    hosts: list[bytes]
    id: bytes  # the client's own, if it is fit to be logged; else the edge draws one
    if_none_match: bytes
    accept_encoding: bytes
    has_session: bool  # of a browser that is or was signed in
    response_headers: Sequence[tuple[bytes, bytes]] = ()  # that every response to this request carries
    cached: CachedResponse | None = None  # what it was answered from
    source: str = UNCACHED  # one of traffic.SOURCES
    is_gone: bool = False  # the client hung up before the request had come in whole


def read_request(scope: Any, begun: float) -> EdgeRequest:
    """Puts the path as the framework reads it into the scope."""
    hosts: list[bytes] = []
    request_id = matching = codings = b""
    has_session = False
    for name, value in scope["headers"]:
        if name not in _READ:
            continue
        if name == b"host":
            hosts.append(value)
        elif name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            request_id = value
        elif name == b"if-none-match":
            matching = matching + b"," + value if matching else value
        elif name == b"cookie":
            has_session = has_session or b"JSESSIONID" in value or b"kept_sign_in" in value
        elif name == b"accept-encoding":
            codings = codings + b"," + value if codings else value
    path = scope["path"]
    if "//" in path or path.endswith("/"):
        path = scope["path"] = _as_routed(path)
    address = scope["raw_path"] + b"?" + scope["query_string"]
    return EdgeRequest(begun, scope["method"], path, address, hosts, request_id, matching, codings, has_session)


def _as_routed(path: str) -> str:
    """Of slashes in a row the first alone, and none at the end."""
    return "/" + "/".join(part for part in path.split("/") if part)
