"""A server with films that are hard to display, and a parser of its pages."""

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from tests.community.conftest import FIGHT_CLUB, tmdb_settings
from tests.conftest import FILMS, MakeDatabase, ServeHere, import_films
from tests.sandbox import Sandbox
from tests.search_index import wait_for_index

HOSTILE = "</script><script>alert(1)</script><!-- & \"quoted\" 'too' {{ 7 * 7 }}"
PROLIFIC = 1000  # films
BATMAN_BEGINS, DARK_KNIGHT, AMELIE = "tt0372784", "tt0468569", "tt0211915"
MORE_FILMS: list[dict[str, str]] = [
    {"id": "bare", "title": "Bare"},
    {
        "id": "hostile", "title": HOSTILE, "original_title": f"{HOSTILE}!", "year": "2001", "directors": HOSTILE,
        "genres": HOSTILE, "stars": f"{HOSTILE} [x'<&\">]", "overview": HOSTILE, "tmdb_id": "999001",
    },
    {"id": "wordy", "title": "Wordy", "overview": "long " * 400},
    {"id": "odd%<1", "title": "Odd"},
    {"id": "linked", "title": "Linked"},
    {"id": "renamed", "title": "Before"},
    {"id": "fight", "title": "Fight Club", "tmdb_id": str(FIGHT_CLUB)},
    {"id": "ann1", "title": "One of hers", "directors": "Ann O'Hara", "votes": "1"},
    {"id": "ann2", "title": "Two of hers", "directors": "Bo Low | ANN O'HARA", "votes": "9"},
    {"id": "ann3", "title": "Not hers", "directors": "Joann O'Hara"},
    {"id": "ann4", "title": "Nor this", "directors": "Ann O'Hara Smith"},
    {"id": "cyr1", "title": "Первый", "directors": "Лев Кулиджанов"},
    {"id": "cyr2", "title": "Второй", "directors": "лев кулиджанов"},
    {"id": "ang1", "title": "Short 1", "directors": "李安"},
    {"id": "ang2", "title": "Short 2", "directors": "Someone | 李安"},
    {"id": "lo1", "title": "Short 3", "directors": "Q"},
    {"id": "lo2", "title": "Short 4", "directors": "Q"},
    {"id": "six", "title": "Six", "stars": "A One | B Two | C Three | D Four | E Five | Zed Sixth [sixth]"},
    {"id": "sixth", "title": "The sixth's other", "stars": "Zed Sixth [sixth]"},
    {"id": "fifth", "title": "The fifth's other", "stars": "E Five"},
    {"id": "alone", "title": "Alone with her", "stars": "Lone Star [lone]"},
    *(
        {
            "id": f"p{number}", "title": f"Prolific {number}", "year": str(1950 + number % 60), "rating": "5",
            "votes": str(number), "genres": "Short", "directors": f"Director {number}",
            "stars": f"Ever Busy (1930) [busy] | Side Kick {number % 7} [side{number % 7}]",
        }
        for number in range(PROLIFIC)
    ),
]  # fmt: skip


class FilmSite(NamedTuple):
    client: httpx.Client
    database_url: str


class Page(HTMLParser):
    """What a page has in it, as a browser reads it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._within: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._within.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._within:
            while self._within.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._within and self._within[-1] == "script":
            self.scripts[-1] += data
        else:
            self.text += data

    @property
    def plain(self) -> str:
        return " ".join(self.text.split())

    @property
    def described(self) -> Any:
        """Its schema.org data."""
        return json.loads(next(script for script in self.scripts if script))

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [
            has for name, has in self.tags if name == tag and all(has.get(one) == attributes[one] for one in attributes)
        ]

    def meta(self, name: str) -> str | None:
        return next(
            (has["content"] for has in self.all("meta") if name in (has.get("name"), has.get("property"))), None
        )

    def links(self, prefix: str) -> list[str]:
        """Where links lead that start like this, each once, in order."""
        found = [has["href"] or "" for has in self.all("a") if (has.get("href") or "").startswith(prefix)]
        return list(dict.fromkeys(found))

    def checked(self) -> list[str | None]:
        return [has["value"] for has in self.all("input", type="radio") if "checked" in has]


def write_films(path: Path) -> None:
    with FILMS.open(encoding="utf-8", newline="") as file:
        known = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(known[0]), restval="")
        writer.writeheader()
        writer.writerows([*known, *MORE_FILMS])


@pytest.fixture(scope="module")
def film_site(
    tmp_path_factory: pytest.TempPathFactory,
    make_database: MakeDatabase,
    serve_here: ServeHere,
    shared_sandbox: Sandbox,
) -> FilmSite:
    """Shared by all tests here: they only read, and use accounts and films of their own."""
    path = tmp_path_factory.mktemp("films") / "films.csv"
    write_films(path)
    url = make_database()
    assert not import_films(url, path).bad
    return FilmSite(wait_for_index(serve_here(url, **tmdb_settings(shared_sandbox)).client), url)


def page(client: httpx.Client, address: str) -> Page:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


def section(html: str, heading: str) -> Page:
    """The section whose heading has this id."""
    found = re.search(rf'<section[^>]* aria-labelledby="{heading}">(.*?)</section>', html, re.DOTALL)
    assert found, f"no section {heading}"
    return Page(found[1])
