"""Every metric that workers count: name, labels and meaning (details in docs/metrics.md)."""

from collections.abc import Sequence
from itertools import product
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from filmer.durations import BOUNDS, BucketCounts
from filmer.edge.traffic import SOURCES

M = TypeVar("M", Counter, Histogram)

_ANY: Sequence[str] = ()  # a label whose values are not known beforehand
_OUTCOMES = ("done", "refused", "limited", "failed")


class Instruments:
    """The instruments of one process; the values of all processes are summed."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        """``registry``: None where the workers' files are read instead."""
        self._registry = registry
        self._http()
        self._tmdb()
        self._pool()
        self._accounts()
        self._shop()
        self.workers = self._gauge("workers", "Worker processes that are up")
        self.lag = self._gauge("event_loop_lag_seconds", "How late a worker's last second ended", mode="livemax")
        self.valkey = self._gauge(
            "valkey_up", "1 if Valkey answered every worker the last time, else 0", mode="livemin"
        )

    def _http(self) -> None:
        self.requests = self._counter("http_requests", "Requests", api=_ANY, method=_ANY, route=_ANY, status=_ANY)
        self.durations = self._histogram(
            "http_request_duration_seconds", "From a request's head to its answer", api=_ANY, route=_ANY
        )
        self.cached = self._counter("cache_answers", "Answers of cached addresses", cache=_ANY, outcome=_ANY)
        for source in SOURCES:
            self.cached.labels(*source.split())

    def _tmdb(self) -> None:
        outcomes = ("answered", "timeout", "unreachable", "unusable", "abandoned")
        self.calls = self._histogram(
            "tmdb_call_duration_seconds", "Calls to TMDB, each try", part=("api", "images"), outcome=outcomes
        )
        copies = ("hit", "miss", "stale", "none")
        self.copies = self._counter("tmdb_copies", "Times a copy of TMDB's was asked for", outcome=copies)
        self.breaker = self._gauge("tmdb_left_alone", "Workers that leave TMDB alone, as it failed", "part")

    def _pool(self) -> None:
        self.pool_size = self._gauge("pool_connections", "Connections to PostgreSQL", "pool")
        self.pool_limit = self._gauge("pool_connections_limit", "The most there may be", "pool")
        self.pool_used = self._gauge("pool_connections_in_use", "Those that are lent", "pool")
        self.pool_waiting = self._gauge("pool_waiting", "Requests that wait for a connection", "pool")
        self.pool_loans = self._counter("pool_loans", "Times one was asked for", pool=("main",))
        self.pool_wait = self._counter("pool_wait_seconds", "Time spent waiting for one", pool=("main",))
        self.pool_failures = self._counter("pool_failures", "Times none came in time", pool=("main",))
        self.pool_lost = self._counter("pool_connections_lost", "Connections that broke", pool=("main",))

    def _accounts(self) -> None:
        self.sign_ins = self._counter("sign_ins", "Sign-ins", outcome=_OUTCOMES)
        self.registrations = self._counter("registrations", "Registrations", outcome=_OUTCOMES)
        self.sessions_begun = self._counter("sessions_begun", "Sessions that began")
        reasons = ("signed out", "replaced", "over")
        self.sessions_ended = self._counter("sessions_ended", "Sessions that ended", reason=reasons)
        self.passwords = self._gauge("passwords_waiting", "Passwords that are checked or made, or wait for it")

    def _shop(self) -> None:
        self.orders = self._counter("orders_placed", "Orders that were placed")
        self.takings = self._counter("orders_placed_amount", "What those cost, in the shop's currency")
        self.cards = self._counter("payments_refused", "Cards that were refused at checkout")

    def _counter(self, name: str, meaning: str, **labels: Sequence[str]) -> Counter:
        return _with_labels(Counter(f"filmer_{name}", meaning, [*labels], registry=self._registry), labels)

    def _histogram(self, name: str, meaning: str, **labels: Sequence[str]) -> Histogram:
        histogram = Histogram(f"filmer_{name}", meaning, [*labels], registry=self._registry, buckets=BOUNDS)
        return _with_labels(histogram, labels)

    def _gauge(self, name: str, meaning: str, *labels: str, mode: Any = "livesum") -> Gauge:
        """``mode``: what several workers' values come to."""
        return Gauge(f"filmer_{name}", meaning, labels, registry=self._registry, multiprocess_mode=mode)


def add_batch(histogram: Any, bucket_counts: BucketCounts) -> None:
    """Add many durations at once. The public API observes them one by one, which is too slow for 10,000 a second."""
    for bucket, count in zip(histogram._buckets, bucket_counts[:-1], strict=True):  # noqa: SLF001
        if count:
            bucket.inc(count)
    histogram._sum.inc(bucket_counts[-1])  # noqa: SLF001


def _with_labels(metric: M, labels: dict[str, Sequence[str]]) -> M:
    """Start at 0 for all known label values; otherwise Prometheus would not see the first increase."""
    if labels:
        for values in product(*labels.values()):
            metric.labels(*values)
    return metric
