"""However many callers there are at once, each resource is requested from TMDB once (contract §7.9; promise 16).

Each worker is a server of its own here: left to itself, an idle one takes nearly all connections of a shared port.
``FILMER_TRUST_ONE_CALL_REQUESTS=1000 FILMER_TRUST_ONE_CALL_WORKERS=4 FILMER_TRUST_TMDB_DEADLINE=15`` asks more often.
"""

import itertools
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import psycopg
import pytest
from tests.conftest import MakeDatabase, Serve, Server
from tests.figures import record_figure
from tests.machine import at_most
from tests.raw_connections import LOST, RawConnection, RawResponse, request
from tests.sandbox import Sandbox
from tests.server_processes import eventually, kill_worker
from tests.tmdb.clients import KEY, MATRIX, POPULAR, SHAWSHANK, own_language
from tests.users import open_account, token_of

from filmer.server.serving import free_port

pytestmark = pytest.mark.proof

REQUESTS = int(os.environ.get("FILMER_TRUST_ONE_CALL_REQUESTS") or 200)
WORKERS = int(os.environ.get("FILMER_TRUST_ONE_CALL_WORKERS") or 2)
DEADLINE = int(os.environ.get("FILMER_TRUST_TMDB_DEADLINE") or 3)
USERS = 50
TRIES = 4
_pages = itertools.count(1)

Workers = list[Server]


@pytest.fixture(scope="module")
def database(make_database: MakeDatabase) -> str:
    return make_database()


def start(serve: Serve, database: str, sandbox: Sandbox, **environment: str) -> Server:
    server: Server = serve(
        database,
        **{
            "TMDB_BASE_URL": sandbox.url,
            "TMDB_API_KEY": KEY,
            "TMDB_LANGUAGE": own_language(),
            "TMDB_DEADLINE_SECONDS": str(DEADLINE),
            **environment,
        },
    )
    return server


@pytest.fixture(scope="module")
def workers(serve: Serve, database: str, shared_sandbox: Sandbox) -> Workers:
    language = own_language()  # the workers share what is cached
    return [start(serve, database, shared_sandbox, TMDB_LANGUAGE=language) for _ in range(WORKERS)]


@pytest.fixture(scope="module")
def without_valkey(serve: Serve, database: str, shared_sandbox: Sandbox) -> Workers:
    nobody = f"redis://127.0.0.1:{free_port('127.0.0.1')}/0"
    return [start(serve, database, shared_sandbox, REDIS_URL=nobody) for _ in range(WORKERS)]


@pytest.fixture
def page() -> bytes:
    """A request for a page of popular films that is not cached."""
    return request("GET", f"/api/movies/popular?page={next(_pages)}")


@contextmanager
def lines_to(workers: Workers, count: int = REQUESTS) -> Iterator[list[RawConnection]]:
    """So many connections, to each worker in turn."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(RawConnection(process.port))
            for process, _ in zip(itertools.cycle(workers), range(count))
        ]


def ask_at_once(workers: Workers, request: bytes, count: int = REQUESTS) -> tuple[list[RawResponse], float]:
    """The answers, and how many seconds the last of them took."""
    with lines_to(workers, count) as lines:
        begun = time.monotonic()
        for line in lines:
            line.send(request)
        return [line.receive() for line in lines], time.monotonic() - begun


def assert_one_answer(replies: Sequence[RawResponse]) -> None:
    assert {reply.status for reply in replies} == {200}, {reply.body for reply in replies if reply.status != 200}
    assert len({reply.body for reply in replies}) == 1


@contextmanager
def called_once(workers: Workers, sandbox: Sandbox, path: str = POPULAR) -> Iterator[None]:
    """One request goes to TMDB meanwhile.

    On a busy machine Valkey may not answer a worker in time, which asks for itself then, or the sandbox, which is asked
    again: both are told in the log.
    """
    before = [len(process.output()) for process in workers]
    yield
    logs = [process.output()[length:] for process, length in zip(workers, before, strict=True)]
    more = sum(lines.count("cache away") + lines.count("TMDB failed") for lines in logs)
    assert 1 <= sandbox.calls(path) <= 1 + more, logs


def assert_all_refused(replies: Sequence[RawResponse]) -> None:
    assert {reply.status for reply in replies} == {503}
    assert {json.loads(reply.body)["error"]["code"] for reply in replies} == {"EXTERNAL_API_ERROR"}


def recovered(workers: Workers, sandbox: Sandbox) -> None:
    """TMDB is well again, and no worker leaves it alone any more."""
    sandbox.heal()
    for process in workers:

        def answers(process: Server = process) -> bool:
            try:
                replies, _ = ask_at_once([process], request("GET", f"/api/movies/popular?page={next(_pages)}"), 1)
            except LOST:  # one that was killed is not back yet
                return False
            return replies[0].status == 200

        assert eventually(answers, seconds=20)


@pytest.mark.timeout(600)
def test_a_cold_page_is_asked_for_once(workers: Workers, sandbox: Sandbox, page: bytes) -> None:
    sandbox.fail("latency", seconds=0.4)
    with called_once(workers, sandbox):
        replies, seconds = ask_at_once(workers, page)
    assert_one_answer(replies)
    record_figure(f"{REQUESTS:,} requests, {WORKERS} workers, calls: {sandbox.calls(POPULAR)}, {seconds:.1f} s")


@pytest.mark.timeout(600)
def test_so_it_is_of_workers_that_share_a_port(serve: Serve, database: str, sandbox: Sandbox, page: bytes) -> None:
    server = start(serve, database, sandbox, FILMER_WORKERS=str(WORKERS))
    sandbox.fail("latency", seconds=0.4)
    with called_once([server], sandbox):
        replies, _ = ask_at_once([server], page)
    assert_one_answer(replies)


@pytest.mark.timeout(600)
def test_without_valkey_each_worker_asks_once(without_valkey: Workers, sandbox: Sandbox, page: bytes) -> None:
    sandbox.fail("latency", seconds=0.4)
    replies, _ = ask_at_once(without_valkey, page)
    assert_one_answer(replies)
    assert sandbox.calls(POPULAR) == WORKERS
    record_figure(f"without Valkey: {WORKERS}")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", ["500", "black-hole"])
def test_a_failure_is_had_once_and_told_to_all(fault: str, workers: Workers, sandbox: Sandbox, page: bytes) -> None:
    sandbox.fail(fault)
    replies, seconds = ask_at_once(workers, page)
    assert_all_refused(replies)
    at_most(DEADLINE + 1, since=time.monotonic() - seconds)
    assert 1 <= sandbox.calls(POPULAR) <= TRIES
    record_figure(f"{fault}: {sandbox.calls(POPULAR)} calls, told to all within {seconds:.1f} s")
    recovered(workers, sandbox)


@pytest.mark.timeout(600)
def test_a_failure_without_valkey(without_valkey: Workers, sandbox: Sandbox, page: bytes) -> None:
    sandbox.fail("500")
    replies, seconds = ask_at_once(without_valkey, page)
    assert_all_refused(replies)
    at_most(DEADLINE + 1, since=time.monotonic() - seconds)
    assert 1 <= sandbox.calls(POPULAR) <= TRIES * WORKERS
    recovered(without_valkey, sandbox)


@pytest.mark.timeout(600)
def test_another_takes_over_when_the_one_who_asks_is_killed(workers: Workers, sandbox: Sandbox, page: bytes) -> None:
    """SIGKILL in the middle of its call: callers waiting at other workers get the result of one more call."""
    victim, *others = workers
    sandbox.fail("black-hole", times=1)
    with RawConnection(victim.port) as tmdb_client, lines_to(others) as waiting:
        tmdb_client.send(page)
        assert eventually(lambda: sandbox.calls(POPULAR))
        begun = time.monotonic()
        for line in waiting:
            line.send(page)
        assert kill_worker(victim)
        assert_one_answer([line.receive() for line in waiting])
        at_most(DEADLINE + 1, since=begun)
        with pytest.raises(LOST):
            tmdb_client.receive()
    assert sandbox.calls(POPULAR) == 2
    recovered(workers, sandbox)


@pytest.mark.timeout(600)
def test_whoever_began_it_may_hang_up(workers: Workers, sandbox: Sandbox, page: bytes) -> None:
    sandbox.fail("latency", seconds=0.45)
    with called_once(workers, sandbox), RawConnection(workers[0].port) as first, lines_to(workers, 20) as others:
        first.send(page)
        assert eventually(lambda: sandbox.calls(POPULAR))
        for line in others:
            line.send(page)
        first.reset()
        assert_one_answer([line.receive() for line in others])


def test_all_may_hang_up_and_the_answer_is_kept(workers: Workers, sandbox: Sandbox, page: bytes) -> None:
    sandbox.fail("latency", seconds=0.45)
    with called_once(workers, sandbox):
        with lines_to(workers, 20) as lines:
            for line in lines:
                line.send(page)
            assert eventually(lambda: sandbox.calls(POPULAR))
            for line in lines:
                line.reset()
        with RawConnection(workers[-1].port) as late:
            assert late.round_trip(page).status == 200


@pytest.mark.timeout(600)
@pytest.mark.parametrize("movie_id", [MATRIX, SHAWSHANK])
def test_many_who_take_to_the_same_film(movie_id: int, workers: Workers, database: str, sandbox: Sandbox) -> None:
    sandbox.fail("latency", seconds=0.45)
    people = [open_account(database) for _ in range(USERS)]
    tokens = [token_of(database, person) for person in people]
    body = json.dumps({"movie_id": movie_id}).encode()
    with called_once(workers, sandbox, f"/3/movie/{movie_id}"), lines_to(workers, USERS) as lines:
        for line, person, token in zip(lines, people, tokens, strict=True):
            head = [
                f"POST /api/users/{person.id}/favorites HTTP/1.1", "host: 127.0.0.1", f"authorization: Bearer {token}",
                "content-type: application/json", f"content-length: {len(body)}",
            ]  # fmt: skip
            line.send("\r\n".join([*head, "", ""]).encode() + body)
        replies = [line.receive() for line in lines]
    assert {reply.status for reply in replies} == {201}, {reply.body for reply in replies}
    with psycopg.connect(database) as conn:
        count = conn.execute("SELECT count(*) FROM favorite WHERE movie_id = %s", [movie_id]).fetchone()
        assert count == (USERS,)
