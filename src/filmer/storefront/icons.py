"""The shop's icon in the formats and sizes that browsers and phones use.

It is drawn from the shop's mark, else from the first letter of its name, else from ``static/icon.svg``.
"""

import html
import re
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import partial

from filmer.office.identity import ShopIdentity
from filmer.posters.rasterizing import FONT, png

PADDED_VIEW_BOX = 'viewBox="-4 -4 40 40"'  # phones cut icons into shapes of their own: the drawing keeps off the edge
PAPER = "#fffdf8"  # behind a mark
_BACKGROUND = re.compile('<rect width="32" height="32" rx="6" fill="(#[0-9a-f]{6})"/>')
FAVICON_SIDES = (16, 32, 48)  # pixels


def source_of(shop: ShopIdentity, icon: str) -> str:
    """The drawing, 32 by 32. ``icon``: of a shop without a name."""
    if shop.mark:
        picture = f'<image width="32" height="32" href="data:image/png;base64,{b64encode(shop.mark).decode()}"/>'
    elif shop.is_named:
        letter = html.escape(next((letter for letter in shop.name if letter.isalnum()), shop.name[0]).upper())
        picture = (
            f'<rect width="32" height="32" rx="6" fill="{shop.accent.colour}"/><text x="16" y="23.5" font-size="22"'
            f' text-anchor="middle" font-family="{FONT}" fill="{shop.accent.on_colour}">{letter}</text>'
        )
    else:
        return icon
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{picture}</svg>'


def plain(icon: str, *, side: int) -> bytes:
    return png(icon, width=side, has_system_fonts=not icon.isascii())


def padded(icon: str, *, side: int) -> bytes:
    """With the background out to the corners."""
    drawn = _BACKGROUND.search(icon)
    return png(
        icon.replace('viewBox="0 0 32 32"', PADDED_VIEW_BOX),
        width=side,
        background=drawn[1] if drawn else PAPER,
        has_system_fonts=not icon.isascii(),
    )


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
