"""Heads: what the edge reads in a request's, and what it writes into an answer's."""

import re
import secrets
from collections.abc import Iterator
from typing import Any

import msgspec

from filmer.edge.cache import CachedResponse
from filmer.http.cache_headers import Headers

SAFETY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_UNKEPT = (b"cache-control", b"no-store")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_GZIP = {b"gzip": b"gzip", b"x-gzip": b"gzip", b"*": b"*"}  # the names by which it is offered (RFC 9110, 8.4.1.3)
_CODING = re.compile(rb"\s*[^\s;]+(?:\s*;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?\s*")


def as_routed(path: str) -> str:
    """As the framework reads it: of slashes in a row the first alone, and none at the end."""
    if "//" not in path and not path.endswith("/"):
        return path
    return "/" + "/".join(part for part in path.split("/") if part)


def drawn_ids() -> Iterator[bytes]:
    """Request ids. Drawn many at a time: one by one they would be a third of what an answer from memory takes."""
    while True:
        drawn = secrets.token_hex(8 * 512).encode()
        yield from (drawn[start : start + 16] for start in range(0, len(drawn), 16))


class RequestHeaders(msgspec.Struct):
    """What the edge reads of a request's headers. Lists that came in several lines are one, with commas between."""

    hosts: list[bytes]
    request_id: bytes  # if fit to be logged
    if_none_match: bytes
    accept_encoding: bytes
    has_session: bool


def read_headers(headers: Any) -> RequestHeaders:
    hosts = []
    request_id = matching = codings = b""
    has_session = False
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            request_id = value
        elif name == b"if-none-match":
            matching = matching + b"," + value if matching else value
        elif name == b"cookie":
            has_session = has_session or b"JSESSIONID" in value
        elif name == b"accept-encoding":
            codings = codings + b"," + value if codings else value
    return RequestHeaders(hosts, request_id, matching, codings, has_session)


def takes_gzip(accept_encoding: bytes) -> bool:
    """Whether gzip was offered by the letter: by its name, else by ``*``, and with a weight that is one and not 0."""
    offered: dict[bytes, bool] = {}
    for part in accept_encoding.lower().split(b","):
        name = _GZIP.get(part.partition(b";")[0].strip())
        if name:
            coding = _CODING.fullmatch(part)
            has_weight = coding is not None and (coding[1] is None or float(coding[1]) > 0)
            offered[name] = has_weight and offered.get(name, True)
    return offered.get(b"gzip", offered.get(b"*", False))


def completed(headers: Headers, path: str) -> Headers:
    """With what an answer gets that says nothing else of it itself (contract §1.7: personal is what isn't public)."""
    told = {name for name, _ in headers}
    complete = list(headers)
    if _POLICY[0] not in told:
        complete.append(_POLICY)
    if _UNKEPT[0] not in told and path.startswith("/api"):
        complete.append(_UNKEPT)
    return complete


def is_public(headers: Headers) -> bool:
    return any(name == b"cache-control" and value.startswith(b"public") for name, value in headers)


def messages_of(answer: CachedResponse, headers: Headers, matching: bytes, *, with_body: bool) -> tuple[Any, Any]:
    """What ASGI sends: the answer, or 304 to who holds it already. ``matching``: its ``If-None-Match``."""
    status, body = answer.status, answer.body
    if matching and answer.etag and _matches(matching, answer.etag):
        headers = [header for header in headers if header[0] not in {b"content-length", b"content-type"}]
        status, body = 304, b""
    return (
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body if with_body else b"", "more_body": False},
    )


def _matches(matching: bytes, etag: bytes) -> bool:
    tags = [tag.strip().removeprefix(b"W/") for tag in matching.split(b",")]
    return etag in tags or matching.strip() == b"*"
