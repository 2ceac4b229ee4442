"""How long the machine itself stood still, so that a test which judges time does not blame the code for it.

A virtual machine is now and then given no processor for half a second and more: everything on it is late then, and no
code is slow. A process that wants nothing but to wake up every 20 ms is late only at such moments; that our own tests
keep the processors busy hardly delays it, as it uses next to nothing of its share. What it was late by may be taken off
the time that something took, and is said at the end of the run.

    begun = time.monotonic()
    answer = client.get(path)
    at_most(2, since=begun)  # seconds, by a clock that stops while the machine does
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence

import httpx
import pytest

TICK = 0.02  # seconds
LATE = 0.05  # what is less is everyday life on a busy machine
MOST_REMARKS = 5  # of one test

# time.monotonic() is one clock for all processes. The watch answers each byte with what it knows, and ends with us.
_WATCH = f"""
import json, os, select, time
stalls, begun = [], time.monotonic()
while True:
    asked = select.select([0], [], [], {TICK})[0]
    ended = time.monotonic()
    if ended - begun > {TICK + LATE}:
        stalls.append((begun + {TICK}, ended))
    begun = ended  # so that no moment lies between two looks
    if asked:
        if not os.read(0, 1):
            break
        print(json.dumps(stalls[-1000:]), flush=True)
"""


class Machine:
    """Watches this machine from ``start`` on."""

    def __init__(self) -> None:
        self.watch: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self.remarks: list[str] = []  # of the test that runs: what was taken off

    def start(self) -> None:
        if self.watch is None or self.watch.poll() is not None:
            command = [sys.executable, "-S", "-c", _WATCH]
            self.watch = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
            self._stalls()  # so it is awake

    def stop(self) -> None:
        if self.watch is not None:
            with self.watch:
                self.watch.kill()
            self.watch = None

    def _stalls(self) -> list[tuple[float, float]]:
        assert self.watch
        assert self.watch.stdin
        assert self.watch.stdout
        with self._lock:  # tests judge time on several threads
            self.watch.stdin.write(b"?")
            line = self.watch.stdout.readline()
        return [(begun, ended) for begun, ended in json.loads(line)]

    def stalls(self, begun: float, ended: float) -> Sequence[float]:
        """Seconds of each stall between two moments of ``time.monotonic()``, as far as it lies between them."""
        inside = [min(ended, end) - max(begun, start) for start, end in self._stalls()]
        return [seconds for seconds in inside if seconds > 0]

    def judge(self, begun: float, ended: float, limit: float) -> None:
        """Fails what took longer than it may, and longer than the machine can be blamed for."""
        took = ended - begun
        if took <= limit:
            return
        still = sum(self.stalls(begun, ended))
        what = f"{took:.2f} s where {limit:g} are allowed"
        assert took - still <= limit, f"{what}; the machine stood still for {still:.2f} s"
        self.excuse(what, still)

    def excuse(self, what: str, still: float) -> None:
        """Says at the end of the run what was not blamed on the code."""
        self.remarks.append(f"{what}: the machine stood still for {still:.2f} s")


machine = Machine()


def at_most(seconds: float, *, since: float) -> None:
    """Fails where more has gone by since that moment of ``time.monotonic()``, the machine's own stalls aside."""
    machine.judge(since, time.monotonic(), seconds)


def running_seconds(*, since: float) -> float:
    """Seconds since that moment of ``time.monotonic()`` in which the machine ran."""
    took = time.monotonic() - since
    if took <= LATE:
        return took
    still = sum(machine.stalls(since, since + took))
    if still and len(machine.remarks) < MOST_REMARKS:
        machine.excuse(f"{took:.2f} s, not all of them counted", still)
    return took - still


def answered_within(seconds: float, response: httpx.Response) -> None:
    """Fails where an answer that has just come took longer, the machine's own stalls aside."""
    now = time.monotonic()
    machine.judge(now - response.elapsed.total_seconds(), now, seconds)


# --- as a plugin: the remarks travel with the reports of tests, which pytest-xdist sends ----------


def pytest_sessionstart() -> None:
    machine.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    report.user_properties += [("machine", f"{item.nodeid} ({call.when}): {remark}") for remark in machine.remarks]
    machine.remarks.clear()
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    for report in reports:
        for name, text in getattr(report, "user_properties", ()):
            if name == "machine":
                terminalreporter.write_line(f"NOT BLAMED ON THE CODE: {text}")


def pytest_sessionfinish() -> None:
    machine.stop()
