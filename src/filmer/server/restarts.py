"""When a worker process that died is started again.

At once after its first death. After further deaths in a row the delays grow; the other workers go on meanwhile. Only
when no worker at all can be started does the server give up.
"""

import time
from collections.abc import Callable

STEADY_SECONDS = 5.0  # a worker that became ready and has lived so long since its start has recovered
FIRST_DELAY = 0.25  # seconds before the second attempt; each further delay is twice as long
LONGEST_DELAY = 1.0  # seconds, for a worker that becomes ready and then dies: clients wait for it
LONGEST_DELAY_UNREADY = 30.0  # seconds, for one that does not even become ready
MAX_UNREADY_ATTEMPTS = 4  # in a row, of every worker, that did not become ready until the server gives up


class _Slot:
    """The place of one worker."""

    def __init__(self, now: float) -> None:
        self.started = now
        self.deaths_in_row = 0
        self.unready_in_row = 0  # attempts in a row that did not become ready
        self.due_at: float | None = None  # when to start the next worker; None: one runs


class Restarts:
    """Decides when each worker that died is started again. Times are seconds of a monotonic clock."""

    def __init__(self, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._slots = [_Slot(clock()) for _ in range(workers)]

    def started(self, idx: int) -> None:
        """A worker was started in this slot."""
        slot = self._slots[idx]
        slot.started, slot.due_at = self._clock(), None

    def died(self, idx: int, *, was_ready: bool) -> float:
        """The worker of this slot died. Returns the delay in seconds before the next is started."""
        slot, now = self._slots[idx], self._clock()
        if was_ready:
            slot.unready_in_row = 0
            if now - slot.started > STEADY_SECONDS:
                slot.deaths_in_row = 0
        else:
            slot.unready_in_row += 1
        slot.deaths_in_row += 1
        # A worker that dies before it is ready is not made to wait for the deaths of those that were ready.
        in_row = slot.deaths_in_row if was_ready else min(slot.deaths_in_row, slot.unready_in_row + 1)
        longest = LONGEST_DELAY if was_ready else LONGEST_DELAY_UNREADY
        delay = min(FIRST_DELAY * 2.0 ** (in_row - 2), longest) if in_row > 1 else 0.0
        slot.due_at = now + delay
        return delay

    def due_slots(self) -> list[int]:
        """The slots whose delay is over."""
        now = self._clock()
        return [idx for idx, slot in enumerate(self._slots) if slot.due_at is not None and slot.due_at <= now]

    def seconds_until_due(self) -> float | None:
        """Until the next delay is over; None when all workers run."""
        moments = [slot.due_at for slot in self._slots if slot.due_at is not None]
        return max(0.0, min(moments) - self._clock()) if moments else None

    @property
    def running(self) -> set[int]:
        """The slots that have a worker."""
        return {idx for idx, slot in enumerate(self._slots) if slot.due_at is None}

    @property
    def is_hopeless(self) -> bool:
        """Whether no worker runs, and none could be started in several attempts."""
        return not self.running and all(slot.unready_in_row >= MAX_UNREADY_ATTEMPTS for slot in self._slots)
