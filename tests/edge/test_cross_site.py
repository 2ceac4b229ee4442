"""Other sites can't act for you (promise 12, contract §4.3): every cell of what a browser may say of a request."""

import http.client
import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere
from tests.responses import error_of
from tests.server_in_thread import ServerInThread

from filmer.edge.cross_site import CrossSite
from filmer.settings import origin_of

ALLOWED = "http://localhost:3000"
PUBLIC = "https://films.example"
PATH = "/api/v1/cart/items"
Pairs = list[tuple[str, str]]

# What is refused, written down from the contract's rules and not computed from them: x is 403, . is not.
ORIGINS = ("absent", "own", "other", "null", "allowed", "port", "twice")
RULES = {
    "absent": ". . x x . x x",
    "same-origin": ". . . . . . x",
    "same-site": "x x x x . x x",
    "cross-site": "x x x x . x x",
    "none": ". . . . . . x",
    "sideways": "x x x x . x x",
}
CHANGING = ("POST", "PUT", "PATCH", "DELETE", "BREW")
METHODS = (*CHANGING, "GET", "HEAD", "OPTIONS")
BODIES = {"application/json": b"{}", "application/x-www-form-urlencoded": b"a=b", "text/plain": b'{"a": "="}', "": b""}
SESSION = ("Cookie", "theme=dark; JSESSIONID=0123456789abcdef")


def refused(method: str, site: str, origin: str, *, with_cookie: bool) -> bool:
    cell = RULES[site].split()[ORIGINS.index(origin)]
    return cell == "x" and with_cookie and method in CHANGING


def origin_headers(kind: str, own: str) -> Pairs:
    scheme, _, host = own.partition("://")
    values = {
        "absent": [],
        "own": [own],
        "other": ["https://evil.example"],
        "null": ["null"],
        "allowed": [ALLOWED],
        "port": [f"{scheme}://{host.partition(':')[0]}:9"],
        "twice": [own, "https://evil.example"],
    }
    return [("Origin", value) for value in values[kind]]


def ask(connection: http.client.HTTPConnection, method: str, path: str, headers: Pairs, body: bytes) -> httpx.Response:
    """As httpx would, with any header any number of times."""
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    if body:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body or None)
    found = connection.getresponse()
    return httpx.Response(found.status, headers=found.getheaders(), content=found.read())


@pytest.fixture(scope="module")
def server(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[ServerInThread]:
    started: ServerInThread = serve_here(make_database(), FILMER_CORS_ORIGINS=ALLOWED)
    yield started
    started.stop()


@pytest.mark.parametrize("method", METHODS)
def test_every_cell(server: ServerInThread, method: str) -> None:
    own = f"http://127.0.0.1:{server.port}"
    wrong = []
    seen = 0
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for fetch_site, origin, content_type, with_cookie in itertools.product(RULES, ORIGINS, BODIES, (True, False)):
        headers = origin_headers(origin, own)
        headers += [] if fetch_site == "absent" else [("Sec-Fetch-Site", fetch_site)]
        headers += [("Content-Type", content_type)] if content_type else []
        headers += [SESSION] if with_cookie else []
        answer = ask(connection, method, PATH, headers, BODIES[content_type] if method in CHANGING else b"")
        expected = refused(method, fetch_site, origin, with_cookie=with_cookie)
        if (answer.status_code == 403) != expected:
            wrong.append((fetch_site, origin, content_type, with_cookie, answer.status_code))
        if answer.status_code == 403:
            error = error_of(answer, 403, "FORBIDDEN")
            assert "FILMER_" in error["message"] or origin == "twice"
            assert answer.headers["cache-control"] == "no-store"
            seen += 1
    connection.close()
    assert wrong == []
    assert seen == (24 * len(BODIES) if method in CHANGING else 0)


@pytest.mark.parametrize("public_url", [PUBLIC, None])
@pytest.mark.parametrize("method", METHODS)
def test_every_cell_behind_a_proxy_that_rewrites_the_host(method: str, public_url: str | None) -> None:
    """A browser that says of a page that it is ours is believed; without its word only the public URL tells."""
    cross_site = CrossSite(cors_origins=(ALLOWED,), public_url=public_url)
    hosts: list[Pairs] = [[], [("Host", "127.0.0.1:8000")]] + ([[("Host", "films.example")]] if public_url else [])
    wrong = []
    for fetch_site, origin, host, with_cookie in itertools.product(RULES, ORIGINS, hosts, (True, False)):
        headers = origin_headers(origin, PUBLIC) + host + ([SESSION] if with_cookie else [])
        headers += [] if fetch_site == "absent" else [("Sec-Fetch-Site", fetch_site)]
        is_refused = cross_site.refusal(method, "/api/v1/cart", raw(*headers)) is not None
        expected = refused(method, fetch_site, origin, with_cookie=with_cookie)
        if public_url is None and (fetch_site, origin) == ("absent", "own"):
            expected = with_cookie and method in CHANGING
        if is_refused != expected:
            wrong.append((fetch_site, origin, host, with_cookie))
    assert wrong == []


@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/sign-in"])
def test_a_development_proxy_that_rewrites_the_host_is_let_through(server: ServerInThread, path: str) -> None:
    """As Vite and Angular do with ``changeOrigin``: the page is at another origin than the Host that arrives here."""
    headers = {"cookie": "JSESSIONID=1", "origin": "http://localhost:4200", "sec-fetch-site": "same-origin"}
    given: dict[str, Any] = {"json": {}} if path.startswith("/api/") else {"data": {}}
    answer = server.client.post(path, headers=headers, **given)
    assert answer.status_code == 400, "it was read, and found empty"
    for site in ("same-site", "cross-site"):
        assert server.client.post(path, headers=headers | {"sec-fetch-site": site}, **given).status_code == 403
    del headers["sec-fetch-site"]
    assert server.client.post(path, headers=headers, **given).status_code == 403


def raw(*pairs: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]


def is_refused(*pairs: tuple[str, str], public_url: str | None = None, allowed: tuple[str, ...] = ()) -> bool:
    headers = raw(SESSION, *pairs)
    return CrossSite(cors_origins=allowed, public_url=public_url).refusal("POST", "/api/v1/cart", headers) is not None


EVIL = ("Origin", "https://evil.example")


@pytest.mark.parametrize(
    "cookies",
    [
        ["JSESSIONID=1"],
        ["JSESSIONID="],
        ["JSESSIONID"],
        ["a=b;JSESSIONID=1"],
        ["a=b;  JSESSIONID =1; c=d"],
        ["a=b", "JSESSIONID=1"],
        ["JSESSIONID=1", "a=b"],
        ['a="x; JSESSIONID=1"'],  # as the framework reads it
        ["\u00a0JSESSIONID=1"],
    ],
)
def test_the_session_is_found_wherever_it_stands(cookies: list[str]) -> None:
    headers = raw(EVIL, *(("Cookie", cookie) for cookie in cookies))
    assert CrossSite().refusal("POST", "/api/v1/cart", headers) is not None


@pytest.mark.parametrize(
    "cookies", [[], [""], ["jsessionid=1"], ["XJSESSIONID=1"], ["JSESSIONIDX=1"], ["a=JSESSIONID"]]
)
def test_without_the_session_nothing_is_refused(cookies: list[str]) -> None:
    headers = raw(EVIL, ("Authorization", "Bearer 1"), *(("Cookie", cookie) for cookie in cookies))
    assert CrossSite().refusal("POST", "/api/v1/cart", headers) is None


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://films.example", "films.example"),
        ("https://films.example", "films.example"),
        ("http://Films.Example", "films.EXAMPLE"),
        ("http://films.example:80", "films.example"),
        ("http://films.example", "films.example:80"),
        ("https://films.example", "films.example:443"),
        ("http://films.example:8000", "films.example:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
    ],
)
def test_an_origin_is_our_own_by_its_host(origin: str, host: str) -> None:
    assert not is_refused(("Origin", origin), ("Host", host))
    assert not is_refused(("Origin", origin), ("Host", host), ("Sec-Fetch-Site", "same-origin"))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://films.example:443", "films.example"),
        ("http://films.example", "films.example:443"),
        ("https://films.example", "films.example:80"),
        ("http://films.example:8001", "films.example:8000"),
        ("http://films.example.evil", "films.example"),
        ("http://evil-films.example", "films.example"),
        ("http://a.films.example", "films.example"),
        ("http://films.example@evil.example", "films.example"),
        ("http://films.example/", "films.example"),
        ("http://films.example http://films.example", "films.example"),
        ("ftp://films.example", "films.example"),
        ("films.example", "films.example"),
        ("", "films.example"),
        ("", ""),
        ("http://", ""),
    ],
)
def test_an_origin_is_not_our_own_by_its_host(origin: str, host: str) -> None:
    assert is_refused(("Origin", origin), ("Host", host))
    assert not is_refused(("Origin", origin), ("Host", host), ("Sec-Fetch-Site", "same-origin"))


def test_without_a_host_no_origin_is_our_own() -> None:
    assert is_refused(("Origin", "http://films.example"))


def test_an_origin_is_our_own_by_the_public_url_or_by_the_host() -> None:
    own, inner = ("Origin", PUBLIC), ("Origin", "http://10.0.0.7:8000")
    host = ("Host", "10.0.0.7:8000")
    assert not is_refused(own, host, public_url=PUBLIC)
    assert not is_refused(("Origin", "https://FILMS.example:443"), host, public_url=PUBLIC)
    assert not is_refused(inner, host, public_url=PUBLIC)
    assert is_refused(("Origin", "http://10.0.0.7:8001"), host, public_url=PUBLIC)
    assert is_refused(("Origin", "http://films.example"), host, public_url=PUBLIC), "another scheme, another origin"
    assert is_refused(own, host), "nothing says that this is us"


LOOPBACKS = ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"]


@pytest.mark.parametrize("public_url", LOOPBACKS)
def test_the_names_of_this_machine_are_one_in_the_public_url(public_url: str) -> None:
    host = ("Host", "app:8000")  # as a proxy sends it on
    for origin in LOOPBACKS:
        assert not is_refused(("Origin", origin), host, public_url=public_url)
        assert is_refused(("Origin", origin), host, public_url=PUBLIC), "only where the public URL is this machine"
        assert is_refused(("Origin", origin.replace("8000", "8001")), host, public_url=public_url)
        assert is_refused(("Origin", origin.replace("http:", "https:")), host, public_url=public_url)
    for origin in ("http://127.0.0.2:8000", "http://localhost.evil.example:8000", "http://127.0.0.1.evil.example:8000"):
        assert is_refused(("Origin", origin), host, public_url=public_url)


@pytest.mark.parametrize("name", ["Sec-Fetch-Site", "Origin", "Host"])
def test_a_header_given_twice_must_say_the_same(name: str) -> None:
    given = {"Sec-Fetch-Site": "same-origin", "Origin": "http://films.example", "Host": "films.example"}
    other = {"Sec-Fetch-Site": "none", "Origin": "http://localhost:3000", "Host": "localhost:3000"}
    assert not is_refused(*given.items(), (name, given[name]), allowed=(ALLOWED,))
    assert is_refused(*given.items(), (name, other[name]), allowed=(ALLOWED,))
    assert is_refused((name, other[name]), *given.items(), allowed=(ALLOWED,))


@pytest.mark.parametrize("word", ["", "Same-Origin", "same-origin, cross-site", "same-origin;x", "same_origin", "NONE"])
def test_a_word_no_browser_says_is_refused(word: str) -> None:
    assert is_refused(("Sec-Fetch-Site", word))
    assert is_refused(("Sec-Fetch-Site", word), ("Origin", "http://films.example"), ("Host", "films.example"))


@pytest.mark.parametrize("path", ["/api/users/2/favorites", "/api/v1/orders", "/cart/items"])
def test_a_refusal_wears_the_envelope_of_its_api(server: ServerInThread, path: str) -> None:
    headers = {"cookie": "JSESSIONID=1", "sec-fetch-site": "cross-site"}
    answer = server.client.post(path, headers=headers, json={})
    if path.startswith("/api/users"):
        assert answer.status_code == 403
        assert list(answer.json()) == ["error"]
        assert answer.json()["error"]["code"] == "FORBIDDEN"
    elif path.startswith("/api/v1"):
        assert error_of(answer, 403, "FORBIDDEN")["details"] == {}
    else:
        assert (answer.status_code, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
        assert "another site" in answer.text


def test_what_a_refused_request_brought_is_not_taken_for_the_next(server: ServerInThread) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    smuggled = b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n" * 500
    for _ in range(3):
        answer = ask(connection, "POST", PATH, [SESSION, EVIL], smuggled)
        error_of(answer, 403, "FORBIDDEN")
        assert ask(connection, "GET", "/nothing", [], b"").status_code == 404
    connection.close()


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("http://localhost:3000", "http://localhost:3000"),
        ("HTTPS://Films.Example:443", "https://films.example"),
        ("http://a:80", "http://a"),
        ("http://a:443", "http://a:443"),
        ("http://a:080", "http://a"),
        ("http://[2001:DB8::1]:80", "http://[2001:db8::1]"),
        ("http://a:0", None),
        ("http://a:65536", None),
        ("http://a:", None),
        ("http://a\n", None),
        ("http://a b", None),
        ("http://kinö.example", None),
        ("null", None),
    ],
)
def test_an_origin_is_written_one_way(given: str, origin: str | None) -> None:
    assert origin_of(given) == origin
