"""Heads: what the edge reads in a request's, and what it writes into an answer's."""

import re
import secrets
from collections.abc import Iterator
from typing import Any

from filmer.http.byte_cache import Answer, Headers

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
_NO_GZIP = re.compile(rb"gzip\s*;\s*q=0(\.0*)?\s*(,|$)")


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


def read_headers(headers: Any) -> tuple[bytes, bytes, bool, bool]:
    """The request's id, if fit to be logged; what it holds already; has it a session; does it take gzip."""
    request_id = matching = b""
    has_session = takes_gzip = False
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            request_id = value
        elif name == b"if-none-match":
            matching = value
        elif name == b"cookie":
            has_session = has_session or b"JSESSIONID" in value
        elif name == b"accept-encoding":
            takes_gzip = b"gzip" in value and (b"q=0" not in value or not _NO_GZIP.search(value))
    return request_id, matching, has_session, takes_gzip


def completed(headers: Headers, path: str) -> Headers:
    """With what an answer gets that says nothing else of it itself (contract §1.6: personal is what isn't public)."""
    told = {name for name, _ in headers}
    complete = list(headers)
    if _POLICY[0] not in told:
        complete.append(_POLICY)
    if _UNKEPT[0] not in told and path.startswith("/api"):
        complete.append(_UNKEPT)
    return complete


def is_public(headers: Headers) -> bool:
    return any(name == b"cache-control" and value.startswith(b"public") for name, value in headers)


def messages_of(answer: Answer, headers: Headers, matching: bytes, *, with_body: bool) -> tuple[Any, Any]:
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
