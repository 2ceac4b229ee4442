"""Durations of one process, counted cheaply until somebody collects them."""

from bisect import bisect_left
from collections import defaultdict
from typing import Generic, TypeVar

K = TypeVar("K")

BOUNDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # seconds: what takes up to that long is counted there
Cell = list[float]  # how many by BOUNDS, how many took longer still, and all their seconds


class Durations(Generic[K]):
    """How many, and how long they took, by what they were."""

    def __init__(self) -> None:
        self._cells: defaultdict[K, Cell] = defaultdict(_empty)

    def add(self, what: K, seconds: float) -> None:
        cell = self._cells[what]
        cell[bisect_left(BOUNDS, seconds)] += 1
        cell[-1] += seconds

    def collect(self) -> dict[K, Cell]:
        """What came since the last time."""
        cells, self._cells = self._cells, defaultdict(_empty)
        return cells


def _empty() -> Cell:
    return [0.0] * (len(BOUNDS) + 2)
