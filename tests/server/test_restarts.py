"""When a worker that died is started again."""

import pytest

from filmer.server.restarts import (
    FIRST_DELAY,
    LONGEST_DELAY,
    LONGEST_DELAY_UNREADY,
    MAX_UNREADY_ATTEMPTS,
    STEADY_SECONDS,
    Restarts,
)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def pauses(restarts: Restarts, clock: Clock, *, was_ready: bool, times: int) -> list[float]:
    """Of the first worker, which dies as soon as it is started."""
    seconds = []
    for _ in range(times):
        seconds.append(restarts.died(0, was_ready=was_ready))
        clock.now += seconds[-1]
        assert restarts.due_slots() == [0]
        restarts.started(0)
    return seconds


def test_at_once_and_then_with_growing_pauses(clock: Clock) -> None:
    restarts = Restarts(2, clock)
    assert pauses(restarts, clock, was_ready=True, times=5) == [0, FIRST_DELAY, 0.5, LONGEST_DELAY, LONGEST_DELAY]


def test_one_that_does_not_get_ready_is_left_alone_for_longer(clock: Clock) -> None:
    restarts = Restarts(2, clock)
    found = pauses(restarts, clock, was_ready=False, times=12)
    assert found == sorted(found)
    assert found[-1] == LONGEST_DELAY_UNREADY


def test_killed_while_it_starts_it_does_not_wait_for_the_deaths_before(clock: Clock) -> None:
    restarts = Restarts(2, clock)
    pauses(restarts, clock, was_ready=True, times=10)
    assert pauses(restarts, clock, was_ready=False, times=3) == [FIRST_DELAY, 0.5, 1.0]


def test_not_before_its_time(clock: Clock) -> None:
    restarts = Restarts(1, clock)
    assert restarts.seconds_until_due() is None
    pauses(restarts, clock, was_ready=True, times=1)
    restarts.died(0, was_ready=True)
    assert restarts.due_slots() == []
    assert restarts.seconds_until_due() == FIRST_DELAY
    clock.now += 2 * FIRST_DELAY
    assert restarts.due_slots() == [0]
    assert restarts.seconds_until_due() == 0


def test_one_that_lived_for_a_while_has_recovered(clock: Clock) -> None:
    restarts = Restarts(1, clock)
    pauses(restarts, clock, was_ready=True, times=4)
    clock.now += STEADY_SECONDS + 0.1
    assert restarts.died(0, was_ready=True) == 0


def test_not_hopeless_while_another_runs(clock: Clock) -> None:
    restarts = Restarts(2, clock)
    pauses(restarts, clock, was_ready=False, times=20)
    restarts.died(0, was_ready=False)
    assert restarts.running == {1}
    assert not restarts.is_hopeless


def test_hopeless_when_none_gets_ready(clock: Clock) -> None:
    restarts = Restarts(2, clock)
    for attempt in range(MAX_UNREADY_ATTEMPTS):
        assert not restarts.is_hopeless, attempt
        for idx in range(2):
            restarts.started(idx)
            restarts.died(idx, was_ready=False)
    assert restarts.running == set()
    assert restarts.is_hopeless


def test_not_hopeless_when_they_get_ready_and_then_die(clock: Clock) -> None:
    restarts = Restarts(1, clock)
    pauses(restarts, clock, was_ready=True, times=50)
    pauses(restarts, clock, was_ready=False, times=MAX_UNREADY_ATTEMPTS - 1)
    restarts.died(0, was_ready=True)
    assert not restarts.is_hopeless
