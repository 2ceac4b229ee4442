"""The facets of the search page: each number is what its link leads to."""

import random
import re

import httpx
import pytest
from tests.catalogue.conftest import Catalogue
from tests.catalogue.list_pages import Page, look

from filmer.catalogue import facets

LINKS = 12  # of each page that are followed
TAKEN = "Take away: "  # the link of a chosen value
NUMBER = re.compile(r" (about )?[\d,]+ films?$")


def counted(page: Page) -> dict[str, tuple[int, str]]:
    """The choices of the facets that have a number, with their addresses."""
    found = {}
    for text, address in page.links.items():
        match = re.fullmatch(r"(?:Take away: )?(.+?) (?:about )?([\d,]+) films?", text)
        if match and address.startswith("/search?"):
            found[match[1]] = int(match[2].replace(",", "")), address
    return found


def total(page: Page) -> int:
    match = re.search(r"([\d,]+) films?\b", page.of("p")[0])
    assert match
    return int(match[1].replace(",", ""))


@pytest.mark.parametrize(
    "query",
    [
        "query=the", "query=batman&sort=known", "title=a&yearFrom=1990&yearTo=1999", "query=love&minRating=7",
        "query=night&genreId=1&yearFrom=1980&yearTo=1989&minRating=5", "star=nolan&yearFrom=1983", "minVotes=1000",
    ],
)  # fmt: skip
def test_each_number_is_what_its_link_leads_to(catalogue: Catalogue, query: str) -> None:
    page = look(catalogue.client, f"/search?{query}")
    chance = random.Random(query)
    choices = counted(page)
    assert choices
    followed = [name for name in choices if name not in current(page)]
    for name in chance.sample(followed, min(LINKS, len(followed))):
        films, address = choices[name]
        there = look(catalogue.client, address)
        assert (total(there), films > 0) == (films, True), (name, address)
        assert name in current(there)
        assert counted(there)[name][0] == films


def current(page: Page) -> list[str]:
    return [NUMBER.sub("", text.removeprefix(TAKEN)) for text in page.current if text.startswith(TAKEN)]


def test_a_chosen_value_is_taken_away_by_its_link(shop: httpx.Client) -> None:
    page = look(shop, "/search?query=batman&yearFrom=2000&yearTo=2009&minRating=8&minRuntime=120&maxRuntime=149")
    assert set(current(page)) >= {"2000s", "8 or better", "120 to 149 minutes"}
    links = {NUMBER.sub("", text.removeprefix(TAKEN)): address for text, address in page.links.items() if TAKEN in text}
    without = look(shop, links["2000s"])
    assert "2000s" not in current(without)
    assert "8 or better" in current(without)
    assert look(shop, links["8 or better"]).links["Take away: 2000s 1 film"]


def test_filters_that_are_no_value_of_a_facet_can_be_taken_away(shop: httpx.Client) -> None:
    page = look(shop, "/search?query=a&yearFrom=1985&yearTo=2006&minRating=6.5&maxRuntime=500&genreId=999999")
    assert {"1985 to 2006", "6.5 or better", "up to 500 minutes", "Another genre"} <= set(current(page))
    exact = look(shop, "/search?query=batman&year=2005")
    assert "2005" in current(exact)
    assert "year" not in exact.links["Take away: 2005"]


def test_bad_numbers_stand_beside_their_fields(shop: httpx.Client) -> None:
    for field in ("minRating", "minVotes", "minRuntime", "maxRuntime"):
        answer = shop.get(f"/search?query=a&{field}=x")
        assert Page(answer, 400).films == []
        assert f'id="{field}-error"' in answer.text


def test_the_orders_are_links(shop: httpx.Client) -> None:
    page = look(shop, "/search?query=batman")
    for name, sort in (
        ("Best rated", "rating desc"), ("Best known", "known"), ("Newest", "year desc"), ("A to Z", "title asc"),
    ):  # fmt: skip
        there = look(shop, page.links[name])
        assert name in there.current
        assert there.chosen["sort"] == sort
    assert "Best match" in page.current
    assert "Best match" not in look(shop, "/search?title=batman").links


def test_the_best_known_come_first(catalogue: Catalogue) -> None:
    """contract §3.6"""
    votes = {film.id: film.votes for film in catalogue.oracle.films}
    page = look(catalogue.client, "/search?query=batman&sortBy=known&order=desc")
    shown = [votes[film] for film in page.films]
    known = [number for number in shown if number is not None]
    assert known == sorted(known, reverse=True)
    assert shown[: len(known)] == known


def test_nothing_to_narrow_for_one_film(shop: httpx.Client) -> None:
    assert "Narrow the results" not in shop.get("/search?query=shawshank").text
    assert "Narrow the results" not in shop.get("/search").text


def test_of_very_many_films_a_sample_is_counted(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = counted(look(catalogue.client, "/search?yearFrom=1950"))
    monkeypatch.setattr(facets, "MAX_COUNTED", 1000)
    monkeypatch.setattr(facets, "SAMPLED", 3000)
    page = look(catalogue.client, "/search?yearFrom=1950")
    assert "the numbers are estimated from a sample" in page.text
    estimates = counted(page)
    assert estimates["Drama"] != exact["Drama"]
    for name in ("Drama", "1990s", "8 or better"):
        assert 0.6 < estimates[name][0] / exact[name][0] < 1.5
        assert any(text.startswith(f"{name} about ") for text in page.links)
