"""Asking TMDB: what is sent, what comes back, and that nothing it says does any harm (contract §7.8, §7.9)."""

import asyncio
import ssl
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx
import pytest
from structlog.testing import capture_logs
from tests.sandbox import Sandbox
from tests.tmdb.clients import KEY, MATRIX, POPULAR, UNKNOWN, SteppingClock, http, scripted_server, tmdb_client, until

from filmer.clock import SystemClock
from filmer.errors import ExternalApiError, MovieNotFound, UnusableTmdbResponse
from filmer.server.serving import free_port
from filmer.tmdb.client import CONNECTIONS, MAX_BYTES, Tmdb, http_client

T = TypeVar("T")
FILM = b'{"id":603,"title":"The Matrix"}'


def ask(base_url: str, work: Callable[[Tmdb], Awaitable[T]], **options: object) -> T:
    async def run() -> T:
        async with tmdb_client(base_url, SteppingClock(), **options) as tmdb:
            return await work(tmdb)

    return asyncio.run(run())


POPULAR_BODY = b'{"page":1,"total_pages":1,"total_results":0,"results":[]}'


def test_what_it_answers_is_read(sandbox: Sandbox) -> None:
    async def work(tmdb: Tmdb) -> None:
        page = await tmdb.popular(2)
        assert (page.page, page.total_results, len(page.results)) == (2, 430, 20)
        assert (await tmdb.film(MATRIX)).title == "The Matrix"
        assert await tmdb.find("tt0133093") == MATRIX
        assert await tmdb.find("tt9999999") is None
        assert (await tmdb.popular(499)).results == []

    ask(sandbox.url, work)


@pytest.mark.parametrize("region", [None, "DE"])
def test_language_and_region_are_sent(region: str | None, sandbox: Sandbox) -> None:
    async def work(tmdb: Tmdb) -> None:
        await tmdb.popular(3)
        await tmdb.film(MATRIX)
        await tmdb.find("tt0133093")

    ask(sandbox.url, work, tmdb_language="de-DE", tmdb_region=region)
    region_parameter = {"region": region} if region else {}
    assert [request.query for request in sandbox.requests()] == [
        {"page": "3", "language": "de-DE", **region_parameter},
        {"language": "de-DE"},
        {"external_source": "imdb_id"},
    ]


@pytest.mark.parametrize("credential", [{"tmdb_access_token": KEY}, {"tmdb_api_key": KEY}])
def test_a_token_goes_in_the_header_and_a_key_in_the_query(credential: dict[str, str]) -> None:
    async def run() -> bytes:
        received: list[bytes] = []

        async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(http("200 OK", FILM))
            writer.close()

        async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/3"
            credentials = {"tmdb_api_key": None} | credential
            async with tmdb_client(url, SteppingClock(), **credentials) as tmdb:
                await tmdb.film(MATRIX)
        return received[0]

    head = asyncio.run(run()).decode().lower()
    in_header, in_query = f"authorization: bearer {KEY}" in head, f"api_key={KEY}" in head
    assert (in_header, in_query) == ("tmdb_access_token" in credential, "tmdb_api_key" in credential)
    assert "accept-encoding: identity" in head


def test_without_a_credential_nobody_is_asked(sandbox: Sandbox) -> None:
    async def work(tmdb: Tmdb) -> None:
        assert not tmdb.is_set_up
        with pytest.raises(ExternalApiError, match="not set up"):
            await tmdb.film(MATRIX)

    ask(sandbox.url, work, tmdb_api_key=None)
    assert sandbox.requests() == []


def test_a_proxy_is_no_way_to_this_machine(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port('127.0.0.1')}")
    assert ask(sandbox.url, lambda tmdb: tmdb.film(MATRIX)).id == MATRIX


@pytest.mark.parametrize("movie_id", [UNKNOWN, 0])
def test_a_film_that_is_not_there(movie_id: int, sandbox: Sandbox) -> None:
    """TMDB's codes 34 and 6."""

    async def work(tmdb: Tmdb) -> None:
        with capture_logs() as logs, pytest.raises(MovieNotFound):
            await tmdb.film(movie_id)
        assert logs == []

    ask(sandbox.url, work)
    assert sandbox.calls(f"/3/movie/{movie_id}") == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"status_code":7}', b'{"status_code":"34"}', b"[34]"])
def test_a_404_without_tmdbs_code_says_nothing_about_the_film(body: bytes) -> None:
    async def run() -> int:
        async with scripted_server(http("404 Not Found", body)) as server:
            async with tmdb_client(server.url, SteppingClock()) as tmdb:
                with pytest.raises(ExternalApiError):
                    await tmdb.film(MATRIX)
            return server.requests

    assert asyncio.run(run()) == 1


def test_a_list_is_no_film_that_could_be_missing(sandbox: Sandbox) -> None:
    """An address that is not TMDB's answers everything with 404 and code 34."""

    async def work(tmdb: Tmdb) -> None:
        with pytest.raises(ExternalApiError):
            await tmdb.popular(1)

    ask(f"{sandbox.url}/elsewhere", work)


def test_a_redirect_is_not_followed(sandbox: Sandbox) -> None:
    async def work(tmdb: Tmdb) -> None:
        with pytest.raises(ExternalApiError):
            await tmdb.popular(1)

    sandbox.fail("redirect", path=POPULAR, location=f"{sandbox.url}/movie/{MATRIX}")
    ask(sandbox.url, work)
    assert [request.path for request in sandbox.requests()] == [POPULAR]


def test_a_refused_credential_is_told_once_as_our_misconfiguration(sandbox: Sandbox) -> None:
    async def work(tmdb: Tmdb) -> list[list[str]]:
        errors = []
        for fault in ("401", "401", None, "401", "401"):
            sandbox.heal()
            if fault:
                sandbox.fail(fault)
            with capture_logs() as logs:
                try:
                    await tmdb.film(MATRIX)
                except ExternalApiError:
                    assert fault
            errors.append([entry["error"] for entry in logs])
        return errors

    refused = ["TMDB refuses the credential: set TMDB_ACCESS_TOKEN or TMDB_API_KEY right"]
    assert ask(sandbox.url, work) == [refused, [], [], refused, []]
    assert sandbox.calls("/3/movie/603") == 5, "never retried"


def test_what_was_compressed_though_nobody_asked_is_not_unpacked() -> None:
    response = http("200 OK", FILM, "content-encoding: gzip")
    assert asyncio.run(refused_by(response)) == 1


@pytest.mark.parametrize(("size", "is_read"), [(MAX_BYTES, True), (MAX_BYTES + 1, False)])
def test_an_answer_has_its_size(size: int, is_read: bool) -> None:  # noqa: FBT001 - a table's column
    async def run() -> bool:
        async with (
            scripted_server(http("200 OK", FILM + b" " * (size - len(FILM)))) as server,
            tmdb_client(server.url, SteppingClock()) as tmdb,
        ):
            try:
                return (await tmdb.film(MATRIX)).id == MATRIX
            except ExternalApiError:
                assert server.requests == 1
                return False

    assert asyncio.run(run()) is is_read


@pytest.mark.parametrize("fault", ["huge", "endless", "gzip-bomb"])
def test_what_never_ends_takes_no_memory(fault: str, sandbox: Sandbox) -> None:
    async def work(tmdb: Tmdb) -> int:
        sandbox.fail(fault, times=1)
        tracemalloc.start()
        try:
            with pytest.raises(ExternalApiError):
                await tmdb.film(MATRIX)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert ask(sandbox.url, work) < 4 * MAX_BYTES


async def refused_by(response: bytes) -> int:
    """The number of requests to a server with this response, before the client gives up."""
    async with scripted_server(response) as server:
        async with tmdb_client(server.url, SteppingClock(), tmdb_deadline_seconds=10) as tmdb:
            with pytest.raises(ExternalApiError):
                await tmdb.film(MATRIX)
        return server.requests


DEEP = b'{"status_code":' + b"[" * 2000
HOSTILE = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "noise": bytes(range(256)) * 8,
    "a head without end": b"HTTP/1.1 200 OK\r\n" + b"x-filler: " + b"a" * 2**21,
    "a status there is not": http("999 What", FILM),
    "a status that is no number": http("OK 200", FILM),
    "no content": http("204 No Content"),
    "not modified": http("304 Not Modified"),
    "continue and no more": b"HTTP/1.1 100 Continue\r\n\r\n",
    "a length that is none": b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    "a length beyond all": b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 19 + b"\r\n\r\n{}",
    "chunks that are none": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}",
    "an encoding nobody knows": http("200 OK", FILM, "content-encoding: br, gzip"),
    "an empty body": http("200 OK"),
    "a deep body": http("200 OK", b'{"x":' + b"[" * 2000),
    "a deep error": http("500 Oops", DEEP),
    "a deep 404": http("404 Not Found", b'{"x":' + b"[" * 2000),
    "a deep 401": http("401 Unauthorized", b'{"x":' + b"[" * 2000),
    "an error that is no text": http("500 Oops", b'{"status_code":"\xff"}'),
    "a code beyond all": http("500 Oops", b'{"status_code":' + b"9" * 5000 + b"}"),
    "a redirect to nowhere": http("302 Found", b"", "location: http://[nowhere"),
    "a redirect to noise": http("302 Found", b"", "location: \xff\xfe"),
    "a redirect to itself": http("302 Found", b"", "location: "),
    "a cookie": http("500 Oops", b"", "set-cookie: \xff=; expires=never; max-age=x; domain=."),
    "a year beyond all": http("503 Busy", b"", "retry-after: Wed, 21 Oct 99999999999 07:28:00 GMT"),
    "the end of time": http(
        "503 Busy", b"", "date: Wed, 21 Oct 2026 07:28:00 GMT", "retry-after: Fri, 31 Dec 9999 23:59:59 -2359"
    ),
    "the beginning of time": http(
        "503 Busy", b"", "date: Mon, 01 Jan 0001 00:00:00 +2359", "retry-after: Wed, 21 Oct 2026 07:28:00 GMT"
    ),
    "a wait that is none": http("429 Slow", b"", "retry-after: \xb2"),
    "two waits": http("429 Slow", b"", "retry-after: 1", "retry-after: 2"),
    "a wait beyond all": http("429 Slow", b"", "retry-after: " + "9" * 400),
}


@pytest.mark.parametrize("response", HOSTILE.values(), ids=HOSTILE)
def test_whatever_it_says_is_no_answer_and_no_error_of_ours(response: bytes) -> None:
    assert 1 <= asyncio.run(refused_by(response)) <= 4


def test_the_deadline_is_over_all_tries(sandbox: Sandbox) -> None:
    """By the real clock: bytes that drip come for minutes. There is time for two tries and the wait between."""

    async def run() -> float:
        async with tmdb_client(sandbox.url, SystemClock(), tmdb_deadline_seconds=4) as tmdb:
            begun = time.monotonic()
            with pytest.raises(ExternalApiError):
                await tmdb.popular(1)
            return time.monotonic() - begun

    sandbox.fail("drip")
    assert 3.5 <= asyncio.run(run()) < 4.5
    assert sandbox.calls(POPULAR) == 2


def test_whoever_gives_up_waiting_breaks_nothing(sandbox: Sandbox) -> None:
    async def work(tmdb: Tmdb) -> None:
        sandbox.fail("black-hole", times=30)
        tasks = [asyncio.create_task(tmdb.film(MATRIX)) for _ in range(30)]  # more than there may be connections
        await until(lambda: sandbox.calls("/3/movie/603") >= 20)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(one) for one in ended} == {asyncio.CancelledError}
        sandbox.heal()
        assert (await tmdb.film(MATRIX)).id == MATRIX

    ask(sandbox.url, work, tmdb_deadline_seconds=60)


def test_a_slow_tmdb_is_not_taken_for_a_broken_one(sandbox: Sandbox) -> None:
    """More requests than connections: they wait for a connection, and none times out meanwhile."""
    many = 6 * CONNECTIONS

    async def work() -> list[Any]:
        async with tmdb_client(sandbox.url, SystemClock(), tmdb_deadline_seconds=15) as tmdb:
            return await asyncio.gather(*(tmdb.popular(page) for page in range(1, many + 1)))

    sandbox.fail("latency", seconds=0.4)  # the last wait five times as long for their turn: more than a try may take
    assert [page.page for page in asyncio.run(work())] == list(range(1, many + 1))
    assert sandbox.calls(POPULAR) == many


def test_no_cookie_is_kept() -> None:
    cookies = [f"set-cookie: c{number}=1; Path=/; Max-Age=86400" for number in range(50)]

    async def work() -> int:
        async with (
            scripted_server(http("200 OK", POPULAR_BODY, *cookies)) as server,
            tmdb_client(server.url, SystemClock()) as tmdb,
        ):
            await tmdb.popular(1)
            return len(tmdb._http.cookies)

    assert asyncio.run(work()) == 0


def test_films_left_out_are_logged_once_and_only_a_few_of_them(sandbox: Sandbox) -> None:
    """contract §7.12"""

    async def work(tmdb: Tmdb) -> None:
        with capture_logs() as logs:
            sandbox.fail("flawed", flaw="surrogate", films=1)
            assert [len((await tmdb.popular(2)).results) for _ in range(3)] == [19] * 3
        reason = "film 1 of 20: it has a lone surrogate, which is no character"
        assert [(log["log_level"], log["path"], log["page"], log["films"]) for log in logs] == [
            ("warning", "/movie/popular", "2", [reason])
        ]
        sandbox.heal()
        with capture_logs() as logs:
            assert len((await tmdb.popular(2)).results) == 20
            sandbox.fail("flawed", flaw="long-title", films=19)
            assert [len((await tmdb.popular(2)).results) for _ in range(2)] == [1, 1]
            assert len((await tmdb.popular(3)).results) == 1
        assert [(log["page"], log["count"], len(log["films"])) for log in logs] == [("2", 19, 5), ("3", 19, 5)]
        assert len(str(logs)) < 2000
        assert KEY not in str(logs)

    ask(sandbox.url, work)


def test_an_answer_without_a_film_that_can_be_used_says_so(sandbox: Sandbox) -> None:
    async def work(tmdb: Tmdb) -> None:
        sandbox.fail("flawed", flaw="blank-title", films=100)
        for call, reason in (
            (lambda: tmdb.popular(1), "no film in it can be used; film 1 of 20: it has no title"),
            (lambda: tmdb.find("tt0133093"), "no film in it can be used; film 1 of 1: it has no title"),
            (lambda: tmdb.film(MATRIX), "it has no title"),
        ):
            with capture_logs() as logs, pytest.raises(UnusableTmdbResponse):
                await call()
            assert [log["error"] for log in logs] == [f"not a response that TMDB documents: {reason}"]
        assert await tmdb.find("tt9999999") is None, "which is no film, and so none that is flawed"
        assert (await tmdb.popular(499)).results == []

    ask(sandbox.url, work)


@pytest.mark.parametrize(
    ("address", "knows_authorities"), [("https://api.themoviedb.org/3", True), ("http://127.0.0.1:9/3", False)]
)
def test_no_certificate_goes_unchecked(
    address: str, monkeypatch: pytest.MonkeyPatch, *, knows_authorities: bool
) -> None:
    """Authorities are read where they are needed, and where they are not, no certificate is accepted at all."""
    contexts: list[ssl.SSLContext] = []
    make_client = httpx.AsyncClient

    def note(*, verify: ssl.SSLContext, **more: Any) -> httpx.AsyncClient:
        contexts.append(verify)
        return make_client(verify=verify, **more)

    monkeypatch.setattr(httpx, "AsyncClient", note)
    http_client(address, headers={}, seconds=1, connections=1)
    (context,) = contexts
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert bool(context.get_ca_certs()) == knows_authorities
