"""HTTP/1.1 without ``Host``, or with two: 400, in the envelope of the API or on a page (contract §1.6)."""

import asyncio
import re
import socket
from typing import Any

import httpx
import pytest
from tests.community.responses import community_error_of
from tests.responses import error_of

from filmer.clock import SystemClock
from filmer.edge.limits import Limits
from filmer.edge.refusals import Refusals
from filmer.edge.request import EDGE_REQUEST, read_request
from filmer.http.hosts import host_objection

PATHS = ["/api/v1/genres", "/api/v1/cart", "/api/v1/nothing", "/api/movies/popular", "/films", "/", "/openapi.json"]


def ask(shop: httpx.Client, request: str) -> httpx.Response:
    """The answer to a request as it is written down, on a connection of its own."""
    method = request.partition(" ")[0]
    with socket.create_connection(("127.0.0.1", shop.base_url.port or 0), timeout=10) as wire:
        wire.sendall(request.replace("\n", "\r\n").encode("latin-1"))
        found = bytearray()
        with wire.makefile("rb") as answer:
            while (line := answer.readline()).strip():
                found += line
            length = re.search(rb"(?im)^content-length: (\d+)", found)
            body = answer.read(int(length[1])) if length and method != "HEAD" else b""
    first, *lines = found.decode("latin-1").splitlines()
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return httpx.Response(int(first.split()[1]), headers=headers, content=body)


def require_refusal(answer: httpx.Response, path: str, reason: str) -> None:
    if path.startswith("/api/movies"):
        message = community_error_of(answer, 400, "VALIDATION_ERROR")["message"]
    elif path.startswith(("/api/", "/openapi")):
        message = error_of(answer, 400, "VALIDATION_ERROR")["message"]
    else:
        assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")
        message = answer.text
    assert reason in message
    assert answer.headers["x-request-id"]
    assert "no-store" in answer.headers["cache-control"]


REFUSED = {
    "": "no Host header",
    "host:\n": "no Host header",
    "host: films.example\nhost: films.example\n": "more than one Host header",
    "host: films.example\nHost: elsewhere.example\n": "more than one Host header",
    "host: films.example\nhost:\n": "more than one Host header",
    "host: films.example elsewhere.example\n": "names no host",
    "host: films.example, films.example\n": "names no host",
    "host: you@films.example\n": "names no host",
    "host: http://films.example\n": "names no host",
    "host: films.example:80a\n": "names no host",
    "host: films.example:800000\n": "names no host",
    "host: f\u00efl\u00ebms.example\n": "names no host",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("headers", REFUSED)
def test_exactly_one_host_must_be_named(shop: httpx.Client, path: str, headers: str) -> None:
    require_refusal(ask(shop, f"GET {path} HTTP/1.1\n{headers}\n"), path, REFUSED[headers])


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS", "BREW"])
def test_whatever_is_to_be_done(shop: httpx.Client, method: str) -> None:
    for host in ("", "host: a\nhost: a\n"):
        answer = ask(shop, f"{method} /api/v1/genres HTTP/1.1\n{host}\n")
        assert answer.status_code == 400
        if method != "HEAD":
            require_refusal(answer, "/api/v1/genres", "Host header")


@pytest.mark.parametrize(
    "host", ["films.example", "films.example:8000", "films.example:", "FILMS_1.example.", "10.0.0.7:1", "[::1]:8000"]
)
def test_one_that_is_named_is_enough(shop: httpx.Client, host: str) -> None:
    assert ask(shop, f"GET /api/v1/genres HTTP/1.1\nhost: {host}\n\n").status_code == 200


def test_http_1_0_may_do_without(shop: httpx.Client) -> None:
    for path in ("/api/v1/genres", "/films"):
        assert ask(shop, f"GET {path} HTTP/1.0\n\n").status_code == 200
    require_refusal(ask(shop, "GET /films HTTP/1.0\nhost: a\nhost: a\n\n"), "/films", "more than one Host header")
    require_refusal(ask(shop, "GET /sitemap.xml HTTP/1.0\n\n"), "/sitemap.xml", "no Host header")
    assert "Sitemap:" not in ask(shop, "GET /robots.txt HTTP/1.0\n\n").text


def test_what_a_refused_request_brought_is_not_taken_for_the_next(shop: httpx.Client) -> None:
    smuggled = "GET /nothing HTTP/1.1\nHost: x\n\n" * 500
    length = len(smuggled.replace("\n", "\r\n"))
    with socket.create_connection(("127.0.0.1", shop.base_url.port or 0), timeout=10) as wire:
        head = f"POST /api/v1/auth/login HTTP/1.1\ncontent-length: {length}\n\n"
        after = "GET /api/v1/health HTTP/1.1\nHost: x\nConnection: close\n\n"
        wire.sendall(f"{head}{smuggled}{after}".replace("\n", "\r\n").encode())
        found = b"".join(iter(lambda: wire.recv(2**16), b""))
    assert re.findall(rb"HTTP/1.1 (\d{3}) ", found) == [b"400", b"200"]


def test_other_versions_name_it_in_their_own_way() -> None:
    """Granian hands ``:authority`` over as ``host``, and an empty one where there is none."""
    assert host_objection("2", [b"films.example"]) is None
    assert host_objection("2", [b""]) is host_objection("1.0", [b""]) is host_objection("1.0", []) is None
    assert host_objection("2", [b"a", b"a"])
    assert host_objection("1.1", [])


@pytest.mark.parametrize(("port", "is_one"), [("65535", True), ("65536", False), ("99999", False), ("", True)])
def test_a_port_is_one_that_exists(port: str, is_one: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert (host_objection("1.1", [f"films.example:{port}".encode()]) is None) is is_one


@pytest.mark.parametrize("first", [[], [b""], [b"shop"], [b"shop", b"shop"], [b"a b"]])
def test_a_host_is_looked_at_whatever_the_request_before_it_had(first: list[bytes]) -> None:
    """The last fit one is remembered; a request without any, or with two, must not pass for it."""
    passed: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        passed.append(scope["http_version"])

    async def receive() -> Any:
        raise AssertionError("no body is read")

    async def send(_message: Any) -> None:
        pass

    async def run() -> None:
        limits = Limits(app, refusals=Refusals(SystemClock(), lambda _path, _error: b""))
        for hosts in (first, [], [b""], [b"shop"], [b"shop"], [b"shop", b"shop"], [b""], [b"a b"], [b"other"]):
            for version in ("1.1", "1.0"):
                scope: Any = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b""}
                scope |= {"http_version": version, "headers": [(b"host", host) for host in hosts]}
                scope[EDGE_REQUEST] = read_request(scope, 0.0)
                passed.clear()
                await limits(scope, receive, send)
                assert bool(passed) == (host_objection(version, hosts) is None), (hosts, version)

    asyncio.run(run())
