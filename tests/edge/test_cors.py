"""Which other origins' pages may read our answers: none, but for those that are named."""

import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
import redis
from tests.conftest import MakeDatabase, ServeHere
from tests.responses import data_of, error_of
from tests.server_in_thread import ServerInThread

from filmer.edge.limits import MAX_ADDRESS
from filmer.settings import SettingsError, load_settings, parse_origins
from filmer.store.embedded import Engines

FIRST, SECOND = "http://localhost:3000", "https://shop.example:8443"
FILM = "/api/v1/movies/tt0111161"
ASKED = [
    ("GET", FILM, 200),
    ("GET", "/api/v1/movies?size=3", 200),
    ("HEAD", FILM, 200),
    ("GET", "/api/v1/health", 200),
    ("GET", "/api/v1/movies?page=0", 400),
    ("GET", "/api/v1/movies/tt404", 404),
    ("GET", "/api/v1/nothing", 404),
    ("GET", "/api/nothing", 404),
    ("POST", "/api/v1/genres", 405),
    ("OPTIONS", FILM, 204),
    ("GET", f"/api/v1/movies?x={'a' * MAX_ADDRESS}", 414),
]
OTHERS = [
    "http://localhost:3001",
    "https://localhost:3000",
    "http://localhost",
    "http://localhost:3000/",
    "http://evil.localhost:3000",
    "http://localhost:3000.evil.example",
    "HTTP://LOCALHOST:3000",  # no browser writes it so
    "https://shop.example",
    "null",
    "*",
    "",
]


@pytest.fixture(scope="module")
def database(make_database: MakeDatabase) -> str:
    return make_database(films=True)


@pytest.fixture(scope="module")
def open_server(database: str, serve_here: ServeHere) -> Iterator[ServerInThread]:
    server: ServerInThread = serve_here(
        database, FILMER_CORS_ORIGINS=f" {FIRST} ,{SECOND}", FILMER_PUBLIC_URL="https://films.example"
    )
    yield server
    server.stop()


def cors_of(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def granted(origin: str) -> dict[str, str]:
    return {
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "ETag, X-Request-Id, Retry-After, Age, X-Cache, X-Search-Corrected",
    }


def is_varying(answer: httpx.Response) -> bool:
    return answer.headers.get_list("vary", split_commas=True).count("Origin") == 1


@pytest.mark.parametrize("origin", [FIRST, SECOND])
@pytest.mark.parametrize(("method", "path", "status"), ASKED)
def test_a_named_origin_may_read(open_server: ServerInThread, method: str, path: str, status: int, origin: str) -> None:
    for _ in range(2):  # the second time from the cache, where it is cached
        answer = open_server.client.request(method, path, headers={"origin": origin})
        assert answer.status_code == status
        assert cors_of(answer) == granted(origin)
        assert len(answer.headers.get_list("access-control-allow-origin")) == 1
        assert is_varying(answer)


@pytest.mark.parametrize("origin", [None, *OTHERS])
def test_no_other_origin_may_read(open_server: ServerInThread, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    for method, path, status in ASKED:
        answer = open_server.client.request(method, path, headers=headers)
        assert answer.status_code == status
        assert cors_of(answer) == {}
        assert is_varying(answer), "a cache in between must not give it to another origin"


def test_two_origins_are_none(open_server: ServerInThread) -> None:
    answer = open_server.client.get(FILM, headers=[("origin", FIRST), ("origin", SECOND)])
    assert data_of(answer)["id"] == "tt0111161"
    assert cors_of(answer) == {}
    assert is_varying(answer)


def test_not_modified_may_be_read_too(open_server: ServerInThread) -> None:
    etag = open_server.client.get(FILM).headers["etag"]
    answer = open_server.client.get(FILM, headers={"origin": FIRST, "if-none-match": etag})
    assert answer.status_code == 304
    assert cors_of(answer) == granted(FIRST)
    assert is_varying(answer)


def test_a_refusal_may_be_read_too(open_server: ServerInThread) -> None:
    headers = [("cookie", "JSESSIONID=1"), ("origin", FIRST), ("sec-fetch-site", "none"), ("sec-fetch-site", "x")]
    answer = open_server.client.post("/api/v1/cart/items", headers=headers)
    error_of(answer, 403, "FORBIDDEN")
    assert cors_of(answer) == granted(FIRST)


def test_outside_the_apis_nothing_is_open(open_server: ServerInThread) -> None:
    for path in ("/openapi.json", "/docs", "/", "/apiary", "/nothing"):
        answer = open_server.client.get(path, headers={"origin": FIRST})
        assert cors_of(answer) == {}
        asked = {"origin": FIRST, "access-control-request-method": "GET"}
        assert cors_of(open_server.client.options(path, headers=asked)) == {}


@pytest.mark.parametrize("path", [FILM, "/api/v1/cart/items", "/api/users/2/favorites", "/api/v1/nothing"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_preflight_of_a_named_origin_is_answered(open_server: ServerInThread, path: str, method: str) -> None:
    asked = {
        "origin": SECOND,
        "access-control-request-method": method,
        "access-control-request-headers": "content-type",
        "sec-fetch-site": "cross-site",
    }
    answer = open_server.client.options(path, headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert cors_of(answer) == granted(SECOND) | {
        "access-control-allow-methods": "GET, POST, PUT, DELETE, HEAD",
        "access-control-allow-headers": (
            "Content-Type, Authorization, Idempotency-Key, If-None-Match, Range, X-Request-Id"
        ),
        "access-control-max-age": "600",
    }
    assert is_varying(answer)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("origin", [None, *OTHERS])
def test_a_preflight_of_another_origin_is_told_nothing(open_server: ServerInThread, origin: str | None) -> None:
    asked = {"access-control-request-method": "POST"} | ({} if origin is None else {"origin": origin})
    answer = open_server.client.options("/api/v1/movies", headers=asked)
    assert "GET" in answer.headers["allow"], "as any OPTIONS"
    assert cors_of(answer) == {}
    assert is_varying(answer)


def test_who_names_no_origin_sends_no_such_header(shop: httpx.Client) -> None:
    for origin in (FIRST, str(shop.base_url).rstrip("/"), "null"):
        for method, path, status in ASKED:
            answer = shop.request(method, path, headers={"origin": origin, "access-control-request-method": "GET"})
            assert answer.status_code == status
            assert cors_of(answer) == {}
            assert "vary" not in answer.headers


def test_no_kept_copy_holds_an_origin(
    open_server: ServerInThread, database: str, serve_here: ServeHere, engines: Engines
) -> None:
    """Neither this process's nor the one in Valkey that servers without CORS answer from."""
    path = "/api/v1/movies?size=7"
    with redis.Redis.from_url(engines.redis_url) as client:
        before = set(client.scan_iter("filmer:page:*"))
        closed: ServerInThread = serve_here(database)
        kept: list[bytes] = []
        for _ in range(200):  # until both know which edition they answer from: before that, nothing is kept
            first = open_server.client.get(path, headers={"origin": FIRST})
            assert cors_of(first) == granted(FIRST)
            pages = set(client.scan_iter("filmer:page:*")) - before
            kept = [bytes(client.get(page) or b"") for page in pages if not page.endswith(b":claim")]
            if kept:
                break
        assert kept
        assert not any(b"access-control" in page.lower() or b"localhost" in page for page in kept)
        assert not any(b"vary" in page.lower() or b"strict-transport" in page.lower() for page in kept)
    assert cors_of(open_server.client.get(path, headers={"origin": SECOND})) == granted(SECOND)
    assert cors_of(open_server.client.get(path)) == {}
    answer = closed.client.get(path, headers={"origin": FIRST})
    assert answer.content == first.content
    assert cors_of(answer) == {}
    assert "vary" not in answer.headers
    assert "strict-transport-security" not in answer.headers
    closed.stop()


@pytest.mark.parametrize(
    ("given", "origins"),
    [
        ("http://localhost:3000", ("http://localhost:3000",)),
        ("http://localhost:3000,https://a.example", ("http://localhost:3000", "https://a.example")),
        (" HTTPS://A.example:443 , https://a.example ", ("https://a.example",)),
    ],
)
def test_origins_can_be_set(given: str, origins: tuple[str, ...]) -> None:
    asked = load_settings({"FILMER_CORS_ORIGINS": given})
    assert asked.cors_origins is not None
    assert parse_origins(asked.cors_origins) == origins


@pytest.mark.parametrize(
    "given",
    [
        "*",
        "http://*",
        "https://*.example",
        "null",
        "localhost:3000",
        "ftp://a.example",
        "http://a.example/",
        "http://a.example/path",
        "http://a.example?q",
        "http://a.example#f",
        "http://user:secret@a.example",
        "http://a.example:99999",
        "http://",
        "http://a.example,",
        ",",
        "http://a.example,*",
        "http://a.example http://b.example",
        "http://kinö.example",
    ],
)
def test_what_is_no_origin_is_told_in_a_sentence(given: str) -> None:
    with pytest.raises(SettingsError, match=r"FILMER_CORS_ORIGINS=.* can't be used: .* is not an origin\. Expected "):
        load_settings({"FILMER_CORS_ORIGINS": given})


def test_a_server_does_not_start_with_what_is_no_origin() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "filmer", "serve"],
        env={**os.environ, "FILMER_CORS_ORIGINS": "*", "FILMER_DATA_DIR": os.devnull},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert found.returncode == 1
    assert "FILMER_CORS_ORIGINS='*' can't be used" in found.stderr
    assert "Traceback" not in found.stderr
