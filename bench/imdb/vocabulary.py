"""Titles in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bench.imdb.columns import text_array
from bench.imdb.distributions import MAX_WORDS, THIS_YEAR
from bench.imdb.random_draws import Choices, Ints, zipf_ranks
from bench.imdb.words import (
    ACCENTED_WORDS,
    GLUED_SCRIPT,
    LINK_WORDS,
    MONTHS,
    NUMBER_WORDS,
    SCRIPT_WORDS,
    TITLE_CODAS,
    TITLE_ONSETS,
    TITLE_VOWELS,
    TITLE_WORDS,
    made_words,
)


@dataclass(frozen=True, slots=True)
class WordRange:
    """The words start..start+size-1 of the vocabulary, the frequent ones first."""

    start: int
    size: int
    shift: float

    def draw(self, rng: np.random.Generator, *shape: int) -> Ints:
        """Draw words by Zipf's law."""
        return zipf_ranks(rng.random(shape), self.size, self.shift) + self.start


class Vocabulary:
    """The words of titles. Word 0 is empty; word n at the start of a title, n + size within one."""

    MADE, MADE_ACCENTED = 97_000, 3_000
    CONTENT_SHIFT, ACCENTED_SHIFT = 50.0, 40.0
    COUNTS = Choices([0, 17, 27, 25, 16, 9, 4, 2])

    def __init__(self, rng: np.random.Generator) -> None:
        """Put the vocabulary together from the lists and from made words."""
        self.entries: list[tuple[str, str]] = [("", "")]
        parts = (TITLE_ONSETS, TITLE_VOWELS, TITLE_CODAS)
        listed = [word[0].upper() + word[1:] for word in dict.fromkeys(TITLE_WORDS)]
        listed += made_words(rng, self.MADE, parts, ["ed", "ing", "s", "ers", "y", "ion"])
        self.content = self._add(listed, self.CONTENT_SHIFT)
        self.links = self._add(LINK_WORDS)
        self.articles = self._add(["The", "The", "The", "The", "A"])
        self.numbers = self._add(NUMBER_WORDS)
        accented = [word[0].upper() + word[1:] for word in ACCENTED_WORDS]
        accented += made_words(rng, self.MADE_ACCENTED, (TITLE_ONSETS, list("éèüöåñøãçíóú"), TITLE_CODAS), ["e", "o"])
        self.accented = self._add(accented, self.ACCENTED_SHIFT)
        self.scripts = [
            self._add(words, gap="" if name == GLUED_SCRIPT else " ") for name, words in SCRIPT_WORDS.items()
        ]
        self.dated = self._add(["Episode", "dated"])
        self.days = self._add([str(day) for day in range(1, 29)])
        self.months = self._add(MONTHS)
        self.years = self._add([str(year) for year in range(1960, THIS_YEAR + 1)])
        self.size = len(self.entries)
        self.texts = text_array([first for first, _ in self.entries] + [later for _, later in self.entries])

    def _add(self, words: Sequence[str], shift: float = 1.0, gap: str = " ") -> WordRange:
        start = len(self.entries)
        self.entries.extend((word, gap + word) for word in words)
        return WordRange(start, len(words), shift)

    def titles(self, rng: np.random.Generator, count: int, accented: float, other_script: float) -> Ints:
        """Draw titles as rows of word numbers, with these shares of accented words and of other scripts."""
        lengths = self.COUNTS.draw(rng, count)
        words = self.content.draw(rng, count, MAX_WORDS)
        articles = rng.random(count) < 0.37
        words[articles, 0] = self.articles.start + rng.integers(0, self.articles.size, int(articles.sum()))
        lengths[articles & (lengths == 1)] = 2
        linked = articles
        for place in range(1, MAX_WORDS - 1):
            linked = (rng.random(count) < 0.35) & ~linked & (place < lengths - 1)
            words[linked, place] = self.links.draw(rng, int(linked.sum()))
        self._vary(rng, words, lengths, accented, other_script)
        return self._finished(words, lengths)

    def _vary(self, rng: np.random.Generator, words: Ints, lengths: Ints, accented: float, other_script: float) -> None:
        """Put numbers, accented words and other scripts into some of the titles."""
        count = len(lengths)
        rows = np.flatnonzero(rng.random(count) < 0.015)
        words[rows, 0] = self.numbers.draw(rng, len(rows))
        rows = np.flatnonzero(rng.random(count) < accented)
        words[rows, lengths[rows] - 1] = self.accented.draw(rng, len(rows))
        scripts = np.where(rng.random(count) < other_script, rng.integers(0, len(self.scripts), count), -1)
        for number, script in enumerate(self.scripts):
            rows = np.flatnonzero(scripts == number)
            words[rows] = script.draw(rng, len(rows), MAX_WORDS)

    def _finished(self, words: Ints, lengths: Ints) -> Ints:
        """Empty the places beyond each title's length and give later words their gaps."""
        words[np.arange(MAX_WORDS) >= lengths[:, None]] = 0
        words[:, 1:] += self.size
        return words

    def dated_episodes(self, rng: np.random.Generator, count: int) -> Ints:
        """Draw titles such as "Episode dated 12 March 2004"."""
        words = np.zeros((count, MAX_WORDS), dtype=np.int64)
        words[:, 0], words[:, 1] = self.dated.start, self.dated.start + 1
        for place, part in ((2, self.days), (3, self.months), (4, self.years)):
            words[:, place] = part.start + rng.integers(0, part.size, count)
        return self._finished(words, np.full(count, 5))


EPISODE_PREFIXES = ["Episode #", "Episodio #", "Folge #", "Épisode #", "Afsnit #"]
PREFIXES = ["", '"', "...", "'", "#", "(", "¿", "¡", "-", "$", ".", "'n' ", "@", *EPISODE_PREFIXES]
PREFIX_CHOICES = Choices([9870, 30, 25, 20, 12, 8, 8, 8, 5, 5, 4, 3, 2])
QUOTE_PREFIX, EPISODE_PREFIX = 1, PREFIXES.index("Episode #")
SUFFIXES = [
    "",
    "!",
    "?",
    "...",
    " 2",
    " II",
    " 3",
    ": Part One",
    '"',
    ")",
    " III",
    "!?",
    ": The Movie",
    " (Part 2)",
    "'",
]
SUFFIX_CHOICES = Choices([9400, 130, 90, 40, 110, 60, 40, 30, 25, 12, 25, 5, 15, 14, 4])
QUOTE_SUFFIX = SUFFIXES.index('"')
SEASONS, EPISODES = 40, 400
