"""What every answer tells a browser not to do with it, and no personal answer is kept (contract §1.7)."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere
from tests.layers import layer_of
from tests.server_in_thread import ServerInThread

from filmer.app import create_app, in_front_of
from filmer.clock import SystemClock
from filmer.components import Components
from filmer.edge.response_headers import ResponseHeaders
from filmer.http.cache_headers import PUBLIC
from filmer.http.envelopes import PAGE_HEADERS
from filmer.settings import Settings, SettingsError, load_settings

ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
POLICY = "default-src 'none'; frame-ancestors 'none'"
HSTS = "strict-transport-security"
FILM = "/api/v1/movies/tt0111161"
ANSWERS = [
    ("GET", FILM),
    ("HEAD", FILM),
    ("GET", "/api/v1/genres"),
    ("GET", "/api/v1/health"),
    ("GET", "/api/v1/movies?page=0"),
    ("GET", f"/api/v1/movies?x={'a' * 8200}"),
    ("GET", "/api/nothing"),
    ("POST", "/api/v1/genres"),
    ("OPTIONS", "/api/v1/genres"),
    ("GET", "/nothing"),
    ("GET", "/"),
    ("GET", "/docs"),
    ("HEAD", "/docs"),
    ("GET", "/docs/docs.js"),
    ("GET", "/openapi.json"),
]


def once(answer: httpx.Response, name: str) -> str:
    values = answer.headers.get_list(name)
    assert len(values) == 1, f"{name}: {values}"
    return values[0]


def require_safety(answer: httpx.Response) -> None:
    assert {name: once(answer, name) for name in ALWAYS} == ALWAYS
    assert once(answer, "x-request-id")
    policy = once(answer, "content-security-policy")
    if answer.request.url.path == "/docs":
        assert "script-src" in policy or "default-src 'self'" in policy, "its own, or it would not work"
        assert "frame-ancestors 'none'" in policy
    elif answer.headers.get("content-type", "").startswith("text/html"):
        assert policy == PAGE_HEADERS["content-security-policy"]
        assert "unsafe" not in policy
    else:
        assert policy == POLICY


@pytest.mark.parametrize(("method", "path"), ANSWERS)
def test_every_answer_has_them_once(shop: httpx.Client, method: str, path: str) -> None:
    for _ in range(2):  # the second time from the cache, where it is cached
        answer = shop.request(method, path)
        require_safety(answer)
        assert HSTS not in answer.headers, "this server knows of no https"


def test_an_answer_not_modified_and_a_refusal_have_them(shop: httpx.Client) -> None:
    unchanged = shop.get(FILM, headers={"if-none-match": "*"})
    refused = shop.post("/api/v1/cart", headers={"cookie": "JSESSIONID=1", "origin": "null"})
    assert (unchanged.status_code, refused.status_code) == (304, 403)
    require_safety(unchanged)
    require_safety(refused)


@pytest.fixture(scope="module")
def secure(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[ServerInThread]:
    """A server that people reach through https."""
    url = make_database(films=True)
    server: ServerInThread = serve_here(url, FILMER_PUBLIC_URL="https://films.example")
    yield server
    server.stop()


@pytest.mark.parametrize(("method", "path"), ANSWERS)
def test_browsers_stay_on_https_where_the_public_url_is(secure: ServerInThread, method: str, path: str) -> None:
    for _ in range(2):
        answer = secure.client.request(method, path, headers={"host": "films.example"})
        require_safety(answer)
        assert once(answer, HSTS) == "max-age=31536000"


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8443", "films.localhost", "localhost.:8443", "127.0.0.1", "127.1.2.3:8443", "[::1]:8443"],
)
def test_no_name_of_the_browsers_own_machine_is_bound_to_https(secure: ServerInThread, host: str) -> None:
    """A browser would want it of every server that ever listens there, on any port."""
    for path in (FILM, "/", "/api/v1/cart", "/nothing"):
        answer = secure.client.get(path, headers={"host": host})
        require_safety(answer)
        assert HSTS not in answer.headers


@pytest.mark.parametrize("host", ["films.example", "localhost.example", "127.0.0.1.example", "notlocalhost", "[::2]"])
def test_other_names_are(secure: ServerInThread, host: str) -> None:
    assert once(secure.client.get(FILM, headers={"host": host}), HSTS)


@pytest.mark.parametrize(
    ("url", "is_said"),
    [
        ("https://localhost", False),
        ("https://localhost:8443", False),
        ("https://shop.localhost:8443", False),
        ("https://127.0.0.1:8443", False),
        ("https://[::1]", False),
        ("https://localhost.example", True),
        ("https://a", True),
        ("HTTPS://a:8443", True),
        ("http://a:443", False),
        ("http://https.example", False),
        (None, False),
    ],
)
def test_https_is_asked_for_by_the_public_url_alone(url: str | None, *, is_said: bool) -> None:
    async def headers() -> list[tuple[bytes, bytes]]:
        edge = create_app(Settings(database_url="postgresql://nowhere", public_url=url))
        return layer_of(edge, ResponseHeaders)._headers

    assert (HSTS.encode() in dict(asyncio.run(headers()))) == is_said


@pytest.mark.parametrize(
    "given",
    ["films.example", "ftp://films.example", "https://films.example/", "https://films.example/shop", "https://a?b",
     "https://", "*", "https://a:99999", "https://u:p@a", "https://a,https://b"],
)  # fmt: skip
def test_what_is_no_public_url_is_told_in_a_sentence(given: str) -> None:
    with pytest.raises(SettingsError, match=r"FILMER_PUBLIC_URL=.* can't be used: .* is not an origin"):
        load_settings({"FILMER_PUBLIC_URL": given})


@pytest.mark.parametrize("given", ["https://films.example", "http://localhost:8000", "https://[::1]:8443"])
def test_a_public_url_can_be_set(given: str) -> None:
    assert load_settings({"FILMER_PUBLIC_URL": given}).public_url == given


# --- what the edge adds to what a handler says ----------------------------------------------------


def answered(path: str, method: str = "GET", **headers: str) -> dict[str, list[str]]:
    """The headers the edge sends when a handler answers 200 with these."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": given})
        await send({"type": "http.response.body", "body": b"x", "more_body": False})

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    settings = Settings(database_url="postgresql://nowhere", cache_duration_seconds=0)
    edge = in_front_of(cast("Any", app), Components(settings, SystemClock()), settings)
    scope: Any = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "http_version": "1.1",
        "headers": [(b"host", b"shop")],
    }

    async def run() -> None:
        await edge(scope, receive, cast("Any", send))

    asyncio.run(run())
    found: dict[str, list[str]] = {}
    for name, value in sent[0]["headers"]:
        found.setdefault(name.decode(), []).append(value.decode())
    return found


WAYS = [("GET", "/api/v1/movies"), ("GET", "/api/v1/cart"), ("HEAD", "/api/v1/cart"), ("POST", "/api/v1/cart")]
WAYS += [("PUT", "/api/v1/movies"), ("DELETE", "/api/users/2/favorites/5"), ("GET", "/api/users/2/favorites")]


@pytest.mark.parametrize(("method", "path"), WAYS)
def test_an_answer_under_api_that_says_nothing_of_it_is_not_kept(method: str, path: str) -> None:
    assert answered(path, method)["cache-control"] == ["no-store"]


@pytest.mark.parametrize(("method", "path"), WAYS)
@pytest.mark.parametrize("said", [PUBLIC, "private, max-age=5", "no-store"])
def test_what_a_handler_says_of_keeping_holds(method: str, path: str, said: str) -> None:
    assert answered(path, method, cache_control=said)["cache-control"] == [said]


def test_outside_the_apis_keeping_is_up_to_the_page() -> None:
    assert "cache-control" not in answered("/about")


@pytest.mark.parametrize(("method", "path"), [*WAYS, ("GET", "/about"), ("POST", "/about")])
def test_a_policy_of_its_own_holds(method: str, path: str) -> None:
    assert answered(path, method, content_security_policy="default-src 'self'")["content-security-policy"] == [
        "default-src 'self'"
    ]
    assert answered(path, method)["content-security-policy"] == [POLICY]
