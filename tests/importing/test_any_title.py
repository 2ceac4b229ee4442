"""Promise 40: whatever a title begins with, its film is imported and opens; ids that URLs can't have are refused.

``make trust`` adds characters drawn from all of Unicode (FILMER_TRUST_FIRST_CHARACTERS).
"""

import os
import random
import re
import string
import unicodedata
from html import unescape
from pathlib import Path
from urllib.parse import quote, urljoin
from xml.etree import ElementTree as ET

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.importing.csv_files import write
from tests.importing.datasets import ImdbFiles, import_imdb

from filmer.catalogue.folding import fold

pytestmark = [pytest.mark.proof, pytest.mark.parallel]
DRAWN = int(os.environ.get("FILMER_TRUST_FIRST_CHARACTERS", "0"))
EMOJI = "😀🎬🍿❤🇫👍🧑🏳🫠⭐★☃©™"
# Text that also occurs in the code or means something to it: lists, columns, paths, empty values.
WORDS = (
    "*", "all", "stars", "letter:*", "letter:a", "genre:1", "genre:0", "0", "null", "NULL", "None", "undefined",
    "\\N", "\\.", "{}", "{NULL}", "items", "popular", "search", "favicon.ico", "robots.txt", "sitemap.xml", "..x",
    "...", "x.", "-", "--all", "$&", "%s", "%(id)s", "{{ 7 }}", "<b>", "&amp;", "'", '"', "[/b]", ":heart:",
    "__proto__",
)  # fmt: skip


def first_characters() -> list[str]:
    """Every mark, digit and letter of ASCII, emoji, the first letter of each script, the first of each kind of sign."""
    signs: dict[tuple[str, int], str] = {}
    scripts: dict[str, str] = {}
    for code in range(0xA0, 0x1FB00):
        letter = chr(code)
        category = unicodedata.category(letter)
        if category[0] == "L":
            scripts.setdefault(unicodedata.name(letter, "?").split()[0], letter)
        elif category[0] in "NPS":
            signs.setdefault((category, code // 0x1000), letter)
    characters = [
        *string.ascii_letters,
        *string.digits,
        *string.punctuation,
        *EMOJI,
        *scripts.values(),
        *signs.values(),
    ]
    if DRAWN:
        printable = [chr(code) for code in range(0xA0, 0x110000) if chr(code).isprintable() and not chr(code).isspace()]
        characters += random.Random(DRAWN).sample(printable, DRAWN)
    return list(dict.fromkeys(characters))


FIRST = first_characters()


def title_of(first: str) -> str:
    return f"{first}batteries not included"


def may_be_an_id(word: str) -> bool:
    return len(word) <= 10 and not set("\\/?# ") & set(word)


@pytest.fixture(scope="module")
def shop(make_database: MakeDatabase, serve_here: ServeHere, tmp_path_factory: pytest.TempPathFactory) -> httpx.Client:
    """A shop with all titles as IMDb's films and as an owner's films, and a film for each of WORDS."""
    folder = tmp_path_factory.mktemp("titles")
    url = make_database()
    data = ImdbFiles()
    for number, first in enumerate(FIRST, start=1):
        data.film(number, title_of(first))
    assert not import_imdb(url, data.write(folder)).bad
    # Of a year of its own, as far as there are years: "A" and "a" of one year would be one film.
    rows = [{"title": title_of(first), "year": str(1000 + at % 8999)} for at, first in enumerate(FIRST)]
    rows += [
        {
            "id": word if may_be_an_id(word) else "",
            "title": word,
            "year": "9999",
            "genres": word,
            "directors": word,
            "stars": "Ann" if "[" in word else f"{word} [{word}]" if may_be_an_id(word) else word,
        }
        for word in WORDS
    ]
    report = import_films(url, write(folder / "films.csv", *rows), keep_others=True)
    assert not report.bad
    return serve_here(url).client


def films_starting_with(shop: httpx.Client, first: str, **more: str | int) -> list[dict[str, object]]:
    """All films that ``startsWith`` lists."""
    items: list[dict[str, object]] = []
    while True:
        page = len(items) // 100 + 1
        response = shop.get("/api/v1/movies", params={"startsWith": first, "size": 100, "page": page, **more})
        assert response.status_code == 200, (first, response.text)
        items += response.json()["data"]["items"]
        if len(items) >= response.json()["data"]["totalItems"]:
            return items


def test_every_film_is_under_its_first_character(shop: httpx.Client) -> None:
    letters = [first for first in FIRST if len(unicodedata.normalize("NFC", first)) == 1]
    accents = [first for first in letters if not fold(first)]  # they are ignored, so the next character counts
    under_b = {str(film["title"]) for film in films_starting_with(shop, "b")} if accents else set()
    missing = []
    for first in letters:
        named = under_b if first in accents else {str(film["title"]) for film in films_starting_with(shop, first)}
        if title_of(first) not in named:
            missing.append(first)
    assert missing == []
    assert len(letters) > 300


@pytest.mark.parametrize("sort", ["title", "year", "rating"])
def test_an_asterisk_stands_for_all_that_do_not_begin_with_a_to_z(shop: httpx.Client, sort: str) -> None:
    film_ids = [film["id"] for film in films_starting_with(shop, "*", sortBy=sort, order="desc")]
    letters = [film["id"] for letter in string.ascii_uppercase for film in films_starting_with(shop, letter)]
    total = shop.get("/api/v1/movies?size=1").json()["data"]["totalItems"]
    assert total == 2 * len(FIRST) + len(WORDS)
    assert len({*film_ids, *letters}) == len(film_ids) + len(letters) == total
    titles = {film["title"] for film in films_starting_with(shop, "*")}
    assert {"*batteries not included", "*", "$&", "\\N"} <= titles
    assert "Abatteries not included" not in titles


def test_every_film_opens(shop: httpx.Client) -> None:
    """Follows the links of the lists as a browser does: the poster of each IMDb film, the page of all others."""
    links = links_of(shop)
    assert len(links) == 2 * len(FIRST) + len(WORDS)
    for address, title in links.items():
        if "/films/tt" in address:
            poster = shop.get(address.replace("/films/", "/posters/"))
            assert ET.fromstring(poster.text).tag.endswith("svg"), title
        else:
            page = shop.get(address)
            assert (page.status_code, title in unescape(page.text)) == (200, True), (address, title)


def links_of(shop: httpx.Client) -> dict[str, str]:
    """The films on the pages, by address."""
    links: dict[str, str] = {}
    for page in range(1, 10_000):
        text = shop.get("/films", params={"page": page} if page > 1 else {}).text
        cards = re.findall(r'<a href="(/films/[^"]+)">.*?class="film-title">(.*?)</', text, re.DOTALL)
        if not cards:
            return links
        links |= {urljoin(str(shop.base_url), unescape(link)): unescape(title) for link, title in cards}
    raise AssertionError


def test_words_that_mean_something_are_words_like_others(shop: httpx.Client) -> None:
    genres = {genre["name"]: genre["id"] for genre in shop.get("/api/v1/genres").json()["data"]["items"]}
    assert genres.keys() == {*WORDS}
    for word in WORDS:
        listed = shop.get(f"/api/v1/genres/{genres[word]}/movies").json()["data"]
        assert [film["title"] for film in listed["items"]] == [word]
        film = shop.get(f"/api/v1/movies/{quote(listed['items'][0]['id'], safe='')}").json()["data"]
        (star,) = film["stars"]
        star_data = shop.get(f"/api/v1/stars/{quote(star['id'], safe='')}").json()["data"]
        assert [movie["title"] for movie in star_data["movies"]] == [word], word
        assert (film["director"], [genre["name"] for genre in film["genres"]]) == (word, [word])


# --- ids ------------------------------------------------------------------------------------------

FINE = [
    *(f"a{mark}b" for mark in string.ascii_letters + string.digits + "!$&'()*+,-.:;<=>@[]^_`{|}~\"%"),
    "..a", "...", "a..", ".a", "~", "%", "50%", "%2", "%zz", "-", "é", "e\u0301", "千尋", "😀", "tt1", ":",
]  # fmt: skip
UNSEEN = [*range(1, 9), *range(14, 28), 0x7F, 0x80, 0xAD, 0x200B, 0x202E, 0x2066, 0xFEFF, 0xFFFF]
BAD = [
    *(f"a{chr(code)}b" for code in UNSEEN),
    *(f"a{mark}b" for mark in "/\\?# \u00a0\u2028\u3000"),
    *(".", "..", "%2e", "%2E%2e", "a%2Fb", "a%00", "%5c"),
]


def test_an_id_opens_its_film_or_is_refused(make_database: MakeDatabase, serve_here: ServeHere, tmp_path: Path) -> None:
    url = make_database()
    ids = list(dict.fromkeys(FINE + BAD))
    stars = ["Ann" if {*"[]|"} & {*film_id} else f"Ann [{film_id}]" for film_id in ids]
    rows = [{"id": film_id, "title": f"Film {at}", "stars": stars[at]} for at, film_id in enumerate(ids)]
    report = import_films(url, write(tmp_path / "films.csv", *rows))
    shop = serve_here(url).client
    links = links_of(shop)
    for at, film_id in enumerate(ids):
        assert (f"Film {at}" in links.values()) == (film_id in FINE), film_id
    for address, title in links.items():
        assert title in shop.get(address).text, address
        assert shop.get(address.replace("/films/", "/posters/")).status_code == 200, address
    refused_lines = {bad.line for bad in report.bad_rows}
    assert refused_lines == {at + 2 for at, film_id in enumerate(ids) if film_id in BAD}
    assert all("an id" in bad.kind for bad in report.bad_rows)
