"""Processes that use the embedded servers, and what is there of them and of the servers."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

import filmer
from filmer.store.embedded import Engines

IS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="NOT SHOWN HERE: only root runs the servers as another user")
as_user = pytest.mark.skipif(IS_ROOT, reason="NOT SHOWN HERE: root may write everywhere")

# A process of its own that uses the servers: prints their addresses, obeys commands, ends with its input.
USER = """
import json, os, sys
from pathlib import Path
from filmer.store.embedded import EmbeddedError, running_engines
try:
    path, wanted = sys.argv[1:]
    with running_engines(Path(path), postgres="p" in wanted, valkey="v" in wanted) as engines:
        print(json.dumps([engines.database_url, engines.redis_url]), flush=True)
        if sys.stdin.readline() == "fork\\n":
            if not os.fork():
                sys.exit()  # unwinds the context in the child
            os.wait()
            print("forked", flush=True)
            sys.stdin.readline()
except EmbeddedError as error:
    print(json.dumps(["error", str(error)]), flush=True)
"""


def processes(data_dir: Path) -> list[psutil.Process]:
    """Every process but this one that works in the data directory or has it on its command line."""
    running = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        command, cwd = " ".join(process.info["cmdline"] or []), process.info["cwd"] or ""
        if process.pid != os.getpid() and (str(data_dir) in command or cwd.startswith(str(data_dir))):
            running.append(process)
    return running


def named(data_dir: Path, name: str) -> psutil.Process:
    """The one process of the data directory that was started from a file of this name."""
    matching = [p for p in processes(data_dir) if name in {Path(word).name for word in p.info["cmdline"][:3]}]
    if len(matching) > 1:  # a child that has only just been forked looks like its parent
        matching = [process for process in matching if process.ppid() not in {other.pid for other in matching}]
    (process,) = matching
    return process


def servers(data_dir: Path) -> list[psutil.Process]:
    """Every process of the data directory but the supervisor."""
    return [process for process in processes(data_dir) if "supervisor_program.py" not in str(process.info["cmdline"])]


def eventually(holds: Callable[[], Any], seconds: float = 10) -> bool:
    """Whether it holds now or soon."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def responses(url: str) -> bool:
    """Whether PostgreSQL takes a connection."""
    try:
        with psycopg.connect(url):
            return True
    except psycopg.OperationalError:
        return False


def sql(engines: Engines, query: str) -> Any:
    """The first value of a query's first row, if it has one."""
    with psycopg.connect(engines.database_url, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def ping(engines: Engines) -> Any:
    with redis.from_url(engines.redis_url) as client:
        return client.ping()


def start_user(data_dir: Path, wanted: str = "pv") -> subprocess.Popen[str]:
    """A process that uses the servers, p(ostgres) and v(alkey), until its input ends."""
    source = str(Path(filmer.__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(data_dir), wanted],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env,
        start_new_session=True,
    )


def where(user: subprocess.Popen[str]) -> Engines:
    assert user.stdout is not None
    return Engines(*json.loads(user.stdout.readline()))


@contextmanager
def another_user(data_dir: Path, wanted: str = "pv") -> Iterator[tuple[subprocess.Popen[str], Engines]]:
    """Another process that uses the servers for as long as the context lasts, or until it is killed."""
    with start_user(data_dir, wanted) as user:
        try:
            yield user, where(user)
        finally:
            with suppress(BrokenPipeError):
                user.communicate()


@contextmanager
def directory() -> Iterator[Path]:
    """A directory everybody gets through; in the end nothing may be left running in it."""
    path = Path(tempfile.mkdtemp(prefix="filmer-test-")).resolve()
    path.chmod(0o711)
    yield path
    clean = eventually(lambda: not processes(path), 3)
    left = processes(path)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    shutil.rmtree(path, ignore_errors=True)
    assert clean, f"still running: {[process.info for process in left]}"
