"""How well a title or name fits what was typed: the score by which candidates of the search index are ranked.

All text is in the spelling of ``index_words``. The weights were tuned on one draw of misspelt titles and measured on
another (bench/search_quality.py).
"""

from collections.abc import Sequence

import msgspec
from rapidfuzz.distance import OSA

FAME = 0.08  # for ten times as many votes
SURE = 0.8  # likeness of a title or name from which on it is what was meant, whatever the words are
LIKELY = 0.75  # from which on it is rather meant than what other words would find: two slips in eight letters


class Weights(msgspec.Struct, frozen=True):
    """What a search and a suggestion value. Whoever types has not finished, so that a beginning is worth more."""

    exact: float
    beginning: float
    words: float


SEARCH = Weights(exact=1.25, beginning=0.80, words=0.75)
SUGGESTIONS = Weights(exact=1.05, beginning=0.97, words=0.80)


def score(letters: str, words: Sequence[str], spelling: str, weights: Weights) -> float:
    """From 0 to ``weights.exact``. ``letters``: what was typed, written in one; ``spelling``: words with spaces."""
    key = spelling.replace(" ", "")
    if key == letters:
        return weights.exact
    best = OSA.normalized_similarity(letters, key)
    longer = len(key) - len(letters)
    if longer > 0:
        slips = min(OSA.distance(letters, key[: len(letters) + more]) for more in (-1, 0, 1) if len(letters) + more > 0)
        best = max(best, weights.beginning * (1 - slips / len(letters)))
        found = set(spelling.split())
        covered = sum(len(word) for word in words if word in found)
        if covered:
            best = max(best, weights.words * covered / len(letters))
    return best


def best_spelling(letters: str, words: Sequence[str], spellings: Sequence[str], weights: Weights) -> tuple[float, str]:
    """The best score of a film's or person's spellings, and the spelling that has it."""
    return max((score(letters, words, spelling, weights), spelling) for spelling in spellings)
