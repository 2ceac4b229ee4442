"""Workers are started before the engines, and wait for them. Whatever happens then, none is left or missing."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from tests.commands import environment
from tests.conftest import Serve
from tests.server_processes import eventually, replace_workers, workers_of

from filmer.server.serving import free_port
from filmer.store.embedded import Engines

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

WORKERS = 2
EARLY = max(1, min(WORKERS, (os.cpu_count() or 1) - 1))  # the others start when one is ready


class Starting:
    """A ``filmer serve`` whose database does not answer until ``let_go`` is called."""

    def __init__(self, database_url: str, redis_url: str, log: Path) -> None:
        self.port = free_port("127.0.0.1")
        self._log = log
        self._lock = psycopg.connect(database_url)
        self._lock.execute("LOCK TABLE migration IN ACCESS EXCLUSIVE MODE")
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "filmer", "serve", "--port", str(self.port), "--workers", str(WORKERS)],
                env=environment(DATABASE_URL=database_url, REDIS_URL=redis_url),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a group of processes, as a terminal has
            )
        assert eventually(lambda: len(self.workers) == EARLY and self._has_waited(), 60), self.output()

    def _has_waited(self) -> bool:
        """Whether the main process waits for the database, and the workers, with the application loaded, for that."""
        waits = self._lock.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'migration'::regclass"
        )
        return waits.fetchone() != (0,) and all(worker.memory_info().rss > 50 * 2**20 for worker in self.workers)

    @property
    def workers(self) -> list[psutil.Process]:
        return workers_of(self.process.pid)

    def let_go(self) -> None:
        self._lock.rollback()

    def refuse(self) -> None:
        """The database hangs up."""
        self._lock.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'migration'::regclass"
        )

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def end(self) -> None:
        self._lock.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


@pytest.fixture
def starting(database_url: str, engines: Engines, tmp_path: Path) -> Iterator[Starting]:
    server = Starting(database_url, engines.redis_url, tmp_path / "serve.log")
    yield server
    server.end()


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_nobody_can_connect_until_the_engines_run(starting: Starting) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", starting.port), timeout=5)
    before = {worker.pid for worker in starting.workers}
    starting.let_go()
    assert eventually(lambda: "is ready at" in starting.output(), 60), starting.output()
    assert eventually(lambda: len(starting.workers) == WORKERS, 30), starting.output()
    assert {worker.pid for worker in starting.workers} >= before
    health = httpx.get(f"http://127.0.0.1:{starting.port}/api/v1/health", trust_env=False, verify=False)
    assert health.status_code == 200


def test_workers_that_wait_end_with_a_main_process_that_is_killed(starting: Starting) -> None:
    waiting = starting.workers
    starting.process.kill()
    starting.process.wait(10)
    assert eventually(lambda: all(map(is_gone, waiting)))
    assert "Traceback" not in starting.output()


def test_ctrl_c_in_a_terminal_is_reported_once_and_ends_all(starting: Starting) -> None:
    waiting = starting.workers
    os.killpg(starting.process.pid, signal.SIGINT)
    assert starting.process.wait(20) == 130
    assert eventually(lambda: all(map(is_gone, waiting)))
    assert starting.output() == "filmer: interrupted; incomplete changes were not saved\n"


def test_a_worker_that_dies_while_it_waits_is_started_again(starting: Starting) -> None:
    victim, *others = starting.workers
    victim.kill()
    assert eventually(lambda: is_gone(victim))
    starting.let_go()
    assert eventually(lambda: "is ready at" in starting.output(), 60), starting.output()
    assert eventually(lambda: len(starting.workers) == WORKERS, 30), starting.output()
    assert {worker.pid for worker in starting.workers} >= {worker.pid for worker in others}
    assert starting.output().count("worker died") == 1


def test_a_server_that_cannot_open_its_database_leaves_no_worker(starting: Starting) -> None:
    waiting = starting.workers
    starting.refuse()
    assert starting.process.wait(20) == 1
    assert all(map(is_gone, waiting))
    assert "the database can't be reached" in starting.output()
    assert "worker died" not in starting.output()


def test_replaced_workers_run_the_code_there_is_by_then(serve: Serve, database_url: str, tmp_path: Path) -> None:
    server = serve(database_url, PYTHONPATH=str(tmp_path))
    before = version(server.client)
    (tmp_path / "sitecustomize.py").write_text("import filmer\nfilmer.__version__ = '99.9'\n", "utf-8")
    replace_workers(server)
    assert before != "99.9"
    assert version(server.client) == "99.9"


def version(client: httpx.Client) -> str:
    """Of the application that answers."""
    return str(client.get("/openapi.json").json()["info"]["version"])


def test_a_worker_goes_without_what_it_does_not_use() -> None:
    code = (
        "import sys; from multiprocessing import Pipe; from filmer.server.worker import load\n"
        "load('filmer.app:Litestar', Pipe()[1], None); print(*[name for name in sys.modules if sys.modules[name]])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "filmer.app" in loaded
    for needless in ("PIL", "aiosmtplib", "attr", "click", "cyclopts", "limits", "pydantic", "rich", "valkey"):
        assert needless not in loaded
    assert "starlette.responses" not in loaded
