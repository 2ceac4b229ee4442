"""Drawing a poster: pure, and always the same for the same film."""

import html
import random
import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from filmer.posters.families import family_of
from filmer.posters.field import Field
from filmer.posters.pixels import png
from filmer.posters.typesetting import (
    SANS,
    SERIF,
    Block,
    FontStack,
    is_european,
    is_measured,
    is_right_to_left,
    typeset,
    width,
)

WIDTH, HEIGHT, MARGIN = 300, 450, 22
PREVIEW_WIDTH = 600  # pixels
MEASURE = WIDTH - 2 * MARGIN
LARGEST, SMALLEST = 118.0, 21.0  # sizes of titles
TITLE_HEIGHT = 186.0
MAX_CHARACTERS = 300  # of which the eye gets half at most
SMALLEST_SUBTITLE = 15.0
SUBTITLE_SHARE = 0.55  # of the title's size
GAP = 10.0  # between the two
CREDITS, SMALLEST_CREDITS = 12.5, 10.5  # sizes of director and year
YEAR_ROOM = 52
TITLE_ABOVE, FRAMED, TURNED = 0.4, 0.45, 0.5  # how often; turned: left is right
FULL = 0.8  # of the measure: a line expected to be longer is kept within it
_RIGHT_TO_LEFT = ' direction="rtl"'
# What an XML document can't hold, and what turns the direction of the text around it.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
# What the font of previews has; it lacks most letters of Latin beyond these, and some dashes.
_LATIN = re.compile("[\x20-\u017f\u2013\u2014\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026]*")
T = TypeVar("T")


class Subject(msgspec.Struct, frozen=True):
    """What a poster tells of a film."""

    id: str
    title: str
    year: int | None
    director: str | None
    genres: list[str]


def draw(film: Subject) -> str:
    """An SVG document."""
    return _Poster(film).document()


def draw_preview(film: Subject) -> bytes:
    """The same as a PNG."""
    is_latin = _LATIN.fullmatch(f"{film.title}{film.director or ''}") is not None
    return png(draw(film), width=PREVIEW_WIDTH, has_system_fonts=not is_latin)


class _Poster:
    def __init__(self, film: Subject) -> None:
        family = family_of(film.genres)
        self._chance = chance = random.Random(film.id.encode(errors="replace"))  # noqa: S311 - no secret
        self._film = film
        self._palette = _pick(family.palettes, chance)
        self._composition = _pick(family.compositions, chance)
        self._face = SERIF if chance.random() < family.serif else SANS
        has_capitals = chance.random() < family.capitals
        self._is_title_above = chance.random() < TITLE_ABOVE
        self._is_framed = chance.random() < FRAMED
        self._is_turned = chance.random() < TURNED
        self._title = _clean(film.title) or "—"
        self._has_capitals = has_capitals and is_european(self._title)
        self._is_mirrored = is_right_to_left(self._title)

    def document(self) -> str:
        blocks = self._blocks()
        gap = GAP + self._below(blocks[0])
        tall = sum(block.height for block in blocks) + gap * (len(blocks) - 1) + self._below(blocks[-1])
        if self._is_title_above:
            credits_foot = MARGIN + 10
            top = credits_foot + 20.0
            room = round(top + tall + 16)
            start, paper = room, 0
        else:
            credits_foot = HEIGHT - MARGIN
            top = credits_foot - 26 - tall
            room = HEIGHT - round(top - 20)
            start, paper = 0, HEIGHT - room
        year = f" ({self._film.year})" if self._film.year is not None else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
            f"<title>{html.escape(self._title + year, quote=False)}</title>"
            f"{self._picture(start, HEIGHT - room)}"
            f'<path d="M0 {paper}h{WIDTH}v{room}H0z" fill="{self._palette.paper}"/>'
            f'<g font-family="{self._face.family}" font-weight="700" fill="{self._palette.ink}"'
            f"{_RIGHT_TO_LEFT if self._is_mirrored else ''}>"
            f"{self._set(blocks, top, gap)}{self._credits(credits_foot)}</g></svg>"
        )

    def _blocks(self) -> list[Block]:
        """The title; what follows a colon is set smaller, beneath."""
        text = self._title.upper() if self._has_capitals else self._title
        head, tail = _halves(text)
        if not tail:
            return [typeset(head, self._face, measure=MEASURE, height=TITLE_HEIGHT, largest=LARGEST, smallest=SMALLEST)]
        title = typeset(
            head, self._face, measure=MEASURE, height=TITLE_HEIGHT * 0.66, largest=LARGEST * 0.7, smallest=SMALLEST
        )
        subtitle = typeset(
            tail,
            self._face,
            measure=MEASURE,
            height=TITLE_HEIGHT - title.height - GAP,
            largest=max(SMALLEST_SUBTITLE, title.size * SUBTITLE_SHARE),
            smallest=SMALLEST_SUBTITLE,
        )
        return [title, subtitle]

    def _below(self, block: Block) -> float:
        """What letters take beneath the foot of the line."""
        return block.size * (0.03 if self._has_capitals else 0.2)

    def _picture(self, start: int, height: int) -> str:
        palette = self._palette
        colours = (palette.paper, palette.first, palette.second, palette.ink)
        if self._is_framed:
            colours = (palette.first, palette.paper, palette.ink, palette.second)
        field = Field(height, colours, self._chance)
        self._composition(field)
        place = f"matrix(-1 0 0 1 {WIDTH} {start})" if self._is_turned else f"translate(0 {start})"
        return f'<path d="M0 0h{WIDTH}v{HEIGHT}H0z" fill="{field.back}"/><g transform="{place}">{field.shapes}</g>'

    def _set(self, blocks: Sequence[Block], top: float, gap: float) -> str:
        drawn = []
        for block in blocks:
            foot = top + block.rise
            for line, wide in zip(block.lines, block.widths, strict=True):
                drawn.append(self._line(line, foot, block, wide))
                foot += block.size * block.leading
            top += block.height + gap
        return "".join(drawn)

    def _line(self, line: str, foot: float, block: Block, wide: float) -> str:
        bearing = block.size * self._face.bearing  # so that large letters stand flush with small ones
        x = WIDTH - MARGIN + bearing if self._is_mirrored else MARGIN - bearing
        kept = (
            f' textLength="{wide:.0f}" lengthAdjust="spacingAndGlyphs"'
            if wide > FULL * MEASURE and is_measured(line)
            else ""
        )
        spaced = f' letter-spacing="{block.tracking * block.size:.2f}"' if block.tracking else ""
        return f'<text x="{x:.1f}" y="{foot:.1f}" font-size="{block.size:.1f}"{spaced}{kept}>{html.escape(line)}</text>'

    def _credits(self, foot: float) -> str:
        """Director and year, at either end of a line."""
        start, end = (WIDTH - MARGIN, MARGIN) if self._is_mirrored else (MARGIN, WIDTH - MARGIN)
        director, size = _credited(_clean(self._film.director or ""), self._face)
        drawn = (
            f'<text x="{start}" y="{foot}" font-size="{size:.1f}">{html.escape(director)}</text>' if director else ""
        )
        if self._film.year is not None:
            drawn += (
                f'<text x="{end}" y="{foot}" font-size="{CREDITS}" text-anchor="end" letter-spacing="1">'
                f"{self._film.year}</text>"
            )
        return drawn


def _pick(things: Sequence[T], chance: random.Random) -> T:
    return things[int(chance.random() * len(things))]


def _clean(text: str) -> str:
    return " ".join(_UNFIT.sub("", text)[:MAX_CHARACTERS].split())


def _halves(title: str) -> tuple[str, str]:
    """Title and subtitle, where it says which is which."""
    head, _, tail = title.partition(": ")
    return (head.strip(), tail.strip()) if len(head) > 1 and tail.strip() else (title, "")


def _credited(names: str, face: FontStack) -> tuple[str, float]:
    """As many names as there is room for, and their size."""
    room = MEASURE - YEAR_ROOM
    while width(names, face) * SMALLEST_CREDITS > room:
        fewer, _, _ = names.removesuffix(" …").rpartition(", ")
        names = f"{fewer} …" if fewer else names[: len(names) * 3 // 4].rstrip(" …") + "…"
    return names, min(CREDITS, room / max(width(names, face), 1))
