"""The search page: it finds what the API finds, shows what was asked, and helps where nothing is found."""

from urllib.parse import quote

import httpx
import pytest
from tests.catalogue.conftest import Catalogue
from tests.catalogue.list_pages import Page, look, parameters
from tests.responses import ids_of


def test_a_search_that_asks_nothing_invites(shop: httpx.Client) -> None:
    for query in ("", "?query=", "?query=+&title=+&genreId=&sortBy=relevance&order=asc"):
        page = look(shop, f"/search{query}")
        assert page.h1 == "Search"
        assert page.films == []
        assert page.is_open
        assert "No film found" not in page.text
        assert any(text.startswith("Drama") for text in page.links)


@pytest.mark.parametrize(
    ("query", "api"),
    [
        ("query=batman", "query=batman&sortBy=relevance"),
        ("query=batman&sortBy=title", "query=batman"),
        ("query=batman&sortBy=rating&order=desc", "query=batman&sortBy=rating&order=desc"),
        ("title=batman", "title=batman"),
        ("title=batman&sortBy=relevance", "title=batman"),
        ("director=nolan&star=bale", "director=nolan&star=bale"),
        ("query=nolan&yearFrom=2006&yearTo=2010", "query=nolan&yearFrom=2006&yearTo=2010&sortBy=relevance"),
        ("year=2005&order=desc", "year=2005&order=desc"),
        ("query=nolan+batm", "query=nolan+batm&sortBy=relevance"),
    ],
)
def test_a_search_finds_what_the_api_finds(shop: httpx.Client, query: str, api: str) -> None:
    page = look(shop, f"/search?{query}")
    expected = ids_of(shop.get(f"/api/v1/search/movies?{api}&size=24"))
    assert page.films == expected
    assert f"{len(expected)} film" in page.text
    assert page.meta["robots"] == "noindex"


def test_the_box_and_the_form_show_what_was_searched(shop: httpx.Client, genres: dict[str, int]) -> None:
    drama = genres["Drama"]
    answer = shop.get(f"/search?query=nolan&title=batman&genreId={drama}&yearFrom=2000&sortBy=year&order=desc")
    page = Page(answer)
    assert answer.text.count('name="query" value="nolan"') == 2
    assert (page.fields["title"], page.fields["yearFrom"]) == ("batman", "2000")
    assert page.chosen == {"genreId": str(drama), "sort": "year desc"}
    assert "1 film for “nolan”, title “batman”, Drama, from 2000 on" in page.text
    assert page.is_open
    assert not look(shop, "/search?query=nolan").is_open


def test_people_of_the_name_come_first(catalogue: Catalogue) -> None:
    """The best known of them (contract §3.6)."""
    page = look(catalogue.client, "/search?query=Zo%C3%AB")
    played = [star for star in catalogue.oracle.named("Zoë") if catalogue.oracle.plays[star.id]]
    stars = catalogue.oracle.best_known(played)
    assert len(stars) > 5
    shown = [address for address in page.addresses if address.startswith("/stars/")]
    assert shown == [f"/stars/{star.id}" for star in stars[:5]]
    assert page.of("h2")[:2] == ["People", "Films"]
    more = page.links[f"All {len(stars):,} of this name"]
    assert look(catalogue.client, more).h1 == "People named “Zoë”"
    for other in ("&page=2", "&year=1990"):
        assert "People" not in look(catalogue.client, f"/search?query=Zo%C3%AB{other}").of("h2")


@pytest.mark.parametrize(
    ("sort", "api"),
    [
        ("relevance", "sortBy=relevance"),
        ("title asc", "sortBy=title"),
        ("title desc", "sortBy=title&order=desc"),
        ("year desc", "sortBy=year&order=desc"),
        ("year asc", "sortBy=year"),
        ("rating desc", "sortBy=rating&order=desc"),
        ("rating asc", "sortBy=rating"),
    ],
)
def test_the_form_names_key_and_direction_at_once(catalogue: Catalogue, sort: str, api: str) -> None:
    """So its words fit, without scripts as well: nobody sorts ratings "A to Z"."""
    first = look(catalogue.client, f"/search?query=batman&title=&sort={quote(sort)}")
    assert first.chosen["sort"] == sort
    second = look(catalogue.client, first.links["Next"])
    assert second.chosen["sort"] == sort
    wanted = ids_of(catalogue.client.get(f"/api/v1/search/movies?query=batman&{api}&size=48"))
    assert first.films + second.films == wanted
    words = {"Best match", "Best rated first", "Worst rated first", "Newest first", "Oldest first", "Title A to Z"}
    assert words <= set(first.of("option"))


def test_an_order_that_there_is_not_stands_beside_its_field(shop: httpx.Client) -> None:
    answer = shop.get("/search?query=batman&sort=votes")
    assert Page(answer, 400).films == []
    assert 'id="sort-error"' in answer.text
    assert look(shop, "/search?query=batman&sortBy=votes", 400).films == []


def test_pages_of_a_search_keep_it(catalogue: Catalogue) -> None:
    first = look(catalogue.client, "/search?query=batman&title=&yearFrom=1950&page=1")
    second = look(catalogue.client, first.links["Next"])
    wanted = "/api/v1/search/movies?query=batman&yearFrom=1950&sortBy=relevance&size=48"
    assert first.films + second.films == ids_of(catalogue.client.get(wanted))
    assert parameters(first.links["Next"]) == {"query": ["batman"], "yearFrom": ["1950"], "page": ["2"]}


@pytest.mark.parametrize("query", ["query=zzzz", "query=!!!", "query=batman&year=1900", "director=zzzz"])
def test_nothing_found_helps(shop: httpx.Client, query: str) -> None:
    page = look(shop, f"/search?{query}")
    assert "No film found" in page.of("h2")
    assert "0 films" in page.text
    assert any(text.startswith("Drama") for text in page.links)
    if "year" in query:
        assert look(shop, page.links["Search without the filters"]).films


@pytest.mark.parametrize("query", ["query=%00", "query=%FF", "query=a&query=b", "title=a&title=b"])
def test_text_that_is_none_is_told(shop: httpx.Client, query: str) -> None:
    answer = shop.get(f"/search?{query}")
    assert Page(answer, 400).films == []
    assert f'id="{query.partition("=")[0]}-error"' in answer.text
