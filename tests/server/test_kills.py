"""Whatever process of a shop on its embedded engines is killed, the shop is back by itself (promises 2 and 20).

``FILMER_TRUST_KILLS=200`` kills so often. The main process is what a service manager starts again: here the test does.
"""

import itertools
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from tests.conftest import Server
from tests.figures import record_figure
from tests.machine import at_most
from tests.raw_connections import LOST, Customer, RawConnection
from tests.server_processes import eventually, kill_node, workers
from tests.shop import stress_shop
from tests.shop.test_crashes import Clients, Kill, require_whole, shop_of
from tests.store.embedded.clients import processes, temporary_directory
from tests.users import put_card

from filmer.store.embedded import client

pytestmark = pytest.mark.proof

KILLS = int(os.environ.get("FILMER_TRUST_KILLS") or 0)  # 0: each kind once
BACK_SECONDS = 5
WORKERS = 2
CUSTOMERS = 5  # who buy while processes are killed


class Shop:
    """A demo shop with engines of its own, and every process that belongs to it."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.killed = 0.0  # the moment of the last kill
        self.server = self._start()
        sockets = (data_dir / "run").resolve()
        self.database_url = f"postgresql://filmer@/filmer?host={sockets}"

    def _start(self) -> Server:
        return Server({"FILMER_DATA_DIR": str(self.data_dir), "FILMER_WORKERS": str(WORKERS)}, ["--demo"])

    def restart(self) -> None:
        self.server.stop()
        self.server = self._start()

    def kill(self, *processes: psutil.Process) -> None:
        self.killed = time.monotonic()
        for process in processes:
            process.kill()

    def of(self, kind: str) -> list[psutil.Process]:
        """The processes of a kind, as they are now."""
        if kind == "worker":
            return workers(self.server)
        if kind in CHILDREN:
            return [child for child in self._children() if CHILDREN[kind] in _command(child)]
        found = [process for process in processes(self.data_dir) if ENGINES[kind] in _command(process)]
        ids = {process.pid for process in found}
        with suppress(psutil.NoSuchProcess):
            return [process for process in found if process.ppid() not in ids]  # not the children of PostgreSQL
        return self.of(kind)

    def _children(self) -> list[psutil.Process]:
        return psutil.Process(self.server.process.pid).children()

    def is_whole(self) -> bool:
        return len(self.of("worker")) == WORKERS and all(len(self.of(kind)) == 1 for kind in (*ENGINES, "sandbox"))

    def sells(self, customer: Customer) -> bool:
        """Whether it is healthy, and takes an order."""
        with suppress(*LOST, httpx.HTTPError), RawConnection(self.server.port, timeout=3) as line:
            is_healthy = self.server.client.get("/api/v1/health", timeout=3).is_success
            return (
                is_healthy
                and line.round_trip(stress_shop.checkout(customer, f"of {customer.account_id}")).status == 200
            )
        return False


CHILDREN = {"sandbox": "filmer.tmdb.sandbox", "resource tracker": "resource_tracker"}  # of the main process
ENGINES = {"keeper": "supervisor_program.py", "PostgreSQL": "postgres", "Valkey": "valkey-server"}


def _command(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline()[:5])
    return ""


Killer = Callable[[Shop], None]


def kill(*kinds: str) -> Killer:
    """Kills all of these kinds together."""

    def run(shop: Shop) -> None:
        shop.kill(*(process for kind in kinds for process in shop.of(kind)))

    return run


def kill_one_worker(shop: Shop) -> None:
    shop.kill(shop.of("worker")[0])


def twice(kind: str, *, first: Killer | None = None) -> Killer:
    """Kills it, and what takes its place as soon as that is there."""

    def run(shop: Shop) -> None:
        before = {process.pid for process in shop.of(kind)}
        (first or kill(kind))(shop)
        successor: list[psutil.Process] = []

        def is_there() -> bool:
            successor[:] = [process for process in shop.of(kind) if process.pid not in before]
            return bool(successor)

        assert eventually(is_there, 30), shop.server.output()
        shop.kill(successor[0])

    return run


def kill_main(shop: Shop) -> None:
    shop.killed = time.monotonic()
    kill_node(shop.server)
    shop.restart()


KINDS: dict[str, Killer] = {
    "a worker": kill_one_worker,
    "a worker twice": twice("worker", first=kill_one_worker),
    "all workers": kill("worker"),
    "all workers, and one again": twice("worker"),
    "keeper": kill("keeper"),
    "keeper twice": twice("keeper"),
    "PostgreSQL": kill("PostgreSQL"),
    "PostgreSQL twice": twice("PostgreSQL"),
    "Valkey": kill("Valkey"),
    "Valkey twice": twice("Valkey"),
    "keeper and PostgreSQL": kill("keeper", "PostgreSQL"),
    "keeper and Valkey": kill("keeper", "Valkey"),
    "keeper and all workers": kill("keeper", "worker"),
    "resource tracker and all workers": kill("resource tracker", "worker"),
    "sandbox": kill("sandbox"),
    "main process": kill_main,
}


@pytest.fixture
def shop() -> Iterator[Shop]:
    with temporary_directory() as home:
        running_shop = Shop(home / "data")
        put_card(running_shop.database_url)
        yield running_shop
        running_shop.server.stop()


def once(kill: Callable[[], None]) -> Kill:
    """For `Clients`, which kill whenever so many requests were made."""
    kills = iter([kill])

    def run(_: int) -> None:
        for kill_now in kills:
            kill_now()

    return run


@pytest.mark.timeout(3600)
def test_every_process_may_be_killed(shop: Shop) -> None:
    kinds = list(KINDS)
    random.Random(KILLS).shuffle(kinds)
    kills, orders = KILLS or len(kinds), 0
    slowest = dict.fromkeys(kinds, 0.0)  # seconds, of each kind
    for kind in itertools.islice(itertools.cycle(kinds), kills):
        people = shop_of(shop.database_url, CUSTOMERS + 1)
        last = people[-1]
        clients = Clients(lambda: shop.server.port, once(partial(KINDS[kind], shop)), every=CUSTOMERS - 1)
        clients.run(people[:-1])
        assert eventually(lambda: shop.is_whole() and shop.sells(last), 60), (kind, shop.server.output())  # noqa: B023
        slowest[kind] = max(slowest[kind], time.monotonic() - shop.killed)
        at_most(BACK_SECONDS, since=shop.killed)
        with psycopg.connect(shop.database_url, autocommit=True) as conn:
            row = conn.execute("SELECT id FROM shop_order WHERE account_id = %s", [last.account_id]).fetchone()
            assert row
            require_whole(conn, people, clients.orders | {last.account_id: row[0]})
        orders += len(people)
    times = ", ".join(f"{kind} {took:.1f}" for kind, took in sorted(slowest.items(), key=lambda item: -item[1]))
    record_figure(f"{kills} kills, {orders} orders, all whole; back after at most (seconds): {times}")


def test_a_server_whose_engines_do_not_come_back_ends(shop: Shop, tmp_path: Path) -> None:
    """The exit code says so to a supervisor, the last line of the log to a reader."""
    shop.server.stop()
    (tmp_path / "sitecustomize.py").write_text(  # what each Python process runs first
        f"import {client.__name__} as client\nclient.RECONNECT_LIMIT = 1.0\n", encoding="utf-8"
    )
    environment = {"FILMER_DATA_DIR": str(shop.data_dir), "FILMER_WORKERS": "1", "PYTHONPATH": str(tmp_path)}
    shop.server = Server(environment, ["--demo"])
    (shop.data_dir / "postgres" / "PG_VERSION").write_text("9\n", encoding="utf-8")
    kill("keeper")(shop)
    assert shop.server.process.wait(40) == 1
    assert "filmer: The database servers are gone, and do not come back." in shop.server.output()
