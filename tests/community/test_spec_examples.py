"""The live server answers community-api.txt to the letter: every example, byte for byte, every code, every status.

Promise 9; ``FILMER_SPECIFICATIONS`` has it look into the file (tests/specifications.py).
"""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, cast

import httpx
import pytest
from tests import specifications
from tests.community.conftest import ApiUser
from tests.community.responses import community_error_of, own_language
from tests.community_examples import ADD, CHANGE, CLEAR, CREATED, LIST, POPULAR, PRINTED, RATE, REMOVE, REQUESTS
from tests.conftest import MakeDatabase, Serve, Server
from tests.connections import fetch
from tests.figures import record_figure

from filmer.settings import Settings
from filmer.tmdb import client as tmdb

# The film of the examples, as TMDB tells it: with much that the examples do not print, and totals beyond its own limit.
FILM = {
    "adult": False,
    "id": 123,
    "title": "Movie Title",
    "vote_average": 7.8,
    "popularity": 123.45,
    "overview": "Movie description",
    "release_date": "2024-01-01",
    "genre_ids": [18],
    "poster_path": None,
}
TMDB_RESPONSES = {
    "/3/movie/popular": {"page": 1, "results": [FILM], "total_pages": 48_211, "total_results": 964_203},
    "/3/movie/123": FILM | {"budget": 0, "tagline": ""},
}
# "Common Error Codes" and "HTTP Status Codes".
CODES = {
    "INVALID_TOKEN", "INSUFFICIENT_PERMISSIONS", "INVALID_RATING", "MOVIE_NOT_FOUND", "RATING_NOT_FOUND",
    "EXTERNAL_API_ERROR", "VALIDATION_ERROR",
}  # fmt: skip
# The contract's that no request to the community gets: it has no checkout, and no endpoint that is slowed down.
CODES_OF_SHOP = {"PAYMENT_FAILED", "CONFLICT", "RATE_LIMITED", "NOT_FOUND", "METHOD_NOT_ALLOWED", "SERVICE_UNAVAILABLE"}
STATUSES = {200, 201, 204, 400, 401, 403, 404, 500, 503}


class Case(NamedTuple):
    """A request, and the answer it gets. ``code``: of an error."""

    endpoint: str
    status: int
    code: str = ""
    who: str = "user"
    id: str = ""
    body: Any = None
    query: str = ""

    def __str__(self) -> str:
        return f"{self.status} {self.code} {self.endpoint}"


# One after another: each stands on those before. Whatever else is wrong with a request: tests/community_examples.py.
CASES = [
    Case(POPULAR, 200, who="nobody"),
    Case(POPULAR, 503, "EXTERNAL_API_ERROR", "nobody", query="?page=2"),
    Case(ADD, 201, body={"movie_id": 123}),
    Case(ADD, 503, "EXTERNAL_API_ERROR", body={"movie_id": 125}),
    Case(RATE, 201, body={"movie_id": 123, "rating": 4}),
    Case(RATE, 503, "EXTERNAL_API_ERROR", body={"movie_id": 126, "rating": 4}),
    Case(LIST, 200),
    Case(LIST, 200, who="admin", query="?sort=rating&order=asc"),
    Case(LIST, 500, "INTERNAL_ERROR", who="the database fails"),
    Case(CHANGE, 200, id="789", body={"rating": 5}),
    Case(CHANGE, 404, "RATING_NOT_FOUND", "other", "789", {"rating": 5}),
    Case(REMOVE, 204, id="456"),
    Case(REMOVE, 404, "FAVORITE_NOT_FOUND", id="456"),
    Case(CLEAR, 204, who="admin"),
]


class _Answers(BaseHTTPRequestHandler):
    """TMDB with one film. Film 124 does not exist; all other requests fail."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        tmdb_response: Any = TMDB_RESPONSES.get(path) if "page=2" not in query else None
        status = 200 if tmdb_response else 503
        if path == "/3/movie/124":
            status, tmdb_response = 404, {"success": False, "status_code": 34, "status_message": "Nothing here."}
        body = json.dumps(tmdb_response).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Stage:
    """A server and its people; favourites are counted from 456, ratings from 789, as in the examples."""

    def __init__(self, url: str, server: Server) -> None:
        self.url = url
        self.server = server
        fetch(url, "ALTER TABLE favorite ALTER COLUMN id RESTART WITH 456")
        fetch(url, "ALTER TABLE rating ALTER COLUMN id RESTART WITH 789")
        self.user, self.other = ApiUser(url, server.client), ApiUser(url, server.client)
        self.admin = ApiUser(url, server.client, "admin")

    def ask(self, case: Case) -> httpx.Response:
        if case.who == "the database fails":
            fetch(self.url, "ALTER TABLE favorite RENAME TO away")
            try:
                return self.ask(case._replace(who="user", query="?order=asc"))
            finally:
                fetch(self.url, "ALTER TABLE away RENAME TO favorite")
        clients = {
            "user": self.user.client, "other": self.other.client, "admin": self.admin.client,
            "nobody": self.server.client,
        }  # fmt: skip
        method, _, path = case.endpoint.partition(" ")
        number = self.user.person.id
        address = path.format(user_id=number, userId=number, id=case.id) + case.query
        return clients[case.who].request(method, address, json=case.body)

    def close(self) -> None:
        for user in (self.user, self.other, self.admin):
            user.client.close()


@pytest.fixture(scope="module")
def stage(make_database: MakeDatabase, serve: Serve) -> Iterator[Stage]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as answering:
        thread = threading.Thread(target=answering.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        address = f"http://127.0.0.1:{answering.server_port}/3"
        settings = {"TMDB_BASE_URL": address, "TMDB_API_KEY": "any", "TMDB_LANGUAGE": own_language()}
        url = make_database()
        running_stage = Stage(url, serve(url, TMDB_DEADLINE_SECONDS="1", FILMER_LOG_FORMAT="json", **settings))
        yield running_stage
        running_stage.close()
        answering.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def responses_by_case(stage: Stage) -> list[httpx.Response]:
    return [stage.ask(case) for case in CASES]


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: str(CASES[number]))
def test_every_case_is_answered_as_printed(responses_by_case: list[httpx.Response], number: int) -> None:
    case, response = CASES[number], responses_by_case[number]
    if case.code:
        community_error_of(response, case.status, case.code)
        return
    assert response.status_code == case.status, response.text
    printed = "" if case.status == 204 else written(PRINTED[case.endpoint, case.status])
    assert re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", CREATED, response.text) == printed


def written(response: Any) -> str:
    return json.dumps(response, separators=(",", ":"))


def test_nothing_of_the_specification_is_left_out(responses_by_case: list[httpx.Response]) -> None:
    """Each answer printed is in CASES; each code and status in these or in REQUESTS, for the OpenAPI tests."""
    good = {
        (case.endpoint, response.status_code)
        for case, response in zip(CASES, responses_by_case, strict=True)
        if not case.code
    }
    codes = {case.code for case in CASES} | {request.code for request in REQUESTS}
    statuses = {case.status for case in CASES} | {request.status for request in REQUESTS}
    assert good == {*PRINTED, (REMOVE, 204), (CLEAR, 204)}
    assert codes >= CODES
    assert statuses >= STATUSES
    source = "as transcribed"
    if specifications.FOLDER:
        printed = specifications.community_api()
        assert {which: written(response) for which, response in printed.responses.items() if response} == {
            which: written(response) for which, response in PRINTED.items()
        }
        assert good == set(printed.responses)
        assert printed.bodies == {case.endpoint: case.body for case in CASES if case.body and not case.code}
        assert printed.codes == CODES
        assert {status for _, status in printed.statuses} == STATUSES
        assert codes >= specifications.codes_of_contract() - CODES_OF_SHOP
        source = "from the file"
    record_figure(
        f"community-api.txt, {source}: {len(good)} of {len(good)} examples, {len(STATUSES)} of {len(STATUSES)}"
        f" statuses, {len(CODES)} of {len(CODES)} codes"
    )


def test_the_figures_of_the_specification() -> None:
    """Default cache duration, and "retry with exponential backoff"."""
    assert Settings().cache_duration_seconds == 30
    assert (tmdb.ATTEMPTS - 1, tmdb.FIRST_WAIT, tmdb.MAX_WAIT, tmdb.MULTIPLIER) == (3, 1.0, 5.0, 2.0)


def test_errors_are_logged_to_stderr_as_printed(stage: Stage, responses_by_case: list[httpx.Response]) -> None:
    """ "Error details, request context, stack trace, retry attempt number"; and the request that it happened to."""
    assert responses_by_case
    lines = [json.loads(line) for line in stage.server.output().splitlines() if line.startswith("{")]
    failed = [line for line in lines if line["event"] == "TMDB failed"]
    assert {line["path"] for line in failed} >= {"/movie/125", "/movie/126", "/movie/popular"}
    for line in failed:
        assert (line["method"], line["attempt"], line["attempts"]) == ("GET", 1, 4)
        assert "503" in line["error"]
        assert cast("list[Any]", line["exception"])[0]["frames"]
        assert line["request_id"]
