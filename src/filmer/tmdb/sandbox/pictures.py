"""The sandbox's host of pictures, under ``/t/p``: each film's poster is plain, in a colour of its own."""

import re
import struct
import zlib
from collections.abc import Mapping

from filmer.tmdb.sandbox.answers import BAD_KEY, CONFIGURATION, NOT_OFFERED, UNKNOWN_PATH, Answer, error

WIDTH, HEIGHT = 342, 513
_SIZES = "|".join(CONFIGURATION["images"]["poster_sizes"])


def answer_picture(method: str, path: str, query: Mapping[str, str], authorization: str) -> Answer:
    """Answers a path such as ``/t/p/w342/poster-603.png``, and refuses who sends along a credential."""
    if authorization or "api_key" in query:
        return error(BAD_KEY)
    found = re.fullmatch(rf"/t/p/(?:{_SIZES})/poster-([0-9]{{1,10}})\.png", path)
    if found is None:
        return error(UNKNOWN_PATH)
    if method != "GET":
        return error(NOT_OFFERED)
    return Answer(200, picture(int(found[1])), (("content-type", "image/png"),))


def picture(movie_id: int) -> bytes:
    """A PNG of one colour."""
    row = b"\0" + bytes(movie_id >> shift & 0xFF for shift in (16, 8, 0)) * WIDTH
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)  # eight bits each of red, green and blue
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(row * HEIGHT)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
