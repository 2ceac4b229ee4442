"""Addresses that forms and lists name: ours, and nobody else's."""

import pytest

from filmer.storefront.pager import Pager
from filmer.storefront.pages import local_address


@pytest.mark.parametrize("place", ["/", "/films/tt0111161", "/films?startsWith=B&page=2", "/search?query=a+b%20c"])
def test_a_page_of_ours_is_gone_on_to(place: str) -> None:
    assert local_address(place) == place


@pytest.mark.parametrize(
    "place",
    [
        "",
        "films",
        "//evil.example",
        "/\\evil.example",
        "/films\\..\\x",
        "https://evil.example/",
        "javascript:alert(1)",
        "/api/v1/auth/logout",
        "/a\r\nset-cookie: x=1",
        "/a\tb",
        "/" + "a" * 2000,
    ],
)
def test_anything_else_is_not(place: str) -> None:
    assert local_address(place, "/account") == "/account"


def test_what_is_no_ascii_is_encoded() -> None:
    assert local_address("/stars/é") == "/stars/%C3%A9"


def pager(query: bytes, page: int, last: int) -> Pager:
    return Pager("/films", query, page, last)


def test_everything_else_in_the_address_stays() -> None:
    assert pager(b"startsWith=%2A&sortBy=year&page=7", 7, 9).address(8) == "/films?startsWith=%2A&sortBy=year&page=8"
    assert pager(b"page=7", 7, 9).address(1) == "/films"
    assert pager(b"", 1, 9).address(2) == "/films?page=2"
    assert pager(b"x=%FF&%00=1&sortBy=year", 1, 9).address(2) == "/films?sortBy=year&page=2"
    assert pager(b"query=a%26b%3D%C3%A9+c", 1, 9).address(2) == "/films?query=a%26b%3D%C3%A9+c&page=2"


@pytest.mark.parametrize(
    ("page", "last", "shown"),
    [
        (1, 1, [1]),
        (1, 3, [1, 2, 3]),
        (1, 9, [1, 2, None, 9]),
        (3, 9, [1, 2, 3, 4, None, 9]),
        (4, 9, [1, 2, 3, 4, 5, None, 9]),
        (5, 9, [1, None, 4, 5, 6, None, 9]),
        (9, 9, [1, None, 8, 9]),
        (40, 9, [1, None, 9]),
    ],
)
def test_which_pages_are_shown(page: int, last: int, shown: list[int | None]) -> None:
    assert pager(b"", page, last).shown == shown
