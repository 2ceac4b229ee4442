"""A real ``filmer serve`` on a measured catalogue, its engines and its byte cache with it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from bench import catalogues
from bench.request_mix import API

from filmer.server.serving import free_port

STOP_SECONDS = 40
FILMER = Path(sys.executable).with_name("filmer")  # what people start, whose workers load what that loads


@contextmanager
def serving(chosen: str, *, workers: int, **variables: str) -> Iterator[str]:
    """Its address, without a slash at the end, once it answers. ``variables`` of its environment."""
    with serving_process(chosen, workers=workers, **variables) as (address, _):
        yield address


@contextmanager
def serving_process(chosen: str, *, workers: int, **variables: str) -> Iterator[tuple[str, int]]:
    """Its address, and the id of the process that starts the workers."""
    catalogues.prepare(chosen)
    port = free_port("127.0.0.1")
    process = subprocess.Popen(
        [FILMER, "serve", "--port", str(port), "--data-dir", catalogues.data_dir(chosen)],
        env=environment() | {"CACHE_DURATION_SECONDS": "3600", "FILMER_WORKERS": str(workers)} | variables,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}{API}/movies")
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def environment() -> dict[str, str]:
    """Ours, without what would send filmer to other engines, or change what it does.

    pydantic is hidden: the tests install it, people do not, and the framework loads it where it is (10 MiB, 0.1 s).
    """
    hiding = catalogues.OUT / "hidden"
    hiding.mkdir(parents=True, exist_ok=True)
    (hiding / "pydantic.py").write_text('raise ImportError("it is here for the tests only")\n', encoding="utf-8")
    others = {"DATABASE_URL", "REDIS_URL", "REDIS_PASSWORD"}
    ours = ("FILMER_", "TMDB_")
    kept = {name: value for name, value in os.environ.items() if name not in others and not name.startswith(ours)}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, [str(hiding), kept.get("PYTHONPATH")]))}


@contextmanager
def constant(like: httpx.Response, *, workers: int = 1) -> Iterator[str]:
    """The address of the reference: the same server with a constant answer like this one."""
    port = free_port("127.0.0.1")
    head = [(name, value) for name, value in like.headers.items() if name not in {"server", "date"}]  # the server's own
    response = {"CONSTANT_BYTES": like.headers["content-length"], "CONSTANT_HEAD": json.dumps(head)}
    process = subprocess.Popen(bare_server(port, workers), env=environment() | response)
    try:
        _wait_for_bytes(f"http://127.0.0.1:{port}/")
        yield f"http://127.0.0.1:{port}/"
    finally:
        stop(process)


def bare_server(port: int, workers: int) -> list[str]:
    """The command of the server that filmer stands on, with the smallest application there is."""
    return [
        sys.executable, "-m", "granian", "bench.constant_app:app", "--interface", "asginl", "--port", str(port),
        "--workers", str(workers), "--workers-kill-timeout", "5", "--no-ws", "--log-level", "warning",
    ]  # fmt: skip


def wait_for(url: str) -> httpx.Response:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            response = httpx.get(url, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        if response.status_code == httpx.codes.OK:
            return response
    raise RuntimeError(f"{url} does not answer")


def _wait_for_bytes(url: str) -> None:
    """The constant answer is not what its headers say it is: it is not read."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with httpx.stream("GET", url, trust_env=False) as response:
                if response.status_code == httpx.codes.OK:
                    return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"{url} does not answer")
