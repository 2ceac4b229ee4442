"""``/posters/{film_id}``: a picture for every film, TMDB's own where there is one to be had."""

import asyncio
import struct
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import psycopg
import pytest
from tests.conftest import MakeDatabase
from tests.in_process import in_process
from tests.sandbox import Sandbox, sandbox, shared_sandbox
from tests.tmdb.clients import MATRIX, SHAWSHANK, own_language

from filmer.posters import drawing
from filmer.posters.drawing import PosterFilm, draw_preview
from filmer.store.embedded import Engines
from filmer.tmdb import images
from filmer.tmdb.sandbox.child import KEY as SANDBOX_KEY
from filmer.tmdb.sandbox.images import picture

__all__ = ["sandbox", "shared_sandbox"]

FILM = "/posters/tt0111161"
POLICY = "default-src 'none'; frame-ancestors 'none'"
PUBLIC = "public, max-age=60"
TITLE = "{http://www.w3.org/2000/svg}title"


def is_drawn(response: httpx.Response) -> bool:
    assert response.status_code == 200, response.text
    assert response.headers["content-security-policy"] == POLICY
    assert response.headers["x-content-type-options"] == "nosniff"
    return bool(response.headers["content-type"] == "image/svg+xml")


# --- drawn --------------------------------------------------------------------------------------------


def test_a_film_has_a_drawn_poster(shop: httpx.Client) -> None:
    response = shop.get(FILM)
    assert is_drawn(response)
    assert response.headers["cache-control"] == PUBLIC
    assert ET.fromstring(response.content).findtext(TITLE) == "The Shawshank Redemption (1994)"
    assert b"Frank Darabont" in response.content


def test_it_is_asked_about_rather_than_sent_again(shop: httpx.Client) -> None:
    etag = shop.get(FILM).headers["etag"]
    again = shop.get(FILM, headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    head = shop.head(FILM)
    assert (head.status_code, head.content, head.headers["content-type"]) == (200, b"", "image/svg+xml")


def test_it_is_the_same_for_everybody(shop: httpx.Client) -> None:
    with_cookie = shop.get(FILM, headers={"cookie": "JSESSIONID=nobody"})
    assert with_cookie.content == shop.get(FILM).content
    assert with_cookie.headers["cache-control"] == PUBLIC


@pytest.mark.parametrize("number", range(1, 17))
def test_whatever_little_is_known_of_a_film_it_has_a_poster(shop: httpx.Client, number: int) -> None:
    response = shop.get(f"/posters/tt{number:07}")
    assert is_drawn(response)
    ET.fromstring(response.content)


@pytest.mark.parametrize("film_id", ["tt9999999", "tt01111610000", "a%00b", "%ff", "tt0111161.svg", "%E2%82%AC"])
def test_an_unknown_film_has_none(shop: httpx.Client, film_id: str) -> None:
    response = shop.get(f"/posters/{film_id}")
    assert response.status_code == 404
    assert not response.headers["content-type"].startswith("image/")


# --- as a PNG, for previews of links -------------------------------------------------------------------


def is_preview(response: httpx.Response) -> bool:
    assert response.status_code == 200, response.text
    return response.headers["content-type"] == "image/png" and response.content[16:24] == struct.pack(">II", 600, 900)


def test_programs_that_read_no_svg_get_a_png(shop: httpx.Client) -> None:
    response = shop.get(f"{FILM}/preview")
    assert is_preview(response)
    assert response.headers["cache-control"] == PUBLIC
    again = shop.get(f"{FILM}/preview", headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert all(is_preview(shop.get(f"/posters/tt{number:07}/preview")) for number in range(1, 17))
    for film_id in ("tt9999999", "tt01111610000", "a%00b", "%ff"):
        assert shop.get(f"/posters/{film_id}/preview").status_code == 404


@pytest.mark.parametrize("title", ["Amélie", "Őszi almanach"])
def test_its_title_can_be_read_whatever_fonts_the_server_has(title: str) -> None:
    """Text in a font that is not there would be left out, and both pictures be the same."""
    bare = PosterFilm("f1", title[:1], 2001, None, ["Drama"])
    full = PosterFilm("f1", f"{title[:1]} {title[1:]}", 2001, None, ["Drama"])
    assert draw_preview(full) != draw_preview(bare)


@pytest.mark.parametrize(
    ("title", "needs_more"),
    [
        ("Amélie", False),
        ("“Őszi” \u2013 almanach…", False),
        ("Ɓ", True),
        ("Ǝ", True),
        ("a\u2010b", True),
        ("Дом", True),
    ],
)
def test_letters_that_the_font_of_headings_lacks_are_system_fonts_used_for_elsewhere(
    title: str, *, needs_more: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    system_fonts_used: list[bool] = []

    def png(_: str, *, width: int, has_system_fonts: bool) -> bytes:  # noqa: ARG001 - as it is called
        system_fonts_used.append(has_system_fonts)
        return b""

    monkeypatch.setattr(drawing, "png", png)
    draw_preview(PosterFilm("f1", title, 2001, None, ["Drama"]))
    assert system_fonts_used == [needs_more]


# --- TMDB's -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database(make_database: MakeDatabase) -> str:
    """In it ``filmer link tmdb`` has found ids for two of the films without one."""
    url = make_database(films=True)
    with psycopg.connect(url) as conn:
        conn.execute("INSERT INTO tmdb_link VALUES ('tt0000012', 603, now()), ('tt0000013', 630, now())")
    return url


class Visits:
    """Visits to one process with the sandbox as its TMDB; nothing is shared with other tests."""

    def __init__(self, database: str, sandbox: Sandbox, engines: Engines) -> None:
        self.sandbox = sandbox
        self._database = database
        self._mark = uuid.uuid4().hex  # keeps apart what Valkey has cached for other tests
        self._settings: dict[str, Any] = {
            "redis_url": engines.redis_url,
            "tmdb_base_url": sandbox.url,
            "tmdb_image_base_url": f"{sandbox.address}/t/p",
            "tmdb_access_token": "token",
            "tmdb_language": own_language(),
            "cache_duration_seconds": 0,
        }

    @asynccontextmanager
    async def visitor(self, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        settings = self._settings | settings
        async with in_process(self._database, **settings) as running, running.visitor() as client:
            client.params = httpx.QueryParams(visit=self._mark)
            yield client

    def __call__(self, *paths: str, **settings: Any) -> list[httpx.Response]:
        async def visit() -> list[httpx.Response]:
            async with self.visitor(**settings) as client:
                return [await client.get(path) for path in paths]

        return asyncio.run(visit())

    def pictures(self, tmdb_id: int) -> int:
        """How often the image was requested from TMDB."""
        return self.sandbox.calls(f"/t/p/w342/poster-{tmdb_id}.png")


@pytest.fixture
def visits(database: str, sandbox: Sandbox, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> Visits:
    monkeypatch.setattr(images, "WAIT_SECONDS", 30.0)  # a busy machine is another matter
    return Visits(database, sandbox, engines)


def test_a_film_that_tmdb_has_a_poster_of_shows_it(visits: Visits) -> None:
    first, second = visits(FILM, FILM, cache_duration_seconds=30)
    for response in (first, second):
        assert not is_drawn(response)
        assert response.headers["content-type"] == "image/png"
        assert response.headers["cache-control"] == PUBLIC
        assert response.content == picture(SHAWSHANK)
    assert first.headers["etag"] == second.headers["etag"]
    assert visits.pictures(SHAWSHANK) == 1


def test_an_id_that_was_found_later_serves_as_well(visits: Visits) -> None:
    for response in visits("/posters/tt0000012", "/posters/tt0000012/preview"):
        assert response.content == picture(MATRIX)


def test_a_film_without_an_id_or_without_a_poster_has_a_drawn_one(visits: Visits) -> None:
    for response in visits("/posters/tt0000014", "/posters/tt0000013"):
        assert is_drawn(response)
        assert response.headers["cache-control"] == PUBLIC


@pytest.mark.parametrize("fault", ["svg", "huge", "500", "redirect"])
def test_when_tmdb_fails_a_poster_is_drawn_that_nobody_keeps(visits: Visits, fault: str) -> None:
    visits.sandbox.fail(fault, path="/t/p")
    for response in visits(FILM, FILM, cache_duration_seconds=30):
        assert is_drawn(response)
        assert response.headers["cache-control"] == "no-store"
    assert visits.pictures(SHAWSHANK) == 1


def test_a_slow_picture_is_there_for_a_later_visitor(visits: Visits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "WAIT_SECONDS", 0.1)
    visits.sandbox.fail("latency", path="/t/p", seconds=0.5, times=1)

    async def work() -> None:
        async with visits.visitor(cache_duration_seconds=30) as client, asyncio.timeout(60):
            response = await client.get(FILM)
            assert is_drawn(response)
            while is_drawn(response):
                assert response.headers["cache-control"] == "no-store"
                response = await client.get(FILM)
            assert response.content == picture(SHAWSHANK)

    asyncio.run(work())
    assert visits.pictures(SHAWSHANK) == 1


@pytest.mark.parametrize(
    "settings", [{"tmdb_access_token": None}, {"tmdb_access_token": None, "tmdb_api_key": SANDBOX_KEY, "demo": True}]
)
def test_without_a_credential_and_in_the_demo_all_are_drawn(visits: Visits, settings: dict[str, Any]) -> None:
    [response] = visits(FILM, **settings)
    assert is_drawn(response)
    assert response.headers["cache-control"] == PUBLIC
    assert visits.sandbox.requests() == []
