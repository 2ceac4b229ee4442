"""Setting titles: how wide text will be in fonts that are not at hand, where its lines break, how large it can be.

Widths are those of the fonts the stacks name and of those made to their measure, which most machines have one of.
Where a machine has another, ``textLength`` keeps full lines within their measure.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

MAX_LINES = 6
MAX_WORDS = 30
CAPITAL_HEIGHT = 0.72  # ems
LOOSE = 1.3  # leading of scripts that reach far up and down
_EUROPEAN = re.compile("[\x20-\u052f\u1e00-\u206f€™]*")
_JOINER = "\u200d"
_BROAD = frozenset("ЖМФШЩЫЮжмфшщыюΜΩωЉЊ")
_LITTLE = {
    "a", "an", "and", "at", "by", "de", "der", "die", "for", "from", "in", "la", "le", "of", "on", "or", "the", "to",
    "with", "-", "\u2013", "\u2014", "&",
}  # fmt: skip
_DANGLING = 1.15  # by how much it is worse to leave a little word at the end of a line


class FontStack(msgspec.Struct, frozen=True):
    """A stack of fonts of one measure. ``widths``: of the characters from blank to tilde, in thousandths of an em."""

    family: str
    widths: tuple[int, ...]
    tracking: float  # between characters of a title, in ems
    bearing: float  # what its capitals keep free before them, in ems


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
    """Lines of one size, in units of the drawing; ``widths`` is what they are expected to take."""

    lines: list[str]
    widths: list[float]
    size: float
    leading: float  # from line to line, in ems
    tracking: float  # between characters, in ems

    @property
    def rise(self) -> float:
        """From the top of the first line's letters to its foot."""
        is_crowned = any(letter.isupper() and unicodedata.decomposition(letter) for letter in self.lines[0])
        return self.size * (CAPITAL_HEIGHT if self.leading < LOOSE and not is_crowned else 0.9)

    @property
    def fullness(self) -> float:
        """How even its lines are: 1 when all are of one width."""
        return sum(self.widths) / max(*self.widths, 1) / len(self.widths)

    @property
    def height(self) -> float:
        """From there to the foot of the last line."""
        return self.rise + self.size * self.leading * (len(self.lines) - 1)


def is_european(text: str) -> bool:
    """Whether all is in Latin, Greek or Cyrillic letters, which have capitals and can be spaced."""
    return _EUROPEAN.fullmatch(text) is not None


def is_right_to_left(text: str) -> bool:
    """As the first letter that has a direction says."""
    directions = (unicodedata.bidirectional(letter) for letter in text)
    return next((one != "L" for one in directions if one in {"L", "R", "AL"}), False)


def is_measured(text: str) -> bool:
    """Whether its width is well known; of the letters of other scripts it is a guess on the safe side."""
    return all(is_european(letter) or _is_ideograph(letter) for letter in text)


def width(text: str, face: FontStack, tracking: float = 0.0) -> float:
    """In ems."""
    clusters = _clusters(text)
    return sum(_advance(cluster, face) for cluster in clusters) + tracking * max(0, len(clusters) - 1)


def _advance(cluster: str, face: FontStack) -> float:
    letter = cluster[0]
    if " " <= letter <= "~":
        return face.widths[ord(letter) - ord(" ")] / 1000
    plain = unicodedata.normalize("NFD", letter)[0]
    if " " <= plain <= "~":
        return face.widths[ord(plain) - ord(" ")] / 1000
    category = unicodedata.category(letter)
    if category == "So":
        return 1.3
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    broad = 0.2 if letter in _BROAD else 0.0
    wide = {"Lu": 0.72, "Ll": 0.6, "Lo": 0.72, "Zs": 0.3, "Pd": 1.0, "Mn": 0.0}.get(category, 0.6)
    return wide + broad + 0.4 * sum(unicodedata.category(mark) == "Mc" for mark in cluster[1:4])


def typeset(text: str, face: FontStack, *, measure: float, height: float, largest: float, smallest: float) -> Block:
    """The text as large as it goes into a measure and a height. What does not even at its smallest is cut at a word."""
    tracking = face.tracking if is_european(text) else 0.0
    leading = _leading(text)
    words = text.split()
    if len(words) > MAX_WORDS:  # more fit on no poster, and to try them all would take its time
        words = _shorter(words[: MAX_WORDS + 1])
    while True:
        fitting = (
            _fitted(lines, face, tracking, leading, measure, height, largest)
            for lines in _layouts(words, face, measure / smallest)
        )
        legible = [block for block in fitting if block.size >= smallest]
        if legible:
            return max(legible, key=lambda block: block.size * block.fullness / _DANGLING ** _dangling(block.lines))
        words = _shorter(words)


def _leading(text: str) -> float:
    if not is_european(text):
        return 1.15 if is_measured(text) else LOOSE
    return 0.98 if text == text.upper() else 1.04


def _fitted(
    lines: list[str], face: FontStack, tracking: float, leading: float, measure: float, height: float, largest: float
) -> Block:
    ems = [width(line, face, tracking) for line in lines]
    tall = CAPITAL_HEIGHT + leading * (len(lines) - 1)
    size = min(largest, measure / max(*ems, 0.1), height / tall)
    return Block(lines, [em * size for em in ems], size, leading, tracking)


def _layouts(words: Sequence[str], face: FontStack, longest: float) -> Iterator[list[str]]:
    """The best way to break the words into one line, into two, …; no line takes more than ``longest`` ems."""
    pieces = [piece for word in words for piece in _pieces(word, face, longest)]
    for count in range(1, min(MAX_LINES, len(pieces)) + 1):
        if lines := _broken(pieces, face, count, longest):
            yield lines


def _pieces(word: str, face: FontStack, longest: float) -> list[str]:
    """After each of which a line may end: words and ideographs; a word too long for any line is cut evenly.

    The first has a blank before it, as words do.
    """
    clusters = _clusters(word)
    if any(_is_ideograph(cluster[0]) for cluster in clusters):
        pieces = _between_ideographs(clusters)
    else:
        parts = int(width(word, face) / (longest - 1)) + 1
        length = -(-len(clusters) // parts)
        cuts = range(0, len(clusters), length)
        pieces = ["".join(clusters[cut : cut + length]) for cut in cuts]
        pieces = [
            f"{piece}-" if is_european(word) and piece[-1:].isalpha() and after[:1].isalpha() else piece
            for piece, after in pairwise([*pieces, ""])
        ]
    return [f" {pieces[0]}", *pieces[1:]]


def _between_ideographs(clusters: Sequence[str]) -> list[str]:
    """Each by itself; letters and digits among them stay together, and marks with what they close."""
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
    """Or another sign that stands in a square, and has no blanks around it."""
    return unicodedata.east_asian_width(letter) in "WF" and unicodedata.category(letter) != "So"


def _clusters(word: str) -> list[str]:
    """Characters with what stands on them or is joined to them."""
    clusters: list[str] = []
    for letter in word:
        joins = unicodedata.category(letter) in {"Mn", "Me", "Mc", "Cf"} or "\U0001f3fb" <= letter <= "\U0001f3ff"
        if clusters and (joins or clusters[-1].endswith(_JOINER)):
            clusters[-1] += letter
        else:
            clusters.append(letter)
    return clusters


def _broken(pieces: Sequence[str], face: FontStack, count: int, longest: float) -> list[str]:
    """Into so many lines, as even as can be: the sum of their squared widths is least. Empty: there is no way."""
    ems = [0.0]
    for piece in pieces:
        ems.append(ems[-1] + width(piece, face))
    ways: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}  # to where the lines so far end
    for _ in range(count):
        longer: dict[int, tuple[float, list[int]]] = {}
        for start, (cost, ends) in ways.items():
            for end in range(start + 1, len(pieces) + 1):
                if ems[end] - ems[start] > longest + 0.3:  # which a blank at its start may take
                    break
                total = cost + _cost(ems[end] - ems[start], "" if end == len(pieces) else pieces[end - 1])
                if end not in longer or total < longer[end][0]:
                    longer[end] = (total, [*ends, end])
        ways = longer
    if len(pieces) not in ways:
        return []
    return ["".join(pieces[start:end]).strip() for start, end in pairwise([0, *ways[len(pieces)][1]])]


def _cost(ems: float, last: str) -> float:
    return ems**2 * (_DANGLING if _is_little(last) else 1)


def _dangling(lines: Sequence[str]) -> int:
    return sum(_is_little(line.rpartition(" ")[2]) for line in lines[:-1])


def _is_little(word: str) -> bool:
    return word.strip().lower() in _LITTLE


def _shorter(words: Sequence[str]) -> list[str]:
    """Without the last word, or part of it when it is the only one; little words do not stay behind."""
    kept = list(words[:-1])
    while kept and _is_little(kept[-1]):
        kept.pop()
    if not kept:
        clusters = _clusters(words[-1].removesuffix("…"))
        kept = ["".join(clusters[: max(1, len(clusters) * 3 // 4)])]
    return [*kept[:-1], kept[-1].rstrip(".,:;\u2013\u2014-") + "…"]
