"""When a worker process that died is started again.

The first time at once. One that dies again and again gets growing pauses, the others go on meanwhile, and only where
none can be started at all is there nothing left to try.
"""

import time
from collections.abc import Callable

STEADY_SECONDS = 5.0  # a worker that got ready and lived so long since its start has recovered
FIRST_PAUSE = 0.25  # seconds before the second attempt; each further pause is twice as long
LONGEST_PAUSE = 1.0  # seconds, of a worker that gets ready and then dies: callers wait for it
LONGEST_PAUSE_UNREADY = 30.0  # seconds, of one that does not even get ready
ATTEMPTS = 4  # in a row that did not get ready, of every worker, until the server gives up


class _Slot:
    """The place of one worker."""

    def __init__(self, now: float) -> None:
        self.started = now
        self.deaths = 0  # in a row
        self.unready = 0  # attempts in a row that did not get ready
        self.due: float | None = None  # when to start the next; None: it runs


class Restarts:
    """Keeps the time of each worker's deaths. Times are seconds of a monotonic clock."""

    def __init__(self, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._slots = [_Slot(clock()) for _ in range(workers)]

    def started(self, idx: int) -> None:
        """A worker was started in this slot."""
        slot = self._slots[idx]
        slot.started, slot.due = self._clock(), None

    def died(self, idx: int, *, was_ready: bool) -> float:
        """The worker of this slot died. Returns the pause in seconds before the next is started."""
        slot, now = self._slots[idx], self._clock()
        if was_ready:
            slot.unready = 0
            if now - slot.started > STEADY_SECONDS:
                slot.deaths = 0
        else:
            slot.unready += 1
        slot.deaths += 1
        longest = LONGEST_PAUSE if was_ready else LONGEST_PAUSE_UNREADY
        pause = min(FIRST_PAUSE * 2.0 ** (slot.deaths - 2), longest) if slot.deaths > 1 else 0.0
        slot.due = now + pause
        return pause

    def due(self) -> list[int]:
        """The slots whose pause is over."""
        now = self._clock()
        return [idx for idx, slot in enumerate(self._slots) if slot.due is not None and slot.due <= now]

    def seconds_until_due(self) -> float | None:
        """Until the next pause is over; None when all workers run."""
        pauses = [slot.due for slot in self._slots if slot.due is not None]
        return max(0.0, min(pauses) - self._clock()) if pauses else None

    @property
    def running(self) -> set[int]:
        """The slots that have a worker."""
        return {idx for idx, slot in enumerate(self._slots) if slot.due is None}

    @property
    def is_hopeless(self) -> bool:
        """Whether no worker runs, and none could be started in several attempts."""
        return not self.running and all(slot.unready >= ATTEMPTS for slot in self._slots)
