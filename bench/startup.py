"""From starting the command to its first answer that it is healthy: the demo, in a data directory of its own.

Cold: nothing is there yet, so databases are made, migrated and filled. Warm: the same directory again. With engines
that run already: what another node takes. Python itself and the bare server tell what of it is filmer's.
"""

import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.results import Row, Rows, middle_half
from bench.server import bare_server, environment, stop

from filmer.server.serving import free_port
from filmer.settings import load_settings
from filmer.store.engines import engines

ROUNDS = {"small": 3, "default": 7, "full": 7}
WORKERS = 2
LIMIT_SECONDS = 60
POLL_SECONDS = 0.002
SETTLED_SECONDS = 0.5  # until all workers are up: a worker that is stopped while it starts does not end in time
WAYS = {
    "cold": "ready, cold: a new data directory, demo",
    "warm": "ready, warm: the second start, demo",
    "beside": "ready, with engines that run already, demo",
}


def rows(scale: str) -> Rows:
    times: dict[str, list[float]] = {what: [] for what in ("python", "bare", *WAYS)}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the servers' user must get in
        for number in range(ROUNDS[scale]):
            times["python"].append(_python())
            port = free_port("127.0.0.1")
            times["bare"].append(_ready(bare_server(port, WORKERS), port, "/", {}))
            data_dir = Path(folder) / str(number)
            times["cold"].append(_serve(data_dir))
            times["warm"].append(_serve(data_dir))
            with engines(load_settings({}, data_dir=str(data_dir))) as running:
                where = {"DATABASE_URL": running.database_url or "", "REDIS_URL": running.redis_url or ""}
                times["beside"].append(_serve(data_dir, where))
    python = statistics.median(times["python"])
    for what, called in WAYS.items():
        yield _row(f"{called}: median", times[what], times["bare"], python)


def _row(what: str, ours: list[float], bare: list[float], python: float) -> Row:
    ratios = [mine / its for mine, its in zip(ours, bare, strict=True)]
    return Row(
        what,
        f"{statistics.median(ours):.2f} s",
        f"{statistics.median(bare):.2f} s: the bare server (python alone: {python * 1000:.0f} ms)",
        statistics.median(ratios),
        spread=f"{middle_half(ours)} s",
        rounds={"filmer": ours, "reference": bare},
    )


def _python() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - begun


def _serve(data_dir: Path, where: Mapping[str, str] | None = None) -> float:
    port = free_port("127.0.0.1")
    command = [sys.executable, "-m", "filmer", "serve", "--demo", "--port", str(port), "--workers", str(WORKERS)]
    return _ready([*command, "--data-dir", str(data_dir)], port, "/api/v1/health", where or {})


def _ready(command: Sequence[str], port: int, path: str, variables: Mapping[str, str]) -> float:
    """Seconds until the first 200; then it is stopped."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment() | dict(variables), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not _answers(port, path):
            if process.poll() is not None or time.perf_counter() - begun > LIMIT_SECONDS:
                raise RuntimeError(f"{' '.join(command)} does not get ready")
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - begun
        time.sleep(SETTLED_SECONDS)
        return seconds
    finally:
        stop(process)


def _answers(port: int, path: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
            return connection.recv(1 << 12).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
