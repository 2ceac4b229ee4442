"""Uploaded pictures: what is kept of one is written anew, so that nothing is kept of it but what it shows."""

import io
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP")  # that are read
MAX_PIXELS = 25_000_000  # of the picture as it comes: some 100 MB while it is decoded
_ORIENTATION = 0x0112  # the EXIF tag; from 5 on, width and height are exchanged
_FIRST_TURNED = 5
_TOO_LARGE = f"The picture is too large: it may have {MAX_PIXELS // 1_000_000} million pixels, such as 5000 by 5000"


def reencode(data: bytes, *, max_width: int, max_height: int, output: Literal["WEBP", "PNG"] = "WEBP") -> bytes:
    """The picture, made smaller where it exceeds the bounds, in a file of our own making.

    Of an animation, the first frame. Metadata, such as where a photo was taken, and whatever else was in the file, is
    gone; a photo stands upright. Takes up to a second or two: call it in a thread. Raises ValueError with a sentence
    for whoever uploaded it.
    """
    from PIL import Image, UnidentifiedImageError  # 20 ms and 1 MiB, which no worker needs before a picture comes

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:  # reads the header only
            picture = _scaled(opened, max_width, max_height) if opened.width * opened.height <= MAX_PIXELS else None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        picture = None
    except UnidentifiedImageError:
        raise ValueError("This is not a picture that can be read: choose a PNG, JPEG or WebP file") from None
    except Exception as error:  # a damaged file can make a decoder raise anything
        raise ValueError("The picture is damaged or incomplete: save it anew as PNG, JPEG or WebP") from error
    if picture is None:
        raise ValueError(_TOO_LARGE)
    picture.info = {}  # or a colour profile would be taken over from here
    written = io.BytesIO()
    picture.save(written, output, quality=85)
    return written.getvalue()


def _scaled(opened: "Image.Image", max_width: int, max_height: int) -> "Image.Image":
    """Small enough, upright, and in one of the two modes that both outputs know."""
    from PIL import ImageOps

    orientation = opened.getexif().get(_ORIENTATION, 1)
    is_turned = isinstance(orientation, int) and orientation >= _FIRST_TURNED
    bounds = (max_height, max_width) if is_turned else (max_width, max_height)
    opened.draft("RGB", bounds)  # a JPEG is decoded at a fraction of its size, where that is enough
    picture = opened
    if picture.mode == "I;16":  # grey in 16 bits
        picture = picture.convert("I").point([value >> 8 for value in range(2**16)], "L")
    if picture.mode in {"1", "P", "PA"} or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    picture.thumbnail(bounds)
    ImageOps.exif_transpose(picture, in_place=True)
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
