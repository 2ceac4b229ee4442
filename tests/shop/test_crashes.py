"""Whatever crashes, no order is lost, doubled or half there (promises 2 and 4).

``FILMER_TRUST_CRASH_CHECKOUTS=10000`` and ``FILMER_TRUST_DURABLE_ORDERS=1000`` try more; a kill comes after every
``EVERY`` requests, however soon that is.
"""

import itertools
import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest
from tests.conftest import MakeDatabase, Serve, Server
from tests.figures import record_figure
from tests.raw_connections import LOST, Customer, RawConnection, RawResponse
from tests.server_processes import accepts, eventually, kill_node, kill_worker
from tests.shop import stress_shop
from tests.shop.stress_shop import FILMS

from filmer.store.embedded import running_engines
from filmer.store.migrate import migrate

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

CHECKOUTS = int(os.environ.get("FILMER_TRUST_CRASH_CHECKOUTS") or 60)
EVERY = 200 if CHECKOUTS >= 1000 else 25  # requests between two kills
DURABLE = int(os.environ.get("FILMER_TRUST_DURABLE_ORDERS") or 20)
STOPS = max(2, min(8, DURABLE // 50))  # each in half a minute doubles the pause before PostgreSQL is started again
CLIENTS = 8
PATIENCE = 60.0

Kill = Callable[[int], None]


class Clients:
    """Customers who repeat their checkout, with the same key, until it is answered."""

    def __init__(self, port: Callable[[], int], kill: Kill, *, every: int = EVERY) -> None:
        """``every``: requests until the next kill."""
        self._port = port
        self._kill = kill
        self._every = every
        self._counted = itertools.count(1)
        self._killing = threading.Lock()
        self.orders: dict[int, int] = {}
        self.lost = 0
        self.kills = 0

    def run(self, people: list[Customer]) -> None:
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(self._buy, people))

    def _buy(self, customer: Customer) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if next(self._counted) % self._every == 0:
                self._kill_once()  # while the others' requests go on
            try:
                with RawConnection(self._port(), timeout=10) as line:
                    response = line.round_trip(stress_shop.checkout(customer, f"of {customer.account_id}"))
            except LOST:
                self.lost += 1
                time.sleep(0.05)
                continue
            if response.status == 200:
                self.orders[customer.account_id] = response.data["orderId"]
                return
            assert response.status == 503, response  # the database is away
            time.sleep(0.05)
        raise AssertionError(f"no answer within {PATIENCE} s")

    def _kill_once(self) -> None:
        with self._killing:
            self._kill(self.kills)
            self.kills += 1


def require_whole(conn: psycopg.Connection, people: list[Customer], answered: dict[int, int]) -> None:
    """Each cart has become its one order, the one that was answered, and nothing is left of it."""
    accounts = [customer.account_id for customer in people]
    assert not stress_shop.audit(conn)
    assert not stress_shop.halves(conn, accounts)
    rows = conn.execute("SELECT account_id, id, total FROM shop_order WHERE account_id = ANY(%s)", [accounts])
    placed = {account: (order, total) for account, order, total in rows.fetchall()}
    expected = stress_shop.total_of(conn, FILMS[:2])
    assert placed == {account: (order, expected) for account, order in answered.items()}
    assert set(placed) == set(accounts)
    assert conn.execute("SELECT count(*) FROM cart_line WHERE account_id = ANY(%s)", [accounts]).fetchone() == (0,)


@pytest.fixture
def database(make_database: MakeDatabase) -> str:
    url = make_database()
    stress_shop.open_shop(url)
    return url


def shop_of(database: str, count: int) -> list[Customer]:
    people = stress_shop.customers(database, count)
    with psycopg.connect(database, autocommit=True) as conn:
        stress_shop.fill_carts(conn, [customer.account_id for customer in people])
    return people


@pytest.mark.timeout(1500)
def test_killed_workers_lose_and_double_nothing(database: str, serve: Serve) -> None:
    people = shop_of(database, CHECKOUTS)
    nodes: list[Server] = [serve(database, FILMER_WORKERS="2") for _ in range(2)]

    def kill(number: int) -> None:
        assert kill_worker(nodes[number % len(nodes)], number // len(nodes))

    draw = random.Random(2)
    clients = Clients(lambda: draw.choice(nodes).port, kill)
    clients.run(people)
    assert clients.kills >= 2
    with psycopg.connect(database, autocommit=True) as conn:
        require_whole(conn, people, clients.orders)
    record_figure(f"{CHECKOUTS} checkouts, {clients.kills} workers killed, {clients.lost} answers lost, all whole")


@pytest.mark.timeout(1500)
def test_killed_nodes_lose_and_double_nothing(database: str, serve: Serve) -> None:
    people = shop_of(database, CHECKOUTS // 2)
    nodes: list[Server] = [serve(database, FILMER_WORKERS="1") for _ in range(2)]

    def kill(number: int) -> None:
        kill_node(nodes[number % 2])
        nodes[number % 2] = serve(database, FILMER_WORKERS="1")

    draw = random.Random(3)
    clients = Clients(lambda: draw.choice(nodes).port, kill)
    clients.run(people)
    assert clients.kills >= 1
    with psycopg.connect(database, autocommit=True) as conn:
        require_whole(conn, people, clients.orders)
    record_figure(f"{clients.kills} nodes killed")


@pytest.mark.timeout(1500)
def test_killed_database_connections_lose_and_double_nothing(database: str, serve: Serve) -> None:
    people = shop_of(database, CHECKOUTS)
    node: Server = serve(database, FILMER_WORKERS="2")
    clients = Clients(lambda: node.port, lambda _: void(stress_shop.terminate_backends(database)))
    clients.run(people)
    assert clients.kills >= 2
    with psycopg.connect(database, autocommit=True) as conn:
        require_whole(conn, people, clients.orders)
    record_figure(f"all database connections killed {clients.kills} times")


def void(_: object) -> None:
    """For what is called for its effect alone."""


# Acknowledged means durable.


@pytest.fixture
def own_engines() -> Iterator[tuple[Path, str]]:
    """A PostgreSQL that may be killed: the folder, and the URL of its database, with a shop in it."""
    with tempfile.TemporaryDirectory(prefix="filmer-test-") as folder, ExitStack() as stack:
        Path(folder).chmod(0o711)
        running = stack.enter_context(running_engines(Path(folder), valkey=False))
        with psycopg.connect(running.database_url, autocommit=True) as conn:
            list(migrate(conn))
        stress_shop.open_shop(running.database_url)
        yield Path(folder), running.database_url


def stop_at_once(folder: Path, *, kill: bool) -> None:
    """What ``pg_ctl stop -m immediate`` does, or worse; the supervisor starts it again."""
    pid = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
    postmaster = psutil.Process(pid)
    postmaster.send_signal(signal.SIGKILL if kill else signal.SIGQUIT)
    assert eventually(lambda: not postmaster.is_running() or postmaster.status() == psutil.STATUS_ZOMBIE)


def test_the_embedded_database_writes_through(own_engines: tuple[Path, str]) -> None:
    with psycopg.connect(own_engines[1]) as conn:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert conn.execute("SELECT current_setting(%s)", [setting]).fetchone() == ("on",), setting


def test_no_connection_of_ours_waives_that(database: str, serve: Serve) -> None:
    """Neither in the pool's options nor by SET: a role or a database with other settings aside."""
    server: Server = serve(database)
    (customer,) = shop_of(database, 1)
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("CREATE TABLE seen (setting text)")
        conn.execute(
            """
            CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO seen SELECT current_setting('synchronous_commit'); RETURN NEW; END $$
            """
        )
        conn.execute("CREATE TRIGGER look BEFORE INSERT ON shop_order FOR EACH ROW EXECUTE FUNCTION look()")
        with RawConnection(server.port) as line:
            assert line.round_trip(stress_shop.checkout(customer)).status == 200
        assert conn.execute("SELECT setting FROM seen").fetchall() == [("on",)]
        unlogged = conn.execute("SELECT relname FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'").fetchall()
        # Guesses, and files to import with what their check found: a crash costs nobody more than sending one again.
        assert sorted(unlogged) == [("guess",), ("import_chunk",), ("import_job",)]


def is_half(done: Sized, of: Sized) -> bool:
    return len(done) >= len(of) // 2


@pytest.mark.timeout(1500)
def test_what_was_acknowledged_is_there_after_the_database_was_stopped_at_once(
    own_engines: tuple[Path, str], serve: Serve
) -> None:
    folder, url = own_engines
    people = stress_shop.customers(url, DURABLE)
    with psycopg.connect(url, autocommit=True) as conn:
        stress_shop.fill_carts(conn, [one.account_id for one in people])
    server: Server = serve(url, FILMER_WORKERS="2")
    missing: list[int] = []
    for stop in range(STOPS):
        answered: dict[int, RawResponse] = {}

        def buy(one: Customer, answered: dict[int, RawResponse] = answered) -> None:
            try:
                with RawConnection(server.port) as line:
                    answered[one.account_id] = line.round_trip(stress_shop.checkout(one, f"of {one.account_id}"))
            except LOST:
                return

        mine = people[stop::STOPS]
        with ThreadPoolExecutor(CLIENTS) as pool:
            # Stopped amid the checkouts, when the last answers are as fresh as can be.
            buying = [pool.submit(buy, one) for one in mine]
            assert eventually(partial(is_half, answered, mine), 60)
            stop_at_once(folder, kill=stop % 2 == 1)
            for one in buying:
                one.result()
        assert eventually(lambda: accepts(url), 60)
        acknowledged = {
            account: response.data["orderId"] for account, response in answered.items() if response.status == 200
        }
        assert acknowledged
        with psycopg.connect(url, autocommit=True) as conn:
            stored: dict[int, int] = dict(conn.execute("SELECT account_id, id FROM shop_order").fetchall())
            assert not stress_shop.audit(conn)
            assert not stress_shop.halves(conn, [one.account_id for one in mine])
        missing += [order for account, order in acknowledged.items() if stored.get(account) != order]
    assert not missing
    clients = Clients(lambda: server.port, lambda _: None)  # and the rest can still be bought
    clients.run(people)
    with psycopg.connect(url, autocommit=True) as conn:
        require_whole(conn, people, clients.orders)
    record_figure(f"{DURABLE} orders, PostgreSQL stopped at once {STOPS} times: 0 missing")
