"""The envelopes of both APIs, for data and for errors; and the headers of pages."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from litestar import MediaType, Response

from filmer.clock import timestamp
from filmer.errors import FilmerError

# Money is a JSON number, never a string and never binary floating point (contract §1.1).
_encoder = msgspec.json.Encoder(decimal_format="number")


# Bytes of films: whoever has the address may use it, wherever their page is from.
MEDIA_PATHS = ("/stream/", "/trailers/")
PLAYER_PATH = "/watch/"

FailurePage = Callable[[str, FilmerError], bytes]  # renders the error of a path as HTML

# Pages run and show nothing inline, and nothing from another host, but for what ``widened`` allows some of them.
POLICY = "content-security-policy"
PAGE_HEADERS: Mapping[str, str] = {
    "content-type": "text/html; charset=utf-8",
    POLICY: "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; media-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "cache-control": "no-store",
}


def widened(policy: str, directive: str, origins: Sequence[str]) -> str:
    """The policy with more origins in a directive; one that it lacks is added."""
    rule, more = f"{directive} 'self'", " ".join(origins)
    if not more:
        return policy
    return policy.replace(rule, f"{rule} {more}") if rule in policy else f"{policy}; {directive} {more}"


def framed_by(policy: str, origins: Sequence[str]) -> str:
    """The policy of a page that the pages of these origins may frame; without any, nobody may."""
    return policy.replace("frame-ancestors 'none'", f"frame-ancestors {' '.join(origins)}") if origins else policy


def encode(value: Any) -> bytes:
    return _encoder.encode(value)


def shop_data(data: Any) -> bytes:
    """shop-api.md, "Standard Success Format"."""
    return encode({"success": True, "data": data})


class ShopResponse(Response[Any]):
    """Wraps what a handler under /api/v1 returns: ``{"success": true, "data": …}``."""

    def render(self, content: Any, media_type: str, enc_hook: Any = None) -> bytes:
        if media_type != MediaType.JSON or isinstance(content, bytes):
            return super().render(content, media_type, enc_hook)
        return shop_data(content)


class CommunityResponse(Response[Any]):
    """What a handler of the community API returns, without an envelope; bytes are JSON already."""

    def render(self, content: Any, media_type: str, enc_hook: Any = None) -> bytes:
        if media_type != MediaType.JSON or isinstance(content, bytes):
            return super().render(content, media_type, enc_hook)
        return encode(content)


def shop_error(error: FilmerError, now: Any) -> bytes:
    """shop-api.md, "Standard Error Format"."""
    return encode(
        {
            "success": False,
            "error": {"code": error.code, "message": error.message, "details": error.details},
            "timestamp": timestamp(now),
        }
    )


def community_error(error: FilmerError) -> bytes:
    """community-api.txt: "All endpoints return errors in the following format"."""
    return encode({"error": {"code": error.code, "message": error.message, "details": error.details}})


def is_page(path: str) -> bool:
    """Whether the path is a page's: no API's, and not of what players or payment providers ask for."""
    return not f"{path}/".startswith(("/api/", "/docs/", "/openapi.json/", "/payments/", *MEDIA_PATHS))


def error_response(path: str, error: FilmerError, now: Any, failure_page: FailurePage) -> tuple[dict[str, str], bytes]:
    """The headers and body of an error: a page, or in the envelope of the API that the path belongs to."""
    headers = {name.lower(): value for name, value in error.headers.items()}
    if is_page(path):
        return {**PAGE_HEADERS, **headers}, failure_page(path, error)
    is_community = f"{path}/".startswith("/api/") and not f"{path}/".startswith("/api/v1/")
    body = community_error(error) if is_community else shop_error(error, now)
    return {"content-type": "application/json", "cache-control": "no-store", **headers}, body
