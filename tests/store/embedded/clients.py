"""Processes that are clients of the embedded servers; finding the processes of a data directory."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis
from tests.conftest import in_memory
from tests.server_processes import eventually

import filmer
from filmer.store.embedded import Engines

IS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="NOT SHOWN HERE: only root runs the servers as another user")
as_user = pytest.mark.skipif(IS_ROOT, reason="NOT SHOWN HERE: root may write everywhere")

# The program of a client: it prints the addresses of the servers, obeys commands, and ends when its input does.
CLIENT = """
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
    """Every other process whose current directory or command line contains the data directory."""
    running = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        command, cwd = " ".join(process.info["cmdline"] or []), process.info["cwd"] or ""
        if process.pid != os.getpid() and (str(data_dir) in command or cwd.startswith(str(data_dir))):
            running.append(process)
    return running


def process_named(data_dir: Path, name: str) -> psutil.Process:
    """The one process of the data directory that was started from a file of this name."""
    matching = [p for p in processes(data_dir) if name in {Path(word).name for word in p.info["cmdline"][:3]}]
    if len(matching) > 1:  # a child that has only just been forked looks like its parent
        matching = [process for process in matching if process.ppid() not in {other.pid for other in matching}]
    (process,) = matching
    return process


def servers(data_dir: Path) -> list[psutil.Process]:
    """Every process of the data directory but the supervisor."""
    return [process for process in processes(data_dir) if "supervisor_program.py" not in str(process.info["cmdline"])]


def sql(engines: Engines, query: str) -> Any:
    """The first value of a query's first row, if it has one."""
    with psycopg.connect(engines.database_url, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def ping(engines: Engines) -> Any:
    with redis.from_url(engines.redis_url) as client:
        return client.ping()


def start_client(data_dir: Path, wanted: str = "pv") -> subprocess.Popen[str]:
    """Starts a client of p(ostgres), v(alkey) or both, which runs until its input ends."""
    source = str(Path(filmer.__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(data_dir), wanted],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env,
        start_new_session=True,
    )


def engines_of(process: subprocess.Popen[str]) -> Engines:
    assert process.stdout is not None
    return Engines(*json.loads(process.stdout.readline()))


@contextmanager
def another_client(data_dir: Path, wanted: str = "pv") -> Iterator[tuple[subprocess.Popen[str], Engines]]:
    """A client in another process, for as long as the context lasts or until it is killed; and its engines."""
    with start_client(data_dir, wanted) as process:
        try:
            yield process, engines_of(process)
        finally:
            with suppress(BrokenPipeError):
                process.communicate()


@contextmanager
def temporary_directory() -> Iterator[Path]:
    """A directory that every user may pass through. At the end no process may be left in it."""
    path = Path(tempfile.mkdtemp(prefix="filmer-test-", dir=in_memory())).resolve()
    path.chmod(0o711)
    yield path
    is_clean = eventually(lambda: not processes(path), 3)
    leftovers = processes(path)
    for process in leftovers:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    shutil.rmtree(path, ignore_errors=True)
    assert is_clean, f"still running: {[process.info for process in leftovers]}"
