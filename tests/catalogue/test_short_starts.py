"""A query whose last word has just been begun: "trang k" (contract §3.1).

So many films have a word that starts with k that they are not collected: the films of the other words are tested for
one. And where each of the words is in very many films, these are counted before they are ranked.
"""

import random

import pytest
from tests.catalogue.conftest import Catalogue
from tests.catalogue.oracle import Film
from tests.catalogue.random_requests import difference, page_and_size

from filmer.catalogue import search, search_queries
from filmer.catalogue.filters import Filters, Known, with_query
from filmer.catalogue.search import DENSE, MANY
from filmer.catalogue.search_queries import film_conditions

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

QUERIES = (
    "the d", "the da", "the n", "love n", "dark th", "man of th", "batman an", "night t", "no m", "day 4", "8½ l",
    "l'été d", "spider m", "great a k", "千と千尋 t", "the 千", "rock n r", "x ii", "zodiac q", "a t", "day d",
)  # fmt: skip


def starts_of(query: str, totals: dict[str, int]) -> list[str]:
    """The words that are tested, given how many films have a word that starts so."""
    filters = with_query(Filters(), query)
    words = search._common_starts(filters, search._short_starts(filters), totals)
    return [word[0].text for word in words]


@pytest.mark.parametrize(
    ("query", "totals", "tested"),
    [
        ("trang k", {"k": 330_000}, ["k"]),
        ("old trang ki", {"old": 9_000, "ki": 90_000}, ["ki"]),
        ("happy the", {"happy": 500, "the": 290_000}, ["the"]),
        ("the s", {"the": 290_000, "s": 500_000}, []),  # as few films start with s as have "the"
        ("trang ky", {}, []),  # few start so
        ("trang king", {"king": 50_000}, []),
        ("k", {"k": 330_000}, []),  # no other word
        ("千 尋", {"千": 3_000, "尋": 20_000}, []),  # each word of such a script is a beginning
    ],
)
def test_a_beginning_is_tested_where_the_other_words_find_far_fewer(
    query: str, totals: dict[str, int], tested: list[str]
) -> None:
    assert starts_of(query, totals) == tested


def test_the_index_is_asked_for_the_other_words_alone() -> None:
    filters = with_query(Filters(), "old trang k")
    condition, parameters = film_conditions(filters, Known(common_starts=filters.words[-1:]))
    assert condition == "f.words @@ %(words)s::tsquery AND strip(f.words) @@ %(tested_words)s::tsquery"
    assert parameters == {
        "words": "('old' | 'oldtrang') & ('trang' | 'oldtrang' | 'trangk':*)",
        "tested_words": "('k':* | 'trangk':*)",
    }


@pytest.mark.parametrize("counts_first", [False, True])
def test_both_ways_find_what_the_oracle_finds(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, *, counts_first: bool
) -> None:
    """In a catalogue of this size neither is worth it, so it is made so."""
    used: list[Known] = []
    conditions = search_queries._conditions

    def note(filters: Filters, known: Known, **more: bool) -> tuple[str, dict[str, object]]:
        used.append(known)
        return conditions(filters, known, **more)

    monkeypatch.setattr(search_queries, "_conditions", note)
    monkeypatch.setattr(search, "START_TEST_COST", 0.0)
    monkeypatch.setattr(search, "MANY", DENSE if counts_first else MANY)
    client, oracle, genres, _ = catalogue
    chance = random.Random(3)
    differences: list[str] = []
    for query in QUERIES:
        matches = oracle.search({"query": query}, genres)
        for sort in ("relevance", "title", "rating"):
            films = (
                oracle.by_relevance(matches, query)
                if sort == "relevance"
                else oracle.sorted_films(matches, sort, "desc")
            )
            page, size = page_and_size(chance, len(matches))
            asked = {"query": query, "sortBy": sort, "order": "desc", "page": page, "size": size}
            answer = client.get("/api/v1/search/movies", params=asked)
            if "x-search-corrected" not in answer.headers:
                differences += difference(answer, films, Film.as_item, page, size)
    assert differences[:5] == []
    assert any(known.common_starts for known in used)
    assert any(known.is_common for known in used) == counts_first
