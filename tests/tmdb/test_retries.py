"""Retries as community-api.txt prints them, by a clock of the test's (contract §7.8; promise 17)."""

import asyncio
import json
import time
from datetime import timedelta
from email.utils import format_datetime
from typing import Any, NamedTuple

import pytest
from structlog.testing import capture_logs
from tests.conftest import Serve, Server
from tests.machine import at_most
from tests.sandbox import Sandbox
from tests.tmdb.clients import KEY, MATRIX, POPULAR, SteppingClock, http, own_language, scripted_server, tmdb_client
from tests.users import visitor

from filmer.errors import ExternalApiError, MovieNotFound
from filmer.server.serving import free_port
from filmer.tmdb.payloads import TmdbFilm

pytestmark = [pytest.mark.proof, pytest.mark.parallel]
PATH = f"/3/movie/{MATRIX}"
AGAIN = ["429", "500", "502", "503", "504", "reset", "half", "black-hole"]
NOT_AGAIN = ["401", "redirect", "not-json", "wrong-types", "wrong-id", "gzip-bomb", "huge", "endless"]


class Result(NamedTuple):
    """The film, the waits before each retry, and the log of one request."""

    film: TmdbFilm | None
    waits: list[float]
    logs: list[Any]


async def fetch_film(base_url: str, clock: SteppingClock, **options: Any) -> Result:
    async with tmdb_client(base_url, clock, **options) as tmdb:
        with capture_logs() as logs:
            try:
                film: TmdbFilm | None = await tmdb.film(MATRIX)
            except ExternalApiError:
                film = None
    return Result(film, clock.waits, logs)


def request_film(base_url: str, deadline: int = 10) -> Result:
    """With ten seconds each try has half a second of them, by the real clock."""
    return asyncio.run(fetch_film(base_url, SteppingClock(), tmdb_deadline_seconds=deadline))


def are_as_printed(waits: list[float]) -> bool:
    return all(least <= wait <= min(5, least * 1.1) for least, wait in zip((1, 2, 4), waits, strict=False))


@pytest.mark.parametrize("fault", AGAIN)
def test_four_calls_and_growing_waits(fault: str, sandbox: Sandbox) -> None:
    sandbox.fail(fault)
    result = request_film(sandbox.url)
    assert result.film is None
    assert sandbox.calls(PATH) == 4
    assert len(result.waits) == 3
    assert are_as_printed(result.waits), result.waits
    assert [(entry["attempt"], entry["attempts"]) for entry in result.logs] == [(number, 4) for number in (1, 2, 3, 4)]


def test_nobody_there_is_tried_again_too() -> None:
    result = request_film(f"http://127.0.0.1:{free_port('127.0.0.1')}/3")
    assert (result.film, len(result.logs), len(result.waits)) == (None, 4, 3)
    assert are_as_printed(result.waits), result.waits


@pytest.mark.parametrize("failures", [1, 2, 3])
@pytest.mark.parametrize("fault", AGAIN)
def test_it_recovers(fault: str, failures: int, sandbox: Sandbox) -> None:
    sandbox.fail(fault, times=failures)
    result = request_film(sandbox.url)
    assert result.film is not None
    assert result.film.id == MATRIX
    assert sandbox.calls(PATH) == failures + 1
    assert len(result.waits) == len(result.logs) == failures
    assert are_as_printed(result.waits), result.waits


@pytest.mark.parametrize("fault", NOT_AGAIN)
def test_what_would_be_the_same_again_is_asked_once(fault: str, sandbox: Sandbox) -> None:
    sandbox.fail(fault)
    result = request_film(sandbox.url)
    assert (result.film, result.waits, sandbox.calls(PATH)) == (None, [], 1)
    assert [entry["attempt"] for entry in result.logs] == [1]


@pytest.mark.parametrize("status", [400, 403, 405, 406, 410, 418, 422])
def test_other_refusals_are_asked_once(status: int) -> None:
    async def run() -> tuple[Result, int]:
        async with scripted_server(http(f"{status} No", b'{"status_code":5}', "retry-after: 1")) as server:
            return await fetch_film(server.url, SteppingClock()), server.requests

    result, calls = asyncio.run(run())
    assert (result.film, result.waits, len(result.logs), calls) == (None, [], 1, 1)


def test_that_there_is_no_such_film_is_asked_once_and_no_error(sandbox: Sandbox) -> None:
    async def run() -> None:
        async with tmdb_client(sandbox.url, SteppingClock()) as tmdb:
            with capture_logs() as logs, pytest.raises(MovieNotFound):
                await tmdb.film(0)
            assert logs == []

    asyncio.run(run())
    assert len(sandbox.requests()) == 1


# --- Retry-After ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("retry_after", "waited"), [(0, 1), (1, 1), (3, 3), (6, 6), (14, 14)])
def test_as_long_as_tmdb_says_is_waited_for(retry_after: int, waited: float, sandbox: Sandbox) -> None:
    sandbox.fail("429", times=1, retry_after=retry_after)
    result = request_film(sandbox.url, deadline=15)
    assert result.film is not None
    assert len(result.waits) == 1
    assert waited <= result.waits[0] <= waited * 1.1


@pytest.mark.parametrize("retry_after", [15, 16, 3600, 10**9])
def test_beyond_the_deadline_nobody_waits(retry_after: int, sandbox: Sandbox) -> None:
    sandbox.fail("429", retry_after=retry_after)
    begun = time.monotonic()
    result = request_film(sandbox.url, deadline=15)
    assert (result.film, result.waits, sandbox.calls(PATH)) == (None, [], 1)
    at_most(2, since=begun)


def test_the_deadline_is_over_all_waits(sandbox: Sandbox) -> None:
    sandbox.fail("429", retry_after=8)
    result = request_film(sandbox.url, deadline=15)
    assert (result.film, len(result.waits), sandbox.calls(PATH)) == (None, 1, 2)


@pytest.mark.parametrize("header", ["soon", "-3", "1.5", "Wed, 21 Oct 2015 07:28:00 GMT", "Octember", "\u0663"])
def test_what_cannot_be_read_changes_nothing(header: str) -> None:
    result, calls = asyncio.run(after("503 Busy", f"retry-after: {header}".encode().decode("latin-1")))
    assert (result.film, calls) == (None, 4)
    assert are_as_printed(result.waits)


async def after(status: str, *headers: str) -> tuple[Result, int]:
    async with scripted_server(http(status, b"", *headers)) as server:
        return await fetch_film(server.url, SteppingClock()), server.requests


@pytest.mark.parametrize("status", ["429 Slow", "503 Busy"])
@pytest.mark.parametrize(("seconds", "first", "calls"), [(6, 6, 4), (0, 1, 4), (-60, 1, 4), (16, None, 1)])
def test_a_date_is_kept(status: str, seconds: int, first: float | None, calls: int) -> None:
    clock = SteppingClock()
    moment = format_datetime(clock.now() + timedelta(seconds=seconds), usegmt=True)

    async def run() -> tuple[Result, int]:
        async with scripted_server(http(status, b"", f"retry-after: {moment}")) as server:
            return await fetch_film(server.url, clock), server.requests

    result, sent = asyncio.run(run())
    assert (result.film, sent) == (None, calls)
    assert result.waits[:1] == ([] if first is None else [pytest.approx(first, rel=0.11)])


# --- what is logged ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [*AGAIN, *NOT_AGAIN])
def test_a_failure_is_logged_with_what_it_was(fault: str, sandbox: Sandbox) -> None:
    sandbox.fail(fault, times=1)
    (entry,) = request_film(sandbox.url).logs
    assert (entry["log_level"], entry["method"], entry["path"]) == ("error", "GET", f"/movie/{MATRIX}")
    assert entry["error"]
    assert isinstance(entry["exc_info"], Exception)
    assert entry["exc_info"].__traceback__ is not None
    assert KEY not in repr(entry)


@pytest.fixture
def logging_server(database_url: str, serve: Serve, sandbox: Sandbox, request: pytest.FixtureRequest) -> Server:
    """A server that logs as much as it can, with one of the credentials."""
    credential, log_format = request.param
    server: Server = serve(
        database_url,
        TMDB_BASE_URL=sandbox.url,
        TMDB_DEADLINE_SECONDS="3",
        TMDB_LANGUAGE=own_language(),
        FILMER_LOG_LEVEL="debug",
        FILMER_LOG_FORMAT=log_format,
        FILMER_ACCESS_LOG="true",
        **{credential: KEY},
    )
    return server


@pytest.mark.parametrize(
    "logging_server",
    [("TMDB_API_KEY", "json"), ("TMDB_ACCESS_TOKEN", "json"), ("TMDB_API_KEY", "text")],
    indirect=True,
    ids=["key", "token", "text"],
)
def test_stderr_tells_each_failure_and_never_the_credential(logging_server: Server, sandbox: Sandbox) -> None:
    """Request context, stack trace, attempt (community-api.txt); the canary in none of it (promise 8)."""
    failing = ["401", "redirect", "wrong-types", "gzip-bomb", "500", "reset"]
    with visitor(logging_server.client) as client:
        for number, fault in enumerate(failing, 1):
            sandbox.heal()
            sandbox.fail(fault, path=POPULAR)
            answer = client.get(
                "/api/movies/popular", params={"page": number}, headers={"x-request-id": f"{fault}.asked"}
            )
            assert answer.status_code == 503
            assert KEY not in answer.text + str(answer.headers)
    output = logging_server.output()
    assert KEY not in output
    if not output.lstrip().startswith("{"):
        assert output.count("Traceback (most recent call last)") >= len(failing)
        return
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    failures = [line for line in lines if line["event"] == "TMDB failed"]
    assert [(line["request_id"], line["attempt"]) for line in failures] == [
        (f"{fault}.asked", attempt) for fault in failing for attempt in ((1, 2) if fault in {"500", "reset"} else (1,))
    ]
    for line in failures:
        assert (line["level"], line["method"], line["path"]) == ("error", "GET", "/movie/popular")
        assert line["error"]
        assert line["exception"][0]["exc_type"]
        assert line["exception"][0]["frames"]
