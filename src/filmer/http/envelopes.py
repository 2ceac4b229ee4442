"""How each API says yes and no: the two envelopes, one place each; and what pages wear."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from litestar import MediaType, Response

from filmer.clock import timestamp
from filmer.errors import FilmerError

# Money is a JSON number, never a string and never binary floating point (contract §1.1).
_encoder = msgspec.json.Encoder(decimal_format="number")


FailurePage = Callable[[str, FilmerError], bytes]  # of a path and what went wrong there, as HTML

# What a page may do: nothing inline, nothing from another host.
PAGE_HEADERS: Mapping[str, str] = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "cache-control": "no-store",
}


def encode(value: Any) -> bytes:
    return _encoder.encode(value)


class ShopResponse(Response[Any]):
    """``{"success": true, "data": …}``: what every handler under /api/v1 returns, wrapped."""

    def render(self, content: Any, media_type: str, enc_hook: Any = None) -> bytes:
        if media_type != MediaType.JSON or isinstance(content, bytes):
            return super().render(content, media_type, enc_hook)
        return encode({"success": True, "data": content})


class CommunityResponse(Response[Any]):
    """What every handler of the community API returns, as it is; bytes are JSON already."""

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
    """Whether people look at what is there, and not programs."""
    return not f"{path}/".startswith(("/api/", "/docs/", "/openapi.json/"))


def error_answer(path: str, error: FilmerError, now: Any, failure_page: FailurePage) -> tuple[dict[str, str], bytes]:
    """The headers and body of an error: a page, or in the envelope of the API that the path belongs to."""
    told = {name.lower(): value for name, value in error.headers.items()}
    if is_page(path):
        return {**PAGE_HEADERS, **told}, failure_page(path, error)
    is_community = f"{path}/".startswith("/api/") and not f"{path}/".startswith("/api/v1/")
    body = community_error(error) if is_community else shop_error(error, now)
    return {"content-type": "application/json", "cache-control": "no-store", **told}, body
