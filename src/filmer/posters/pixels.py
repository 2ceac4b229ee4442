"""SVG as PNG, for programs that read no SVG. Its text is set in the font of headings: a server may have no other."""

from importlib import resources
from pathlib import Path

FONT = "Abril Fatface"


def font_file() -> Path:
    """From its package, as it comes: a part of it as WOFF2 would halve its 29 KiB, and need making at each start."""
    return Path(str(resources.files("fontpkg_abril_fatface"))) / "files" / "AbrilFatface-Regular.ttf"


def png(svg: str, *, width: int, background: str | None = None, has_system_fonts: bool = False) -> bytes:
    """``width``: in pixels. ``has_system_fonts``: for letters that the font of headings lacks; it takes longer."""
    import resvg_py  # 3 MiB, in processes that are asked for a PNG

    return resvg_py.svg_to_bytes(
        svg_string=svg,
        width=width,
        background=background,
        font_files=[str(font_file())],
        serif_family=FONT,
        sans_serif_family=FONT,
        skip_system_fonts=not has_system_fonts,
    )
