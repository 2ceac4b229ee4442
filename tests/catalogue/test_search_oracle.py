"""Search means what it says: a plain-Python oracle beside it, 0 differences (contract §2, §3).

300 random searches; ``FILMER_TRUST_SEARCHES=10000`` asks for more of them.
"""

import random
from collections import Counter
from typing import Any

import pytest
from tests.catalogue.conftest import Catalogue
from tests.catalogue.oracle import Film
from tests.catalogue.random_requests import FREQUENT, SEARCHES, difference, page_and_size, part, some_filters
from tests.catalogue.synthetic import FILMS
from tests.current_edition import connect
from tests.figures import record_figure

from filmer.catalogue.search import DENSE

pytestmark = [pytest.mark.proof, pytest.mark.parallel, pytest.mark.timeout(120 + SEARCHES // 5)]


def amount(matches: int) -> str:
    if matches == 0:
        return "none"
    return "many" if matches >= DENSE else "few"


def test_the_catalogue_is_big_enough_for_both_ways_to_search(catalogue: Catalogue) -> None:
    """Every kind of filter has terms that are common and terms that are rare."""
    oracle = catalogue.oracle
    assert len(oracle.films) == FILMS > 3 * DENSE
    for name in ("query", "title", "director", "star"):
        totals = [len(oracle.search({name: text}, {})) for text in [*FREQUENT, "zodiac", "chan"]]
        assert max(totals) >= DENSE > min(totals)
    statement = "SELECT field, max(length(term)) FROM term WHERE total >= %s GROUP BY field"
    with connect(catalogue.database_url) as conn:
        longest: dict[str, int] = dict(conn.execute(statement, [DENSE]).fetchall())
    assert set(longest) == {"title", "director", "name", "word", "star"}
    assert (longest["title"], longest["director"], longest["word"] > 3) == (3, 3, True)


def test_random_searches_find_what_the_oracle_finds(catalogue: Catalogue) -> None:
    """Total, page fields, and every item with all its fields, in order: 0 differences."""
    client, oracle, genres, _ = catalogue
    chance = random.Random(27)
    differences: list[str] = []
    amounts: Counter[str] = Counter()
    done = 0
    while done < SEARCHES:
        asked = some_filters(chance, oracle, sorted(genres))
        matches = oracle.search(asked, genres)
        how_many = amount(len(matches))
        amounts[how_many] += 1
        for _ in range(4 if how_many == "many" else 1):  # what was counted once is remembered: ask again
            sort = chance.choice(["title", "year", "rating"] + ["relevance"] * ("query" in asked))
            order = chance.choice(["asc", "desc"])
            page, size = page_and_size(chance, len(matches))
            if sort == "relevance":
                films = oracle.by_relevance(matches, asked["query"])
            else:
                films = oracle.sorted_films(matches, sort, order)
            more = {"sortBy": sort, "order": order, "page": page, "size": size}
            answer = client.get("/api/v1/search/movies", params=asked | more)
            done += 1
            if not matches and "x-search-corrected" in answer.headers:
                assert sort == "relevance"  # what a nearer spelling finds is not the oracle's matter
                continue
            differences += difference(answer, films, Film.as_item, page, size)
    assert differences[:5] == [], f"{len(differences)} differences in {done} searches"
    record_figure(f"{done:,} searches, 0 differences")
    assert all(amounts[kind] >= amounts.total() // 20 for kind in ("none", "few", "many")), amounts


def test_the_best_of_many_come_first(catalogue: Catalogue) -> None:
    """Titles that are the query, then those that start with it, each by votes; and on into the others."""
    client, oracle, genres, _ = catalogue
    differences: list[str] = []
    for query, narrowed in [("the", {}), (" The ", {}), ("th", {}), ("the", {"yearFrom": 1905})]:
        asked: dict[str, Any] = {"query": query, **narrowed}
        films = oracle.by_relevance(oracle.search(asked, genres), query)
        assert len(films) >= DENSE
        starting = sum(film.folded.startswith(query.strip().lower()) for film in films)
        for size in (1, 7, 20, 100):
            for page in (1, 2, 3, 10, starting // size, starting // size + 1, -(-len(films) // size)):
                more = {"sortBy": "relevance", "page": page, "size": size}
                answer = client.get("/api/v1/search/movies", params=asked | more)
                differences += difference(answer, films, Film.as_item, page, size)
    assert differences[:5] == []


def test_random_names_find_the_stars_that_the_oracle_finds(catalogue: Catalogue) -> None:
    client, oracle, *_ = catalogue
    chance = random.Random(28)
    names = sorted(star.name for star in oracle.stars.values())
    differences: list[str] = []
    amounts: Counter[str] = Counter()
    for _ in range(SEARCHES):
        name = part(chance, chance.choice(names))
        matches = oracle.named(name if name.strip() else "")
        amounts[amount(len(matches))] += 1
        sort, order = chance.choice(["name", "birthYear"]), chance.choice(["asc", "desc"])
        page, size = page_and_size(chance, len(matches))
        stars = oracle.sorted_stars(matches, sort, order)
        asked: dict[str, str | int] = {
            "name": name,
            "sortBy": sort,
            "order": order,
            "page": page,
            "size": size,
        }
        answer = client.get("/api/v1/stars", params=asked)
        differences += difference(answer, stars, oracle.as_star_item, page, size)
    assert differences[:5] == [], f"{len(differences)} differences in {SEARCHES} searches"
    record_figure(f"{SEARCHES:,} names, 0 differences")
    assert all(amounts[kind] >= SEARCHES // 20 for kind in ("none", "few", "many")), amounts
