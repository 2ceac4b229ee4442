"""Draws a film's poster as SVG: a pure function, so the same film always gets the same poster."""

import html
import random
import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from filmer.posters.canvas import Canvas
from filmer.posters.genre_styles import style_of
from filmer.posters.rasterizing import png
from filmer.posters.typesetting import (
    SANS,
    SERIF,
    Block,
    FontStack,
    has_known_width,
    is_european,
    is_right_to_left,
    typeset,
    width,
)

WIDTH, HEIGHT, MARGIN = 300, 450, 22
PREVIEW_WIDTH = 600  # pixels
LINE_WIDTH = WIDTH - 2 * MARGIN
MAX_TITLE_SIZE, MIN_TITLE_SIZE = 118.0, 21.0
TITLE_HEIGHT = 186.0
MAX_CHARACTERS = 300  # of a title; at most half of them fit on a poster
MIN_SUBTITLE_SIZE = 15.0
SUBTITLE_SHARE = 0.55  # of the title's size
GAP = 10.0  # between title and subtitle
CREDITS_SIZE, MIN_CREDITS_SIZE = 12.5, 10.5  # of director and year
YEAR_WIDTH = 52
TITLE_ABOVE_SHARE, INVERTED_SHARE, MIRRORED_SHARE = 0.4, 0.45, 0.5  # shares of all posters
FULL_LINE_SHARE = 0.8  # of LINE_WIDTH; longer lines get a textLength, so that no font can make them overflow
_RIGHT_TO_LEFT = ' direction="rtl"'
# Characters that XML forbids, and controls that change the direction of the surrounding text.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
# The characters that the font of previews has. It lacks most other Latin letters and some dashes.
_LATIN = re.compile("[\x20-\u017f\u2013\u2014\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026]*")
T = TypeVar("T")


class PosterFilm(msgspec.Struct, frozen=True):
    """What is drawn of a film on its poster."""

    id: str
    title: str
    year: int | None
    director: str | None
    genres: list[str]


def draw(film: PosterFilm) -> str:
    """Return an SVG document."""
    return _Poster(film).document()


def draw_preview(film: PosterFilm) -> bytes:
    """Return the poster as a PNG, for clients that cannot show SVG."""
    is_latin = _LATIN.fullmatch(f"{film.title}{film.director or ''}") is not None
    return png(draw(film), width=PREVIEW_WIDTH, has_system_fonts=not is_latin)


class _Poster:
    def __init__(self, film: PosterFilm) -> None:
        style = style_of(film.genres)
        self._rng = rng = random.Random(film.id.encode(errors="replace"))  # noqa: S311 - no secret
        self._film = film
        self._palette = _pick(style.palettes, rng)
        self._composition = _pick(style.compositions, rng)
        self._fonts = SERIF if rng.random() < style.serif else SANS
        has_capitals = rng.random() < style.capitals
        self._is_title_above = rng.random() < TITLE_ABOVE_SHARE
        self._is_inverted = rng.random() < INVERTED_SHARE
        self._is_picture_mirrored = rng.random() < MIRRORED_SHARE
        self._title = _clean(film.title) or "—"
        self._has_capitals = has_capitals and is_european(self._title)
        self._is_right_to_left = is_right_to_left(self._title)

    def document(self) -> str:
        blocks = self._blocks()
        gap = GAP + self._descent(blocks[0])
        total_height = sum(block.height for block in blocks) + gap * (len(blocks) - 1) + self._descent(blocks[-1])
        if self._is_title_above:
            credits_baseline = MARGIN + 10
            top = credits_baseline + 20.0
            paper_height = round(top + total_height + 16)
            picture_top, paper_top = paper_height, 0
        else:
            credits_baseline = HEIGHT - MARGIN
            top = credits_baseline - 26 - total_height
            paper_height = HEIGHT - round(top - 20)
            picture_top, paper_top = 0, HEIGHT - paper_height
        year = f" ({self._film.year})" if self._film.year is not None else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
            f"<title>{html.escape(self._title + year, quote=False)}</title>"
            f"{self._picture(picture_top, HEIGHT - paper_height)}"
            f'<path d="M0 {paper_top}h{WIDTH}v{paper_height}H0z" fill="{self._palette.paper}"/>'
            f'<g font-family="{self._fonts.family}" font-weight="700" fill="{self._palette.ink}"'
            f"{_RIGHT_TO_LEFT if self._is_right_to_left else ''}>"
            f"{self._title_text(blocks, top, gap)}{self._credits(credits_baseline)}</g></svg>"
        )

    def _blocks(self) -> list[Block]:
        """Return the title; what follows a colon is a subtitle, smaller and below it."""
        text = self._title.upper() if self._has_capitals else self._title
        head, tail = _split_subtitle(text)
        title = typeset(
            head,
            self._fonts,
            line_width=LINE_WIDTH,
            height=TITLE_HEIGHT * (0.66 if tail else 1),
            largest=MAX_TITLE_SIZE * (0.7 if tail else 1),
            smallest=MIN_TITLE_SIZE,
        )
        if not tail:
            return [title]
        subtitle = typeset(
            tail,
            self._fonts,
            line_width=LINE_WIDTH,
            height=TITLE_HEIGHT - title.height - GAP,
            largest=max(MIN_SUBTITLE_SIZE, title.size * SUBTITLE_SHARE),
            smallest=MIN_SUBTITLE_SIZE,
        )
        return [title, subtitle]

    def _descent(self, block: Block) -> float:
        """Return the space that letters take below the baseline."""
        return block.size * (0.03 if self._has_capitals else 0.2)

    def _picture(self, top: int, height: int) -> str:
        palette = self._palette
        colours = (palette.paper, palette.first, palette.second, palette.ink)
        if self._is_inverted:
            colours = (palette.first, palette.paper, palette.ink, palette.second)
        canvas = Canvas(height, colours, self._rng)
        self._composition(canvas)
        transform = f"matrix(-1 0 0 1 {WIDTH} {top})" if self._is_picture_mirrored else f"translate(0 {top})"
        background = f'<path d="M0 0h{WIDTH}v{HEIGHT}H0z" fill="{canvas.background}"/>'
        return f'{background}<g transform="{transform}">{canvas.shapes}</g>'

    def _title_text(self, blocks: Sequence[Block], top: float, gap: float) -> str:
        lines = []
        for block in blocks:
            baseline = top + block.ascent
            for line, expected_width in zip(block.lines, block.widths, strict=True):
                lines.append(self._line(line, baseline, block, expected_width))
                baseline += block.size * block.leading
            top += block.height + gap
        return "".join(lines)

    def _line(self, line: str, baseline: float, block: Block, expected_width: float) -> str:
        bearing = block.size * self._fonts.bearing  # aligns the left edges of large and small letters
        x = WIDTH - MARGIN + bearing if self._is_right_to_left else MARGIN - bearing
        text_length = (
            f' textLength="{expected_width:.0f}" lengthAdjust="spacingAndGlyphs"'
            if expected_width > FULL_LINE_SHARE * LINE_WIDTH and has_known_width(line)
            else ""
        )
        letter_spacing = f' letter-spacing="{block.tracking * block.size:.2f}"' if block.tracking else ""
        position = f'x="{x:.1f}" y="{baseline:.1f}" font-size="{block.size:.1f}"'
        return f"<text {position}{letter_spacing}{text_length}>{html.escape(line)}</text>"

    def _credits(self, baseline: float) -> str:
        """Return the line with the director at its start and the year at its end."""
        start, end = (WIDTH - MARGIN, MARGIN) if self._is_right_to_left else (MARGIN, WIDTH - MARGIN)
        director, size = _fit_credits(_clean(self._film.director or ""), self._fonts)
        text = (
            f'<text x="{start}" y="{baseline}" font-size="{size:.1f}">{html.escape(director)}</text>'
            if director
            else ""
        )
        if self._film.year is not None:
            text += (
                f'<text x="{end}" y="{baseline}" font-size="{CREDITS_SIZE}" text-anchor="end" letter-spacing="1">'
                f"{self._film.year}</text>"
            )
        return text


def _pick(options: Sequence[T], rng: random.Random) -> T:
    return options[int(rng.random() * len(options))]


def _clean(text: str) -> str:
    return " ".join(_FORBIDDEN.sub("", text)[:MAX_CHARACTERS].split())


def _split_subtitle(title: str) -> tuple[str, str]:
    """Split ``Title: subtitle``; the subtitle is empty where there is none."""
    head, _, tail = title.partition(": ")
    return (head.strip(), tail.strip()) if len(head) > 1 and tail.strip() else (title, "")


def _fit_credits(names: str, fonts: FontStack) -> tuple[str, float]:
    """Return as many of the names as fit, and the font size to set them in."""
    available = LINE_WIDTH - YEAR_WIDTH
    while width(names, fonts) * MIN_CREDITS_SIZE > available:
        fewer, _, _ = names.removesuffix(" …").rpartition(", ")
        names = f"{fewer} …" if fewer else names[: len(names) * 3 // 4].rstrip(" …") + "…"
    return names, min(CREDITS_SIZE, available / max(width(names, fonts), 1))
