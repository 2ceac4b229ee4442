"""More like this: films that share directors, cast, genres, era or words of the overview, each with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import tantivy

from filmer.catalogue import index_queries as queries
from filmer.catalogue.index_words import STOP_WORDS, letters_of, words_of, written_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmer.catalogue.index_queries import AlikeFilm
    from filmer.catalogue.schemas import Film, Person
    from filmer.catalogue.search_index import SearchIndex
    from filmer.store.postgres import Connection

CAST = 10  # members of the cast that count, the leading ones more
CANDIDATES = 200
RARE_WORDS, COMMON = 12, 0.01  # words of the overview that count, and the share of films from which one says nothing
FEW = 4  # films that may have a word in any catalogue
SHORTEST, NAMED = 4, 6  # letters of such a word, and of one that a reason names
ERA = 15  # years
DIRECTOR, LEADING, GENRE, WORD, SAME_ERA, FAME = 2.0, 1.6, 0.5, 0.35, 0.6, 0.25  # what each is worth


async def find(conn: Connection, index: SearchIndex, film: Film, cast: Sequence[Person], size: int) -> list[AlikeFilm]:
    """At most ``size`` films like this one, the likest first, each with its reason."""
    names = {person.no: person.name for person in cast}
    films = await queries.select_alike(conn, [no for _, no in candidates(index, film)[:size]])
    explained = [msgspec.structs.replace(other, reason=reason(film, other, names)) for other in films]
    return [other for other in explained if other.reason]


def candidates(index: SearchIndex, film: Film) -> list[tuple[float, int]]:
    """The numbers of films like this one, at most ``CANDIDATES``, the likest first, each with its score."""
    should, const = tantivy.Occur.Should, tantivy.Query.const_score_query
    parts = [
        (should, const(index.term("credit", f"d{letters_of(written_words(name))}"), DIRECTOR))
        for name in film.directors
    ]
    parts += [
        (should, const(index.term("credit", f"p{no}"), LEADING / (1 + 0.4 * place)))
        for place, no in enumerate(film.star_nos[:CAST])
    ]
    parts += [(should, const(index.term("genre", letters_of(words_of(genre.name))), GENRE)) for genre in film.genres]
    parts += [(should, const(index.term("overview", word), WORD)) for word in _rare_words(index, film.overview or "")]
    if not parts:
        return []
    found = []
    for score, no, fame, year in index.scored(tantivy.Query.boolean_query(parts), CANDIDATES):
        if no != film.no and score > GENRE:
            apart = abs(year - film.year) if year and film.year else ERA
            found.append((score + SAME_ERA * max(0, 1 - apart / ERA) + FAME * fame, no))
    return sorted(found, reverse=True)


def overview_words(text: str) -> list[str]:
    """The words of an overview that may say what a film is about."""
    return list(dict.fromkeys(word for word in words_of(text) if len(word) >= SHORTEST and word not in STOP_WORDS))


def _rare_words(index: SearchIndex, overview: str) -> list[str]:
    counted = [(index.searcher.doc_freq("overview", word), word) for word in overview_words(overview)]
    most = max(FEW, index.searcher.num_docs * COMMON)
    return [word for films, word in sorted(counted) if 1 < films <= most][:RARE_WORDS]


def reason(film: Film, other: AlikeFilm, names: dict[int, str]) -> str:
    """Why somebody who likes the one may like the other, in half a line: ``also directed by Christopher Nolan``.

    Words of overviews are named where two long ones are shared: a single "learns" or "offered" tells nobody anything.
    """
    directors = [name for name in film.directors if name in (other.director or "").split(", ")]
    shared = [names[no] for no in film.star_nos if no in other.star_nos and no in names]
    if directors:
        return f"also directed by {directors[0]}{f', with {shared[0]}' if shared else ''}"
    if shared:
        return f"also with {_listed(shared[:2])}"
    genres = [genre.name for genre in film.genres if genre.name in other.genres]
    era = f" of the {other.year // 10 * 10}s" if other.year and film.year and abs(other.year - film.year) <= ERA else ""
    theirs = set(overview_words(other.overview or ""))
    words = [word for word in overview_words(film.overview or "") if word in theirs and len(word) >= NAMED]
    text = f"{_listed(genres[:2]).lower()}{era}" if genres else ""
    about = f"about {_listed(sorted(words, key=len, reverse=True)[:2])}" if len(words) > 1 else ""
    return ", ".join(part for part in (text, about) if part)


def _listed(texts: Sequence[str]) -> str:
    return " and ".join(texts)
