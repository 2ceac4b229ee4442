"""The search index of an edition, opened: finds candidates among films and people, and ranks them.

Numbers of films and people (``no``) are those of the edition that the index belongs to.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any, NamedTuple

import tantivy

from filmer.catalogue import ranking
from filmer.catalogue.index_format import FILMS, PEOPLE, RECORD
from filmer.catalogue.index_words import MAX_START, forms_of, letters_of, pieces_of, words_of, written_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

NEAR = 200  # candidates that have pieces in common with what was typed
CLOSE = 60  # candidates that are some slips away
SHORT = 8  # letters: a longer title may be two slips away, whoever knows it
LEAST = 0.62  # the score of the nearest spelling, without fame, below which nothing is near
FAR = 0.15  # less likeness than the nearest has: no longer near
YEARS = range(1880, 2100)
NEAR_YEAR, YEAR_SCORE = 1, 0.2

_MUST, _SHOULD = tantivy.Occur.Must, tantivy.Occur.Should


class Entry(NamedTuple):
    """A film or a person as ranking needs it. ``fame``: log10 of the votes."""

    no: int
    fame: float
    year: int
    spellings: list[str]


class Scored(NamedTuple):
    """A film that fits a query. ``score``: the query's. ``fame``, ``year``: as of ``Entry``."""

    score: float
    no: int
    fame: float
    year: int


class Near(NamedTuple):
    """A film or person whose title or name is near to what was typed. ``likeness``: the score without fame."""

    kind: str
    no: int
    score: float
    likeness: float
    spelling: str


class _Rows:
    """The records and spellings of films or people, mapped: all processes of a machine share one copy in memory."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._records, self._texts = _mapped(folder / f"{kind}.records"), _mapped(folder / f"{kind}.texts")

    def __getitem__(self, place: int) -> Entry:
        start, no, fame, year = RECORD.unpack_from(self._records, place * RECORD.size)
        (end, *_) = RECORD.unpack_from(self._records, (place + 1) * RECORD.size)
        return Entry(no, fame, year, self._texts[start:end].decode().split("\n"))

    def facts(self, place: int) -> tuple[int, float, int]:
        """The number, fame and year."""
        return RECORD.unpack_from(self._records, place * RECORD.size)[1:]

    def no(self, place: int) -> int:
        number: int = RECORD.unpack_from(self._records, place * RECORD.size)[1]
        return number


def _mapped(path: Path) -> mmap.mmap | bytes:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""


class SearchIndex:
    """Opens the files in a folder. Raises OSError or ValueError where they are not an index that this Tantivy reads."""

    def __init__(self, folder: Path) -> None:
        index = tantivy.Index.open(str(folder))
        index.config_reader("manual")  # nobody writes into it: it need not be watched
        self.schema, self.searcher = index.schema, index.searcher()
        self._rows = {kind: _Rows(folder, kind) for kind in (FILMS, PEOPLE)}

    def films_as_typed(self, text: str, words: Sequence[str], size: int) -> list[int]:
        """The best known films whose title begins with the text, then those whose title has its words."""
        starting = self.places(self._start("start", "key", text), size)
        if len(starting) < size and words:
            more = self.places(self._all_words("title", words), size)
            starting = list(dict.fromkeys([*starting, *more]))[:size]
        return self.nos(FILMS, starting)

    def people_as_typed(self, words: Sequence[str], size: int) -> list[int]:
        return self.nos(PEOPLE, self.places(self._all_words("name", words), size)) if words else []

    def films_with(self, words: Sequence[str], size: int) -> list[int]:
        """The best known films that have the words in title, cast and directors together: ``fast five diesel``."""
        return self.nos(FILMS, self.places(self._all_words("known_word", words), size)) if words else []

    def nearest(self, text: str, size: int) -> tuple[list[int], list[int], Near | None]:
        """Films and people whose title or name is near to what was typed so far, and the nearest of all."""
        films = self.near(FILMS, text, ranking.SUGGESTIONS, size)
        people = self.near(PEOPLE, text, ranking.SUGGESTIONS, size)
        found = sorted([*films, *people], key=lambda near: (-near.likeness, -near.score))
        if not found:
            return [], [], None
        least = found[0].likeness - FAR
        return (
            [near.no for near in films if near.likeness >= least],
            [near.no for near in people if near.likeness >= least],
            found[0],
        )

    def near(self, kind: str, text: str, weights: ranking.Weights, size: int, *, is_quick: bool = False) -> list[Near]:
        """``is_quick``: without the last resort, for whoever looks for thousands of films."""
        words, year = split_year(words_of(text)) if kind == FILMS else (written_words(text), None)
        letters = letters_of(words)
        if len(letters) < 2:  # noqa: PLR2004 - one letter is near to every word
            return []

        def ranked(places: Iterable[int]) -> Iterator[Near]:
            for place in places:
                entry = self._rows[kind][place]
                likeness, spelling = ranking.best_spelling(letters, words, entry.spellings, weights)
                if likeness >= LEAST:
                    bonus = YEAR_SCORE if year is not None and abs(entry.year - year) <= NEAR_YEAR else 0.0
                    score = likeness + ranking.FAME * entry.fame + bonus
                    yield Near(kind, entry.no, score, likeness, f"{spelling} {year}" if bonus else spelling)

        found = list(ranked(self._near_places(kind, letters, weights)))
        is_long = not is_quick and kind == FILMS and weights == ranking.SEARCH and len(letters) > SHORT
        if is_long and not any(near.likeness >= ranking.SURE for near in found):
            found += ranked(self.places(self.fuzzy("key", letters, 2), CLOSE))  # the last resort takes 5 ms
        found.sort(key=lambda near: -near.score)
        return found[:size]

    def _near_places(self, kind: str, letters: str, weights: ranking.Weights) -> Iterable[int]:
        piece, known, every = (
            ("known_piece", "known_key", "key") if kind == FILMS else ("known_name_piece", "known_name_key", "name_key")
        )
        is_begun = weights.beginning > ranking.SEARCH.beginning
        pieces = tantivy.Query.boolean_query([(_SHOULD, self.term(piece, p, "freq")) for p in pieces_of(letters)])
        hits = self.searcher.search(pieces, NEAR, count=False).hits
        places = self._places_of(hits)
        slips = 1 if len(letters) <= 4 else 2  # noqa: PLR2004
        if len(letters) <= SHORT:  # two slips leave a short title few pieces
            places += self.places(self.fuzzy(known, letters, slips), CLOSE)
        if is_begun and len(letters) > 2:  # noqa: PLR2004
            places += self.places(self.fuzzy(known, letters, 1, prefix=True), CLOSE)
        places += self.places(self.fuzzy(every, letters, 1), CLOSE)
        return dict.fromkeys(places)

    def is_word(self, word: str, *, begun: bool = False) -> bool:
        """Whether one of the best known films has the word, or one that begins so."""
        if self.searcher.doc_freq("known_word", word):
            return True
        return begun and bool(self.places(self.fuzzy("known_word", word, 0, prefix=True), 1))

    def people_named(self, letters: str, size: int) -> list[int]:
        """The numbers of the best known people with exactly this name, written in one."""
        return self.nos(PEOPLE, self.places(self.term("name_key", letters), size))

    def is_director(self, letters: str) -> bool:
        """Whether somebody with this name, written in one, directed a film."""
        return bool(self.searcher.doc_freq("credit", f"d{letters}"))

    def scored(self, query: Any, size: int) -> list[Scored]:
        """The films that fit best."""
        hits = self.searcher.search(query, size, count=False).hits
        facts = map(self._rows[FILMS].facts, self._places_of(hits))
        return [Scored(score, *fact) for (score, _), fact in zip(hits, facts, strict=True)]

    def described(self, query: Any, size: int) -> list[tuple[Entry, list[str]]]:
        """The best known films that fit, each with the names of its stars and directors."""
        found = self.searcher.search(query, size, count=False, order_by_field="place", order=tantivy.Order.Asc)
        return [
            (
                self._rows[FILMS][place],
                bytes(self.searcher.doc(address).get_first("names") or b"").decode().split("\n"),
            )
            for place, address in found.hits
        ]

    def years(self, first: int, last: int) -> Any:
        """Films of these years, both included."""
        return tantivy.Query.range_query(self.schema, "year", tantivy.FieldType.Unsigned, first, last)

    def _start(self, starts: str, keys: str, text: str) -> Any:
        """Documents whose key begins as the text is written, or is the text with its numbers written otherwise."""
        *_, letters = (letters_of(words) for words in forms_of(text) or [[]])
        begun = self.term(starts, letters) if len(letters) <= MAX_START else self.fuzzy(keys, letters, 0, prefix=True)
        same = letters_of(words_of(text))
        return tantivy.Query.boolean_query(
            [(_SHOULD, begun), *([(_SHOULD, self.term(keys, same))] if same != letters else [])]
        )

    def _all_words(self, field: str, words: Sequence[str]) -> Any:
        """Documents that have all of the words, the last of which may be unfinished."""
        *whole, last = words
        if len(last) > 2:  # noqa: PLR2004 - shorter beginnings are terms
            begun = self.fuzzy(field, last, 0, prefix=True)
        else:
            begun = self.term(field, last if field == "known_word" else f"^{last}")
        return tantivy.Query.boolean_query([*[(_MUST, self.term(field, word)) for word in whole], (_MUST, begun)])

    def term(self, field: str, term: str, option: str = "basic") -> Any:
        return tantivy.Query.term_query(self.schema, field, term, option)

    def fuzzy(self, field: str, term: str, slips: int, *, prefix: bool = False) -> Any:
        return tantivy.Query.fuzzy_term_query(self.schema, field, term, slips, True, prefix)

    def places(self, query: Any, size: int) -> list[int]:
        """The places of the best known that fit."""
        found = self.searcher.search(query, size, count=False, order_by_field="place", order=tantivy.Order.Asc)
        return [place for place, _ in found.hits]

    def _places_of(self, hits: Sequence[tuple[Any, tantivy.DocAddress]]) -> list[int]:
        places: list[Any] = self.searcher.fast_field_values("place", [address for _, address in hits])
        return places

    def nos(self, kind: str, places: Iterable[int]) -> list[int]:
        return [self._rows[kind].no(place) for place in places]


def split_year(words: list[str]) -> tuple[list[str], int | None]:
    """The words without the last that may be a film's year, and this year, where other words are left."""
    for at in reversed(range(len(words))):
        if len(words) > 1 and len(words[at]) == 4 and words[at].isdecimal() and int(words[at]) in YEARS:  # noqa: PLR2004
            return [*words[:at], *words[at + 1 :]], int(words[at])
    return words, None
