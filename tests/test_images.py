"""Uploaded pictures: what is kept shows the same, and is nothing but a picture."""

import contextlib
import io
import pickle
import struct
import subprocess
import sys
import zlib
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from filmer.images import MAX_PIXELS, reencode


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def read(data: bytes, **bounds: int) -> Image.Image:
    picture = Image.open(io.BytesIO(reencode(data, **{"max_width": 300, "max_height": 450} | bounds)))  # type: ignore[arg-type]
    picture.load()
    return picture


def near(colour: object, expected: tuple[int, ...]) -> bool:
    return isinstance(colour, tuple) and all(abs(one - other) < 60 for one, other in zip(colour, expected, strict=True))


def halves(width: int, height: int) -> Image.Image:
    """Red above blue."""
    picture = Image.new("RGB", (width, height), "blue")
    picture.paste("red", (0, 0, width, height // 2))
    return picture


def png(width: int, height: int, rows: bytes = b"", *, mode: int = 2) -> bytes:
    """A PNG file that claims a size, whatever its rows hold."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, mode, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_large_picture_is_made_smaller_in_its_proportions(kind: str) -> None:
    picture = read(encoded(halves(1200, 900), kind))
    assert (picture.format, picture.size) == ("WEBP", (300, 225))
    above, below = (picture.convert("RGB").getpixel((150, y)) for y in (20, 200))
    assert near(above, (255, 0, 0))
    assert near(below, (0, 0, 255))


def test_a_small_picture_keeps_its_size_and_its_transparency() -> None:
    picture = Image.open(
        io.BytesIO(
            reencode(
                encoded(Image.new("RGBA", (20, 10), (9, 8, 7, 0)), "PNG"), max_width=300, max_height=300, output="PNG"
            )
        )
    )
    assert (picture.format, picture.size, picture.mode) == ("PNG", (20, 10), "RGBA")
    assert picture.getpixel((3, 3)) == (9, 8, 7, 0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_is_read(mode: str) -> None:
    light: Any = {"1": 1, "I;16": 51_200, "LA": (200, 255), "RGBA": (200, 200, 200, 255), "RGB": (200, 200, 200)}.get(
        mode, 200
    )
    picture = read(encoded(Image.new(mode, (400, 400), light), "PNG"))
    if mode != "P":
        assert near(picture.convert("RGB").getpixel((100, 100)), (200, 200, 200))


def test_a_photo_of_a_printer_is_read() -> None:
    assert read(encoded(Image.new("CMYK", (400, 400), (0, 255, 255, 0)), "JPEG")).size == (300, 300)


def test_a_photo_stands_upright_and_says_nothing_of_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "secret place"
    photo = encoded(halves(800, 400), "JPEG", exif=exif, comment=b"secret words", icc_profile=b"secret colours")
    kept = reencode(photo, max_width=300, max_height=450)
    picture = Image.open(io.BytesIO(kept))
    assert b"secret" in photo
    assert b"secret" not in kept
    assert picture.size == (225, 450)
    assert not picture.getexif()
    right = picture.convert("RGB").getpixel((200, 200))
    assert near(right, (255, 0, 0)), "what was above is to the right now"


def test_what_hides_in_a_picture_is_not_kept() -> None:
    """A file may be a picture and something else at once: a page, an archive."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "<script>alert(1)</script>")
    page = encoded(halves(40, 40), "PNG", pnginfo=info) + b"<script>alert(2)</script>PK\x03\x04"
    for output in ("WEBP", "PNG"):
        kept = reencode(page, max_width=40, max_height=40, output=output)
        assert b"script" not in kept
        assert b"PK\x03\x04" not in kept


def test_of_an_animation_the_first_frame_is_kept() -> None:
    frames = [Image.new("RGB", (50, 50), colour) for colour in ("red", "blue", "lime")]
    for kind in ("WEBP", "PNG"):
        moving = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        picture = read(moving)
        assert getattr(picture, "n_frames", 1) == 1
        first = picture.convert("RGB").getpixel((25, 25))
        assert near(first, (255, 0, 0))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 100,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(2)</script></svg>",
        b"<!doctype html><script>alert(1)</script>" + encoded(halves(9, 9), "PNG"),
        b"PK\x03\x04" + encoded(halves(9, 9), "JPEG"),
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        encoded(halves(9, 9), "GIF"),
        encoded(halves(9, 9), "BMP"),
        encoded(halves(9, 9), "TIFF"),
    ],
)
def test_what_is_no_picture_of_the_three_kinds_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="choose a PNG, JPEG or WebP"):
        reencode(data, max_width=9, max_height=9)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_that_ends_early_or_is_damaged_is_refused_or_read_but_never_worse(kind: str) -> None:
    whole = encoded(Image.effect_noise((100, 100), 90).convert("RGB"), kind)
    with pytest.raises(ValueError, match=r"damaged|choose"):
        reencode(whole[: len(whole) // 2], max_width=200, max_height=200)
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        damaged = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        with contextlib.suppress(ValueError):
            reencode(damaged, max_width=20, max_height=20)


def grown_mib(*pictures: bytes) -> tuple[list[str], int]:
    """What a process of its own says to each, and by how much its memory grew at most."""
    program = """
import pickle, resource, sys
from filmer.images import reencode
pictures = pickle.load(sys.stdin.buffer)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for picture in pictures:
    try:
        print(reencode(picture, max_width=300, max_height=450)[:4])
    except ValueError as error:
        print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps(pictures), capture_output=True, check=True
    )
    *said, grown = done.stdout.decode().splitlines()
    return said, int(grown)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    webp = bytearray(encoded(Image.new("RGB", (10, 10)), "WEBP", lossless=True))
    webp[21:25] = struct.pack("<I", 9_999 | 9_999 << 14)  # where width and height stand, less one
    bombs = [
        png(60_000, 60_000, bytes(1000)),
        png(5001, 5000),
        png(1, MAX_PIXELS + 1),
        png(10_000, 10_000),
        bytes(webp),
    ]
    said, grown = grown_mib(*bombs)
    assert [line[:67] for line in said] == ["The picture is too large: it may have 25 million pixels, such as 50"] * 5
    assert grown < 30


def test_the_largest_picture_that_is_read_takes_bounded_memory() -> None:
    said, grown = grown_mib(png(5000, 5000, bytes(5000 * (5000 * 4 + 1)), mode=6))
    assert said == ["b'RIFF'"]
    assert grown < 150
