"""The image host of the sandbox, under ``/t/p``: each film has a poster of a single colour."""

import re
import struct
import zlib
from collections.abc import Mapping

from filmer.tmdb.sandbox.responses import (
    BAD_KEY,
    CONFIGURATION,
    NOT_OFFERED,
    UNKNOWN_PATH,
    SandboxResponse,
    error_response,
)

WIDTH, HEIGHT = 342, 513
_SIZES = "|".join(CONFIGURATION["images"]["poster_sizes"])


def respond_with_image(method: str, path: str, query: Mapping[str, str], authorization: str) -> SandboxResponse:
    """Respond to a path such as ``/t/p/w342/poster-603.png``. Requests with a credential are refused."""
    if authorization or "api_key" in query:
        return error_response(BAD_KEY)
    match = re.fullmatch(rf"/t/p/(?:{_SIZES})/poster-([0-9]{{1,10}})\.png", path)
    if match is None:
        return error_response(UNKNOWN_PATH)
    if method != "GET":
        return error_response(NOT_OFFERED)
    return SandboxResponse(200, picture(int(match[1])), (("content-type", "image/png"),))


def picture(movie_id: int) -> bytes:
    """A PNG of one colour."""
    row = b"\0" + bytes(movie_id >> shift & 0xFF for shift in (16, 8, 0)) * WIDTH
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)  # eight bits each of red, green and blue
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * HEIGHT)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
