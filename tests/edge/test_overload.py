"""More requests than can be answered: what can be done is done, others are told at once, and then all is well again.

Promise 25. ``FILMER_TRUST_OVERLOAD_SECONDS=30`` makes it long, gives the server and the load a core each, and asserts
the promise's figures.
"""

import asyncio
import contextlib
import json
import os
import random
import threading
import time
from collections.abc import Iterator
from urllib.parse import quote_plus

import httpx
import psutil
import psycopg
import pytest
from tests.conftest import MakeDatabase, Serve, Server
from tests.current_edition import LOCK, connect
from tests.figures import record_figure
from tests.load_generator import Load, LoadStats, Plan, load
from tests.machine import at_most
from tests.raw_connections import Customer, open_connections, request
from tests.shop.stress_shop import customers, fill_carts

from filmer.edge import overload
from filmer.edge.overload import CROWDED, ConcurrencyLimit, Slot

pytestmark = pytest.mark.proof

IS_FULL = "FILMER_TRUST_OVERLOAD_SECONDS" in os.environ
SECONDS = float(os.environ.get("FILMER_TRUST_OVERLOAD_SECONDS") or 3)
TIMES = 3
GOODPUT = 0.8 if IS_FULL else 0.3  # small, beside other tests, it is less than nothing that is looked for
NORMAL_SECONDS = 10
TOKEN = b"\r\nauthorization: Bearer any\r\n\r\n"
CACHED = "/api/v1/movies?size=7"


class Shop:
    """A server with one worker, and what visitors ask of it that nobody asked before."""

    def __init__(self, database_url: str, server: Server) -> None:
        self.server = server
        people = customers(database_url, 20)
        with psycopg.connect(database_url) as conn:
            fill_carts(conn, [one.account_id for one in people])
        films = server.client.get("/api/v1/movies?size=100").json()["data"]["items"]
        draw = random.Random(25)
        words = [word for film in films for word in film["title"].split() if word.isascii()]
        ids = [film["id"] for film in films]
        self.requests = [_drawn(draw, number, words, ids, draw.choice(people)) for number in range(60_000)]

    def under(self, *loads: Load) -> list[LoadStats]:
        cores = [max(os.sched_getaffinity(0))] if IS_FULL else []
        start = random.randrange(len(self.requests))
        requests = self.requests[start:] + self.requests[:start]
        return load(Plan(self.server.port, requests, list(loads), cores=cores))


def _drawn(draw: random.Random, number: int, words: list[str], films: list[str], customer: Customer) -> str:
    """Half searches, a third of film pages for somebody signed in, the rest carts: nothing that a cache holds."""
    kind = draw.random()
    if kind < 0.5:
        address = f"/api/v1/search/movies?query={quote_plus(draw.choice(words))}&size={draw.randint(1, 100)}&n={number}"
        return request("GET", address).decode()
    return request("GET", f"/films/{draw.choice(films)}" if kind < 0.8 else "/api/v1/cart", customer).decode()


@pytest.fixture(scope="module")
def shop(make_database: MakeDatabase, serve: Serve) -> Iterator[Shop]:
    url = make_database(films=True)
    server = serve(url, CACHE_DURATION_SECONDS="3600")
    with one_core(server, url) if IS_FULL else contextlib.nullcontext():
        yield Shop(url, server)


@contextlib.contextmanager
def one_core(server: Server, database_url: str) -> Iterator[None]:
    """The server and its database, on the first core."""
    with psycopg.connect(database_url) as conn:
        postmaster = psutil.Process(conn.info.backend_pid).parent()
    assert postmaster is not None
    all_cores = postmaster.cpu_affinity()
    serving = psutil.Process(server.process.pid)
    for process in [serving, *serving.children(recursive=True), postmaster, *postmaster.children()]:
        process.cpu_affinity([min(os.sched_getaffinity(0))])
    yield
    for process in [postmaster, *postmaster.children()]:
        process.cpu_affinity(all_cores)


class Watch(threading.Thread):
    """Asks again and again for what has to be answered whatever comes; ``slowest``: seconds."""

    def __init__(self, server: Server, path: str) -> None:
        super().__init__()
        self._address = f"{server.client.base_url}{path}"
        self._is_over = threading.Event()
        self.statuses: list[int] = []

    def run(self) -> None:
        with httpx.Client(trust_env=False, verify=False, timeout=30) as client:
            while not self._is_over.wait(0.1):
                self.statuses.append(client.get(self._address).status_code)

    def end(self) -> None:
        self._is_over.set()
        self.join()


@pytest.mark.timeout(300)
def test_three_times_of_what_can_be_answered(shop: Shop) -> None:
    assert shop.server.client.get(CACHED).status_code == 200
    _, capacity = shop.under(Load(2), Load(max(2, SECONDS / 4)))
    assert capacity.good > 0
    watches = [Watch(shop.server, path) for path in ("/api/v1/health", CACHED)]
    for watch in watches:
        watch.start()
    (crowd,) = shop.under(Load(SECONDS, rate=capacity.good * TIMES))
    for watch in watches:
        watch.end()
    begun = time.monotonic()
    until_normal = seconds_until_normal(shop, capacity.good / 2)
    record_figure(
        f"capacity {capacity.good:.0f}/s; of {crowd.sent / crowd.seconds:.0f}/s {crowd.good:.0f}/s answered in time"
        f" ({crowd.good / capacity.good:.0%}), p99 {crowd.p99 * 1000:.0f} ms, {crowd.statuses.get(503, 0)} told to come"
        f" again, {crowd.timed_out} gave up; normal {until_normal:.1f} s after"
    )
    at_most(60, since=begun)
    assert crowd.good >= capacity.good * GOODPUT
    assert crowd.statuses.get(503, 0) > 0
    assert set(crowd.statuses) <= {200, 503}
    assert until_normal <= NORMAL_SECONDS
    for watch in watches:
        assert set(watch.statuses) == {200}


def seconds_until_normal(shop: Shop, rate: float) -> float:
    """After which half of what can be answered is answered, all of it and at once, for a second."""
    begun = time.monotonic()
    while True:
        (after,) = shop.under(Load(1, rate=rate))
        if after.statuses.get(200) == after.sent and after.p99 < 0.5:
            return time.monotonic() - begun - 1
        assert time.monotonic() - begun < 3 * NORMAL_SECONDS, after


ADDRESSES = {
    "the shop's": "/api/v1/search/movies?query=a&n={}",
    "the community's": "/api/users/{}/favorites",
    "a page": "/search?query=a&n={}",
}


def test_who_is_sent_away_is_told_so_in_the_words_of_their_api(make_database: MakeDatabase, serve: Serve) -> None:
    """Two turns at once, and a database that holds up all who have one: ten have one in time, at most."""
    url = make_database()
    server = serve(url, FILMER_POOL_SIZE="1")
    with connect(url) as conn, open_connections(server.port, 24) as lines:
        conn.execute(LOCK)
        conn.execute("LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
        asked = list(ADDRESSES) * 8
        for number, (line, kind) in enumerate(zip(lines, asked, strict=True)):
            line.send(request("GET", ADDRESSES[kind].format(number)).replace(b"\r\n\r\n", TOKEN, 1))
        for method in ("GET", "HEAD"):  # whoever watches is told how the database is, with no turn left
            assert "retry-after" not in server.client.request(method, "/api/v1/health").headers
        replies = [(kind, line.receive()) for kind, line in zip(asked, lines, strict=True)]
    away = {kind: reply for kind, reply in replies if CROWDED.encode() in reply.body}
    assert set(away) == set(ADDRESSES)
    assert {reply.status for reply in away.values()} == {503}
    assert json.loads(away["the shop's"].body)["error"] == {
        "code": "SERVICE_UNAVAILABLE",
        "message": CROWDED,
        "details": {},
    }
    assert set(json.loads(away["the community's"].body)) == {"error"}
    assert away["a page"].body.startswith(b"<!doctype html>")


# --- turns ----------------------------------------------------------------------------------------


async def soon() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def taken(concurrency: ConcurrencyLimit) -> Slot:
    slot = await concurrency.acquire()
    assert slot is not None
    return slot


@pytest.mark.parametrize(
    ("fair_seconds", "expected"), [(60, ["early", "late", "last"]), (0.02, ["last", "late", "early"])]
)
def test_so_many_at_once_in_order_or_if_that_takes_too_long_the_last_to_come_first(
    monkeypatch: pytest.MonkeyPatch, fair_seconds: float, expected: list[str]
) -> None:
    monkeypatch.setattr(overload, "FAIR_SECONDS", fair_seconds)

    async def run() -> None:
        concurrency = ConcurrencyLimit(2)
        first, _second = await taken(concurrency), await taken(concurrency)
        order: list[str] = []

        async def wait(name: str) -> None:
            with await taken(concurrency):
                order.append(name)

        waiting = [asyncio.create_task(wait(name)) for name in ("early", "late", "last")]
        await soon()
        assert order == []
        await asyncio.sleep(0.04)
        with first:
            pass
        await asyncio.gather(*waiting)
        assert order == expected

    asyncio.run(run())


def test_of_many_who_come_again_and_again_none_is_left_waiting() -> None:
    async def run() -> None:
        concurrency = ConcurrencyLimit(2)

        async def visit() -> None:
            for _ in range(60):
                with await taken(concurrency):
                    await asyncio.sleep(0.005)

        async with asyncio.timeout(30):
            await asyncio.gather(*(visit() for _ in range(20)))

    asyncio.run(run())


def test_who_waits_too_long_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "WAIT_SECONDS", 0.02)
    monkeypatch.setattr(overload, "LENT_SECONDS", 60)

    async def run() -> None:
        concurrency = ConcurrencyLimit(1)
        with await taken(concurrency):
            assert await concurrency.acquire() is None
            assert await concurrency.acquire() is None
        with await taken(concurrency):
            pass

    asyncio.run(run())


def test_who_takes_too_long_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "WAIT_SECONDS", 60)
    monkeypatch.setattr(overload, "LENT_SECONDS", 0.02)

    async def run() -> None:
        concurrency = ConcurrencyLimit(1)
        with await taken(concurrency), await taken(concurrency):
            pass
        monkeypatch.setattr(overload, "LENT_SECONDS", 60)
        with await taken(concurrency):  # and has but one turn to give back, not two
            waiting = asyncio.create_task(concurrency.acquire())
            await soon()
            assert not waiting.done()
            waiting.cancel()

    asyncio.run(run())


@pytest.mark.parametrize("when", ["while waiting", "at the moment of the turn"])
def test_who_hangs_up_takes_no_turn_along(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    monkeypatch.setattr(overload, "LENT_SECONDS", 0.05)

    async def run() -> None:
        concurrency = ConcurrencyLimit(1)
        with await taken(concurrency):
            waiting = asyncio.create_task(concurrency.acquire())
            await soon()
            if when == "while waiting":
                waiting.cancel()
                await soon()
        waiting.cancel()
        with await taken(concurrency):
            pass

    asyncio.run(run())
