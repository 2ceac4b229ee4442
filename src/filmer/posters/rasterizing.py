"""SVG to PNG, for clients that cannot show SVG. Text is set in the font of headings, which is always there."""

from importlib import resources
from pathlib import Path

FONT = "Abril Fatface"


def font_file() -> Path:
    """Return the font's file from its package. A WOFF2 subset would halve its 29 KiB, but take time at each start."""
    return Path(str(resources.files("fontpkg_abril_fatface"))) / "files" / "AbrilFatface-Regular.ttf"


def png(svg: str, *, width: int, background: str | None = None, has_system_fonts: bool = False) -> bytes:
    """Return a PNG of ``width`` pixels. ``has_system_fonts``: slower, for letters that the font of headings lacks."""
    import resvg_py  # takes 3 MiB, so only processes that need it load it

    return resvg_py.svg_to_bytes(
        svg_string=svg,
        width=width,
        background=background,
        font_files=[str(font_file())],
        serif_family=FONT,
        sans_serif_family=FONT,
        skip_system_fonts=not has_system_fonts,
    )
