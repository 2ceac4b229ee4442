"""The search index by itself: films that nobody knows."""

import pytest

from filmer.catalogue import ranking, spelling
from filmer.catalogue.index_format import FILMS
from filmer.catalogue.index_words import found_under
from filmer.catalogue.search_index import SearchIndex
from filmer.importing.search_index import IndexedFilm, KnownFilm, build_search_index

TITLES = ("Life of a Lighthouse Keeper", "Lighthouse", "The Keeper", "Wandering Houses")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    folder = tmp_path_factory.mktemp("index")
    films = (
        IndexedFilm(no, (title, None), 0, None, found_under(title), None) for no, title in enumerate(TITLES, start=1)
    )
    assert build_search_index(folder, films, [], lambda _: None)
    return SearchIndex(folder)


@pytest.mark.parametrize(
    ("text", "no"),
    [
        ("lighthosue", 2),
        ("the kepeer", 3),
        ("ilfe of a lighthouse keepr", 1),
        ("wanderng huoses", 4),
    ],
)
def test_a_search_finds_a_title_that_nobody_knows_one_slip_away_or_two(index: SearchIndex, text: str, no: int) -> None:
    assert [near.no for near in index.near(FILMS, text, ranking.SEARCH, 1)] == [no]


@pytest.mark.parametrize(
    "text",
    [
        "ilf of a lighthuose keepr",  # three slips
        "kepeet",  # two, but of so few letters that it may be anything
    ],
)
def test_it_finds_none_that_is_further_away(index: SearchIndex, text: str) -> None:
    assert index.near(FILMS, text, ranking.SEARCH, 1) == []


def test_a_suggestion_takes_no_time_for_what_nobody_knows(index: SearchIndex) -> None:
    assert index.near(FILMS, "wanderng huoses", ranking.SUGGESTIONS, 1) == []
    assert index.near(FILMS, "wanderng houses", ranking.SUGGESTIONS, 1)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    """An index of films that are known, the first the best."""
    folder = tmp_path_factory.mktemp("known")
    films = (
        IndexedFilm(
            no, (title, None), votes, None, found_under(title), KnownFilm(found_under(title), [], [], ["drama"], [])
        )
        for no, title, votes in ((1, "Love Book", 900_000), (2, "Love no Flower", 10), (3, "Good at Losing", 5))
    )
    assert build_search_index(folder, films, [], lambda _: None)
    return SearchIndex(folder)


def test_a_title_two_slips_away_comes_before_other_words(known: SearchIndex) -> None:
    """One word is near to "no" as well, and a film has "love" and "no": hardly what was meant."""
    assert spelling.corrections(known, "lvoe boo")[0] == "love book"


def test_words_come_before_a_title_that_is_far(known: SearchIndex) -> None:
    assert spelling.corrections(known, "lvoe flowers")[0] == "love flower"
