"""A parser of the catalogue's list pages."""

from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import httpx

SIZE = 24
HOSTILE = "<script>alert(1)</script>\"'&"


class Page(HTMLParser):
    """What stands in a page."""

    def __init__(self, answer: httpx.Response, status: int = 200) -> None:
        super().__init__()
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        self.films: list[str] = []  # ids of the films in grids
        self.links: dict[str, str] = {}  # addresses by their text
        self.addresses: list[str] = []  # all of them
        self.current: list[str] = []  # texts of links that say "here we are"
        self.fields: dict[str, str] = {}
        self.chosen: dict[str, str] = {}  # by select
        self.meta: dict[str, str] = {}
        self.canonical = ""
        self.scripts = 0
        self.is_open = False  # the details of the form
        self._texts: list[tuple[str, list[str]]] = [("", [])]
        self._by_tag: dict[str, list[str]] = {}
        self._link: dict[str, str] = {}
        self._select = ""
        self.feed(answer.text)
        self.text = " ".join(" ".join(self._texts[0][1]).split())

    def of(self, tag: str) -> list[str]:
        """The texts of all elements of this tag."""
        return self._by_tag.get(tag, [])

    @property
    def h1(self) -> str:
        (found,) = self.of("h1")
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._link = attributes
            self.addresses.append(attributes["href"])
        elif tag == "img" and attributes.get("class") == "poster":
            self.films.append(self._link["href"].removeprefix("/films/"))
        elif tag == "input":
            self.fields[attributes["name"]] = attributes.get("value", "")
        elif tag == "select":
            self._select = attributes["name"]
        elif tag == "option" and ("selected" in attributes or self._select not in self.chosen):
            self.chosen[self._select] = attributes["value"]
        elif tag == "meta" and "name" in attributes:
            self.meta[attributes["name"]] = attributes["content"]
        elif tag == "link" and attributes.get("rel") == "canonical":
            self.canonical = attributes["href"]
        elif tag == "script":
            self.scripts += 1
        elif tag == "details" and "class" not in attributes:
            self.is_open = "open" in attributes
        if tag in {"a", "h1", "h2", "title", "tr", "li", "p", "option"}:
            self._texts.append((tag, []))

    def handle_endtag(self, tag: str) -> None:
        if self._texts[-1][0] != tag:
            return
        text = " ".join("".join(self._texts.pop()[1]).split())
        self._texts[-1][1].append(f" {text} ")
        self._by_tag.setdefault(tag, []).append(text)
        if tag == "a":
            self.links.setdefault(text, self._link["href"])
            if "aria-current" in self._link:
                self.current.append(text)

    def handle_data(self, data: str) -> None:
        self._texts[-1][1].append(data)


def look(client: httpx.Client, address: str, status: int = 200) -> Page:
    return Page(client.get(address), status)


def parameters(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address).query)
