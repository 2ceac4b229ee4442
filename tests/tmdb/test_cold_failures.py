"""TMDB fails: without a cached value there is an error in time, with one there is none (contract §7.9; promise 18).

``FILMER_TRUST_TMDB_DEADLINE=15`` takes the time that is the default.
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import psycopg
import pytest
import redis
from tests.conftest import MakeDatabase, Serve, Server
from tests.figures import record_figure
from tests.machine import at_most
from tests.sandbox import Sandbox
from tests.server_processes import eventually, workers
from tests.tmdb.clients import KEY, MATRIX, own_language
from tests.users import open_account, token_of

from filmer.store.embedded import Engines

pytestmark = pytest.mark.proof

DEADLINE = int(os.environ.get("FILMER_TRUST_TMDB_DEADLINE") or 3)
FRESH = 1  # second
GROWTH = 40 * 2**20  # bytes, of the whole worker; three answers at once are cut off at one MiB, where 1 GiB comes
AT_ONCE = 0.5  # seconds
WARM = "/api/movies/popular?page=1"
FAULTS = [
    "black-hole", "reset", "half", "drip", "huge", "endless", "gzip-bomb", "redirect", "wrong-types", "wrong-id",
    "not-json", "401", "429", "500",
]  # fmt: skip


class Warm:
    """A server with one page and one favourite film at hand."""

    def __init__(self, server: Server, sandbox: Sandbox, engines: Engines, database_url: str) -> None:
        self.server, self.sandbox, self.client = server, sandbox, server.client
        self._engines, self._database_url = engines, database_url
        person = open_account(database_url)
        self._favorites = f"/api/users/{person.id}/favorites"
        self._headers = {"authorization": f"Bearer {token_of(database_url, person)}"}
        self.pages = iter(range(2, 500))
        before = self._keys()
        made = self.client.post(self._favorites, json={"movie_id": MATRIX}, headers=self._headers)
        assert made.status_code == 201, made.text
        assert self.client.get(WARM).status_code == 200
        self._names = sorted(self._keys() - before)
        assert [name.rpartition(b":tmdb:")[2].partition(b":")[2] for name in self._names] == [
            b"film:603",
            b"popular:1",
        ]
        self.page, self.film = self.client.get(WARM).json(), self.favorites()
        assert self.film["title"] == "The Matrix"

    def _keys(self) -> set[bytes]:
        with redis.Redis.from_url(self._engines.redis_url) as client:
            return set(client.scan_iter("filmer:tmdb:*"))

    def favorites(self) -> Any:
        answer = self.client.get(self._favorites, headers=self._headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["favorites"][0]

    def tmdb_cache(self) -> list[object]:
        """What Valkey and PostgreSQL hold."""
        with redis.Redis.from_url(self._engines.redis_url) as client, psycopg.connect(self._database_url) as conn:
            row = conn.execute("SELECT * FROM tmdb_film").fetchall()
            return [*client.mget(self._names), row]

    def is_at_rest(self) -> bool:
        return not any(key.endswith(b":claim") for key in self._keys())

    def healed(self) -> None:
        """All is well, and as new as it can be; then a moment older than that."""
        self.sandbox.heal()

        def is_new() -> bool:
            self.favorites()
            return self.client.get(WARM).headers["x-cache"] == "hit"

        page = f"/api/movies/popular?page={next(self.pages)}"
        assert eventually(lambda: self.client.get(page).status_code == 200)
        assert eventually(is_new)
        assert eventually(self.is_at_rest)
        time.sleep(FRESH + 0.1)

    def serves_what_it_has(self) -> None:
        begun = time.monotonic()
        warm = self.client.get(WARM)
        at_most(AT_ONCE, since=begun)
        assert (warm.status_code, warm.headers["x-cache"], warm.json()) == (200, "stale", self.page)
        assert int(warm.headers["age"]) >= FRESH
        begun = time.monotonic()
        assert self.favorites() == self.film
        at_most(AT_ONCE, since=begun)

    def refuses_what_it_has_not(self) -> float:
        """How many seconds that takes."""
        begun = time.monotonic()
        cold = self.client.get(f"/api/movies/popular?page={next(self.pages)}")
        seconds = time.monotonic() - begun
        at_most(DEADLINE + 1, since=begun)
        assert cold.status_code == 503, cold.text
        assert list(cold.json()) == ["error"]
        assert cold.json()["error"]["code"] == "EXTERNAL_API_ERROR"
        assert int(cold.headers["retry-after"]) >= 1
        return seconds


def serve_warm(serve: Serve, url: str, sandbox: Sandbox, engines: Engines) -> Warm:
    server = serve(
        url,
        TMDB_BASE_URL=sandbox.url,
        TMDB_API_KEY=KEY,
        TMDB_LANGUAGE=own_language(),
        TMDB_DEADLINE_SECONDS=str(DEADLINE),
        CACHE_DURATION_SECONDS=str(FRESH),
    )
    return Warm(server, sandbox, engines, url)


@pytest.fixture(scope="module")
def warmed(serve: Serve, make_database: MakeDatabase, shared_sandbox: Sandbox, engines: Engines) -> Warm:
    shared_sandbox.heal()
    return serve_warm(serve, make_database(), shared_sandbox, engines)


@pytest.fixture
def warm(warmed: Warm, sandbox: Sandbox) -> Warm:
    assert sandbox is warmed.sandbox
    return warmed


@contextmanager
def memory_watched(process: psutil.Process) -> Iterator[list[int]]:
    """What the worker holds at each moment."""
    memory, is_over = [process.memory_info().rss], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.01):
            memory.append(process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield memory
    finally:
        is_over.set()
        thread.join()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_is_bounded_and_takes_no_copys_place(fault: str, warm: Warm) -> None:
    warm.healed()
    before = warm.tmdb_cache()
    (process,) = workers(warm.server)
    warm.sandbox.fail(fault)
    with memory_watched(process) as memory:
        warm.serves_what_it_has()
        seconds = warm.refuses_what_it_has_not()
        warm.serves_what_it_has()
        assert eventually(warm.is_at_rest, DEADLINE + 5)
    assert max(memory) - memory[0] < GROWTH
    assert warm.tmdb_cache() == before
    assert [one.pid for one in workers(warm.server)] == [process.pid]
    record_figure(f"{fault}: {seconds:.1f} s, {(max(memory) - memory[0]) / 2**20:.1f} MiB")


@pytest.mark.timeout(300)
def test_nobody_there(serve: Serve, database_url: str, engines: Engines) -> None:
    """TMDB's machine refuses the connection, and comes back."""
    with Sandbox() as gone:
        warm = serve_warm(serve, database_url, gone, engines)
        warm.healed()
        before = warm.tmdb_cache()
    warm.serves_what_it_has()
    warm.refuses_what_it_has_not()
    warm.serves_what_it_has()
    assert eventually(warm.is_at_rest, DEADLINE + 5)
    assert warm.tmdb_cache() == before
    with Sandbox(gone.port) as back:
        warm.sandbox = back
        warm.healed()
        assert warm.client.get(WARM).json() == warm.page


def test_what_is_in_memory_stays_when_valkey_forgets(warm: Warm, engines: Engines) -> None:
    warm.healed()
    warm.sandbox.fail("wrong-types")
    with redis.Redis.from_url(engines.redis_url) as client:
        client.delete(*warm._names)
    for _ in range(3):
        warm.serves_what_it_has()
        assert eventually(warm.is_at_rest)
    warm.healed()


def test_the_error_says_nothing_of_what_went_wrong(warm: Warm) -> None:
    warm.healed()
    warm.sandbox.fail("redirect", location=f"http://127.0.0.1:9/?api_key={KEY}")
    cold = warm.client.get(f"/api/movies/popular?page={next(warm.pages)}")
    assert json.loads(cold.text) == {
        "error": {"code": "EXTERNAL_API_ERROR", "message": "TheMovieDB is not available right now", "details": {}}
    }
    assert KEY not in warm.server.output()
