"""The tab that leads to where one is stays marked: page by page, filtered, and on what lies below or behind it."""

import re
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere
from tests.users import CARD, open_account, put_card, session_of, visitor

FILM = "tt0111161"


@pytest.fixture(scope="module")
def admin(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[httpx.Client]:
    url = make_database(films=True)
    put_card(url)
    with closing(visitor(serve_here(url).client)) as client:
        client.cookies.update(session_of(url, open_account(url, role="admin")))
        for _ in range(2):
            client.post("/cart/items", data={"movieId": FILM})
            client.post("/api/v1/checkout", json=CARD)
        client.post("/cart/items", data={"movieId": FILM})
        yield client


def marked(text: str) -> list[str]:
    """What is marked in the navigations that all pages of a kind share."""
    shared = re.findall(r'<nav [^>]*aria-label="(?:Main|You|Office)">(.*?)</nav>', text, re.DOTALL)
    links = [link for nav in shared for link in re.findall(r"<a ([^>]*)>([^<]+)", nav)]
    return [name.strip() for attributes, name in links if "aria-current" in attributes]


@pytest.mark.parametrize(
    ("tab", "paths"),
    [
        ("Films", ["/films", "/films?page=2", "/films?startsWith=b&sortBy=rating", "/films?genreId=1&yearFrom=1990",
                   "/films?page=99", "/films?yearFrom=x", f"/films/{FILM}", "/films/tt9999999"]),
        ("Genres", ["/genres", "/genres/1", "/genres/1?page=2&sortBy=year"]),
        ("People", ["/stars", "/stars?name=a&page=2", "/stars?sortBy=name", "/stars/nm0000209"]),
        ("Popular", ["/popular", "/popular?page=2"]),
        ("Cart", ["/cart", "/checkout"]),
        ("Favourites", ["/favorites?sort=rating&order=asc", "/ratings", "/shelves/import"]),
        ("Mary", ["/account", "/orders", "/orders?size=1&page=2"]),
    ],
)  # fmt: skip
def test_a_tab_stays_marked(admin: httpx.Client, tab: str, paths: list[str]) -> None:
    for path in paths:
        assert marked(admin.get(path).text) == [tab], path


def test_an_order_lies_below_the_account(admin: httpx.Client) -> None:
    match = re.search(r'href="(/orders/\d+)"', admin.get("/orders").text)
    assert match
    assert marked(admin.get(match[1]).text) == ["Mary"]


@pytest.mark.parametrize(
    ("tab", "path"),
    [
        ("Overview", "/admin"),
        ("Films", "/admin/films?query=batman&page=2"),
        ("Counter", "/admin/counter?query=a"),
        ("Orders", "/admin/orders?page=2"),
        ("Customers", "/admin/customers?page=2"),
    ],
)
def test_the_office_s_tabs_stay_marked(admin: httpx.Client, tab: str, path: str) -> None:
    assert marked(admin.get(path).text) == ["Office", tab]


def test_a_form_that_failed_leaves_the_tab_marked(admin: httpx.Client) -> None:
    response = admin.post(f"/admin/films/{FILM}/price", data={"price": "gratis"})
    assert (response.status_code, marked(response.text)) == (400, ["Office", "Films"])
    for path, tab in (("/cart/items", "Cart"), ("/checkout", "Cart"), ("/account/tokens", "Mary")):
        response = admin.post(path, data={"movieId": "tt9999999"})
        assert response.status_code >= 400
        assert marked(response.text) == [tab]
    with closing(visitor(admin)) as nobody:
        assert marked(nobody.get("/register").text) == ["Sign in"]
