"""Requests timed one after another, in rounds that are interleaved: what disturbs the machine disturbs all alike."""

import statistics
from collections.abc import Awaitable, Callable, Mapping

from bench.in_process import TimedClient, TimedResponse
from bench.results import late

TimedRequest = Callable[[], Awaitable[float]]  # milliseconds


class Times:
    """Milliseconds by round."""

    def __init__(self) -> None:
        self.rounds: list[list[float]] = []

    @property
    def all(self) -> list[float]:
        return [time for times in self.rounds for time in times]

    @property
    def medians(self) -> list[float]:
        return [statistics.median(times) for times in self.rounds]

    @property
    def median(self) -> float:
        return statistics.median(self.all)

    @property
    def late(self) -> float:
        return late(self.all)

    @property
    def figure(self) -> str:
        return f"{self.median:.1f} ms, {self.late:.1f} ms"


async def interleaved(asks: Mapping[str, TimedRequest], *, rounds: int, each: int, warm: int) -> dict[str, Times]:
    """Each asked ``each`` times a round, after ``warm`` times that do not count."""
    times = {what: Times() for what in asks}
    for ask in asks.values():
        for _ in range(warm):
            await ask()
    for _ in range(rounds):
        for what, ask in asks.items():
            times[what].rounds.append([await ask() for _ in range(each)])
    return times


def timed_requests(filmer: TimedClient, draw: Callable[[], str], cookie: str = "") -> TimedRequest:
    """An address drawn anew each time."""

    async def ask() -> float:
        return require_ok(address := draw(), await filmer.get(address, cookie)).milliseconds

    return ask


def require_ok(what: str, response: TimedResponse) -> TimedResponse:
    """Raises for anything but a 200."""
    if response.status != 200:
        raise RuntimeError(f"{what}: {response.status} {response.body[:200]!r}")
    return response
