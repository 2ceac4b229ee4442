"""A new version is put in, and no request fails (promise 22).

Of one server the workers are replaced one after another (SIGHUP); of two nodes behind a balancer one after the other
is stopped (SIGTERM) and started. ``FILMER_TRUST_RESTARTS=50`` does it so often.
"""

import json
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import httpx
import psutil
import psycopg
import pytest
from tests.conftest import MakeDatabase, Serve, Server
from tests.failover_load import any_address
from tests.figures import record_figure
from tests.raw_connections import Customer
from tests.server_processes import eventually, replace_workers, workers
from tests.shop import stress_shop
from tests.shop.stress_shop import FILMS, ITEMS

from filmer.server.restarts import MAX_UNREADY_ATTEMPTS

pytestmark = pytest.mark.proof

RESTARTS = int(os.environ.get("FILMER_TRUST_RESTARTS") or 1)
DRAIN_SECONDS = 15
PAUSE = 0.02  # seconds between two requests of one caller: the new workers need the cores too


@pytest.fixture(scope="module")
def filled(make_database: MakeDatabase) -> str:
    return make_database(films=True)


class Callers:
    """Threads that ask until the context ends, and what went wrong."""

    def __init__(self) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def start(self, ask: Callable[[], httpx.Response]) -> None:
        def run() -> None:
            while not self._over.wait(PAUSE):
                try:
                    response = ask()
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                    continue
                if response.is_success:
                    self.answered += 1
                else:
                    self.failures.append(f"{response.status_code} {response.text[:200]}")

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()


def visiting(client: httpx.Client) -> Callable[[], httpx.Response]:
    draw = random.Random(7)
    return lambda: client.get(any_address(draw))


def changing(client: httpx.Client, customer: Customer) -> Callable[[], httpx.Response]:
    """Changes how many of a film are in a full cart."""
    headers = {"cookie": f"JSESSIONID={customer.cookie}"}
    draw = random.Random(11)
    return lambda: client.put(f"{ITEMS}/{FILMS[0]}", json={"quantity": draw.randint(1, 9)}, headers=headers)


def customers(database_url: str, count: int) -> list[Customer]:
    new_customers = stress_shop.customers(database_url, count)
    with psycopg.connect(database_url) as conn:
        stress_shop.fill_carts(conn, [customer.account_id for customer in new_customers])
    return new_customers


def limits_of(keepalive: int) -> httpx.Limits:
    """Connections as deploy/nginx.conf keeps them: none that was idle for a second is used again."""
    return httpx.Limits(max_keepalive_connections=keepalive, max_connections=10, keepalive_expiry=1)


class Balancer(httpx.BaseTransport):
    """As nginx does: the nodes in turn, and the next one for what a node has refused, but nothing that was sent."""

    def __init__(self, ports: list[int], *, keepalive: int) -> None:
        """``ports``: of the nodes there are; the list changes."""
        self._ports = ports
        self._transport = httpx.HTTPTransport(limits=limits_of(keepalive), trust_env=False)
        self._turn = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._turn += 1
        ports = list(self._ports)
        for tries in range(len(ports)):
            port = ports[(self._turn + tries) % len(ports)]
            request.url = request.url.copy_with(host="127.0.0.1", port=port)
            try:
                return self._transport.handle_request(request)
            except httpx.ConnectError:
                continue
        raise httpx.ConnectError("no node listens")

    def close(self) -> None:
        self._transport.close()


@pytest.fixture
def browsers() -> Iterator[Callable[..., httpx.Client]]:
    """Makes clients that keep their connections, or with ``keep=0`` open one for each request."""
    opened: list[httpx.Client] = []

    def make(transport_of: str | httpx.BaseTransport, *, keepalive: int = 1) -> httpx.Client:
        if isinstance(transport_of, str):
            client = httpx.Client(
                base_url=transport_of, timeout=30, trust_env=False, verify=False, limits=limits_of(keepalive)
            )
        else:
            client = httpx.Client(base_url="http://shop.example", transport=transport_of, timeout=30)
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()


def test_workers_are_replaced_and_no_request_fails(
    filled: str, serve: Serve, browsers: Callable[..., httpx.Client]
) -> None:
    server = serve(filled, "--workers", "2")
    address = f"http://127.0.0.1:{server.port}"
    slowest = 0.0
    with Callers() as callers:
        for keepalive in (1, 1, 0):
            callers.start(visiting(browsers(address, keepalive=keepalive)))
        for keepalive, customer in zip((1, 0), customers(filled, 2), strict=True):
            callers.start(changing(browsers(address, keepalive=keepalive), customer))
        for _ in range(RESTARTS):
            slowest = max(slowest, replace_workers(server))
    assert callers.failures == []
    assert server.process.poll() is None
    record_figure(
        f"{RESTARTS} times both workers replaced: {callers.answered:,} requests, 0 failed ({slowest:.1f} s at most)"
    )


def test_nodes_are_restarted_one_after_another_and_no_request_fails(
    filled: str, serve: Serve, browsers: Callable[..., httpx.Client]
) -> None:
    nodes = [serve(filled) for _ in range(2)]
    ports = [node.port for node in nodes]
    slowest = 0.0
    with Callers() as callers:
        for keepalive in (2, 0):
            callers.start(visiting(browsers(Balancer(ports, keepalive=keepalive))))
            callers.start(changing(browsers(Balancer(ports, keepalive=keepalive)), customers(filled, 1)[0]))
        for _ in range(RESTARTS):
            time.sleep(0.3)
            leaving = nodes.pop(0)
            begun = time.monotonic()
            leaving.process.terminate()
            assert leaving.process.wait(DRAIN_SECONDS + 5) == 0
            slowest = max(slowest, time.monotonic() - begun)
            ports.remove(leaving.port)
            nodes.append(serve(filled))
            ports.append(nodes[-1].port)
    assert callers.failures == []
    record_figure(
        f"{RESTARTS} nodes restarted: {callers.answered:,} requests, 0 failed, stopped within {slowest:.1f} s"
    )


def test_workers_that_cannot_be_started_are_no_server(filled: str, serve: Serve, tmp_path: Path) -> None:
    """The exit code says so to a supervisor, the last line of the log to a reader."""
    server = serve(filled, "--workers", "2", PYTHONPATH=str(tmp_path))
    _break_workers(tmp_path)
    for worker in workers(server):
        worker.kill()
    assert server.process.wait(60) == 1
    lines = server.output().splitlines()
    (entry,) = [json.loads(line[line.index("{") :]) for line in lines if "no worker can be started" in line]
    assert entry["level"] == "error"
    assert lines[-1] == "filmer: No worker process could be started, so the server ended. The lines above say why."
    # The workers write into the same file, and may begin a line.
    died = [json.JSONDecoder().raw_decode(line, line.index("{"))[0] for line in lines if "worker died" in line]
    assert {line["exit_code"] for line in died} == {-signal.SIGKILL, 1}


def test_a_worker_that_dies_again_and_again_costs_the_others_nothing(filled: str, serve: Serve) -> None:
    server = serve(filled, "--workers", "2")
    steady_worker, *_ = workers(server)
    for _ in range(4):
        (other_worker,) = _others(server, steady_worker)
        other_worker.kill()
        other_worker.wait(10)
        assert eventually(lambda: _others(server, steady_worker), seconds=30)
        assert _ask_on(server.client).is_success
    assert steady_worker.is_running()
    assert server.process.poll() is None


def test_a_worker_that_cannot_be_started_is_tried_again(filled: str, serve: Serve, tmp_path: Path) -> None:
    server = serve(filled, "--workers", "2", PYTHONPATH=str(tmp_path))
    steady_worker, other_worker = workers(server)
    broken = _break_workers(tmp_path)
    other_worker.kill()
    assert eventually(lambda: server.output().count("worker died") > MAX_UNREADY_ATTEMPTS, seconds=60), server.output()
    assert _ask_on(server.client).is_success
    broken.unlink()
    assert eventually(lambda: _others(server, steady_worker), seconds=60)
    assert steady_worker.is_running()


def _others(server: Server, steady_worker: psutil.Process) -> list[psutil.Process]:
    return [worker for worker in workers(server) if worker.pid != steady_worker.pid]


def test_callers_wait_where_every_worker_has_died(filled: str, serve: Serve) -> None:
    """They are not refused, though nobody is there to accept them."""
    server = serve(filled, "--workers", "2")
    for worker in workers(server):
        worker.kill()
    assert eventually(lambda: server.output().count("worker died") == 2)
    with connect(server) as connection:
        connection.settimeout(30)
        assert _answer_on(connection).startswith(b"HTTP/1.1 200")


def test_a_worker_is_relied_on_only_once_it_listens(filled: str, serve: Serve, tmp_path: Path) -> None:
    """Until then callers wait where the last one died that did, and are not refused."""
    server = serve(filled, "--workers", "2", PYTHONPATH=str(tmp_path))
    steady_worker, other_worker = workers(server)
    started = tmp_path / "started"
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if any('spawn_main' in word for word in sys.orig_argv):\n"
        "    import pathlib, time\n"
        "    from granian.server import mp\n"
        "    make = mp.ASGIWorker\n"
        "    def make_late(*args):\n"
        f"        pathlib.Path({str(started)!r}).touch()\n"
        "        time.sleep(2)\n"
        "        return make(*args)\n"
        "    mp.ASGIWorker = make_late\n",
        "utf-8",
    )
    other_worker.kill()
    assert eventually(started.exists, seconds=60), server.output()
    steady_worker.kill()
    assert eventually(lambda: server.output().count("worker died") == 2)
    with ExitStack() as stack:
        for _ in range(20):
            time.sleep(0.05)
            waiting = stack.enter_context(connect(server))
        waiting.settimeout(30)
        assert _answer_on(waiting).startswith(b"HTTP/1.1 200")


def test_sigterm_leaves_time_for_goodbyes_and_sigint_does_not(filled: str, serve: Serve) -> None:
    server = serve(filled)
    assert "connection" not in server.client.get(f"/api/v1/movies/{FILMS[0]}").headers
    server.process.send_signal(signal.SIGTERM)
    assert eventually(
        lambda: server.client.get(f"/api/v1/movies/{FILMS[0]}").headers.get("connection") == "close", seconds=1.5
    )
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(DRAIN_SECONDS) == 0


def test_who_connects_while_a_worker_goes_is_its_successors(filled: str, serve: Serve) -> None:
    server = serve(filled)
    (old,) = workers(server)
    server.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: _ask_on(server.client).headers.get("connection") == "close", seconds=60)
    with ExitStack() as stack:
        connected = [stack.enter_context(connect(server)) for _ in range(50)]
        assert eventually(lambda: old.pid not in {worker.pid for worker in workers(server)}, seconds=20)
        for connection in connected:
            assert _answer_on(connection).startswith(b"HTTP/1.1 200")


def test_a_server_that_goes_takes_no_more_and_serves_whom_it_has(filled: str, serve: Serve) -> None:
    server = serve(filled)
    with ExitStack() as stack:
        connected = [stack.enter_context(connect(server))]
        server.process.send_signal(signal.SIGTERM)
        with suppress(TimeoutError, ConnectionRefusedError):
            while len(connected) < 100:
                time.sleep(0.02)
                connected.append(stack.enter_context(connect(server, seconds=0.3)))
        assert len(connected) < 100
        for connection in connected:
            assert _answer_on(connection).startswith(b"HTTP/1.1 200")
        with pytest.raises(ConnectionRefusedError):
            connect(server)
    assert server.process.wait(DRAIN_SECONDS) == 0


def test_a_new_worker_that_dies_while_others_are_replaced_is_replaced_too(filled: str, serve: Serve) -> None:
    server = serve(filled, "--workers", "2")
    before = {worker.pid for worker in _being_replaced(server)}
    (first,) = [worker for worker in workers(server) if worker.pid not in before]
    assert eventually(lambda: len({worker.pid for worker in workers(server)} - before) == 2, seconds=30)
    first.kill()
    gone = before | {first.pid}
    assert eventually(lambda: len({worker.pid for worker in workers(server)} - gone) == 2, seconds=60), server.output()
    assert eventually(lambda: not before & {worker.pid for worker in workers(server)}, seconds=30)
    assert len(workers(server)) == 2
    assert _ask_on(server.client).is_success


def test_sighups_that_come_together_end_with_new_workers(filled: str, serve: Serve) -> None:
    server = serve(filled)
    _being_replaced(server)
    for _ in range(3):
        server.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: server.output().count("workers replaced") == 2, seconds=60), server.output()
    assert len(workers(server)) == 1
    assert _ask_on(server.client).is_success


def test_told_to_stop_while_workers_are_replaced_it_stops(filled: str, serve: Serve) -> None:
    server = serve(filled, "--workers", "2")
    _being_replaced(server)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(2 * DRAIN_SECONDS) == 0
    assert "did not start" not in server.output()


def _being_replaced(server: Server) -> list[psutil.Process]:
    """The workers, once a successor has been started."""
    before = workers(server)
    server.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: len(workers(server)) > len(before), seconds=20)
    return before


def connect(server: Server, *, seconds: float = 10) -> socket.socket:
    """Without a word."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=seconds)
    connection.settimeout(10)
    return connection


def _ask_on(client: httpx.Client) -> httpx.Response:
    return client.get(f"/api/v1/movies/{FILMS[0]}")


def _answer_on(connection: socket.socket) -> bytes:
    connection.sendall(f"GET /api/v1/movies/{FILMS[0]} HTTP/1.1\r\nhost: shop.example\r\n\r\n".encode())
    return connection.recv(4096)


def _break_workers(folder: Path) -> Path:
    """Those that are started from now on, where PYTHONPATH names the folder."""
    broken = folder / "sitecustomize.py"  # what each Python process runs first
    broken.write_text("import sys\nif any('spawn_main' in word for word in sys.orig_argv): sys.exit(3)\n", "utf-8")
    return broken


def test_a_new_version_that_does_not_start_changes_nothing(filled: str, serve: Serve, tmp_path: Path) -> None:
    server = serve(filled, PYTHONPATH=str(tmp_path))
    before = {worker.pid for worker in workers(server)}
    broken = _break_workers(tmp_path)
    server.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: "did not start" in server.output(), seconds=60)
    assert {worker.pid for worker in workers(server)} == before
    assert server.client.get(f"/api/v1/movies/{FILMS[0]}").status_code == 200
    broken.unlink()
    replace_workers(server)
    assert server.client.get(f"/api/v1/movies/{FILMS[0]}").status_code == 200
