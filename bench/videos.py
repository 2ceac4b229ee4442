"""Films: seeking in a large file, the memory that takes, and twenty viewers at once.

Filmer sends the bytes itself, or has nginx send them (``X-Accel-Redirect``); the reference is nginx alone with the same
file, in turns. Without nginx on this machine its rows say so.
"""

import os
import selectors
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
from bench.results import Limit, Row, Rows, middle_half
from bench.server import FILMER, environment, stop, wait_for

from filmer.demo import CARDS, PASSWORD, USERS
from filmer.server.serving import free_port

SIZE = {"small": 256 * 2**20, "default": 2 * 2**30, "full": 2 * 2**30}  # bytes
ROUNDS = {"small": 3, "default": 5, "full": 5}
VIEWERS, SEEKS, SOUGHT = 20, 40, 64 * 1024
SEEK_LIMIT, GROWTH_LIMIT, ACCEL_LIMIT = 100, 5, 0.8  # ms, MiB, of nginx's throughput
FILM = "tt0468569"
ACCEL = "/media-accel"
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off; sendfile on;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port};
        location /plain/ {{ alias {media}/; }}
        location {accel}/ {{ internal; alias {media}/; }}
        location / {{ proxy_pass http://127.0.0.1:{filmer}; proxy_set_header Host $host; }}
    }}
}}
"""


def rows(scale: str) -> Rows:
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    size = SIZE[scale]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, media = Path(name), Path(name) / "media"
        folder.chmod(0o755)  # the servers' user must get in
        media.mkdir()
        _write(media / "film.webm", size)
        settings = {"FILMER_MEDIA_DIR": str(media), "FILMER_WORKERS": "1"}
        direct, process_id = stack.enter_context(_serving(folder / "data", settings))
        command = [str(FILMER), "video", "add", FILM, str(media / "film.webm"), "--data-dir", str(folder / "data")]
        subprocess.run(command, env=environment() | settings, check=True, stdout=subprocess.DEVNULL)
        path = _rent(direct)
        yield from _seeking(f"{direct}{path}", size, process_id)
        urls = {"direct": f"{direct}{path}"}
        if nginx:
            behind, _ = stack.enter_context(_serving(folder / "data", settings | {"FILMER_MEDIA_ACCEL": ACCEL}))
            port = stack.enter_context(_nginx(nginx, folder, media, urlsplit(behind).port or 0))
            urls |= {"accel": f"http://127.0.0.1:{port}{path}", "plain": f"http://127.0.0.1:{port}/plain/film.webm"}
        rates: dict[str, list[float]] = {way: [] for way in urls}
        for _ in range(ROUNDS[scale]):
            for way, url in urls.items():
                rates[way].append(_throughput(url, size))
        yield from _rows_of_viewers(rates)


def _seeking(url: str, size: int, process_id: int) -> Rows:
    end = {"Range": f"bytes={size - SOUGHT}-"}
    with httpx.Client(timeout=30) as client:
        client.get(url, headers=end).raise_for_status()
        held, times = _held(process_id), []
        for _ in range(SEEKS):
            begun = time.perf_counter()
            if len(client.get(url, headers=end).content) != SOUGHT:
                raise RuntimeError("the end of the film is not what was asked for")
            times.append((time.perf_counter() - begun) * 1000)
        _throughput(url, size, viewers=1)
        growth = (_held(process_id) - held) / 2**20
    median = statistics.median(times)
    yield Row(
        f"seek to the end of a film of {size / 2**30:.2g} GiB, median",
        f"{median:.1f} ms",
        limits=[Limit(median, SEEK_LIMIT, "ms")],
        spread=f"{middle_half(times, '.1f')} ms",
        rounds={"ms": times},
    )
    yield Row(
        f"memory that a worker takes for {SEEKS} seeks and one whole film",
        f"{growth:+.1f} MiB",
        limits=[Limit(max(growth, 0), GROWTH_LIMIT, "MiB")],
    )


def _rows_of_viewers(rates: dict[str, list[float]]) -> Rows:
    for way, title in (("accel", "nginx sends them for filmer"), ("direct", "filmer sends them itself")):
        what = f"{VIEWERS} viewers at once: {title}"
        if way not in rates:
            yield Row(what, "not measured: there is no nginx on this machine")
            continue
        ours, theirs = rates[way], rates.get("plain", [])
        figure = f"{statistics.median(ours):,.0f} MiB a second"
        if not theirs:
            yield Row(what, figure, "there is no nginx on this machine", rounds={"filmer": ours})
            continue
        ratios = [mine / its for mine, its in zip(ours, theirs, strict=True)]
        ratio = statistics.median(ratios)
        yield Row(
            what,
            figure,
            f"{statistics.median(theirs):,.0f} MiB a second: nginx alone",
            ratio,
            [Limit(ratio, ACCEL_LIMIT, "of it", at_least=True)] if way == "accel" else [],
            spread=middle_half(ratios),
            rounds={"filmer": ours, "reference": theirs},
        )


def _write(path: Path, size: int) -> None:
    block = os.urandom(2**20)
    with path.open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)


@contextmanager
def _serving(data_dir: Path, settings: dict[str, str]) -> Iterator[tuple[str, int]]:
    """The demo's address, and the id of the process that starts its worker."""
    port = free_port("127.0.0.1")
    process = subprocess.Popen(
        [FILMER, "serve", "--demo", "--port", str(port), "--data-dir", str(data_dir)],
        env=environment() | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/api/v1/movies")
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        stop(process)


@contextmanager
def _nginx(nginx: str, folder: Path, media: Path, filmer: int) -> Iterator[int]:
    port = free_port("127.0.0.1")
    site = folder / "nginx.conf"
    site.write_text(NGINX.format(folder=folder, port=port, media=media, accel=ACCEL, filmer=filmer))
    process = subprocess.Popen([nginx, "-c", str(site)], stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/api/v1/movies")
        yield port
    finally:
        process.terminate()
        process.wait()


def _rent(address: str) -> str:
    """The path of a link to the film, which the demo's customer has rented."""
    card = CARDS[0]
    customer = next(user for user in USERS if user.account_id == card.account_id)
    with httpx.Client(base_url=f"{address}/api/v1", timeout=30) as client:
        client.post("/auth/login", json={"email": customer.email, "password": PASSWORD}).raise_for_status()
        client.post("/cart/items", json={"movieId": FILM, "quantity": 1}).raise_for_status()
        payment = {"creditCardId": card.number, "firstName": card.first_name, "lastName": card.last_name}
        client.post("/checkout", json={**payment, "expiration": card.expiration}).raise_for_status()
        stream = client.get(f"/library/{FILM}/stream").raise_for_status().json()["data"]
        return urlsplit(str(stream["streamUrl"])).path


def _throughput(url: str, size: int, viewers: int = VIEWERS) -> float:
    """MiB a second of all viewers together, each of whom watches another part of the film."""
    parts, share = urlsplit(url), size // viewers
    received = 0
    buffer = bytearray(2**20)
    begun = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for viewer in range(viewers):
            connection = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=30)
            span = f"bytes={viewer * share}-{(viewer + 1) * share - 1}"
            connection.sendall(
                f"GET {parts.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: {span}\r\nConnection: close\r\n\r\n".encode()
            )
            selector.register(connection, selectors.EVENT_READ, connection)
        while selector.get_map():
            for key, _ in selector.select(30):
                viewed: socket.socket = key.data
                count = viewed.recv_into(buffer)
                received += count
                if not count:
                    selector.unregister(viewed)
                    viewed.close()
    if received < viewers * share:
        raise RuntimeError(f"{viewers * share:,} bytes were asked for, {received:,} came")
    return received / 2**20 / (time.perf_counter() - begun)


def _held(process_id: int) -> int:
    """The bytes that the worker holds for itself."""
    children = psutil.Process(process_id).children()
    (worker,) = (child for child in children if "spawn_main" in " ".join(child.cmdline()))
    return int(worker.memory_full_info().uss)
