"""Two nodes, a primary, a standby, one Valkey: servers die, the standby is promoted, and no read fails.

``FILMER_TRUST_FAIL_OVERS=10`` fails over ten times.
"""

import itertools
import os
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import NamedTuple

import httpx
import psycopg
import pytest
from tests.conftest import FILMS as FILMS_CSV
from tests.conftest import Serve, Server, import_films
from tests.failover_load import Load
from tests.figures import record_figure
from tests.machine import at_most, machine
from tests.replicas import PostgresServer, postgres_servers, several
from tests.server_processes import eventually
from tests.shop import stress_shop
from tests.shop.stress_shop import FILMS, ITEMS
from tests.users import open_account, signed_in, visitor

from filmer.store.migrate import migrate
from filmer.store.postgres import PROBE_SECONDS

pytestmark = pytest.mark.proof

FAIL_OVERS = int(os.environ.get("FILMER_TRUST_FAIL_OVERS") or 1)
BACK_SECONDS = 5.0  # the promise, from the moment the promoted server takes changes
STEADY_SECONDS = 1.0  # of load between two faults
BUYERS = 2  # a node
CARTS = 250  # a fail-over
MOVING_SECONDS = 8  # until all connections of the readers are to another server than one that hangs
MOVIES = "/api/v1/movies"


class Shop(NamedTuple):
    """``servers``: the primary first."""

    servers: list[PostgresServer]
    nodes: list[Server]


@pytest.fixture(scope="module")
def opened(serve: Serve) -> Iterator[Shop]:
    """The nodes are started once, and run on through every fault of the databases."""
    with postgres_servers(2) as servers:
        primary, standby = servers
        primary.init()
        with psycopg.connect(primary.url, autocommit=True) as conn:
            list(migrate(conn))
        stress_shop.open_shop(primary.url)
        standby.copy(primary)
        primary.wait_for_standby()
        nodes = [serve(several(*servers), CACHE_DURATION_SECONDS="600") for _ in range(2)]
        yield Shop(servers, nodes)


@pytest.fixture
def shop(opened: Shop) -> Shop:
    opened.servers.sort(key=is_standby)  # as an earlier test may have swapped their roles
    opened.servers[0].set(synchronous_standby_names="")
    return opened


def is_standby(server: PostgresServer) -> bool:
    with psycopg.connect(server.url) as conn:
        return bool((conn.execute("SELECT pg_is_in_recovery()").fetchone() or (True,))[0])


def wait_until_synchronous(primary: PostgresServer) -> None:
    """Waits until each acknowledged write is on both servers."""
    primary.set(synchronous_standby_names="*")
    primary.wait_for_standby(state="sync")


def buy(load: Load, shop: Shop, primary: PostgresServer) -> None:
    """Buys filled carts at each node."""
    customers = stress_shop.customers(primary.url, CARTS)
    with psycopg.connect(primary.url) as conn:
        stress_shop.fill_carts(conn, [customer.account_id for customer in customers])
    for number, node in enumerate(shop.nodes):
        load.buy(node.port, itertools.islice(customers, number, None, len(shop.nodes)))


def test_a_standby_dies_the_primary_dies_and_nobody_who_looks_notices(shop: Shop) -> None:
    primary, standby = shop.servers
    reads, back, orders, slowest = 0, list[float](), 0, 0.0
    for _ in range(FAIL_OVERS):
        with Load() as load:
            for node in shop.nodes:
                load.visit(node.port)
                load.visit(node.port)
            buy(load, shop, primary)
            time.sleep(STEADY_SECONDS)
            standby.kill()
            time.sleep(STEADY_SECONDS)
            assert load.failed_reads() == []
            standby.start()
            wait_until_synchronous(primary)
            time.sleep(STEADY_SECONDS)
            primary.kill()
            time.sleep(STEADY_SECONDS)  # clients notice
            standby.promote()
            promoted = time.monotonic()
            seconds_until_writes = load.wait_for_writes(promoted, seconds=20)
            assert sorted(seconds_until_writes) == sorted(node.port for node in shop.nodes), "writes never came back"
            time.sleep(STEADY_SECONDS)
        assert load.failed_reads() == []
        back += seconds_until_writes.values()
        reads, orders = reads + len(load.reads), orders + len(load.orders)
        slowest = max(slowest, *(read.took for read in load.reads))
        with psycopg.connect(standby.url) as conn:
            stored = conn.execute("SELECT key, order_id FROM checkout_key WHERE key = ANY(%s)", [list(load.orders)])
            assert dict(stored.fetchall()) == load.orders, "every acknowledged order is stored"
            assert stress_shop.audit(conn) == {}
        assert max(back) <= BACK_SECONDS
        primary.copy(standby)
        standby.wait_for_standby()
        primary, standby = standby, primary
    record_figure(
        f"{FAIL_OVERS} fail-overs: {reads:,} reads, 0 failed, the slowest {slowest:.2f} s; {orders} orders, 0 lost;"
        f" writes back {max(back):.2f} s after promotion at most"
    )


def renamed(folder: Path, name: str) -> Path:
    """A copy of films.csv with this word before each title."""
    lines = FILMS_CSV.read_text("utf-8").splitlines()
    path = folder / f"{name}.csv"
    path.write_text("\n".join([lines[0], *(line.replace(",", f",{name} ", 1) for line in lines[1:])]), "utf-8")
    return path


def words_of(response: httpx.Response) -> set[str]:
    """The words before the titles of its films."""
    return {item["title"].split()[0] for item in response.json()["data"]["items"]}


@pytest.fixture
def lagging(shop: Shop, tmp_path: Path) -> Iterator[tuple[Shop, int]]:
    """The standby has the films as Former, the primary as Latter; and the primary's edition."""
    primary, standby = shop.servers
    import_films(primary.url, renamed(tmp_path, "Former"))
    for node in shop.nodes:
        assert eventually(lambda: words_of(fresh(node)) == {"Former"})  # noqa: B023 - called at once
    assert eventually(lambda: edition_of(standby) == edition_of(primary))
    standby.pause_replay()
    try:
        import_films(primary.url, renamed(tmp_path, "Latter"))
        yield shop, edition_of(primary)
    finally:
        primary.kill()
        primary.start()
        standby.resume_replay()
        primary.wait_for_standby()


def edition_of(server: PostgresServer) -> int:
    with psycopg.connect(server.url) as conn:
        return int((conn.execute("SELECT version FROM edition").fetchone() or (0,))[0])


def fresh(node: Server) -> httpx.Response:
    """A list that is not cached."""
    return node.client.get(f"{MOVIES}?size={random.randint(2, 100)}&sortBy=year&order=desc&page=1")


def test_while_the_standby_lags_everybody_sees_the_new_catalogue(lagging: tuple[Shop, int]) -> None:
    shop, edition = lagging
    assert edition_of(shop.servers[1]) < edition
    for node in shop.nodes:
        for size in range(3, 12):
            response = node.client.get(f"{MOVIES}?size={size}")
            if (took := response.elapsed.total_seconds()) >= PROBE_SECONDS:  # too slow a primary is not waited for
                machine.excuse("an answer of the standby", took)
                response = node.client.get(f"{MOVIES}?size={size}")
            assert words_of(response) == {"Latter"}, (took, node.output()[-2000:])


def test_what_a_standby_that_is_behind_says_is_better_than_nothing_and_is_not_kept(lagging: tuple[Shop, int]) -> None:
    shop, _ = lagging
    primary, _ = shop.servers
    primary.kill()
    addresses = [f"{MOVIES}?size={size}" for size in (20, 21, 22)]
    for node in shop.nodes:
        for address in addresses:
            response = node.client.get(address)
            assert (response.status_code, words_of(response)) == (200, {"Former"})
    primary.start()
    for node in shop.nodes:
        assert eventually(lambda: words_of(node.client.get(addresses[0])) == {"Latter"})  # noqa: B023 - called at once
        for address in addresses:
            assert words_of(node.client.get(address)) == {"Latter"}


def test_an_import_is_seen_whole_by_everybody_who_reads_meanwhile(shop: Shop, tmp_path: Path) -> None:
    primary, _ = shop.servers
    import_films(primary.url, renamed(tmp_path, "Film0"))
    with Load() as load:

        def look(draw: random.Random) -> str:
            return f"{MOVIES}?size={draw.randint(2, 100)}&sortBy=year&page=1"

        for node in shop.nodes:
            load.visit(node.port, look)
        for number in range(1, 4):
            import_films(primary.url, renamed(tmp_path, f"Film{number}"))
            for node in shop.nodes:  # an import ends when no process uses the old catalogue any more
                assert words_of(fresh(node)) == {f"Film{number}"}
    assert load.failed_reads() == []


def test_what_one_node_does_the_other_sees(shop: Shop) -> None:
    first, second = shop.nodes
    primary, _ = shop.servers
    with (
        closing(signed_in(first.client, open_account(primary.url))) as customer,
        closing(visitor(second.client)) as elsewhere,
    ):
        elsewhere.cookies = customer.cookies
        for quantity in range(1, 6):
            customer.post(ITEMS, json={"movieId": FILMS[0], "quantity": 1}).raise_for_status()
            assert elsewhere.get("/api/v1/cart").json()["data"]["items"][0]["quantity"] == quantity
        assert customer.post("/api/v1/auth/logout").status_code in {200, 204}
        assert elsewhere.get("/api/v1/cart").status_code == 401


def test_a_price_changed_at_one_node_is_shown_by_the_other(shop: Shop) -> None:
    first, second = shop.nodes
    primary, _ = shop.servers
    film = f"/films/{FILMS[0]}"
    with closing(signed_in(first.client, open_account(primary.url, role="admin"))) as admin:
        for price in ("7.31", "8.42", "9.53"):
            assert price not in second.client.get(film).text
            origin = {"origin": str(first.client.base_url).rstrip("/")}
            response = admin.post(f"/admin/films/{FILMS[0]}/price", data={"price": price}, headers=origin)
            assert response.status_code == 303, response.text
            assert eventually(lambda: price in second.client.get(film).text, seconds=2)  # noqa: B023 - called at once


def test_health_is_up_as_long_as_one_server_lives_and_writes_say_503(shop: Shop) -> None:
    primary, standby = shop.servers
    customer = stress_shop.customers(primary.url, 1)[0]
    headers = {"cookie": f"JSESSIONID={customer.cookie}"}
    try:
        primary.kill()
        for node in shop.nodes:
            begun = time.monotonic()
            assert node.client.get("/api/v1/health").json()["data"]["status"] == "UP"
            at_most(2, since=begun)
            response = node.client.post(ITEMS, json={"movieId": FILMS[0], "quantity": 1}, headers=headers)
            assert response.status_code == 503
            assert response.json()["success"] is False
        standby.kill()
        for node in shop.nodes:
            assert node.client.get("/api/v1/health").status_code == 503
    finally:
        primary.start()
        standby.start()
        primary.wait_for_standby()
    assert eventually(
        lambda: all(
            node.client.post(ITEMS, json={"movieId": FILMS[0], "quantity": 1}, headers=headers).is_success
            for node in shop.nodes
        ),
        seconds=BACK_SECONDS,
    )


def test_a_primary_that_is_made_read_only_while_another_takes_over_is_left(shop: Shop, tmp_path: Path) -> None:
    """As in a planned switchover: the former primary runs on, and refuses changes."""
    primary, standby = shop.servers
    customer = stress_shop.customers(primary.url, 1)[0]
    headers = {"cookie": f"JSESSIONID={customer.cookie}"}

    def add(node: Server) -> int:
        return node.client.post(ITEMS, json={"movieId": FILMS[0], "quantity": 1}, headers=headers).status_code

    assert {add(node) for node in shop.nodes} <= {200, 201}
    primary.set(default_transaction_read_only="on", synchronous_standby_names="")
    standby.promote()
    promoted = time.monotonic()
    try:
        for node in shop.nodes:
            assert eventually(lambda: add(node) in {200, 201}, seconds=2 * BACK_SECONDS)  # noqa: B023 - called at once
        at_most(BACK_SECONDS, since=promoted)
        for node in shop.nodes:
            assert words_of(node.client.get(MOVIES)) != {"Switched"}  # cached from now on
        import_films(standby.url, renamed(tmp_path, "Switched"))
        for node in shop.nodes:
            assert eventually(lambda: words_of(node.client.get(MOVIES)) == {"Switched"}, seconds=10)  # noqa: B023
    finally:
        primary.kill()
        primary.copy(standby)
        standby.wait_for_standby()


def test_a_standby_that_hangs_delays_readers_for_a_moment_and_fails_none(shop: Shop) -> None:
    _, standby = shop.servers
    for node in shop.nodes:
        assert fresh(node).status_code == 200
    begun = time.monotonic()
    with standby.frozen():
        failed = failed_reads(shop, range(100, 106))
    assert_none(failed, since=begun)


def test_a_primary_that_hangs_fails_no_reader(shop: Shop) -> None:
    primary, _ = shop.servers
    begun = time.monotonic()
    with primary.frozen():
        failed = failed_reads(shop, range(200, 206))
    assert_none(failed, since=begun)


def test_a_primary_that_hangs_just_after_a_standby_did_fails_no_reader(shop: Shop) -> None:
    """A node that read meanwhile stays connected to the primary, though the standby has recovered."""
    primary, standby = shop.servers
    failed: list[httpx.Response] = []
    begun = time.monotonic()
    with standby.frozen():
        for page in range(300, 300 + MOVING_SECONDS):
            failed += failed_reads(shop, [page])
            time.sleep(1)
    with primary.frozen():
        failed += failed_reads(shop, range(320, 324))
    assert_none(failed, since=begun)


def assert_none(failed: Sequence[httpx.Response], *, since: float) -> None:
    """One may fail if the machine itself stood still for as long as filmer waits for a server."""
    stall = max(machine.stalls(since, time.monotonic()), default=0)
    assert len(failed) <= (1 if stall >= PROBE_SECONDS else 0), failed
    if failed:
        machine.excuse("a read failed", stall)


def test_no_more_reads_may_fail_than_the_machine_can_be_blamed_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """So ``assert_none`` does not excuse a real failure."""
    failed = httpx.Response(503)
    now = time.monotonic()
    assert_none([], since=now)
    for stall in (0.0, PROBE_SECONDS - 0.1, PROBE_SECONDS + 0.1):
        monkeypatch.setattr(machine, "stalls", lambda *_, stall=stall: [stall])
        with pytest.raises(AssertionError):
            assert_none([failed, failed], since=now)
        with nullcontext() if stall > PROBE_SECONDS else pytest.raises(AssertionError):
            assert_none([failed], since=now)
    machine.remarks.clear()


def failed_reads(shop: Shop, pages: Iterable[int]) -> list[httpx.Response]:
    """The failures among requests for these pages, which are not cached, at each node."""
    responses = [node.client.get(f"{MOVIES}?page={page}") for node in shop.nodes for page in pages]
    return [response for response in responses if response.status_code != 200]
