"""The excuse that the machine stood still: it holds where it did, and hides nothing where it did not."""

import multiprocessing
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.machine import Machine, at_most, machine, running_seconds

pytest_plugins = ["pytester"]


@contextmanager
def standing_still() -> Iterator[None]:
    """For the watch it is the same: it is not given the processor."""
    assert machine.watch
    machine.watch.send_signal(signal.SIGSTOP)
    yield
    machine.watch.send_signal(signal.SIGCONT)


def test_what_is_in_time_needs_no_excuse() -> None:
    at_most(30, since=time.monotonic())
    assert machine.remarks == []


def test_what_is_slow_fails() -> None:
    begun = time.monotonic()
    time.sleep(0.5)
    with pytest.raises(AssertionError, match=r"0\.\d+ s where 0\.1 are allowed"):
        at_most(0.1, since=begun)
    assert machine.remarks == []


def test_what_the_machine_delayed_does_not_fail_and_it_is_said() -> None:
    begun = time.monotonic()
    with standing_still():
        time.sleep(0.5)
    at_most(0.2, since=begun)
    (remark,) = machine.remarks
    machine.remarks.clear()  # it is of no interest at the end of this run
    assert "where 0.2 are allowed: the machine stood still for" in remark


def test_what_is_slow_itself_fails_though_the_machine_stood_still_too() -> None:
    begun = time.monotonic()
    with standing_still():
        time.sleep(0.3)
    time.sleep(0.5)
    with pytest.raises(AssertionError, match=r"the machine stood still for 0\.[23]"):
        at_most(0.2, since=begun)


def test_what_the_machine_did_before_is_no_excuse() -> None:
    with standing_still():
        time.sleep(0.5)
    begun = time.monotonic()
    time.sleep(0.4)
    with pytest.raises(AssertionError):
        at_most(0.1, since=begun)
    assert sum(machine.stalls(begun, time.monotonic())) < 0.3


def test_seconds_of_a_machine_that_stood_still_are_not_counted_and_all_others_are() -> None:
    begun = time.monotonic()
    with standing_still():
        time.sleep(0.5)
    time.sleep(0.3)
    assert 0.25 < running_seconds(since=begun) < 0.7  # of 0.8
    assert "not all of them counted" in machine.remarks.pop()
    begun = time.monotonic()
    time.sleep(0.3)
    assert running_seconds(since=begun) >= 0.3 - sum(machine.stalls(begun, time.monotonic()))


def test_many_threads_may_ask_at_once() -> None:
    now = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        assert all(
            isinstance(stalls, list) for stalls in threads.map(lambda _: machine.stalls(now - 1, now), range(400))
        )


def busy(until: float) -> None:
    while time.monotonic() < until:
        pass


def test_that_tests_keep_every_processor_busy_is_no_excuse() -> None:
    """Else whatever is slow under load would pass."""
    begun = time.monotonic()
    loops = [multiprocessing.get_context("spawn").Process(target=busy, args=(begun + 2,)) for _ in range(6)]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join()
    ended = time.monotonic()
    assert ended - begun >= 2
    assert sum(machine.stalls(begun, ended)) < (ended - begun) / 2


def test_a_watch_ends_with_whoever_started_it() -> None:
    second_machine = Machine()
    second_machine.start()
    assert second_machine.watch
    assert second_machine.watch.stdin
    second_machine.watch.stdin.close()
    assert second_machine.watch.wait(10) == 0
    second_machine.stop()


def test_the_run_says_at_its_end_what_was_excused(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    pytester.makeconftest("pytest_plugins = ['tests.machine']")
    pytester.makepyfile(
        "from tests.machine import machine\ndef test_late():\n    machine.excuse('2 s where 1 are allowed', 1.5)\n"
    )
    run = pytester.runpytest_subprocess("-p", "no:randomly")
    run.assert_outcomes(passed=1)
    run.stdout.fnmatch_lines(["NOT BLAMED ON THE CODE: *test_late (call): 2 s where 1 are allowed: *still for 1.50 s"])
