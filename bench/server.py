"""A real ``filmer serve`` on a measured catalogue, its engines and its byte cache with it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from bench import catalogues
from bench.visits import API

from filmer.serving import free_port


@contextmanager
def serving(chosen: str, *, workers: int) -> Iterator[str]:
    """Its address, without a slash at the end, once it answers."""
    port = free_port("127.0.0.1")
    process = subprocess.Popen(
        [sys.executable, "-m", "filmer", "serve", "--port", str(port), "--data-dir", catalogues.data_dir(chosen)],
        env=environment() | {"CACHE_DURATION_SECONDS": "3600", "FILMER_WORKERS": str(workers)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}{API}/movies")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def environment() -> dict[str, str]:
    """Ours, without what would send filmer to other engines, or change what it does."""
    others = {"DATABASE_URL", "REDIS_URL", "REDIS_PASSWORD"}
    return {name: value for name, value in os.environ.items() if name not in others and not name.startswith("FILMER_")}


def wait_for(url: str) -> httpx.Response:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(url, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        if answer.status_code == httpx.codes.OK:
            return answer
    raise SystemExit(f"{url} does not answer")
