"""The best of very many matches: titles that start with the query are found by an index, and their words tested."""

from collections.abc import Sequence

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.responses import data_of

from filmer.catalogue.search import DENSE

SEARCH = "/api/v1/search/movies"
# Their titles start with the query's key as well, and they have the most votes; but they lack one of its words.
OTHERS = ("Rocky III", "Delacroix Returns")
ABROAD = "Der Champion"  # Rocky II is its original title


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory, make_database: MakeDatabase, serve_here: ServeHere) -> httpx.Client:
    path = tmp_path_factory.mktemp("titled") / "films.csv"
    many = (f"{title} {number + 100},{number}" for number in range(DENSE) for title in ("Rocky II", "De la Cruz"))
    rows = ["title,votes,original_title", *(f"{title},99999" for title in OTHERS), *many, f"{ABROAD},7,Rocky II"]
    path.write_text("\n".join(rows), encoding="utf-8")
    url = make_database()
    assert not import_films(url, path).bad
    return serve_here(url, CACHE_DURATION_SECONDS="0").client


def found(films: httpx.Client, query: str, page: int) -> tuple[int, Sequence[str]]:
    data = data_of(films.get(SEARCH, params={"query": query, "sortBy": "relevance", "page": page, "size": "3"}))
    return data["totalItems"], [item["title"] for item in data["items"]]


@pytest.mark.parametrize(
    ("query", "title", "first"), [("rocky 2", "Rocky II", [ABROAD]), ("de la c", "De la Cruz", [])]
)
def test_titles_that_start_with_the_query_but_lack_its_words_are_not_found(
    films: httpx.Client, query: str, title: str, first: list[str]
) -> None:
    """Asked anew the number of matches is known, and only then an index of titles is enough."""
    asked, again = [[found(films, query, page) for page in (1, 2)] for _ in range(2)]
    best = [*first, *(f"{title} {DENSE + 99 - place}" for place in range(6))]
    assert asked == [(DENSE + len(first), best[place : place + 3]) for place in (0, 3)]
    assert again == asked


def test_the_other_titles_are_there(films: httpx.Client) -> None:
    assert [found(films, title, 1)[1] for title in OTHERS] == [[title] for title in OTHERS]
