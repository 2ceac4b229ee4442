"""The shop's icon in the formats and sizes that browsers and phones use, drawn from ``static/icon.svg``."""

import struct
from collections.abc import Callable, Mapping
from functools import partial

from filmer.posters.rasterizing import png

PADDED_VIEW_BOX = 'viewBox="-4 -4 40 40"'  # phones cut icons into shapes of their own: the drawing keeps off the edge
BACKGROUND = "#b5370f"
FAVICON_SIDES = (16, 32, 48)  # pixels


def plain(icon: str, *, side: int) -> bytes:
    return png(icon, width=side)


def padded(icon: str, *, side: int) -> bytes:
    """With the background out to the corners."""
    return png(icon.replace('viewBox="0 0 32 32"', PADDED_VIEW_BOX), width=side, background=BACKGROUND)


def ico(icon: str) -> bytes:
    """A Windows icon: a header, a directory of pictures, and the pictures, as PNG."""
    pictures = [plain(icon, side=side) for side in FAVICON_SIDES]
    start = 6 + 16 * len(pictures)
    header = struct.pack("<HHH", 0, 1, len(pictures))
    for side, picture in zip(FAVICON_SIDES, pictures, strict=True):
        header += struct.pack("<BBBBHHII", side, side, 0, 0, 1, 32, len(picture), start)
        start += len(picture)
    return header + b"".join(pictures)


DRAWN: Mapping[str, Callable[[str], bytes]] = {
    "favicon.ico": ico,
    "icon-192.png": partial(plain, side=192),
    "icon-512.png": partial(plain, side=512),
    "icon-padded-192.png": partial(padded, side=192),
    "icon-padded-512.png": partial(padded, side=512),
}
