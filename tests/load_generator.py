"""An open-loop load generator: ``python -m tests.load_generator`` reads a plan and writes statistics.

A process of its own, so that it can have a core of its own. A client hangs up after ``patience`` seconds.
"""

import asyncio
import itertools
import os
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

import msgspec

CLOSED = 0  # instead of a status: the connection was lost, or not to be had


class Load(msgspec.Struct):
    """``rate``: requests a second; 0: each of ``connections`` sends the next request as soon as it has a response."""

    seconds: float
    rate: float = 0
    connections: int = 16


class Plan(msgspec.Struct):
    """Loads, one after the other, of requests (as they go over the wire) in turn."""

    port: int
    requests: list[str]
    loads: list[Load]
    patience: float = 2.0
    max_connections: int = 6000
    cores: list[int] = []


class LoadStats(msgspec.Struct):
    """Of one load: responses in time by status, and timeouts. ``by_second``: the 200s alone."""

    seconds: float
    sent: int
    statuses: dict[int, int]
    timed_out: int
    by_second: list[int]
    p99: float

    @property
    def good(self) -> float:
        """200s a second."""
        return self.statuses.get(200, 0) / self.seconds


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, load: "_Running") -> None:
        self._load = load
        self._received = bytearray()
        self._length = -1
        self.due = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def send(self, request: bytes, due: float) -> None:
        assert self.transport is not None
        self.due = due
        self._load.waiting[self] = None
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._length < 0:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._received[:end]).lower()
            _, _, rest = head.partition(b"content-length: ")
            self._length = end + 4 + int(rest.partition(b"\r\n")[0] or b"0")
        if len(self._received) >= self._length:
            status = int(self._received[9:12])
            closes = b"connection: close" in self._received[: self._length].lower()
            self._received.clear()
            self._length = -1
            self._load.finished(self, status, closes=closes)

    def connection_lost(self, _: Exception | None) -> None:
        self._load.lost(self)


class _Running:
    def __init__(self, plan: Plan, load: Load, requests: Iterator[bytes]) -> None:
        self._plan = plan
        self._load = load
        self._requests = requests
        self._idle: deque[_Connection] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._open_connections = 0
        self._begun = time.monotonic()
        self._times: list[float] = []
        self._is_over = False
        self.waiting: dict[_Connection, None] = {}  # in the order they began to
        self.stats = LoadStats(load.seconds, 0, Counter(), 0, [0] * (int(load.seconds) + 1), 0)

    async def run(self) -> LoadStats:
        end = self._begun + self._load.seconds
        if not self._load.rate:
            for _ in range(self._load.connections):
                self._send(time.monotonic())
        while (now := time.monotonic()) < end:
            while self._load.rate and self.stats.sent < (now - self._begun) * self._load.rate:
                self._send(self._begun + self.stats.sent / self._load.rate)
            self._time_out(now)
            await asyncio.sleep(0.001)
        self._is_over = True
        while self.waiting and time.monotonic() < end + self._plan.patience:
            self._time_out(time.monotonic())
            await asyncio.sleep(0.01)
        for connection in [*self._idle, *self.waiting]:
            if connection.transport:
                connection.transport.abort()
        for task in self._opening:
            task.cancel()
        await asyncio.sleep(0)
        self.stats.p99 = sorted(self._times)[int(len(self._times) * 0.99)] if self._times else 0
        return self.stats

    def _send(self, due: float) -> None:
        self.stats.sent += 1
        request = next(self._requests)
        if self._idle:
            self._idle.pop().send(request, due)
        elif self._open_connections >= self._plan.max_connections:
            self.stats.timed_out += 1
        else:
            self._open_connections += 1
            task = asyncio.create_task(self._open(request, due))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, request: bytes, due: float) -> None:
        try:
            async with asyncio.timeout(self._plan.patience):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self), "127.0.0.1", self._plan.port
                )
        except (OSError, TimeoutError):
            self._open_connections -= 1
            self.stats.timed_out += 1
            return
        connection.send(request, due)

    def _time_out(self, now: float) -> None:
        while self.waiting:
            connection = next(iter(self.waiting))
            if now - connection.due < self._plan.patience:
                return
            del self.waiting[connection]
            self.stats.timed_out += 1
            assert connection.transport is not None
            connection.transport.abort()

    def finished(self, connection: _Connection, status: int, *, closes: bool) -> None:
        if self.waiting.pop(connection, 0) == 0:
            return
        now = time.monotonic()
        self.stats.statuses[status] = self.stats.statuses.get(status, 0) + 1
        if status == 200:
            self._times.append(now - connection.due)
            second = int(now - self._begun)
            if second < len(self.stats.by_second):
                self.stats.by_second[second] += 1
        if closes:
            assert connection.transport is not None
            connection.transport.close()
        elif self._load.rate:
            self._idle.append(connection)
        elif not self._is_over:
            self.stats.sent += 1
            connection.send(next(self._requests), now)

    def lost(self, connection: _Connection) -> None:
        self._open_connections -= 1
        if self.waiting.pop(connection, 0) is None:
            self.stats.statuses[CLOSED] = self.stats.statuses.get(CLOSED, 0) + 1
        if connection in self._idle:
            self._idle.remove(connection)
        if not self._load.rate and not self._is_over:
            self._send(time.monotonic())


def load(plan: Plan) -> list[LoadStats]:
    """Runs the plan in a process of its own."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.load_generator"],
        input=msgspec.json.encode(plan),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
        check=True,
    )
    return msgspec.json.decode(result.stdout, type=list[LoadStats])


async def run(plan: Plan) -> list[LoadStats]:
    requests = itertools.cycle([request.encode("latin-1") for request in plan.requests])
    return [await _Running(plan, load, requests).run() for load in plan.loads]


def main() -> None:
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    if plan.cores:
        os.sched_setaffinity(0, plan.cores)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(run(plan))))


if __name__ == "__main__":
    main()
