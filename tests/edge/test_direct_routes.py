"""The catalogue's public endpoints answer the same past the framework as through it."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.asgi_client import Response, ask
from tests.conftest import MakeDatabase
from tests.in_process import in_process

from filmer.clock import SystemClock
from filmer.edge.direct_routes import DirectRoutes
from filmer.edge.flight import FLIGHT
from filmer.edge.refusals import Refusals
from filmer.errors import ServerLost
from filmer.http.failures import SERVER_LOST
from filmer.urls import catalogue_routes

ADDRESSES = [
    "/movies", "/movies?page=2&size=5&sortBy=rating&order=desc", "/movies?startsWith=M", "/movies?page=0",
    "/movies?sortBy=nothing&order=up", "/movies/tt0372784", "/movies/tt9999999", "/movies/%2e%2e", "/movies/a%2Fb",
    "/movies/M%C3%BCller", "/movies/x/y", "/movies/12345678901", "/stars", "/stars?name=reeves", "/stars?sortBy=votes",
    "/stars/nm0000288", "/stars/nobody", "/genres", "/genres?size=x", "/genres/1/movies", "/genres/0/movies",
    "/genres/x/movies?page=0", "/genres/99999/movies", "/genres/1", "/genres/1/films", "/search/movies",
    "/search/movies?query=dark", "/search/movies?query=dark&sortBy=relevance", "/search/movies?year=x",
    "/search/movies?year=1999&year=2000", "/search/suggestions?query=mat", "/search/suggestions",
    "/search/suggestions?query=%FF",
    "/search/other", "/search", "/movies/", "/stars/", "/genres//movies",
]  # fmt: skip
SUGGESTIONS = b"/api/v1/search/suggestions?query=qqqq"
ADDED_BY_THE_EDGE = {"content-security-policy", "etag", "x-request-id"}


@pytest.fixture(scope="module")
def answers(make_database: MakeDatabase) -> dict[str, tuple[Response, Response]]:
    """Of each address: past the framework, and through it."""

    async def ask_all() -> dict[str, tuple[Response, Response]]:
        async with in_process(make_database(films=True)) as filmer:
            while (b"cache-control", b"no-store") in (await ask(filmer.app, "GET", SUGGESTIONS)).headers:  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # until the search index is open, suggestions are not stored
            paths = {address: f"/api/v1{address}".encode() for address in ADDRESSES}
            return {
                address: (await ask(filmer.app, "GET", path), await ask(filmer.litestar, "GET", path))
                for address, path in paths.items()
            }

    return asyncio.run(ask_all())


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_response_is_the_same_as_through_the_framework(
    answers: dict[str, tuple[Response, Response]], address: str
) -> None:
    direct, framework = answers[address]
    assert direct.status == framework.status
    assert _body(direct) == _body(framework)
    headers = _headers(direct)
    assert headers.items() >= _headers(framework).items()
    assert int(headers["content-length"]) == len(direct.body)


def test_every_public_endpoint_of_the_catalogue_is_asked() -> None:
    class Recorded:
        def __getattr__(self, name: str) -> Any:
            async def handler(**_: Any) -> None: ...

            return handler

    paths = {path.split("/")[1] for path in catalogue_routes(Recorded())}  # type: ignore[arg-type]
    assert paths == {address.split("/")[1].partition("?")[0] for address in ADDRESSES}


def test_a_lost_server_is_marked_for_the_retry() -> None:
    async def fail() -> None:
        raise ServerLost("gone")

    async def passed_on(*_: Any) -> None:
        raise AssertionError("it is not passed on")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"path": "/api/v1/genres", FLIGHT: None}
    refusals = Refusals(SystemClock(), lambda *_: b"")
    routes = DirectRoutes(passed_on, prefix="/api/v1", routes={"/genres": fail}, refusals=refusals)
    receive: Any = passed_on
    asyncio.run(routes(scope, receive, send))
    assert sent[0]["status"] == 503
    assert scope[SERVER_LOST]


def _body(response: Response) -> Any:
    if not response.body.startswith(b"{"):
        return response.body
    body = msgspec.json.decode(response.body)
    body.pop("timestamp", None)
    return body


def _headers(response: Response) -> dict[str, str]:
    headers = {name.decode(): value.decode() for name, value in response.headers}
    return {name: value for name, value in headers.items() if name not in ADDED_BY_THE_EDGE}
