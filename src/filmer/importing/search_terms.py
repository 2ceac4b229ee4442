"""Counts at import the matches of search terms that too many films or stars match to count them during a request.

These are short substrings and prefixes of words. ``catalogue/search.py`` reads them from the table ``term``.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from filmer.catalogue.search import DENSE, SHORT

Term = tuple[str, int, list[int] | None]  # term, matches, and if they are few their numbers (from 1)
_TEXTS_AT_ONCE = 100_000  # bounds the memory that counting takes
_FILM_BITS = 32
_FILM_MASK = 2**_FILM_BITS - 1
_PAIRS_AT_ONCE = 1_000_000
_BREAK = "\n"  # between texts, none of which contains it


def substring_terms(texts: Sequence[str]) -> Iterator[Term]:
    """All substrings of one and two characters, and those of three that many texts contain."""
    totals: dict[str, int] = {}
    few: dict[str, list[int]] = {}
    for first in range(0, len(texts), _TEXTS_AT_ONCE):
        for term, nos in _substrings_of(texts[first : first + _TEXTS_AT_ONCE]):
            total = totals[term] = totals.get(term, 0) + len(nos)
            if total >= DENSE or len(term) == SHORT:
                few.pop(term, None)
            else:
                few.setdefault(term, []).extend((nos + first + 1).tolist())
    for term, total in totals.items():
        if total >= DENSE or len(term) < SHORT:
            yield term, total, few.get(term)


def _substrings_of(texts: Sequence[str]) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Substrings, each with the indices of the texts that contain it."""
    codes = np.frombuffer((_BREAK.join(texts) + _BREAK).encode("utf-32-le"), dtype=np.uint32)
    is_break = codes == ord(_BREAK)
    owners = np.cumsum(is_break, dtype=np.uint32)
    is_used = np.zeros(int(codes.max()) + 1, dtype=bool)
    is_used[codes] = True
    alphabet = np.flatnonzero(is_used).astype(np.uint32)
    bits = (len(texts) - 1).bit_length()
    if len(texts) > 1 and len(alphabet) ** SHORT >= 2 ** (64 - bits):  # more bits than a key of _substrings has
        half = len(texts) // 2
        yield from _substrings_of(texts[:half])
        yield from ((term, places + half) for term, places in _substrings_of(texts[half:]))
        return
    letters = np.cumsum(is_used, dtype=np.uint32)[codes] - np.uint32(1)
    for length in range(1, SHORT + 1):
        yield from _substrings(alphabet, letters, owners, is_break, length, bits)


def _substrings(
    alphabet: npt.NDArray[np.uint32],
    letters: npt.NDArray[np.uint32],
    owners: npt.NDArray[np.uint32],
    is_break: npt.NDArray[np.bool_],
    length: int,
    bits: int,
) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """``bits``: of the key, that the index of a text takes; the others are the substring."""
    places = len(letters) - length + 1
    whole = ~is_break[:places]
    for offset in range(1, length):
        whole &= ~is_break[offset : places + offset]
    at = np.flatnonzero(whole)
    keys = letters[at].astype(np.uint64)
    for offset in range(1, length):
        keys *= np.uint64(len(alphabet))
        keys += letters[at + offset]
    keys <<= np.uint64(bits)
    keys |= owners[at]
    keys.sort()
    keys = keys[np.concatenate(([True], keys[1:] != keys[:-1]))] if len(keys) else keys
    terms = keys >> np.uint64(bits)
    nos = (keys & np.uint64(2**bits - 1)).astype(np.int64)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(terms)) + 1, [len(terms)])).tolist()
    for start, end in pairwise(starts):
        if end > start:
            yield _text(alphabet, int(terms[start]), length), nos[start:end]


def _text(alphabet: npt.NDArray[np.uint32], key: int, length: int) -> str:
    characters = []
    for _ in range(length):
        key, letter = divmod(key, len(alphabet))
        characters.append(chr(int(alphabet[letter])))
    return "".join(reversed(characters))


def cast_terms(
    names: Sequence[str],
    words: Sequence[str],
    stars: npt.NDArray[np.int32],
    films: npt.NDArray[np.int32],
    film_count: int,
) -> Iterator[Term]:
    """For each word, how many films have a star whose name contains it; words with few films are left out.

    ``stars`` and ``films`` (both from 0) are columns of equal length: star and film of each credit.
    """
    text = _BREAK.join(names)
    starts = np.cumsum(np.fromiter((len(name) + 1 for name in names), dtype=np.int64, count=len(names)))
    for word in words:
        places = np.fromiter((match.start() for match in re.finditer(re.escape(word), text)), dtype=np.int64)
        named = np.zeros(len(names), dtype=bool)
        named[np.searchsorted(starts, places, side="right")] = True
        matches = np.zeros(film_count, dtype=bool)
        matches[films[named[stars]]] = True
        total = int(np.count_nonzero(matches))
        if total >= DENSE:
            yield word, total, None


def word_terms(vocabulary: Sequence[str], pairs: npt.NDArray[np.int64], film_count: int) -> Iterator[Term]:
    """For every prefix of a word, how many films have a word with it; prefixes with few films are left out.

    ``pairs`` is the column of ``WordPairs``; it is sorted in place.
    """
    by_text = sorted(range(len(vocabulary)), key=vocabulary.__getitem__)
    ordered = [vocabulary[place] for place in by_text]
    place = np.empty(len(vocabulary), dtype=np.int64)
    place[by_text] = np.arange(len(vocabulary), dtype=np.int64)
    for first in range(0, len(pairs), _PAIRS_AT_ONCE):
        part = pairs[first : first + _PAIRS_AT_ONCE]
        part[:] = place[part >> _FILM_BITS] << _FILM_BITS | part & _FILM_MASK
    pairs.sort()
    ends = np.searchsorted(pairs, np.arange(len(vocabulary) + 1, dtype=np.int64) << _FILM_BITS).tolist()
    matches = np.zeros(film_count, dtype=bool)
    stack = [(0, len(vocabulary), 0)]
    while stack:
        first, last, length = stack.pop()
        if length:
            part = pairs[ends[first] : ends[last]] & _FILM_MASK
            matches[part] = True
            total = int(np.count_nonzero(matches))
            matches[part] = False
            if total < DENSE:
                continue
            yield ordered[first][:length], total, None
        for start, end in _children(ordered, first, last, length):
            if ends[end] - ends[start] >= DENSE:
                stack.append((start, end, length + 1))


class WordPairs:
    """Words (indices in a vocabulary) and films (from 0) that have them, packed into one column of a known length."""

    def __init__(self, length: int) -> None:
        self.column = np.empty(length, dtype=np.int64)
        self._filled = 0

    def add(self, words: npt.NDArray[np.int32], films: npt.NDArray[np.int32]) -> None:
        """Add pairs of a word and a film; a pair may occur more than once."""
        part = self.column[self._filled : self._filled + len(words)]
        part[:] = words
        part <<= _FILM_BITS
        part |= films
        self._filled += len(words)


def _children(vocabulary: list[str], first: int, last: int, length: int) -> Iterator[tuple[int, int]]:
    """Splits a run of sorted words with a common prefix into runs whose prefix is one character longer."""
    while first < last and len(vocabulary[first]) <= length:
        first += 1
    while first < last:
        character = vocabulary[first][length]
        beyond = vocabulary[first][:length] + chr(ord(character) + 1)
        end = bisect_left(vocabulary, beyond, first, last)
        yield first, end
        first = end
