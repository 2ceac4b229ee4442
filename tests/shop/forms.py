"""The shop's pages over HTTP: their forms, sent as a browser sends them, and their text."""

from html.parser import HTMLParser
from typing import Any

import httpx
from tests.shop.conftest import SHAWSHANK
from tests.users import CARD


class _Reader(HTMLParser):
    """The text of a page, and the fields of each of its forms by where it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.forms: dict[str, dict[str, str]] = {}
        self._fields: dict[str, str] = {}
        self._choices = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._fields = self.forms[attributes["action"]] = {}
        elif tag == "input" and attributes.get("type") in {"checkbox", "radio"} and "checked" not in attributes:
            pass  # a browser sends what is chosen
        elif tag == "input" and "name" in attributes:
            self._fields[attributes["name"]] = attributes.get("value", "")
        elif tag == "select":
            self._choices = attributes["name"]
        elif tag == "option" and "selected" in attributes:
            self._fields[self._choices] = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._choices and self._fields.get(self._choices) == "":
            self._fields[self._choices] = data

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._choices = ""


def _read(response: httpx.Response) -> _Reader:
    reader = _Reader()
    reader.feed(response.text)
    return reader


def text_of(response: httpx.Response) -> str:
    """What is read on the page, with single blanks."""
    return " ".join(_read(response).text.split())


def form_of(response: httpx.Response, action: str) -> dict[str, str]:
    """A form as it is filled in."""
    return _read(response).forms[action]


def has_form(response: httpx.Response, action: str) -> bool:
    return action in _read(response).forms


def send(client: httpx.Client, path: str, **fields: Any) -> httpx.Response:
    """As our own page's form would be."""
    own = str(client.base_url).rstrip("/")
    return client.post(path, data=fields, headers={"sec-fetch-site": "same-origin", "origin": own})


def look(client: httpx.Client, path: str) -> httpx.Response:
    response = client.get(path)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    assert '<meta name="robots" content="noindex">' in response.text
    return response


def followed(client: httpx.Client, response: httpx.Response, place: str) -> str:
    """What the page says that a form led on to."""
    assert response.status_code == 303, response.text
    assert response.headers["location"] == place
    assert response.headers["cache-control"] == "no-store"
    return text_of(look(client, place))


def put(client: httpx.Client, film: str = SHAWSHANK, quantity: int = 1) -> None:
    assert send(client, "/cart/items", movieId=film, quantity=quantity).status_code == 303


def filled(response: httpx.Response, **instead: str) -> dict[str, str]:
    """The checkout's form with the card of anybody's typed into it, which is not to be kept."""
    form = {name: value for name, value in form_of(response, "/checkout").items() if name != "keep"}
    return {**form, **CARD, **instead}


def order_of(response: httpx.Response) -> str:
    """The address of the order that a checkout led to."""
    assert response.status_code == 303, response.text
    place = response.headers["location"]
    assert place.startswith("/orders/")
    return str(place)
