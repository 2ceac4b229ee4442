"""Long responses of a real server: slow callers, callers who hang up, and what its log and its metrics say of them."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from tests.conftest import MakeDatabase, Serve, Server
from tests.rentals.conftest import LIBRARY, WATCHED, add_feature, token_of
from tests.server_processes import eventually, workers
from tests.shop.conftest import buy, open_store
from tests.users import open_account, session_of

SIZE = 64 * 2**20  # much more than sockets hold
METRICS_TOKEN = "m" * 40
RANGES = ["", "Range: bytes=0-\r\n", "Range: bytes=0-99,200-\r\n"]  # Granian's path sending, and pieces


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    with (folder / "long.webm").open("wb") as file:
        file.truncate(SIZE)
    return folder


@pytest.fixture(scope="module")
def server(make_database: MakeDatabase, serve: Serve, media: Path) -> Iterator[Server]:
    url = open_store(make_database)
    add_feature(url, location="long.webm")
    server = serve(
        url,
        FILMER_MEDIA_DIR=str(media),
        FILMER_ACCESS_LOG="true",
        FILMER_LOG_LEVEL="debug",
        FILMER_METRICS_TOKEN=METRICS_TOKEN,
    )
    server.client.cookies.update(session_of(url, open_account(url)))
    buy(server.client, WATCHED)
    yield server
    server.stop()


@pytest.fixture
def token(server: Server) -> str:
    return token_of(server.client.get(f"{LIBRARY}/{WATCHED}/stream"))


def asked(server: Server, token: str, more: str) -> socket.socket:
    """A connection on which the film was asked for, of which nothing but some bytes were read."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    connection.sendall(f"GET /stream/{token}/long.webm HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n".encode())
    assert connection.recv(100).startswith(b"HTTP/1.1 20")
    return connection


def is_read(server: Server, media: Path) -> bool:
    paths = [file.path for worker in workers(server) for file in worker.open_files()]
    return str(media / "long.webm") in paths


@pytest.mark.parametrize("more", RANGES)
def test_a_caller_who_hangs_up_ends_the_sending(server: Server, media: Path, token: str, more: str) -> None:
    with asked(server, token, more):
        assert eventually(lambda: is_read(server, media))
    assert eventually(lambda: not is_read(server, media), seconds=60)


@pytest.mark.parametrize("more", RANGES)
def test_a_slow_caller_costs_no_memory_and_gets_everything(server: Server, token: str, more: str) -> None:
    (worker,) = workers(server)
    asked(server, token, more).close()
    before = worker.memory_info().rss
    with asked(server, token, f"{more}Connection: close\r\n") as connection:
        assert eventually(lambda: is_waiting(worker, connection))
        assert worker.memory_info().rss - before < SIZE // 4
        received = 0
        while piece := connection.recv(2**20):
            received += len(piece)
    assert received >= SIZE - 200


def is_waiting(worker: psutil.Process, connection: socket.socket) -> bool:
    """Whether the connection is full: its caller has not taken what the worker has sent."""
    peeked = len(connection.recv(2**22, socket.MSG_PEEK))
    read = worker.io_counters().read_chars
    return bool(peeked) and not eventually(lambda: worker.io_counters().read_chars != read, seconds=0.3)


def test_links_are_in_no_log_and_no_metric(server: Server, token: str) -> None:
    client = server.client
    for address in (f"/stream/{token}/long.webm", f"/stream/{token}/deep/nowhere.webm", f"/stream/{token}x/long.webm"):
        client.get(address, headers={"range": "bytes=0-9"})
        client.head(address)
        client.post(address)
    refused = client.get(f"/stream/{token}x/long.webm")
    metrics = httpx.get(
        f"http://127.0.0.1:{server.port}/metrics", headers={"authorization": f"Bearer {METRICS_TOKEN}"}
    ).text
    assert 'route="/stream/{token}/{name}"' in metrics
    assert "/stream/" in server.output(), "the access log"
    for text in (refused.text, metrics, server.output()):
        assert token[:40] not in text
