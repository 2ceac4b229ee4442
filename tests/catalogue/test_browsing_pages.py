"""All films on pages: by letter, genre and years, in every order. What the API lists is what they must show."""

from urllib.parse import parse_qs, quote

import httpx
import pytest
from tests.catalogue.conftest import Catalogue
from tests.catalogue.list_pages import Page, look, parameters
from tests.responses import ids_of

from filmer.storefront.catalogue import BEST_KNOWN, ROW


def test_all_films_are_there_page_by_page(catalogue: Catalogue) -> None:
    address, films = "/films", list[str]()
    for _ in range(3):
        page = look(catalogue.client, address)
        films += page.films
        address = page.links["Next"]
    assert films == ids_of(catalogue.client.get("/api/v1/movies?size=72"))
    assert "6,500 films" in page.text
    assert parameters(address) == {"page": ["4"]}
    assert parameters(page.links["Previous"]) == {"page": ["2"]}


def test_home_shows_the_newest_and_the_best_of_the_films_that_people_know(catalogue: Catalogue) -> None:
    known = sorted(catalogue.oracle.films, key=lambda film: -(film.votes or 0))[:BEST_KNOWN]
    by_id = {film.id: film for film in known}
    films = [by_id[film_id] for film_id in look(catalogue.client, "/").films[-2 * ROW :]]
    newest = sorted((film.year for film in known if film.year is not None), reverse=True)[:ROW]
    best = sorted((film.rating for film in known if film.rating is not None), reverse=True)[:ROW]
    assert [film.year for film in films[:ROW]] == newest
    assert [film.rating for film in films[ROW:]] == best


@pytest.mark.parametrize("sort", ["title", "year", "rating"])
@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("letter", ["", "b", "É", "*"])
def test_letters_and_orders_are_the_apis(shop: httpx.Client, sort: str, order: str, letter: str) -> None:
    query = f"sortBy={sort}&order={order}" + (f"&startsWith={quote(letter)}" if letter else "")
    page = look(shop, f"/films?{query}")
    assert page.films == ids_of(shop.get(f"/api/v1/movies?{query}&size=24"))
    assert [text for text in page.current if len(text) == 1] == (
        [{"b": "B", "É": "E"}[letter]] if letter in "bÉ" and letter else []
    )
    assert ("* (beyond A to Z)" in page.current) == (letter == "*")


@pytest.mark.parametrize("path", ["/films?", "/films?startsWith=b&", "/films?yearFrom=1990&", "/genres/{drama}?"])
def test_ratings_come_with_the_best_first(shop: httpx.Client, genres: dict[str, int], path: str) -> None:
    """contract §3.6: the API's default stays the worst, as specified."""
    path = path.format(drama=genres["Drama"])
    best, worst = look(shop, f"{path}sortBy=rating"), look(shop, f"{path}sortBy=rating&order=asc")
    assert best.films == look(shop, f"{path}sortBy=rating&order=desc").films
    assert best.films != worst.films
    assert "Best rated first" in best.current
    assert "Worst rated first" in worst.current
    for page, order in ((best, "desc"), (worst, "asc")):
        assert parameters(page.canonical)["order"] == [order], "one address for one list"
        if path.startswith("/films"):
            assert page.fields["order"] == order
    api = "/api/v1/movies?sortBy=rating&size=24"
    assert ids_of(shop.get(api)) == ids_of(shop.get(f"{api}&order=asc"))


def test_the_worst_stay_the_worst_page_by_page(catalogue: Catalogue) -> None:
    for query in ("", "&yearFrom=1950"):
        first = look(catalogue.client, f"/films?sortBy=rating&order=asc{query}")
        second = look(catalogue.client, first.links["Next"])
        api = "movies?" if not query else "search/movies?yearFrom=1950&"
        wanted = ids_of(catalogue.client.get(f"/api/v1/{api}sortBy=rating&size=48"))
        assert first.films + second.films == wanted


def test_the_order_links_keep_the_letter_and_the_letters_keep_the_order(shop: httpx.Client) -> None:
    page = look(shop, "/films?startsWith=b&sortBy=year&order=desc")
    assert "Newest first" in page.current
    assert parameters(page.links["Best rated first"]) == {
        "startsWith": ["B"], "sortBy": ["rating"], "order": ["desc"],
    }  # fmt: skip
    assert parameters(page.links["Z"]) == {"startsWith": ["Z"], "sortBy": ["year"], "order": ["desc"]}
    assert page.links["Show all films"] == "/films"


@pytest.mark.parametrize("query", ["genreId={drama}", "genreId={drama}&yearFrom=2000", "yearFrom=1980&yearTo=1990"])
@pytest.mark.parametrize("letter", ["", "&startsWith=b"])
def test_genre_and_years_hold_and_a_letter_beside_them_does_not(
    shop: httpx.Client, genres: dict[str, int], query: str, letter: str
) -> None:
    query = query.format(drama=genres["Drama"])
    page = look(shop, f"/films?{query}{letter}")
    assert page.films == ids_of(shop.get(f"/api/v1/search/movies?{query}&size=24"))
    assert "B" not in page.current
    assert page.h1 != "All films"
    assert parameters(page.links["B"]) == {"startsWith": ["B"]}
    assert "startsWith" not in page.canonical
    assert page.fields.get("startsWith") is None
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    assert page.chosen["genreId"] == asked.get("genreId", "")
    assert (page.fields["yearFrom"], page.fields["yearTo"]) == (asked.get("yearFrom", ""), asked.get("yearTo", ""))


@pytest.mark.parametrize(
    ("query", "heading"),
    [
        ("", "All films"),
        ("genreId={drama}", "Films: Drama"),
        ("genreId={drama}&yearFrom=1990&yearTo=1999", "Films: Drama, 1990 to 1999"),
        ("yearFrom=1990", "Films: from 1990 on"),
        ("yearTo=1990", "Films: up to 1990"),
        ("yearFrom=1990&yearTo=1990", "Films: 1990"),
        ("startsWith=b&yearTo=1990", "Films: up to 1990"),
        ("startsWith=b", "Titles that begin with B"),
        ("startsWith=*", "Titles beyond A to Z"),
        ("genreId=99999", "Films: a genre that no film has"),
    ],
)
def test_the_page_says_which_films_it_shows(
    shop: httpx.Client, genres: dict[str, int], query: str, heading: str
) -> None:
    page = look(shop, f"/films?{query.format(drama=genres['Drama'])}")
    assert page.h1 == heading
    assert page.of("title") == [f"{heading} · filmer"]


def test_the_form_keeps_the_order_and_its_blanks_ask_nothing(shop: httpx.Client, genres: dict[str, int]) -> None:
    drama = genres["Drama"]
    page = look(shop, f"/films?genreId={drama}&yearFrom=&yearTo=&sortBy=rating&order=desc&utm_source=a")
    assert page.films == ids_of(shop.get(f"/api/v1/genres/{drama}/movies?sortBy=rating&order=desc"))
    assert (page.fields["sortBy"], page.fields["order"]) == ("rating", "desc")
    assert parameters(page.canonical) == {"sortBy": ["rating"], "order": ["desc"], "genreId": [str(drama)]}


def test_pages_of_a_filter_keep_it(catalogue: Catalogue) -> None:
    genre = next(iter(catalogue.genres))
    first = look(catalogue.client, f"/films?genreId={genre}&yearFrom=1950&sortBy=rating&order=desc")
    second = look(catalogue.client, first.links["Next"])
    wanted = f"/api/v1/search/movies?genreId={genre}&yearFrom=1950&sortBy=rating&order=desc&size=48"
    assert first.films + second.films == ids_of(catalogue.client.get(wanted))


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("yearFrom=x", "yearFrom", "must be a whole number"),
        ("yearTo=10000", "yearTo", "must be at most 9999"),
        ("genreId=0", "genreId", "must be at least 1"),
        ("yearFrom=2001&yearTo=2000", "yearFrom", "must not be after the year it goes up to"),
    ],
)
@pytest.mark.parametrize("path", ["/films", "/search"])
def test_what_is_wrong_stands_beside_its_field(
    shop: httpx.Client, path: str, query: str, field: str, reason: str
) -> None:
    answer = shop.get(f"{path}?{query}&sortBy=year")
    page = Page(answer, 400)
    assert f'id="{field}-error">This {reason}.<' in answer.text
    assert f'aria-describedby="{field}-error"' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert page.films == []
    for name, values in parse_qs(query).items():
        assert page.fields.get(name, values[0]) == values[0]


def test_a_letter_or_filter_that_nothing_fits_leads_on(shop: httpx.Client) -> None:
    for query in ("startsWith=q", "yearFrom=2024", "genreId=99999"):
        page = look(shop, f"/films?{query}")
        assert page.films == []
        assert "0 films" in page.text
        assert page.links["All films"] == "/films"
