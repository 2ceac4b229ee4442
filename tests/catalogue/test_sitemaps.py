"""robots.txt and the sitemaps: every public page is listed once, under this server's own address."""

import re
from xml.etree import ElementTree as ET

import httpx
import pytest
from tests.catalogue.conftest import Catalogue
from tests.conftest import MakeDatabase, ServeHere
from tests.responses import data_of, ids_of

PUBLIC_URL = "https://films.example"
NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def addresses(answer: httpx.Response, root: str) -> list[str]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/xml"
    document = ET.fromstring(answer.content)
    assert document.tag == NAMESPACE + root
    return [location.text or "" for location in document.iter(f"{NAMESPACE}loc")]


def sitemap_paths(client: httpx.Client, origin: str) -> list[str]:
    """The paths of all sitemaps."""
    paths = []
    for sitemap in addresses(client.get("/sitemap.xml"), "sitemapindex"):
        assert sitemap.startswith(f"{origin}/sitemaps/")
        within = addresses(client.get(sitemap.removeprefix(origin)), "urlset")
        assert 0 < len(within) <= 20_000
        assert all(address.startswith(origin) for address in within)
        paths += [address.removeprefix(origin) for address in within]
    return paths


def test_every_film_star_and_genre_is_told_once(shop: httpx.Client) -> None:
    paths = sitemap_paths(shop, str(shop.base_url).rstrip("/"))
    films = ids_of(shop.get("/api/v1/movies?size=100"))
    stars = ids_of(shop.get("/api/v1/stars?size=100"))
    directors = {
        link for film in films for link in re.findall(r'href="(/stars/p[^"]+)"', shop.get(f"/films/{film}").text)
    }
    assert len(directors) == 17
    genres = [genre["id"] for genre in data_of(shop.get("/api/v1/genres"))["items"]]
    assert sorted(paths) == sorted(
        ["/", "/films", "/genres", "/stars", "/popular"]
        + [f"/films/{film}" for film in films]
        + [f"/stars/{star}" for star in stars]
        + list(directors)
        + [f"/genres/{genre}" for genre in genres]
    )


def test_many_are_told_in_several(catalogue: Catalogue) -> None:
    paths = sitemap_paths(catalogue.client, str(catalogue.client.base_url).rstrip("/"))
    assert len([path for path in paths if path.startswith("/films/")]) == 6500
    assert len(paths) == len(set(paths))


def test_an_empty_catalogue_has_its_fixed_pages(make_database: MakeDatabase, serve_here: ServeHere) -> None:
    client = serve_here(make_database()).client
    assert sitemap_paths(client, str(client.base_url).rstrip("/")) == ["/", "/films", "/genres", "/stars", "/popular"]
    assert client.get("/sitemaps/2.xml").status_code == 404


@pytest.mark.parametrize("name", ["0.xml", "4.xml", "999999.xml", "1", "1.XML", "01.xml", "x.xml", "-1.xml", "9" * 30])
def test_no_such_sitemap(shop: httpx.Client, name: str) -> None:
    assert shop.get(f"/sitemaps/{name}").status_code == 404


def test_the_public_url_is_the_origin_whatever_host_was_asked(
    make_database: MakeDatabase, serve_here: ServeHere
) -> None:
    client = serve_here(make_database(), FILMER_PUBLIC_URL=PUBLIC_URL).client
    for path in ("/sitemap.xml", "/sitemaps/1.xml", "/robots.txt"):
        answer = client.get(path, headers={"host": "elsewhere.example"})
        assert PUBLIC_URL in answer.text
        assert "elsewhere" not in answer.text
        assert answer.headers["cache-control"] == "public, no-cache"
    index = client.get("/sitemap.xml")
    assert client.get("/sitemap.xml", headers={"if-none-match": index.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("host", ["films.example", "films.example:8080", "127.0.0.1", "[::1]:8080"])
def test_without_it_the_host_asked_for_is_and_nobody_keeps_that(shop: httpx.Client, host: str) -> None:
    answer = shop.get("/sitemap.xml", headers={"host": host})
    assert addresses(answer, "sitemapindex")[0] == f"http://{host}/sitemaps/1.xml"
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    assert shop.get("/robots.txt", headers={"host": host}).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["a<b", "films.example/path", 'a"b', "user@films.example", "a&b", "films.example:x"])
def test_a_host_that_is_none_is_not_repeated(shop: httpx.Client, host: str) -> None:
    for path in ("/sitemap.xml", "/sitemaps/1.xml"):
        answer = shop.get(path, headers={"host": host})
        assert answer.status_code == 400
        assert host not in answer.text
    robots = shop.get("/robots.txt", headers={"host": host})
    assert "Sitemap" not in robots.text


def test_robots_may_look_at_all_that_is_public(shop: httpx.Client) -> None:
    answer = shop.get("/robots.txt", headers={"host": "films.example"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert lines[0] == "User-agent: *"
    assert lines[-1] == "Sitemap: http://films.example/sitemap.xml"
    hidden = re.findall(r"^Disallow: (.+)$", answer.text, re.MULTILINE)
    assert set(hidden) == {
        "/cart", "/checkout", "/account", "/orders", "/favorites", "/watchlist", "/seen", "/ratings", "/admin",
        "/shelves", "/sign-in", "/register", "/search",
    }  # fmt: skip
