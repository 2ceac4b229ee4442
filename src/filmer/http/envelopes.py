"""How each API says yes and no: the two envelopes, one place each."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import MediaType, Response

from filmer.clock import timestamp
from filmer.errors import FilmerError

# Money is a JSON number, never a string and never binary floating point (contract §1.1).
_encoder = msgspec.json.Encoder(decimal_format="number")


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


def error_body(path: str, error: FilmerError, now: Any) -> bytes:
    """The error in the envelope of the API that the path belongs to."""
    is_community = f"{path}/".startswith("/api/") and not f"{path}/".startswith("/api/v1/")
    return community_error(error) if is_community else shop_error(error, now)


def error_headers(error: FilmerError) -> Mapping[str, str]:
    return {"cache-control": "no-store", **{name.lower(): value for name, value in error.headers.items()}}
