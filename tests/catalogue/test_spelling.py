"""The nearest spelling where nothing is found as typed, and sentences (contract §3.5)."""

import html
import re
from typing import Any

import httpx
import pytest
from tests.responses import data_of

SEARCH, SUGGESTIONS = "/api/v1/search/movies", "/api/v1/search/suggestions"
CORRECTED = "x-search-corrected"


def search(client: httpx.Client, query: str, **more: str) -> httpx.Response:
    return client.get(SEARCH, params={"query": query, "sortBy": "relevance", **more})


def ids(response: httpx.Response) -> list[str]:
    return [item["id"] for item in data_of(response)["items"]]


@pytest.mark.parametrize(
    ("typed", "corrected", "first"),
    [
        ("shawshnak redemption", "shawshank redemption", "tt0111161"),
        ("drak knight", "dark knight", "tt0468569"),
        ("batmna begins", "batman begins", "tt0372784"),
        ("morgen freemann", "morgan freeman", None),
        ("dark knihgt bale", "dark knight bale", "tt0468569"),
        ("dart knight bale", "dark knight bale", "tt0468569"),
    ],
)
def test_relevance_answers_with_the_nearest_spelling_and_says_so(
    shop: httpx.Client, typed: str, corrected: str, first: str | None
) -> None:
    response = search(shop, typed)
    assert response.headers[CORRECTED] == corrected
    assert response.json() == search(shop, corrected).json()
    assert first is None or ids(response)[0] == first


def test_what_is_found_as_typed_is_not_corrected(shop: httpx.Client) -> None:
    for query in ("batman", "dark knight", "batm"):
        response = search(shop, query)
        assert CORRECTED not in response.headers
        assert ids(response)


@pytest.mark.parametrize("order", ["title", "year", "rating", None])
def test_the_orders_of_the_specification_never_correct(shop: httpx.Client, order: str | None) -> None:
    response = shop.get(SEARCH, params={"query": "drak knight"} | ({"sortBy": order} if order else {}))
    assert (response.status_code, ids(response), CORRECTED in response.headers) == (200, [], False)


def test_what_is_near_to_nothing_is_not_corrected(shop: httpx.Client) -> None:
    for query in ("qqqqqqqq", "xyzzy plugh", "千千千千", "1234567", "q"):
        response = search(shop, query)
        assert (ids(response), CORRECTED in response.headers) == ([], False), query


def test_a_year_is_no_misspelt_word(shop: httpx.Client) -> None:
    """No title here has it, and films of that year are known: it does not become another word of theirs."""
    for query in ("1994", "gupm 1994"):
        assert CORRECTED not in shop.get(SUGGESTIONS, params={"query": query}).headers, query


def test_other_filters_hold_for_the_corrected_query_too(shop: httpx.Client) -> None:
    assert ids(search(shop, "drak knight", year="2008")) == ["tt0468569"]
    response = search(shop, "drak knight", year="1931")
    assert (ids(response), CORRECTED in response.headers) == ([], False)


@pytest.mark.parametrize(
    ("sentence", "first"),
    [
        ("that dark knight film with bale", "tt0468569"),
        ("christian bale as a knight", "tt0468569"),
        ("movies with morgan freeman in prison", "tt0111161"),
    ],
)
def test_a_sentence_gets_its_names(shop: httpx.Client, sentence: str, first: str) -> None:
    assert ids(search(shop, sentence))[0] == first


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("science fiction with caine", ["tt1375666"]),
        ("sci-fi by nolan", ["tt1375666"]),
        ("comedies with audrey tautou", ["tt0211915"]),
        ("a drama with michael caine", ["tt0468569", "tt0372784"]),  # which Inception is not
        ("animated movies from 2002", ["tt0245429"]),  # a year beside it too
        ("western with michael caine", ["tt0468569", "tt1375666", "tt0372784"]),  # there is none, so all of his
        ("science fiction with qqqq", []),
    ],
)
def test_a_sentence_gets_its_genre(shop: httpx.Client, sentence: str, found: list[str]) -> None:
    assert ids(search(shop, sentence)) == found


def test_i_and_one_say_nothing_about_a_film(shop: httpx.Client) -> None:
    response = search(shop, "the one batman film i like")
    assert response.headers[CORRECTED] == "batman"
    assert response.json() == search(shop, "batman").json()


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("relevance", ["tt0111161", "tt0468569", "tt0372784"]),
        ("year asc", ["tt0111161", "tt0372784", "tt0468569"]),
        ("year desc", ["tt0468569", "tt0372784", "tt0111161"]),
        ("title desc", ["tt0111161", "tt0468569", "tt0372784"]),
    ],
)
def test_what_a_sentence_describes_comes_in_the_chosen_order(shop: httpx.Client, sort: str, order: list[str]) -> None:
    page = shop.get("/search", params={"query": "movies with morgan freeman in prison", "sort": sort}).text
    assert sorted(order, key=page.index) == order


def suggest(client: httpx.Client, text: str, **more: Any) -> httpx.Response:
    return client.get(SUGGESTIONS, params={"query": text, **more})


def test_suggestions_are_corrected_and_say_so(shop: httpx.Client) -> None:
    response = suggest(shop, "shwashan")
    assert response.headers[CORRECTED] == "shawshank redemption"
    assert ids(response)[0] == "tt0111161"
    response = suggest(shop, "morgen free")
    assert (response.headers[CORRECTED], ids(response)) == ("morgan freeman", ["nm0000151"])


def test_suggestions_mix_title_and_person_and_say_why(shop: httpx.Client) -> None:
    response = suggest(shop, "dark knight bale")
    assert CORRECTED not in response.headers
    (film,) = data_of(response)["items"]
    assert (film["id"], film["reason"]) == ("tt0468569", "with Christian Bale")
    assert [film["text"][start:end] for start, end in film["matches"]] == ["Dark", "Knight"]


def test_marks_are_the_letters_that_were_typed(shop: httpx.Client) -> None:
    (film,) = data_of(suggest(shop, "amé"))["items"]
    assert (film["text"], film["matches"]) == ("Amélie", [[0, 3]])


def test_the_corrected_spelling_may_be_read_by_other_sites(shop: httpx.Client) -> None:
    """It is a header, which a browser shows to a page's script, in ASCII."""
    assert search(shop, "drak knight").headers[CORRECTED].isascii()


def test_a_page_shows_what_it_searched_for_and_offers_what_was_typed(shop: httpx.Client) -> None:
    page = shop.get("/search", params={"query": "drak knight"}).text
    assert "Showing results for <strong>dark knight</strong>" in page
    assert 'href="/films/tt0468569"' in page
    address = re.search(r'<a href="([^"]+)">search instead for drak knight</a>', page)
    assert address
    exact = shop.get(html.unescape(address[1])).text
    assert "Showing results for" not in exact
    assert 'href="/films/tt0468569"' not in exact


def test_a_page_in_any_order_is_corrected(shop: httpx.Client) -> None:
    page = shop.get("/search", params={"query": "batmna", "sort": "year desc"}).text
    assert "Showing results for <strong>batman</strong>" in page
    assert page.index("tt0372784") < page.index("tt0096895")


def test_a_page_that_finds_what_was_typed_says_nothing_of_spelling(shop: httpx.Client) -> None:
    page = shop.get("/search", params={"query": "batman"}).text
    assert "Showing results for" not in page
    assert "for “batman”" in page


def test_what_a_page_corrects_is_escaped(shop: httpx.Client) -> None:
    page = shop.get("/search", params={"query": "<b>drak knight</b>"}).text
    assert "<b>" not in page


def test_suggestions_of_title_and_person_are_corrected_too(shop: httpx.Client) -> None:
    response = suggest(shop, "drak knight bale")
    assert response.headers[CORRECTED] == "dark knight bale"
    assert [(item["id"], item["reason"]) for item in data_of(response)["items"]] == [
        ("tt0468569", "with Christian Bale")
    ]
