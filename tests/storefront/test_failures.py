"""A page that says what went wrong says to whom: as far as that is known, and never at the price of saying it."""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere
from tests.users import open_account, session_of, visitor

from filmer.errors import ServiceUnavailable
from filmer.shop import queries as orders
from filmer.storefront import pages
from filmer.storefront.pages import Pages

FILM = "tt0111161"


@pytest.fixture(scope="module")
def place(make_database: MakeDatabase, serve_here: ServeHere) -> tuple[str, httpx.Client]:
    url = make_database(films=True)
    return url, serve_here(url).client


@pytest.fixture(autouse=True)
def _a_busy_machine_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "RECOGNISE_SECONDS", 30)


@pytest.fixture
def mary(place: tuple[str, httpx.Client]) -> Iterator[httpx.Client]:
    """Signed in, with two copies in her cart."""
    url, server = place
    with closing(visitor(server)) as client:
        client.cookies.update(session_of(url, open_account(url)))
        assert client.post("/cart/items", data={"movieId": FILM, "quantity": "2"}).status_code == 303
        yield client


def greets(response: httpx.Response) -> bool:
    """Whether its header shows Mary and what is in her cart."""
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers
    header = response.text.partition("</header>")[0]
    is_hers = re.search(r'class="visitor-name" href="/account"[^>]*>Mary<', header) is not None
    assert is_hers == (re.search(r'class="count">2<', header) is not None)
    assert is_hers or '<a href="/account">Account</a>' in header, "where nobody knows, neither does it say so"
    return is_hers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/films/tt9999999", 404),
        ("GET", "/stars/nm9999999", 404),
        ("GET", "/genres/x", 404),
        ("GET", "/orders/1", 404),
        ("GET", "/orders/x", 404),
        ("GET", "/admin", 403),
        ("GET", "/films?sortBy=colour", 400),
        ("GET", "/films?page=0", 400),
        ("DELETE", "/films", 405),
        ("POST", "/favorites", 400),
        ("POST", "/favorites/x/remove", 404),
        ("POST", "/ratings/x/remove", 404),
        ("GET", "/shelves/import/x", 404),
        ("POST", "/shelves/import/1/choose", 404),
    ],
)
def test_a_failure_knows_who_is_signed_in(
    place: tuple[str, httpx.Client], mary: httpx.Client, method: str, path: str, status: int
) -> None:
    for _ in range(2):
        response = mary.request(method, path)
        assert response.status_code == status, response.text
        assert greets(response)
        nobodys = place[1].request(method, path)
        assert nobodys.status_code == 303 or not greets(nobodys)
    head = mary.head(path) if method == "GET" else None
    assert head is None or (head.status_code, head.content) == (response.status_code, b"")


def test_a_session_that_is_over_or_made_up_is_nobodys(place: tuple[str, httpx.Client]) -> None:
    response = place[1].get("/nothing", headers={"cookie": "JSESSIONID=long-gone"})
    assert response.status_code == 404
    assert not greets(response)
    assert "set-cookie" not in response.headers


def fails(error: Exception) -> Any:
    async def raise_it(*_: Any, **__: Any) -> Any:
        raise error

    return raise_it


def test_our_own_mistake_knows_whoever_was_known_before_it(mary: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "select_orders", fails(RuntimeError("a mistake")))
    response = mary.get("/orders")
    assert response.status_code == 500
    assert greets(response)
    assert "a mistake" not in response.text


@pytest.mark.parametrize("error", [RuntimeError("again"), ServiceUnavailable("The database is away")])
def test_whatever_goes_wrong_while_asking_changes_nothing(
    mary: httpx.Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(Pages, "visitor", fails(error))
    response = mary.get("/nothing")
    assert response.status_code == 404
    assert not greets(response)


def test_nobody_waits_long_to_be_recognised(mary: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: Any, **__: Any) -> Any:
        await asyncio.sleep(60)

    monkeypatch.setattr(pages, "RECOGNISE_SECONDS", 0.1)
    monkeypatch.setattr(Pages, "visitor", hang)
    begun = time.monotonic()
    response = mary.get("/nothing")
    assert response.status_code == 404
    assert not greets(response)
    assert time.monotonic() - begun < 30


def test_where_the_database_is_away_it_is_not_asked(mary: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    connections = []

    async def ask(*_: Any, **__: Any) -> None:
        connections.append(1)
        raise ServiceUnavailable("The database is away")

    monkeypatch.setattr(Pages, "visitor", ask)
    monkeypatch.setattr(Pages, "require", ask)
    response = mary.get("/orders")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert not greets(response)
    assert connections == [1], "to show the orders, and not once more"
