"""Durations of one process, counted in buckets until they are collected."""

from bisect import bisect_left
from collections import defaultdict
from typing import Generic, TypeVar

K = TypeVar("K")

BOUNDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # upper bounds of the buckets, in seconds
BucketCounts = list[float]  # the count of each bucket, the count beyond the last, and the sum in seconds


class Durations(Generic[K]):
    """Counts and sums of durations by key."""

    def __init__(self) -> None:
        self._counts: defaultdict[K, BucketCounts] = defaultdict(_empty)

    def add(self, key: K, seconds: float) -> None:
        bucket_counts = self._counts[key]
        bucket_counts[bisect_left(BOUNDS, seconds)] += 1
        bucket_counts[-1] += seconds

    def collect(self) -> dict[K, BucketCounts]:
        """Return what was added since the last call."""
        counts, self._counts = self._counts, defaultdict(_empty)
        return counts


def _empty() -> BucketCounts:
    return [0.0] * (len(BOUNDS) + 2)
