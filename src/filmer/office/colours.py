"""The shop's accent colour: readable by day and by night, by the measure of WCAG 2.2 (1.4.3)."""

import colorsys
import re

import msgspec

READABLE = 4.5  # contrast of text, to one
LIGHT_GROUND, DARK_GROUND = "#ebe5d9", "#2c2622"  # of site.css: the tokens --sunk, where text has the least contrast
_ON_LIGHT, _ON_DARK = "#fffdf8", "#1d0d06"  # text on a button of the colour
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_STEPS = 200


class Accent(msgspec.Struct, frozen=True):
    """The colours that stand for the tokens --accent, --accent-strong and --on-accent of site.css."""

    colour: str = "#b5370f"
    strong: str = "#8f2907"
    on_colour: str = _ON_LIGHT
    dark: str = "#ff8b5e"
    dark_strong: str = "#ffab88"
    on_dark: str = _ON_DARK

    @property
    def css(self) -> str:
        def tokens(colour: str, strong: str, text: str) -> str:
            return f":root{{--accent:{colour};--accent-strong:{strong};--on-accent:{text}}}\n"

        dark = tokens(self.dark, self.dark_strong, self.on_dark)
        light = tokens(self.colour, self.strong, self.on_colour)
        return f"@media screen{{{light}}}\n@media screen and (prefers-color-scheme:dark){{{dark}}}\n"


def contrast(one: str, other: str) -> float:
    """From 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def read_colour(text: str) -> str:
    """Raises ValueError."""
    colour = text.strip().lower()
    if not _COLOUR.fullmatch(colour):
        raise ValueError("must be a colour such as #b5370f")
    return colour


def read_accent(text: str) -> str:
    """A colour in which text can be read. Raises ValueError with one that would do."""
    colour = read_colour(text)
    found = contrast(colour, LIGHT_GROUND)
    if found < READABLE:
        would_do = _until_readable(colour, LIGHT_GROUND, lighter=False)
        raise ValueError(
            f"is too light to be read on a page: its contrast is {int(found * 10) / 10} to 1, and must be {READABLE}."
            f" {would_do} would do"
        )
    return colour


def accent_of(colour: str) -> Accent:
    """With what belongs to it: a stronger one under the pointer, and tints for the night."""
    dark = _until_readable(colour, DARK_GROUND, lighter=True, least=6)
    strong, dark_strong = _moved(colour, -0.25), _moved(dark, 0.35)
    return Accent(colour, strong, _ON_LIGHT, dark, dark_strong, _ON_DARK)


def _until_readable(colour: str, ground: str, *, lighter: bool, least: float = READABLE) -> str:
    """The nearest colour of the same hue that can be read on the ground; itself where it can."""
    for step in range(_STEPS):
        moved = _moved(colour, (1 if lighter else -1) * step / _STEPS)
        if contrast(moved, ground) >= least:
            return moved
    return "#ffffff" if lighter else "#000000"


def _moved(colour: str, share: float) -> str:
    """Lighter by a share of what is left to white, or darker by one of what is left to black."""
    red, green, blue = _channels(colour)
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    lightness += share * ((1 - lightness) if share > 0 else lightness)
    return "#" + "".join(f"{round(value * 255):02x}" for value in colorsys.hls_to_rgb(hue, lightness, saturation))


def _channels(colour: str) -> tuple[float, float, float]:
    return int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255


def _luminance(colour: str) -> float:
    """Relative luminance, as WCAG defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _channels(colour)]  # noqa: PLR2004 - WCAG
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
