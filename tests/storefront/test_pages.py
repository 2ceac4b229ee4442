"""What all pages have in common: kept for everybody or for nobody, compressed, safe, and of help when they fail."""

import gzip
import re
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from html import escape
from inspect import signature
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from tests.conftest import MakeDatabase, Serve, ServeHere
from tests.proxy import proxied_database
from tests.server_in_thread import ServerInThread
from tests.users import open_account, signed_in

from filmer.catalogue.schemas import MovieItem
from filmer.errors import FieldError, FilmerError, InvalidRequest, NotFound
from filmer.office.identity import ShopIdentity
from filmer.settings import Settings
from filmer.storefront.rendering import Assets, Templates

SHOP = ShopIdentity(Settings())
PUBLIC = ["/", "/films", "/stars", "/genres", "/search?query=batman", "/films/tt0111161"]
POLICY = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
    "font-src 'self'", "media-src 'self'", "manifest-src 'self'", "form-action 'self'", "base-uri 'none'",
    "frame-ancestors 'none'",
}  # fmt: skip


def is_page(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers.get_list("content-type") == ["text/html; charset=utf-8"]
    assert set(response.headers["content-security-policy"].split("; ")) == POLICY
    assert "</html>" in response.text
    return response.text


def test_an_unknown_page_is_404_and_leads_on(shop: httpx.Client) -> None:
    for path in ("/nothing", "/films/tt9999999", "/stars/nm9999999", "/genres/99999", "/genres/x", "/%C0%AF"):
        response = shop.get(path)
        text = is_page(response, 404)
        assert response.headers["cache-control"] == "no-store"
        assert 'href="/films"' in text


def kinds_of(error: type[FilmerError]) -> Iterator[type[FilmerError]]:
    yield error
    for kind in error.__subclasses__():
        yield from kinds_of(kind)


@pytest.mark.parametrize("kind", sorted(set(kinds_of(FilmerError)), key=str))
def test_whatever_goes_wrong_has_a_page(kind: type[FilmerError]) -> None:
    templates = Templates(Assets(SHOP), shop=SHOP, public_url=None, default_price=Decimal("4.99"))
    needed = [name for name, parameter in signature(kind).parameters.items() if parameter.default is parameter.empty]
    error = kind(*(["<b>x</b>"] * len([name for name in needed if name not in {"args", "kwargs"}])))
    html = templates.render(
        "failure.html", visitor=None, notice=None, path="/films/x", error=error, has_imdb=False
    ).decode()
    assert str(error.status) in html
    assert escape(error.message) in html or error.status == 404
    assert "Sign in" not in html, "who asked is not known here"


@pytest.mark.proof
@pytest.mark.parallel
def test_with_the_database_away_pages_say_so_and_forms_too(make_database: MakeDatabase, serve: Serve) -> None:
    with proxied_database(make_database()) as (url, proxy):
        client = serve(url).client
        proxy.cut()
        for path in ("/", "/films", "/films/tt0111161", "/sign-in", "/account", "/search?query=x", "/sitemap.xml"):
            response = client.get(path, headers={"cookie": "JSESSIONID=x"})
            is_page(response, 503)
            assert response.headers["retry-after"]
            assert response.headers["cache-control"] == "no-store"
        is_page(client.post("/sign-in", data={"email": "a@example.com", "password": "x"}), 503)


def test_what_everybody_gets_has_nobodys_notice_on_it(shop: httpx.Client) -> None:
    """Nor that of the first who asked, on whose answer others wait."""
    gone = shop.post("/cart/clear")
    cookie = gone.headers["set-cookie"].partition(";")[0]
    assert cookie.startswith("notice=")
    assert "Your cart is empty now" in shop.get("/sign-in", headers={"cookie": cookie}).text
    response = shop.get("/films?notice=x", headers={"cookie": cookie})
    assert "Your cart is empty now" not in is_page(response, 200)
    assert "set-cookie" not in response.headers
    assert response.headers["cache-control"] == "public, no-cache"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/cart/items", "/cart"),
        ("/cart/items/tt0111161", "/cart"),
        ("/account/tokens/3/revoke", "/account"),
        ("/favorites/3/remove", "/favorites"),
        ("/sign-out", "/"),
        ("/admin/films/tt0111161/price", "/admin/films"),
    ],
)
def test_where_only_forms_are_sent_a_look_leads_to_their_page(shop: httpx.Client, path: str, place: str) -> None:
    response = shop.get(path)
    assert (response.status_code, response.headers["location"]) == (303, place)
    assert shop.delete(path).status_code == 405


def test_an_address_too_long_and_a_wrong_method_are_told_on_a_page(shop: httpx.Client) -> None:
    is_page(shop.get("/films?title=" + "a" * 8200), 414)
    response = shop.delete("/films")
    is_page(response, 405)
    assert "GET" in response.headers["allow"]


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_page_is_kept_for_everybody(shop: httpx.Client, path: str) -> None:
    """contract §1.7"""
    response = shop.get(path)
    is_page(response, 200)
    if path != "/":  # the popular films of a server without TMDB may still come
        assert response.headers["cache-control"] == "public, no-cache"
        assert set(response.headers["vary"].split(", ")) == {"Cookie", "Accept-Encoding"}
        again = shop.get(path, headers={"if-none-match": response.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    head = shop.head(path)
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("path", PUBLIC)
def test_with_a_session_a_page_is_nobody_elses(shop: httpx.Client, path: str) -> None:
    shop.get(path)
    response = shop.get(path, headers={"cookie": "JSESSIONID=long-gone"})
    is_page(response, 200)
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers
    assert "set-cookie" not in response.headers, "a late answer takes back no session that began meanwhile"


def test_gzip_for_whoever_takes_it(shop: httpx.Client) -> None:
    def raw(encoding: str) -> tuple[httpx.Headers, bytes]:
        with shop.stream("GET", "/films", headers={"accept-encoding": encoding}) as response:
            return response.headers, b"".join(response.iter_raw())

    headers, plain = raw("identity")
    assert "content-encoding" not in headers
    for takes in ("gzip", "br;q=1, gzip;q=0.5", "deflate, gzip"):
        packed_headers, packed = raw(takes)
        assert packed_headers["content-encoding"] == "gzip"
        assert packed_headers["content-length"] == str(len(packed))
        assert len(packed) < len(plain) / 2
        assert gzip.decompress(packed) == plain
        assert packed_headers["etag"] != headers["etag"]
        same = shop.get("/films", headers={"accept-encoding": takes, "if-none-match": packed_headers["etag"]})
        assert same.status_code == 304
    for refuses in ("", "br", "gzip;q=0", "gzip; q=0.0, br"):
        assert "content-encoding" not in raw(refuses)[0]


def test_json_stays_as_it_is_printed(shop: httpx.Client) -> None:
    assert "content-encoding" not in shop.get("/api/v1/movies", headers={"accept-encoding": "gzip"}).headers


@pytest.mark.parametrize("path", ["/sign-in", "/register", "/sign-out", "/cart/items", "/favorites", "/nothing"])
def test_a_form_from_another_site_is_refused_signed_in_or_not(shop: httpx.Client, path: str) -> None:
    """contract §4.3: nor can another site sign a visitor in as another user."""
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
    ):
        for cookie in ({}, {"cookie": "JSESSIONID=x"}):
            response = shop.post(path, data={"email": "a@b.c"}, headers={**headers, **cookie})
            is_page(response, 403)
            assert "set-cookie" not in response.headers


def test_files_last_as_long_as_their_address(shop: httpx.Client) -> None:
    page = shop.get("/films").text
    named = set(re.findall(r"/static/[\w.-]+\?v=[0-9a-f]+", page))
    assert {address.partition("?")[0] for address in named} >= {"/static/site.css", "/static/search.js"}
    for address in named:
        response = shop.get(address)
        assert response.status_code == 200
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert shop.get(address, headers={"if-none-match": response.headers["etag"]}).status_code == 304
        response_of_old_address = shop.get(address.partition("?")[0] + "?v=0123456789ab")
        assert (response_of_old_address.content, response_of_old_address.headers["cache-control"]) == (
            response.content,
            "public, no-cache",
        )


@pytest.mark.parametrize("name", ["nothing.css", "..%2Fpages.py", "docs.html", "%2e%2e", "site.css%00"])
def test_no_other_file_is_shown(shop: httpx.Client, name: str) -> None:
    is_page(shop.get(f"/static/{name}"), 404)


def test_pages_of_another_build_are_not_ours() -> None:
    assets = Assets(SHOP)

    def build(public_url: str | None = None, price: str = "4.99", **settings: str) -> bytes:
        shop = ShopIdentity(Settings(**settings))  # type: ignore[arg-type]
        return Templates(assets, shop=shop, public_url=public_url, default_price=Decimal(price)).build

    assert build() == build()
    others = [build(currency="€"), build(shop_name="Kino"), build(locale="de-DE")]
    assert len({build(), build(public_url="https://films.example"), build(price="9.99"), *others}) == 6


def test_a_process_shows_the_pages_it_was_started_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new version is put in place while the old one still serves."""
    templates = Templates(Assets(SHOP), shop=SHOP, public_url=None, default_price=Decimal("4.99"))
    monkeypatch.setattr("pathlib.Path.open", None)
    monkeypatch.setattr("builtins.open", None)
    variables = {"visitor": None, "notice": None, "path": "/", "error": NotFound("No such film"), "has_imdb": False}
    assert b"No such film" in templates.render("failure.html", **variables)


@pytest.mark.parametrize("more", [(), (FieldError("size", "must be at most 100"),)])
def test_a_page_that_is_asked_wrongly_says_the_first_offence_in_a_sentence(more: tuple[FieldError, ...]) -> None:
    """The script of forms shows its first paragraph alone."""
    error = InvalidRequest([FieldError("page", "must be at least 1"), *more])
    templates = Templates(Assets(SHOP), shop=SHOP, public_url=None, default_price=Decimal("4.99"))
    html = templates.render(
        "failure.html", visitor=None, notice=None, path="/orders", error=error, has_imdb=False
    ).decode()
    first = html.partition('<div class="stack">')[2].partition("</p>")[0]
    assert first.endswith("<p>Something in this address or form is not right: page must be at least 1.")
    assert html.count("must be at least 1") == 1
    assert html.count("must be at most 100") == len(more)


@pytest.mark.parametrize("eager", [True, False])
def test_a_card_has_what_other_places_show_of_a_film(*, eager: bool) -> None:
    """It writes out the macros for posters, ratings and prices, whose calls are slow."""
    environment = Templates(Assets(SHOP), shop=SHOP, public_url=None, default_price=Decimal("4.99"))._environment
    macros: Any = environment.get_template("macros.html").module
    film = MovieItem("tt1", "A Film", 1999, "", 8.7, 10, [], [])
    card = macros.film_card(film, Decimal("4.99"), eager)
    for part in (macros.poster("tt1", eager), macros.stars(8.7), macros.price_of(Decimal("4.99"))):
        assert part in card


@pytest.fixture(scope="module")
def server(make_database: MakeDatabase, serve_here: ServeHere) -> tuple[str, ServerInThread]:
    url = make_database(films=True)
    return url, serve_here(url)


def test_whoever_is_signed_in_is_greeted_and_nobody_else_is(server: tuple[str, ServerInThread]) -> None:
    """The page cached for everybody has no name on it, even if a signed-in user asked first."""
    url, running = server
    person = open_account(url)
    with closing(signed_in(running.client, person)) as mary:
        for path in ("/films", "/films/tt0111161"):
            hers = mary.get(path)
            assert 'href="/account"' in is_page(hers, 200)
            assert "Mary" in hers.text
            assert hers.headers["cache-control"] == "no-store"
            anybodys = running.client.get(path)
            assert "Mary" not in anybodys.text
            assert 'href="/sign-in"' in anybodys.text
            assert "Mary" in mary.get(path).text
        mary.post("/cart/items", data={"movieId": "tt0111161"})
        assert re.search(r'class="count"[^>]*>\s*1\b', mary.get("/films").text)


def test_a_page_for_the_signed_in_leads_there_and_back(server: tuple[str, ServerInThread]) -> None:
    _, running = server
    for path in (
        "/account",
        "/library",
        "/checkout",
        "/orders",
        "/favorites",
        "/ratings",
        "/shelves/import",
        "/admin",
        "/orders?page=2",
    ):
        response = running.client.get(path)
        assert response.status_code == 303
        assert response.headers["location"] == f"/sign-in?next={quote(path, safe='')}"
        assert response.headers["cache-control"] == "no-store"
    for referer, place in (
        (f"http://127.0.0.1:{running.port}/films/tt0111161?a=b", "/films/tt0111161?a=b"),
        ("https://evil.example/x", "/x"),
        ("http://[", "/"),
        ("", "/"),
    ):
        response = running.client.post("/favorites", data={"movieId": "1"}, headers={"referer": referer})
        assert response.headers["location"] == f"/sign-in?next={quote(place, safe='')}"
