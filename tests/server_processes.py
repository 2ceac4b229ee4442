"""Processes of a running server: finding its workers, killing them, waiting for what follows."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import psutil
import psycopg
from tests.conftest import Server


def workers(server: Server) -> list[psutil.Process]:
    """The processes that answer requests."""
    return workers_of(server.process.pid)


def workers_of(main: int) -> list[psutil.Process]:
    """The workers of the main process with this id, whether they answer yet or not."""
    children = []
    for child in psutil.Process(main).children():
        with contextlib.suppress(psutil.Error):
            if "spawn_main" in " ".join(child.cmdline()):
                children.append(child)
    return children


def kill_worker(server: Server, number: int = 0) -> bool:
    """Sends SIGKILL to one worker; False when there is none at this moment."""
    alive = workers(server)
    if not alive:
        return False
    with contextlib.suppress(psutil.NoSuchProcess):
        alive[number % len(alive)].kill()
    return True


def kill_node(server: Server) -> None:
    """Sends SIGKILL to the server; its workers notice and end."""
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(10)


def replace_workers(server: Server) -> float:
    """As ``systemctl reload`` does. Seconds until all are new."""
    before = {worker.pid for worker in workers(server)}
    begun = time.monotonic()
    server.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: not before & {worker.pid for worker in workers(server)}, seconds=120), server.output()
    return time.monotonic() - begun


def eventually(holds: Callable[[], Any], seconds: float = 30) -> bool:
    """Whether it holds by then. A busy machine is slow to end a process, and to wait longer costs nothing else."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return bool(holds())


def accepts(database_url: str) -> bool:
    """Whether PostgreSQL lets us in."""
    try:
        psycopg.connect(database_url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
