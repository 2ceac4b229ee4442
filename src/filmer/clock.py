"""Time, passed in, so that tests can move it."""

import time
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable


@runtime_checkable
class Clock(Protocol):
    def now(self) -> datetime:
        """The time of day, in UTC."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment, never going back."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def timestamp(moment: datetime) -> str:
    """A UTC moment as both APIs print it: whole seconds and ``Z`` (contract §1.1)."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
