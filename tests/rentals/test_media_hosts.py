"""Who else sends films: nginx by ``X-Accel-Redirect``, and other hosts by links that may be signed (contract §9.2)."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from tests.conftest import MakeDatabase
from tests.connections import fetch
from tests.in_process import MovedClock
from tests.rentals.conftest import WATCHED, RentalShop, add_feature, states, token_of, write_feature
from tests.rentals.test_sending import anybody, stream, trailer, write
from tests.shop.conftest import LocalShop, open_store

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

SECRET = "s" * 40
CDN = "https://cdn.example"

Hosts = Callable[..., RentalShop]


@pytest.fixture
def hosts(make_database: MakeDatabase, tmp_path: Path) -> Iterator[Hosts]:
    """A shop with these settings, one film to watch, and one rental of it."""
    shops: list[LocalShop] = []

    def make(location: str = "films/feature.webm", **settings: Any) -> RentalShop:
        clock = MovedClock()
        shop = LocalShop(open_store(make_database), clock=clock, media_dir=str(tmp_path / "media"), **settings)
        shops.append(shop.__enter__())
        add_feature(shop.url, location=location)
        write_feature(tmp_path / "media")
        rentals = RentalShop(shop, clock)
        rentals.buy()
        return rentals

    yield make
    for shop in shops:
        shop.__exit__()


def test_nginx_is_told_which_file_to_send(hosts: Hosts) -> None:
    rentals = hosts("films/A film #1?%.webm", media_accel="/media-accel")
    write(rentals.media / "kept" / "film.webm", b"film")
    (rentals.media / "films" / "A film #1?%.webm").symlink_to(rentals.media / "kept" / "film.webm")
    token = token_of(rentals.stream())
    head = stream(rentals, "A%20film%20%231%3F%25.webm", token, "HEAD")
    assert states(rentals.url) == ["waiting"]
    response = stream(rentals, "A%20film%20%231%3F%25.webm", token, range="bytes=0-1")
    assert states(rentals.url) == ["running"]
    for told in (head, response):
        assert (told.status_code, told.content) == (200, b"")
        assert told.headers["x-accel-redirect"] == "/media-accel/kept/film.webm"
        assert told.headers["content-type"] == "video/webm"
        assert told.headers["cache-control"] == "private, no-store"
    fetch(rentals.url, "UPDATE video SET location = 'films/feature.webm'")
    (rentals.media / "films" / "feature.webm").rename(rentals.media / "films" / "ü #1?%.webm")
    fetch(rentals.url, "UPDATE video SET location = 'films/ü #1?%.webm'")
    response = stream(rentals, "%C3%BC%20%231%3F%25.webm", token)
    assert response.headers["x-accel-redirect"] == "/media-accel/films/%C3%BC%20%231%3F%25.webm"
    assert stream(rentals, "x.webm", token).status_code == 404
    number = trailer(rentals, "films/ü #1?%.webm")
    response = anybody(rentals).get(f"/trailers/{number}/%C3%BC%20%231%3F%25.webm")
    assert response.headers["x-accel-redirect"].endswith(".webm")
    assert response.headers["cache-control"] == "public, max-age=3600"


def test_the_demos_films_are_not_nginxs(hosts: Hosts) -> None:
    rentals = hosts("demo:/metropolis.webm", media_accel="/media-accel")
    response = stream(rentals, "metropolis.webm")
    assert response.content.startswith(b"\x1a\x45\xdf\xa3")
    assert "x-accel-redirect" not in response.headers
    fetch(rentals.url, "UPDATE video SET location = 'demo:/../media_files.webm'")
    assert stream(rentals, "media_files.webm").status_code == 404


def link_of(response: httpx.Response) -> str:
    assert response.status_code == 302
    assert response.headers["cache-control"] == "no-store"
    return response.headers["location"]


def test_another_host(hosts: Hosts) -> None:
    rentals = hosts(f"{CDN}/films/a%20b.mp4?v=1", media_origins=CDN)
    assert link_of(stream(rentals, "a%20b.mp4")) == f"{CDN}/films/a%20b.mp4?v=1"
    assert states(rentals.url) == ["running"]


def test_a_head_gives_no_link_away_with_which_the_film_could_be_had_unbegun(hosts: Hosts) -> None:
    rentals = hosts(f"{CDN}/a.mp4", media_origins=CDN)
    token = token_of(rentals.stream())
    response = stream(rentals, "a.mp4", token, "HEAD")
    assert (response.status_code, response.headers["content-type"]) == (200, "video/mp4")
    assert CDN not in str(response.headers)
    assert states(rentals.url) == ["waiting"]
    rentals.begin()
    assert link_of(stream(rentals, "a.mp4", token, "HEAD")) == f"{CDN}/a.mp4"


@pytest.mark.parametrize(
    "location", [f"{CDN}.evil.example/a.mp4", "https://user@cdn.example/a.mp4", "http://cdn.example/a.mp4"]
)
def test_callers_are_sent_to_named_hosts_alone(hosts: Hosts, location: str) -> None:
    rentals = hosts(location, media_origins=f"{CDN}, https://other.example")
    assert stream(rentals, "a.mp4").status_code == 404
    assert anybody(rentals).get(f"/trailers/{trailer(rentals, location)}/a.mp4").status_code == 404
    assert states(rentals.url) == ["waiting"]


def assert_signed(link: str, path: str, expires: int) -> None:
    """By the formula of nginx: ``secure_link_md5 "$secure_link_expires$uri <secret>"``, base64url without ``=``."""
    url = urlsplit(link)
    values = parse_qs(url.query)
    assert unquote(url.path) == path
    assert values["expires"] == [str(expires)]
    digest = hashlib.md5(f"{expires}{path} {SECRET}".encode(), usedforsecurity=False).digest()
    assert values["md5"] == [base64.b64encode(digest).decode().replace("+", "-").replace("/", "_").rstrip("=")]


def test_links_to_it_are_signed(hosts: Hosts) -> None:
    rentals = hosts(f"{CDN}/films/a%20b.mp4?v=1", media_origins=CDN, media_url_secret=SECRET)
    now = rentals.clock.now()
    link = link_of(stream(rentals, "a%20b.mp4"))
    assert "v=1&" in link
    assert_signed(link, "/films/a b.mp4", int((now + timedelta(hours=4)).timestamp()))
    number = trailer(rentals, f"{CDN}/t.mp4")
    assert_signed(
        link_of(anybody(rentals).get(f"/trailers/{number}/t.mp4")),
        "/t.mp4",
        int((now + timedelta(hours=4)).timestamp()),
    )


def test_a_signed_link_ends_with_the_rental(hosts: Hosts) -> None:
    rentals = hosts(f"{CDN}/a.mp4", media_origins=CDN, media_url_secret=SECRET)
    ends = rentals.begin().ends_at
    assert ends
    rentals.clock.move(hours=47)
    assert_signed(link_of(stream(rentals, "a.mp4")), "/a.mp4", int(ends.timestamp()))


def test_pages_may_play_films_from_these_hosts(hosts: Hosts) -> None:
    rentals = hosts(media_origins=f"{CDN}, https://other.example:8443")
    policy = anybody(rentals).get(f"/films/{WATCHED}").headers["content-security-policy"]
    assert "; media-src 'self' https://cdn.example https://other.example:8443;" in policy
