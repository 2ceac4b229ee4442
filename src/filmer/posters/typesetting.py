"""Typesetting of titles: estimated text widths, line breaks and font sizes.

The widths are those of the fonts that the stacks name and of metric-compatible ones; most machines have one of them.
Where a machine has another, ``textLength`` keeps full lines within their width.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

MAX_LINES = 6
MAX_WORDS = 30
CAPITAL_HEIGHT = 0.72  # ems
LOOSE_LEADING = 1.3  # for scripts with tall ascenders and deep descenders
_EUROPEAN = re.compile("[\x20-\u052f\u1e00-\u206f€™]*")
_JOINER = "\u200d"
_WIDE_LETTERS = frozenset("ЖМФШЩЫЮжмфшщыюΜΩωЉЊ")
_SHORT_WORDS = {
    "a", "an", "and", "at", "by", "de", "der", "die", "for", "from", "in", "la", "le", "of", "on", "or", "the", "to",
    "with", "-", "\u2013", "\u2014", "&",
}  # fmt: skip
_DANGLING_PENALTY = 1.15  # factor by which a line counts as worse if it ends with a short word


class FontStack(msgspec.Struct, frozen=True):
    """Metric-compatible fonts. ``widths``: of the characters from space to tilde, in thousandths of an em."""

    family: str
    widths: tuple[int, ...]
    tracking: float  # between characters of a title, in ems
    bearing: float  # left side bearing of its capitals, in ems


# fmt: off
SANS = FontStack(
    "'Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif",
    (278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
     556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
     722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
     556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
     280, 389, 584),
    -0.025,
    0.05,
)
SERIF = FontStack(
    "'Times New Roman',Times,'Liberation Serif',serif",
    (250, 333, 555, 500, 500, 1000, 833, 278, 333, 333, 500, 570, 250, 333, 250, 278, 500, 500, 500, 500, 500, 500,
     500, 500, 500, 500, 333, 333, 570, 570, 570, 500, 930, 722, 667, 722, 722, 667, 611, 778, 778, 389, 500, 778, 667,
     944, 722, 778, 611, 778, 722, 556, 667, 722, 722, 1000, 722, 722, 667, 333, 278, 333, 581, 500, 333, 500, 556, 444,
     556, 444, 333, 500, 556, 278, 333, 556, 278, 833, 556, 500, 556, 556, 444, 389, 333, 556, 500, 722, 500, 500, 444,
     394, 220, 394, 520),
    -0.015,
    0.02,
)
# fmt: on


class Block(msgspec.Struct, frozen=True):
    """Lines of text in one size, in SVG units. ``widths``: the estimated widths of the lines."""

    lines: list[str]
    widths: list[float]
    size: float
    leading: float  # from line to line, in ems
    tracking: float  # between characters, in ems

    @property
    def ascent(self) -> float:
        """Height of the first line above its baseline."""
        has_accent = any(letter.isupper() and unicodedata.decomposition(letter) for letter in self.lines[0])
        return self.size * (CAPITAL_HEIGHT if self.leading < LOOSE_LEADING and not has_accent else 0.9)

    @property
    def evenness(self) -> float:
        """How even the lines are: 1 when all have the same width."""
        return sum(self.widths) / max(*self.widths, 1) / len(self.widths)

    @property
    def height(self) -> float:
        """From the top of the first line to the baseline of the last."""
        return self.ascent + self.size * self.leading * (len(self.lines) - 1)


def is_european(text: str) -> bool:
    """Whether all letters are Latin, Greek or Cyrillic: these have capitals and allow letter spacing."""
    return _EUROPEAN.fullmatch(text) is not None


def is_right_to_left(text: str) -> bool:
    """Decided by the first letter that has a direction."""
    directions = (unicodedata.bidirectional(letter) for letter in text)
    return next((direction != "L" for direction in directions if direction in {"L", "R", "AL"}), False)


def has_known_width(text: str) -> bool:
    """Whether the width is reliable; for other scripts it is a generous estimate."""
    return all(is_european(letter) or _is_ideograph(letter) for letter in text)


def width(text: str, fonts: FontStack, tracking: float = 0.0) -> float:
    """Return the estimated width in ems."""
    clusters = _clusters(text)
    return sum(_advance(cluster, fonts) for cluster in clusters) + tracking * max(0, len(clusters) - 1)


def _advance(cluster: str, fonts: FontStack) -> float:
    letter = cluster[0]
    if " " <= letter <= "~":
        return fonts.widths[ord(letter) - ord(" ")] / 1000
    plain = unicodedata.normalize("NFD", letter)[0]
    if " " <= plain <= "~":
        return fonts.widths[ord(plain) - ord(" ")] / 1000
    category = unicodedata.category(letter)
    if category == "So":
        return 1.3
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    broad = 0.2 if letter in _WIDE_LETTERS else 0.0
    wide = {"Lu": 0.72, "Ll": 0.6, "Lo": 0.72, "Zs": 0.3, "Pd": 1.0, "Mn": 0.0}.get(category, 0.6)
    return wide + broad + 0.4 * sum(unicodedata.category(mark) == "Mc" for mark in cluster[1:4])


def typeset(text: str, fonts: FontStack, *, line_width: float, height: float, largest: float, smallest: float) -> Block:
    """Set the text as large as fits. Text that does not fit even at the smallest size is cut at a word."""
    tracking = fonts.tracking if is_european(text) else 0.0
    leading = _leading(text)
    words = text.split()
    if len(words) > MAX_WORDS:  # no poster has room for more, and trying them all would be slow
        words = _shorten(words[: MAX_WORDS + 1])
    while True:
        fitting = (
            _fit(lines, fonts, tracking, leading, line_width, height, largest)
            for lines in _layouts(words, fonts, line_width / smallest)
        )
        legible = [block for block in fitting if block.size >= smallest]
        if legible:
            return max(
                legible,
                key=lambda block: block.size * block.evenness / _DANGLING_PENALTY ** _count_dangling(block.lines),
            )
        words = _shorten(words)


def _leading(text: str) -> float:
    if not is_european(text):
        return 1.15 if has_known_width(text) else LOOSE_LEADING
    return 0.98 if text == text.upper() else 1.04


def _fit(
    lines: list[str],
    fonts: FontStack,
    tracking: float,
    leading: float,
    line_width: float,
    height: float,
    largest: float,
) -> Block:
    ems = [width(line, fonts, tracking) for line in lines]
    tall = CAPITAL_HEIGHT + leading * (len(lines) - 1)
    size = min(largest, line_width / max(*ems, 0.1), height / tall)
    return Block(lines, [em * size for em in ems], size, leading, tracking)


def _layouts(words: Sequence[str], fonts: FontStack, longest: float) -> Iterator[list[str]]:
    """Yield the best layouts of one line, two lines and so on. No line is wider than ``longest`` ems."""
    pieces = [piece for word in words for piece in _pieces(word, fonts, longest)]
    for count in range(1, min(MAX_LINES, len(pieces)) + 1):
        if lines := _break_lines(pieces, fonts, count, longest):
            yield lines


def _pieces(word: str, fonts: FontStack, longest: float) -> list[str]:
    """Return the unbreakable pieces of a word: itself or its ideographs; one too long for any line is cut evenly.

    The first piece begins with the space that separates it from the word before.
    """
    clusters = _clusters(word)
    if any(_is_ideograph(cluster[0]) for cluster in clusters):
        pieces = _between_ideographs(clusters)
    else:
        parts = int(width(word, fonts) / (longest - 1)) + 1
        length = -(-len(clusters) // parts)
        cuts = range(0, len(clusters), length)
        pieces = ["".join(clusters[cut : cut + length]) for cut in cuts]
        pieces = [
            f"{piece}-" if is_european(word) and piece[-1:].isalpha() and after[:1].isalpha() else piece
            for piece, after in pairwise([*pieces, ""])
        ]
    return [f" {pieces[0]}", *pieces[1:]]


def _between_ideographs(clusters: Sequence[str]) -> list[str]:
    """Split at each ideograph. Letters and digits stay together, and punctuation stays with what it closes or opens."""
    pieces = [clusters[0]]
    for before, cluster in pairwise(clusters):
        closes = unicodedata.category(cluster[0]) in {"Pe", "Pf", "Po", "Pd", "Lm"}
        opened = unicodedata.category(before[0]) in {"Ps", "Pi"}
        if closes or opened or not (_is_ideograph(before[0]) or _is_ideograph(cluster[0])):
            pieces[-1] += cluster
        else:
            pieces.append(cluster)
    return pieces


def _is_ideograph(letter: str) -> bool:
    """Ideographs, and other full-width characters that are written without spaces."""
    return unicodedata.east_asian_width(letter) in "WF" and unicodedata.category(letter) != "So"


def _clusters(word: str) -> list[str]:
    """Split into characters with their combining marks and joined characters."""
    clusters: list[str] = []
    for letter in word:
        joins = unicodedata.category(letter) in {"Mn", "Me", "Mc", "Cf"} or "\U0001f3fb" <= letter <= "\U0001f3ff"
        if clusters and (joins or clusters[-1].endswith(_JOINER)):
            clusters[-1] += letter
        else:
            clusters.append(letter)
    return clusters


def _break_lines(pieces: Sequence[str], fonts: FontStack, count: int, longest: float) -> list[str]:
    """Return ``count`` lines whose sum of squared widths is least; empty where that is impossible."""
    ems = [0.0]
    for piece in pieces:
        ems.append(ems[-1] + width(piece, fonts))
    breaks: dict[int, tuple[float, list[int]]] = {
        0: (0.0, [])
    }  # by where the last line so far ends: the cost, and the ends of all lines
    for _ in range(count):
        longer: dict[int, tuple[float, list[int]]] = {}
        for start, (cost, ends) in breaks.items():
            for end in range(start + 1, len(pieces) + 1):
                if ems[end] - ems[start] > longest + 0.3:  # the width of a space at its start
                    break
                total = cost + _cost(ems[end] - ems[start], "" if end == len(pieces) else pieces[end - 1])
                if end not in longer or total < longer[end][0]:
                    longer[end] = (total, [*ends, end])
        breaks = longer
    if len(pieces) not in breaks:
        return []
    return ["".join(pieces[start:end]).strip() for start, end in pairwise([0, *breaks[len(pieces)][1]])]


def _cost(ems: float, last: str) -> float:
    return ems**2 * (_DANGLING_PENALTY if _is_short_word(last) else 1)


def _count_dangling(lines: Sequence[str]) -> int:
    return sum(_is_short_word(line.rpartition(" ")[2]) for line in lines[:-1])


def _is_short_word(word: str) -> bool:
    return word.strip().lower() in _SHORT_WORDS


def _shorten(words: Sequence[str]) -> list[str]:
    """Drop the last word, and short words before it; of a single word, drop a quarter. Add an ellipsis."""
    remaining = list(words[:-1])
    while remaining and _is_short_word(remaining[-1]):
        remaining.pop()
    if not remaining:
        clusters = _clusters(words[-1].removesuffix("…"))
        remaining = ["".join(clusters[: max(1, len(clusters) * 3 // 4)])]
    return [*remaining[:-1], remaining[-1].rstrip(".,:;\u2013\u2014-") + "…"]
