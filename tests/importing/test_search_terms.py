"""The search terms that an import counts, compared with counting in Python."""

from collections import Counter, defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.importing.random_catalogue import Stored

from filmer.catalogue.folding import search_form
from filmer.catalogue.search import DENSE
from filmer.catalogue.words import name_words, original_words, title_words, year_word
from filmer.importing.data_set import ImportedFilm
from filmer.importing.search_terms import substring_terms

Terms = dict[str, tuple[int, list[int] | None]]  # the number of matches, and their numbers if they are few


def substrings(texts: dict[int, str], length: int) -> dict[str, list[int]]:
    """The numbers of the texts that contain each substring of a length."""
    places: dict[str, list[int]] = defaultdict(list)
    for no in sorted(texts):
        text = texts[no]
        for part in {text[at : at + length] for at in range(len(text) - length + 1)}:
            places[part].append(no)
    return places


def expected_terms(texts: dict[int, str]) -> Terms:
    """Every substring of one and two characters, and those of three that many texts contain."""
    terms: Terms = {}
    for length in (1, 2, 3):
        for part, nos in substrings(texts, length).items():
            if len(nos) >= DENSE:
                terms[part] = (len(nos), None)
            elif length < 3:
                terms[part] = (len(nos), nos)
    return terms


def stored_terms(stored: Stored, field: str) -> Terms:
    rows = [row for row in stored.term if row["field"] == field]
    terms = {row["term"]: (row["total"], row["nos"]) for row in rows}
    assert len(terms) == len(rows)
    return terms


def folded_texts(stored: Stored, field: str) -> dict[int, str]:
    """The folded texts of a field in the data set, by number."""
    if field == "name":
        names = {star.id: star.name for star in stored.data_set.people}
        return {row["no"]: search_form(names[row["id"]]) for row in stored.star}
    films_by_id = {film.id: film for film in stored.data_set.films}
    return {
        row["no"]: search_form(
            (films_by_id[row["id"]].title if field == "title" else films_by_id[row["id"]].directors) or ""
        )
        for row in stored.film
    }


def words_of(stored: Stored, film: ImportedFilm) -> set[str]:
    """The words of title, original title, directors and cast, and the year."""
    names = [*(film.directors or "").split(", "), *[stored.data_set.people[at].name for at in film.cast]]
    words = set(title_words(search_form(film.title)).words)
    if film.original_title and film.original_title != film.title:
        words |= original_words(search_form(film.original_title))
    words.update(word for text in names for word in name_words(search_form(text)))
    return words if film.year is None else words | {year_word(film.year)}


@pytest.mark.parametrize("field", ["title", "director", "name"])
def test_short_substrings_are_counted(stored: Stored, field: str) -> None:
    expected = expected_terms(folded_texts(stored, field))
    assert stored_terms(stored, field) == expected
    if field == "title":
        assert {len(term) for term, (total, _) in expected.items() if total >= DENSE} == {1, 2, 3}


def test_beginnings_of_words_that_many_films_have_are_counted(stored: Stored) -> None:
    """A film that has a word twice counts once."""
    totals: Counter[str] = Counter()
    for film in stored.data_set.films:
        totals.update({word[:length] for word in words_of(stored, film) for length in range(1, len(word) + 1)})
    expected = {start: (total, None) for start, total in totals.items() if total >= DENSE}
    assert {"s", "shadow"} <= expected.keys()
    assert stored_terms(stored, "word") == expected


def test_the_words_of_a_film_are_what_searches_look_in(stored: Stored) -> None:
    films_by_id = {film.id: film for film in stored.data_set.films}
    for row in stored.film:
        film = films_by_id[row["id"]]
        assert {word.strip("'") for word in row["words"].split()} == words_of(stored, film)
        keys = title_words(search_form(film.title))
        assert (row["title_key"], row["bare_key"]) == (keys.key, keys.bare_key)


texts_of = st.lists(st.text(st.sampled_from("abcé東𐌰 -'\\{}\""), max_size=6), max_size=12)


@settings(deadline=None)
@given(texts_of)
def test_substrings_of_any_texts(texts: list[str]) -> None:
    numbered = dict(enumerate(texts, start=1))
    assert counted_terms(texts) == expected_terms(numbered)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(st.sampled_from("ab東"), min_size=1, max_size=4), min_size=1, max_size=5), st.data())
def test_substrings_around_the_number_from_which_texts_are_many(kinds: list[str], data: st.DataObject) -> None:
    """The same few texts, each repeated many times."""
    counts = [data.draw(st.sampled_from([1, 2, DENSE - 1, DENSE, DENSE + 1])) for _ in kinds]
    texts = [kind for kind, count in zip(kinds, counts, strict=True) for _ in range(count)]
    assert counted_terms(texts) == expected_terms(dict(enumerate(texts, start=1)))


def test_any_number_of_different_characters() -> None:
    """In one text, and in many: three characters and the index of a text need more than 64 bits."""
    characters = [chr(code) for code in range(0x20, 0x12000) if not 0xD800 <= code < 0xE000]
    texts = [*characters, "ab", "abc", "ab"]
    assert counted_terms(texts) == expected_terms(dict(enumerate(texts, start=1)))
    alone = ["".join(characters[:60_000])]
    assert counted_terms(alone) == expected_terms({1: alone[0]})


def counted_terms(texts: list[str]) -> Terms:
    rows = list(substring_terms(texts))
    terms = {term: (total, None if nos is None else as_list(nos)) for term, total, nos in rows}
    assert len(terms) == len(rows)
    return terms


def as_list(nos: Iterable[int]) -> list[int]:
    return [int(no) for no in nos]
