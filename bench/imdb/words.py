"""The words and names everything is made up from: listed in words.json, most frequent first, or made of syllables."""

# Lists of words read better as running text.
# ruff: noqa: SIM905

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class Culture:
    """Names that go together, and how many people have such."""

    share: float
    men: list[str]
    women: list[str]
    families: list[str]


def _words(lines: list[str]) -> list[str]:
    return " ".join(lines).split()


_LISTED = json.loads((Path(__file__).parent / "words.json").read_text("utf-8"))

TITLE_WORDS, LINK_WORDS = _words(_LISTED["title_words"]), _words(_LISTED["link_words"])
ACCENTED_WORDS, NUMBER_WORDS = _words(_LISTED["accented_words"]), _words(_LISTED["number_words"])
MONTHS = _words(_LISTED["months"])
SCRIPT_WORDS = {script: _words(lines) for script, lines in _LISTED["script_words"].items()}
GLUED_SCRIPT = "japanese"
ROLE_NAMES: list[str] = _LISTED["roles"]
CULTURES = [
    Culture(listed["share"], _words(listed["men"]), _words(listed["women"]), _words(listed["families"]))
    for listed in _LISTED["cultures"].values()
]

TITLE_ONSETS = (
    "b d f h l m n p r s t w b bl br c ch cl cr d dr f fl g gl gr h j k l m n p pl pr qu r s sc sh sl st "
    "t th tr v w y z"
).split()
TITLE_VOWELS = "a e i o u a e i o u ai ea ee ia io oo ou".split()
TITLE_CODAS = [*[""] * 8, *"n r l s t m d nd rn st th x ng ck p".split()]
NAME_ONSETS = "b d g h k l m n r s t v b br c ch d dr f g gr h j k kr l m n p r s sch sh st t tr v w y z".split()
NAME_VOWELS = "a e i o u a e i o ai au ei ie".split()
NAME_CODAS = [*[""] * 8, *"n r l s t m k nd rt nz".split()]
LAST_ENDINGS = "son man ski er ez ini ov sen berg ton ian elli akis escu a o i enko wood ley ford ard eau ić".split()
FIRST_ENDINGS = "a o y ie an in el us ia ina ette on ar is elle ko".split()


def made_words(
    rng: np.random.Generator, count: int, parts: tuple[list[str], list[str], list[str]], endings: list[str]
) -> list[str]:
    """Make ``count`` distinct capitalised words of syllables (onset, vowel, coda), some with an ending."""
    onsets, vowels, codas = parts
    words: dict[str, None] = {}
    while len(words) < count:
        batch = 20_000
        picks = [rng.integers(0, len(part), (batch, 3)).tolist() for part in (onsets, vowels, codas)]
        syllables = rng.integers(1, 4, batch).tolist()
        ends = rng.integers(0, 2 * len(endings) + 1, batch).tolist()
        for onset, vowel, coda, length, end in zip(*picks, syllables, ends, strict=True):
            stem = "".join(onsets[onset[n]] + vowels[vowel[n]] + codas[coda[n]] for n in range(length))
            word = stem + endings[end] if end < len(endings) else stem
            if 3 <= len(word) <= 13:
                words[word[0].upper() + word[1:]] = None
    return list(words)[:count]
