"""Counts what too many match to be counted while somebody waits: short substrings, and beginnings of words.

The rows of ``catalogue.term``; ``catalogue/search.py`` reads them.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from filmer.catalogue.search import DENSE, SHORT

Term = tuple[str, int, list[int] | None]  # the term, how many match, and which (numbers from 1) where they are few
_OWNER_BITS = 26  # 67 million films or names
_BREAK = "\n"  # between texts; none contains one


def substring_terms(texts: Sequence[str]) -> Iterator[Term]:
    """Every substring of one and two characters, and those of three that many texts contain."""
    if not texts:
        return
    codes = np.frombuffer((_BREAK.join(texts) + _BREAK).encode("utf-32-le"), dtype=np.uint32)
    is_break = codes == ord(_BREAK)
    owners = np.cumsum(is_break, dtype=np.uint32)
    alphabet, letters = np.unique(codes, return_inverse=True)
    letters = letters.astype(np.uint16 if len(alphabet) < 2**16 else np.uint32)
    for length in range(1, SHORT + 1):
        yield from _substrings(alphabet, letters, owners, is_break, length)


def _substrings(
    alphabet: npt.NDArray[np.uint32],
    letters: npt.NDArray[np.integer],
    owners: npt.NDArray[np.uint32],
    is_break: npt.NDArray[np.bool_],
    length: int,
) -> Iterator[Term]:
    places = len(letters) - length + 1
    whole = ~is_break[:places]
    for offset in range(1, length):
        whole &= ~is_break[offset : places + offset]
    if length == SHORT:  # only the frequent ones are wanted: pass over what holds a rare letter
        frequent = np.bincount(letters, minlength=len(alphabet)) >= DENSE
        for offset in range(length):
            whole &= frequent[letters[offset : places + offset]]
    at = np.flatnonzero(whole)
    if not len(at):
        return
    keys = letters[at].astype(np.uint64)
    for offset in range(1, length):
        keys = keys * np.uint64(len(alphabet)) + letters[at + offset]
    if len(alphabet) ** length >= 2 ** (64 - _OWNER_BITS):
        raise OverflowError(f"{len(alphabet)} different characters are more than this can count")
    keys <<= np.uint64(_OWNER_BITS)
    keys |= owners[at]
    keys.sort()
    keys = keys[np.concatenate(([True], keys[1:] != keys[:-1]))]
    terms = keys >> np.uint64(_OWNER_BITS)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(terms)) + 1, [len(terms)]))
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        total = end - start
        if length == SHORT and total < DENSE:
            continue
        nos = None
        if total < DENSE:
            nos = ((keys[start:end] & np.uint64(2**_OWNER_BITS - 1)) + np.uint64(1)).tolist()
        yield _text(alphabet, int(terms[start]), length), total, nos


def _text(alphabet: npt.NDArray[np.uint32], key: int, length: int) -> str:
    characters = []
    for _ in range(length):
        key, letter = divmod(key, len(alphabet))
        characters.append(chr(int(alphabet[letter])))
    return "".join(reversed(characters))


class WordCounter:
    """Counts for every beginning of a word how many films have such a word, where they are many."""

    def __init__(self) -> None:
        self._words: dict[str, int] = {}

    def ids(self, words: set[str]) -> list[int]:
        """Numbers for words, the same for the same."""
        known = self._words
        return [known.setdefault(word, len(known)) for word in words]

    def terms(self, words: npt.NDArray[np.int32], films: npt.NDArray[np.int32], film_count: int) -> Iterator[Term]:
        """From the words of films, as two columns (a pair may occur twice)."""
        vocabulary = sorted(self._words)
        place = np.empty(len(vocabulary), dtype=np.int32)
        for index, word in enumerate(vocabulary):
            place[self._words[word]] = index
        placed = place[words]
        order = np.argsort(placed, kind="stable")
        sorted_films = films[order]
        ends = np.concatenate(([0], np.cumsum(np.bincount(placed, minlength=len(vocabulary)))))
        seen = np.zeros(film_count, dtype=bool)
        todo = [(0, len(vocabulary), 0)]
        while todo:
            first, last, length = todo.pop()
            if length:
                part = sorted_films[ends[first] : ends[last]]
                seen[part] = True
                total = int(np.count_nonzero(seen))
                seen[part] = False
                if total < DENSE:
                    continue
                yield vocabulary[first][:length], total, None
            for start, end in _children(vocabulary, first, last, length):
                if ends[end] - ends[start] >= DENSE:
                    todo.append((start, end, length + 1))


def _children(vocabulary: list[str], first: int, last: int, length: int) -> Iterator[tuple[int, int]]:
    """The parts of a run of words with a common beginning that have one character more in common."""
    while first < last and len(vocabulary[first]) <= length:
        first += 1
    while first < last:
        character = vocabulary[first][length]
        beyond = vocabulary[first][:length] + chr(ord(character) + 1)
        end = bisect_left(vocabulary, beyond, first, last)
        yield first, end
        first = end
