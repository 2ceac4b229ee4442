"""What may be meant by a query that finds nothing: the nearest spelling, or a sentence with names and years."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import tantivy
from rapidfuzz.distance import OSA

from filmer.catalogue import ranking
from filmer.catalogue.index_format import FILMS, PEOPLE
from filmer.catalogue.index_words import STOP_WORDS, letters_of, words_of, written_words
from filmer.catalogue.search_index import NEAR_YEAR, SearchIndex, split_year

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MAX_TEXTS = 5  # spellings that are searched for until one finds something
MAX_WORDS = 12  # of a sentence
LOOKED_AT = 20  # films, of those that have words near to the query's
MAX_FOUND = 200  # films of a sentence
MAX_NEAR = 10  # films with titles near to the query
NAME_WORDS, GENRE_WORDS = (4, 3, 2), (2, 1)
SAME_NAME = 3  # people of one name at most
GENRES = {
    "sciencefiction": "scifi", "scifi": "sciencefiction", "noir": "filmnoir", "romantic": "romance",
    "animated": "animation", "historical": "history",
}  # fmt: skip
_MUST, _SHOULD = tantivy.Occur.Must, tantivy.Occur.Should
_Query = tantivy.Query
T = TypeVar("T")


def corrections(index: SearchIndex, text: str) -> list[str]:
    """Other queries, the most likely first. To be tried one after the other: some may find nothing either."""
    films, people = index.near(FILMS, text, ranking.SEARCH, 1), index.near(PEOPLE, text, ranking.SEARCH, 1)
    nearest = sorted([*films, *people], key=lambda near: -near.likeness)
    likely = [near.spelling for near in nearest if near.likeness >= ranking.LIKELY]
    words = words_of(text)
    said = STOP_WORDS if "1" in written_words(text) else STOP_WORDS | {"1"}  # which is "i" or "one" then
    kept = [word for word in words if word not in said]
    texts = [*likely, " ".join(kept) if kept != words else "", words_corrected(index, words)]
    if len(kept) > 1 and kept != words:
        texts.append(words_corrected(index, kept))
    texts += [near.spelling for near in nearest if near.likeness < ranking.LIKELY]
    return [found for found in dict.fromkeys(texts) if found and found != " ".join(words)][:MAX_TEXTS]


def words_corrected(index: SearchIndex, words: Sequence[str]) -> str:
    """The query with words put right so that one film has all of them; "" if there is none.

    First only those that no known film has; then any may be another word misspelt: ``forest gump hanks``.
    """
    if not 0 < len(words) <= MAX_WORDS:
        return ""
    last = len(words) - 1
    wrong = [at for at, word in enumerate(words) if not index.is_word(word, begun=at == last)]
    return (wrong and _with_words(index, words, wrong)) or _with_words(index, words, range(len(words)))


def _with_words(index: SearchIndex, words: Sequence[str], wrong: Sequence[int]) -> str:
    last = len(words) - 1
    parts = [
        (_MUST, index.fuzzy("known_word", word, _slips(word) if at in wrong else 0, prefix=at == last))
        for at, word in enumerate(words)
    ]
    best: tuple[int, str] | None = None
    for entry, names in index.described(_Query.boolean_query(parts), LOOKED_AT):
        vocabulary = {word for spelling in entry.spellings for word in spelling.split()}
        vocabulary.update(word for name in names for word in words_of(name))
        if not vocabulary:
            continue
        slips, fixed = 0, list(words)
        for at in wrong:
            distance, fixed[at] = min((OSA.distance(words[at], word), word) for word in vocabulary)
            slips += distance
        if best is None or slips < best[0]:
            best = slips, " ".join(fixed)
    return best[1] if best else ""


def _slips(word: str) -> int:
    """How many slips a word of this length may have."""
    return min(2, len(word) // 4)


def films_meant(index: SearchIndex, text: str) -> tuple[list[int], str | None]:
    """The films that a query describes which finds nothing in any spelling, and the spelling, where there is one."""
    if nos := films_of_sentence(index, text):
        return nos, None
    near = [film for film in index.near(FILMS, text, ranking.SEARCH, MAX_NEAR) if film.likeness >= ranking.SURE]
    if not near:
        return [], None
    spelling = near[0].spelling
    return [film.no for film in near], spelling if spelling != " ".join(words_of(text)) else None


def films_of_sentence(index: SearchIndex, text: str) -> list[int]:
    """The films that a sentence describes, best first: ``tom hanks on an island``. None without a name or genre.

    All people that it names took part in them, and they are of the year that it says, or the one before or after. The
    other words, in title or overview, and votes decide which come first. A genre that it names is theirs, if there are
    any. It may also name a genre and nobody: then each other word is in title, overview or names.
    """
    words, year = split_year(written_words(text)[:MAX_WORDS])
    people = list(_taken(words, NAME_WORDS, lambda letters: _credits(index, letters)))
    others = list(words)
    genres = list(_taken(others, GENRE_WORDS, lambda letters: _genre(index, letters)))
    years = [] if year is None else [index.years(year - NEAR_YEAR, year + NEAR_YEAR)]
    if people:
        found = _described(index, [*people, *genres, *years], others) if genres else []
        return found or _described(index, [*people, *years], words)
    if not genres:
        return []
    said = [_anywhere(index, word) for word in others if word not in STOP_WORDS]
    query = _Query.boolean_query([(_MUST, part) for part in [*genres, *years, *said]])
    return index.nos(FILMS, index.places(query, MAX_FOUND))


def _described(index: SearchIndex, required: Sequence[Any], words: Sequence[str]) -> list[int]:
    """Films that have all that is required; how many of the words, in title or overview, decides which come first."""
    query = [(_MUST, _Query.const_score_query(part, 0.0)) for part in required]
    for word in words:
        if word not in STOP_WORDS:
            query += [(_SHOULD, _Query.const_score_query(index.term("title", word), 1.0))]
            query += [(_SHOULD, _Query.const_score_query(index.term("overview", *words_of(word)), 0.8))]
    found = index.scored(_Query.boolean_query(query), MAX_FOUND)
    found.sort(key=lambda film: -(film.score + ranking.FAME * film.fame))
    return [film.no for film in found]


def _anywhere(index: SearchIndex, word: str) -> Any:
    """Films with the word in title, overview, or the names of cast and directors."""
    return _Query.boolean_query(
        [
            (_SHOULD, index.term("known_word", word)),
            (_SHOULD, index.term("overview", *words_of(word))),
        ]
    )


def _credits(index: SearchIndex, letters: str) -> Any:
    """Films of the people who have this name, written in one."""
    nos = index.people_named(letters, SAME_NAME)
    if nos or index.is_director(letters):
        return _Query.term_set_query(index.schema, "credit", [f"d{letters}", *(f"p{no}" for no in nos)])
    return None


def _genre(index: SearchIndex, letters: str) -> Any:
    """Films of the genre that is called so, or nearly so: ``comedies``, ``science fiction``."""
    one = f"{letters[:-3]}y" if letters.endswith("ies") else letters.removesuffix("s")
    for name in (letters, one, GENRES.get(letters)):
        if name and index.searcher.doc_freq("genre", name):
            return index.term("genre", name)
    return None


def _taken(words: list[str], lengths: Sequence[int], find: Callable[[str], T | None]) -> Iterator[T]:
    """What is found of words in a row, written in one; of the longest first. Takes the words out of the list."""
    for length in lengths:
        at = 0
        while at + length <= len(words):
            if (found := find(letters_of(words[at : at + length]))) is None:
                at += 1
            else:
                del words[at : at + length]
                yield found
