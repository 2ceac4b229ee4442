"""Load that comes whether or not it is answered: ``python -m tests.load_generator`` reads a plan, writes what it saw.

A process of its own, so that it can have a core of its own. Whoever has waited ``patience`` seconds hangs up.
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
    """``rate``: requests a second; 0: each of ``lines`` connections asks again as soon as it is answered."""

    seconds: float
    rate: float = 0
    lines: int = 16


class Plan(msgspec.Struct):
    """Loads, one after the other, of requests (as they go over the wire) in turn."""

    port: int
    requests: list[str]
    loads: list[Load]
    patience: float = 2.0
    most_lines: int = 6000
    cores: list[int] = []


class Seen(msgspec.Struct):
    """Of one load: answers by status that came in time, and who gave up. ``by_second``: the 200s alone."""

    seconds: float
    asked: int
    statuses: dict[int, int]
    gave_up: int
    by_second: list[int]
    p99: float

    @property
    def good(self) -> float:
        """200s a second."""
        return self.statuses.get(200, 0) / self.seconds


class _Line(asyncio.Protocol):
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

    def ask(self, request: bytes, due: float) -> None:
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
            self._load.answered(self, status, closes=closes)

    def connection_lost(self, _: Exception | None) -> None:
        self._load.lost(self)


class _Running:
    def __init__(self, plan: Plan, load: Load, requests: Iterator[bytes]) -> None:
        self._plan = plan
        self._load = load
        self._requests = requests
        self._idle: deque[_Line] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._lines = 0
        self._begun = time.monotonic()
        self._times: list[float] = []
        self._is_over = False
        self.waiting: dict[_Line, None] = {}  # in the order they began to
        self.seen = Seen(load.seconds, 0, Counter(), 0, [0] * (int(load.seconds) + 1), 0)

    async def run(self) -> Seen:
        end = self._begun + self._load.seconds
        if not self._load.rate:
            for _ in range(self._load.lines):
                self._ask(time.monotonic())
        while (now := time.monotonic()) < end:
            while self._load.rate and self.seen.asked < (now - self._begun) * self._load.rate:
                self._ask(self._begun + self.seen.asked / self._load.rate)
            self._lose_patience(now)
            await asyncio.sleep(0.001)
        self._is_over = True
        while self.waiting and time.monotonic() < end + self._plan.patience:
            self._lose_patience(time.monotonic())
            await asyncio.sleep(0.01)
        for line in [*self._idle, *self.waiting]:
            if line.transport:
                line.transport.abort()
        for task in self._opening:
            task.cancel()
        await asyncio.sleep(0)
        self.seen.p99 = sorted(self._times)[int(len(self._times) * 0.99)] if self._times else 0
        return self.seen

    def _ask(self, due: float) -> None:
        self.seen.asked += 1
        request = next(self._requests)
        if self._idle:
            self._idle.pop().ask(request, due)
        elif self._lines >= self._plan.most_lines:
            self.seen.gave_up += 1
        else:
            self._lines += 1
            task = asyncio.create_task(self._open(request, due))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, request: bytes, due: float) -> None:
        try:
            async with asyncio.timeout(self._plan.patience):
                _, line = await asyncio.get_running_loop().create_connection(
                    lambda: _Line(self), "127.0.0.1", self._plan.port
                )
        except (OSError, TimeoutError):
            self._lines -= 1
            self.seen.gave_up += 1
            return
        line.ask(request, due)

    def _lose_patience(self, now: float) -> None:
        while self.waiting:
            line = next(iter(self.waiting))
            if now - line.due < self._plan.patience:
                return
            del self.waiting[line]
            self.seen.gave_up += 1
            assert line.transport is not None
            line.transport.abort()

    def answered(self, line: _Line, status: int, *, closes: bool) -> None:
        if self.waiting.pop(line, 0) == 0:
            return
        now = time.monotonic()
        self.seen.statuses[status] = self.seen.statuses.get(status, 0) + 1
        if status == 200:
            self._times.append(now - line.due)
            second = int(now - self._begun)
            if second < len(self.seen.by_second):
                self.seen.by_second[second] += 1
        if closes:
            assert line.transport is not None
            line.transport.close()
        elif self._load.rate:
            self._idle.append(line)
        elif not self._is_over:
            self.seen.asked += 1
            line.ask(next(self._requests), now)

    def lost(self, line: _Line) -> None:
        self._lines -= 1
        if self.waiting.pop(line, 0) is None:
            self.seen.statuses[CLOSED] = self.seen.statuses.get(CLOSED, 0) + 1
        if line in self._idle:
            self._idle.remove(line)
        if not self._load.rate and not self._is_over:
            self._ask(time.monotonic())


def load(plan: Plan) -> list[Seen]:
    """What a process that does nothing else sees."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.load_generator"],
        input=msgspec.json.encode(plan),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
        check=True,
    )
    return msgspec.json.decode(result.stdout, type=list[Seen])


async def run(plan: Plan) -> list[Seen]:
    requests = itertools.cycle([request.encode("latin-1") for request in plan.requests])
    return [await _Running(plan, load, requests).run() for load in plan.loads]


def main() -> None:
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    if plan.cores:
        os.sched_setaffinity(0, plan.cores)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(run(plan))))


if __name__ == "__main__":
    main()
