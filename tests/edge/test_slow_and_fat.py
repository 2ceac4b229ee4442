"""Who sends slowly, or too much, or reads nothing, is cut off or costs next to nothing; others do not notice.

Promise 24. ``FILMER_TRUST_FAT_BYTES=1073741824`` and ``FILMER_TRUST_IDLE=1000`` are its figures.
"""

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from typing import Self

import psutil
import psycopg
import pytest
from tests.conftest import MakeDatabase, Serve, Server
from tests.figures import record_figure
from tests.machine import running_seconds
from tests.raw_connections import RawConnection
from tests.server_processes import workers
from tests.shop.stress_shop import activity

pytestmark = pytest.mark.proof

FAT = int(os.environ.get("FILMER_TRUST_FAT_BYTES") or 2**25)
IDLE = int(os.environ.get("FILMER_TRUST_IDLE") or 60)
SECONDS = 10
ROOM = 1.5  # for our own clock, beside other tests
MORE_MEMORY = 50  # MiB
MOST_SENT = 2**24  # what kernels take in before word of the refusal is back
JSON = b"host: shop\r\ncontent-type: application/json\r\n"
LENGTH = b"content-length: %d\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
# How each begins, and what comes of it once a second.
TRICKLES = {
    "nothing": (b"", b""),
    "a head": (b"GET / HTTP/1.1\r\n", b"a"),
    "headers without end": (b"GET / HTTP/1.1\r\nhost: shop\r\n", b"a: b\r\n"),
    "half of what begins HTTP/2": (b"PRI * HT", b""),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", b""),
    "nothing after an answer": (b"GET /api/v1/genres HTTP/1.1\r\nhost: shop\r\n\r\n", b""),
    "the next head": (b"GET /api/v1/genres HTTP/1.1\r\nhost: shop\r\n\r\nGET /", b"a"),
    "a body": (b"POST /api/v1/auth/login HTTP/1.1\r\n" + JSON + LENGTH % 60_000, b" "),
    "chunks": (b"POST /api/v1/auth/login HTTP/1.1\r\n" + JSON + CHUNKED, b"1\r\n \r\n"),
    "a chunk's size": (b"POST /api/v1/auth/login HTTP/1.1\r\n" + JSON + CHUNKED, b"0"),
    "a form": (b"POST /sign-in HTTP/1.1\r\nhost: shop\r\n" + LENGTH % 60_000, b"a"),
    "a body nobody asked for": (b"GET /api/v1/movies HTTP/1.1\r\n" + JSON + LENGTH % 60_000, b" "),
    "a body for a stranger": (b"DELETE /api/v1/cart HTTP/1.1\r\n" + JSON + LENGTH % 60_000, b" "),
    "a body for nowhere": (b"POST /nowhere HTTP/1.1\r\n" + JSON + CHUNKED, b"1\r\n \r\n"),
}


@pytest.fixture(scope="module")
def database(make_database: MakeDatabase) -> str:
    return make_database(films=True)


@pytest.fixture(scope="module")
def server(database: str, serve: Serve) -> Server:
    found = serve(database, CACHE_DURATION_SECONDS="3600")
    for _ in range(20):
        for path in ("/", "/api/v1/movies?size=100", "/openapi.json", "/api/v1/cart"):
            found.client.get(path)
    return found


class Memory(threading.Thread):
    """The workers' memory while something goes on; ``more``: MiB at its highest, over what it was."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._workers = workers(server)
        self._is_over = threading.Event()
        self._before = self._highest = self._now()

    def _now(self) -> int:
        return sum(psutil.Process(worker.pid).memory_info().rss for worker in self._workers)

    def run(self) -> None:
        while not self._is_over.wait(0.02):
            self._highest = max(self._highest, self._now())

    @property
    def more(self) -> float:
        return (self._highest - self._before) / 2**20

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()


def test_who_sends_slowly_or_nothing_is_cut_off(server: Server) -> None:
    names = [*TRICKLES, *["nothing"] * IDLE]
    with contextlib.ExitStack() as stack, Memory(server) as memory:
        lines = [(stack.enter_context(RawConnection(server.port)), name) for name in names]
        begun = time.monotonic()
        for line, name in lines:
            line.send(TRICKLES[name][0])
        open_lines, lasted, slowest = dict(lines), {}, 0.0
        while open_lines and time.monotonic() - begun < 2 * SECONDS:
            slowest = max(slowest, seconds_of_others(server))
            for line in closed_of(open_lines):
                lasted[open_lines.pop(line)] = running_seconds(since=begun)
            if int(time.monotonic() - begun) != int(time.monotonic() - begun - 0.2):
                trickle(open_lines)
            time.sleep(0.2)
    assert not open_lines, f"still open: {set(open_lines.values())}"
    assert set(lasted) == set(TRICKLES)
    longest = max(lasted, key=lasted.__getitem__)
    record_figure(
        f"{len(names)} slow or idle callers: the last closed after {lasted[longest]:.1f} s ({longest}), memory"
        f" + {memory.more:.0f} MiB, others waited {slowest * 1000:.0f} ms at most"
    )
    assert lasted[longest] <= SECONDS + ROOM, lasted
    assert memory.more <= MORE_MEMORY


def trickle(open_lines: dict[RawConnection, str]) -> None:
    for line, name in open_lines.items():
        with contextlib.suppress(OSError):  # that it is closed is seen by reading
            line.send(TRICKLES[name][1])


def closed_of(open_lines: dict[RawConnection, str]) -> list[RawConnection]:
    """Those that the server has closed. What it has said before is read."""
    by_number = {line.socket.fileno(): line for line in open_lines}
    poll = select.poll()
    for number in by_number:
        poll.register(number, select.POLLIN)
    return [by_number[number] for number, _ in poll.poll(0) if is_at_end(by_number[number])]


def is_at_end(line: RawConnection) -> bool:
    with contextlib.suppress(ConnectionError):
        return line.socket.recv(1 << 16) == b""
    return True


def seconds_of_others(server: Server) -> float:
    begun = time.monotonic()
    assert server.client.get("/api/v1/movies/tt0111161").status_code == 200
    assert server.client.get("/api/v1/health").status_code == 200
    return running_seconds(since=begun)


FAT_BODIES = [
    *(
        (path + b" HTTP/1.1\r\n" + JSON + how, block)
        for path in (b"POST /api/v1/auth/login", b"PUT /api/v1/cart/items/tt0111161", b"GET /api/v1/movies", b"POST /a",
                     b"POST /sign-in", b"DELETE /api/admin/users/1/favorites")
        for how, block in ((LENGTH % FAT, b" " * 2**18), (CHUNKED, b"40000\r\n" + b" " * 2**18 + b"\r\n"))
    ),
    (b"POST /api/v1/auth/login HTTP/1.1\r\n" + JSON + CHUNKED + b"%x\r\n" % FAT, b" " * 2**18),
    (b"POST /api/v1/auth/login HTTP/1.1\r\n" + JSON + CHUNKED + b"2;", b"a" * 2**18),
    (b"POST /api/v1/auth/login HTTP/1.1\r\n" + JSON + CHUNKED + b"2\r\n{}\r\n0\r\n", b"a: b\r\n" * 2**15),
    (b"POST /api/v1/auth/login HTTP/1.1\r\n" + JSON + CHUNKED, b"1\r\n \r\n" * 2**15),
    (b"GET / HTTP/1.1\r\na: ", b"b" * 2**18),
    (b"GET /", b"a" * 2**18),
]  # fmt: skip


def test_who_sends_too_much_is_cut_off(server: Server) -> None:
    most = longest = 0.0
    with Memory(server) as memory:
        for head, block in FAT_BODIES:
            sent, seconds = what_is_taken(server.port, head, block)
            most, longest = max(most, sent), max(longest, seconds)
            assert sent < min(FAT, MOST_SENT), head
            assert seconds <= SECONDS, head
            seconds_of_others(server)
    record_figure(
        f"{len(FAT_BODIES)} callers with {FAT / 2**20:.0f} MiB each: none got rid of more than {most / 2**20:.1f} MiB,"
        f" closed after {longest:.1f} s at most, memory + {memory.more:.0f} MiB"
    )
    assert memory.more <= MORE_MEMORY


def what_is_taken(port: int, head: bytes, block: bytes) -> tuple[int, float]:
    """Bytes sent before the connection was closed, and seconds until then. Who is told no goes on sending."""
    begun, sent = time.monotonic(), 0
    with RawConnection(port) as line, contextlib.suppress(ConnectionError):
        line.send(head)
        while sent < FAT:
            line.send(block)
            sent += len(block)
    return sent, running_seconds(since=begun)


@pytest.mark.parametrize(
    "head", [b"a: b\r\n" * 10_000, b"a: " + b"b" * 10 * 2**20 + b"\r\n", b"cookie: " + b"a=b; " * 2**16 + b"\r\n"]
)
def test_heads_have_an_end(server: Server, head: bytes) -> None:
    with Memory(server) as memory, RawConnection(server.port) as line:
        with contextlib.suppress(ConnectionError):
            line.send(b"GET / HTTP/1.1\r\nhost: shop\r\n" + head + b"\r\n")
        with contextlib.suppress(ConnectionError):  # it has closed before all was sent: its word may be lost
            assert line.socket.recv(12) in {b"HTTP/1.1 431", b"HTTP/1.1 400"}
    seconds_of_others(server)
    assert memory.more <= MORE_MEMORY


def test_who_reads_nothing_holds_no_more_than_a_connection(server: Server, database: str) -> None:
    """Neither much memory nor anything of the database; such a connection is kept open, as Granian has no limit."""
    with contextlib.ExitStack() as stack, Memory(server) as memory:
        for number in range(100):
            stack.enter_context(deaf(server.port, 200, f"/api/v1/movies?size=100&x={number}"))
        time.sleep(1)
        slowest = max(seconds_of_others(server) for _ in range(5))
        with psycopg.connect(database) as conn:
            assert set(activity(conn)) <= {"idle", "carts locked"}
    record_figure(f"100 callers who ask 200 times and read nothing: memory + {memory.more:.0f} MiB, others waited"
         f" {slowest * 1000:.0f} ms at most")  # fmt: skip
    assert memory.more <= MORE_MEMORY


@contextlib.contextmanager
def deaf(port: int, times: int, address: str) -> Iterator[None]:
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", port))
        line.settimeout(5)
        line.sendall(f"GET {address} HTTP/1.1\r\nhost: shop\r\n\r\n".encode() * times)
        yield
