"""From starting the command to its first answer that it is healthy: the demo, in a data directory of its own.

The first start makes databases, migrates and fills them; the second finds the same directory. Python itself and the
bare server tell what of it is filmer's.
"""

import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.results import Limit, Row, Rows, middle_half
from bench.server import FILMER, bare_server, environment, stop

from filmer.server.serving import free_port

ROUNDS = {"small": 3, "default": 7, "full": 7}
WORKERS = 2
LIMIT_SECONDS = 60
POLL_SECONDS = 0.002
SETTLED_SECONDS = 0.5  # until all workers are up: a worker that is stopped while it starts does not end in time
SECOND_LIMIT = 1.2  # seconds


def rows(scale: str) -> Rows:
    times: dict[str, list[float]] = {what: [] for what in ("python", "bare", "first", "second")}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the servers' user must get in
        for number in range(ROUNDS[scale]):
            times["python"].append(_python())
            port = free_port("127.0.0.1")
            times["bare"].append(_ready(bare_server(port, WORKERS), port, "/"))
            data_dir = Path(folder) / str(number)
            times["first"].append(_serve(data_dir))
            times["second"].append(_serve(data_dir))
    python = statistics.median(times["python"])
    yield _row("first start to ready, demo: median", times["first"], times["bare"], python)
    limit = Limit(statistics.median(times["second"]), SECOND_LIMIT, "s")
    yield _row("second start to ready, demo: median", times["second"], times["bare"], python, limit)


def _row(what: str, ours: list[float], bare: list[float], python: float, *limits: Limit) -> Row:
    ratios = [mine / its for mine, its in zip(ours, bare, strict=True)]
    return Row(
        what,
        f"{statistics.median(ours):.2f} s",
        f"{statistics.median(bare):.2f} s: the bare server (python alone: {python * 1000:.0f} ms)",
        statistics.median(ratios),
        list(limits),
        spread=f"{middle_half(ours)} s",
        rounds={"filmer": ours, "reference": bare},
    )


def _python() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - begun


def _serve(data_dir: Path) -> float:
    port = free_port("127.0.0.1")
    command = [str(FILMER), "serve", "--demo", "--port", str(port), "--workers", str(WORKERS)]
    return _ready([*command, "--data-dir", str(data_dir)], port, "/api/v1/health")


def _ready(command: Sequence[str], port: int, path: str) -> float:
    """Seconds until the first 200; then it is stopped."""
    variables = environment()
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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
