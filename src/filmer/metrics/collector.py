"""Each worker publishes its counters once a second; whichever worker is scraped returns the sums of all.

This is prometheus_client's multiprocess mode: each worker writes files of its own in one directory, which exists as
long as the server (server/serving.py). When a worker dies its counters stay, but for the last second; its gauges end.
"""

import asyncio
import os
import platform
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import structlog
from litestar.enums import HttpMethod
from prometheus_client import CollectorRegistry, Counter, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from filmer import __version__
from filmer.components import Components
from filmer.edge.traffic import NOWHERE, Traffic
from filmer.metrics.definitions import Instruments, add_batch
from filmer.metrics.gauges import DatabaseGauges

log = structlog.get_logger()

PUBLISH_SECONDS = 1.0
DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"  # where the workers' files are; prometheus_client goes by it, too

_METHODS = frozenset(HttpMethod)
_APIS = {  # by what a route begins with; the first that fits
    "/api/v1/": "shop",
    "/api/": "community",
    "/admin/": "admin",
    "/docs/": "docs",
    "/openapi.json/": "docs",
    "/metrics/": "metrics",
    "/": "pages",
}

Encode = Callable[[Collector], bytes]


class Metrics:
    def __init__(self, components: Components) -> None:
        self._components = components
        self._clock = components.clock
        self.traffic = Traffic()
        self.database_gauges = DatabaseGauges(components.database, components.sessions, components.clock)
        self._registry = CollectorRegistry()
        directory = os.environ.get(DIRECTORY)
        self._instruments = Instruments(None if directory else self._registry)
        if directory:
            self._registry.register(_AllWorkers(Path(directory)))
        self._registry.register(self.database_gauges)
        self._registry.register(_Build())
        self._published: defaultdict[tuple[Counter, str], float] = defaultdict(float)  # totals published so far

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[None]:
        """Publish once a second for as long as the context is open."""
        self._instruments.workers.set(1)
        self._publish()
        task = asyncio.create_task(self._publish_regularly())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self.database_gauges.close()
            self._publish()

    async def render(self, encode: Encode) -> bytes:
        """Return the metrics of all workers."""
        await self.database_gauges.refresh()
        self._publish()
        return await asyncio.to_thread(encode, self._registry)

    async def _publish_regularly(self) -> None:
        while True:
            due = self._clock.monotonic() + PUBLISH_SECONDS
            await asyncio.sleep(PUBLISH_SECONDS)
            self._instruments.lag.set(max(0.0, self._clock.monotonic() - due))
            try:
                self._publish()
            except Exception:  # the next second tries again
                log.exception("metrics not published")

    def _publish(self) -> None:
        self._requests()
        self._tmdb()
        self._pool()
        self._accounts()
        self._instruments.valkey.set(self._components.shared.last_call_succeeded)

    def _requests(self) -> None:
        for (method, route, status, source), bucket_counts in self.traffic.collect().items():
            api, known = _api_of(route), method if method in _METHODS else "other"
            count = sum(bucket_counts[:-1])
            self._instruments.requests.labels(api, known, route, status).inc(count)
            add_batch(self._instruments.durations.labels(api, route), bucket_counts)
            if source:
                self._instruments.cached.labels(*source.split()).inc(count)

    def _tmdb(self) -> None:
        components = {"api": self._components.tmdb, "images": self._components.images}
        for label, client in components.items():
            if client is not None:
                for outcome, bucket_counts in client.calls.collect().items():
                    add_batch(self._instruments.calls.labels(label, outcome), bucket_counts)
            self._instruments.breaker.labels(label).set(client is not None and client.breaker.is_open)
        self._advance_all(self._instruments.copies, self._components.tmdb_cache.outcomes)

    def _pool(self) -> None:
        instruments = self._instruments
        for name, pool in self._components.database.statistics_by_pool().items():
            instruments.pool_size.labels(name).set(pool["pool_size"])
            instruments.pool_limit.labels(name).set(pool["pool_max"])
            instruments.pool_used.labels(name).set(max(0, pool["pool_size"] - pool["pool_available"]))
            instruments.pool_waiting.labels(name).set(pool["requests_waiting"])
            self._advance(instruments.pool_loans, name, pool.get("requests_num", 0))
            self._advance(instruments.pool_wait, name, pool.get("requests_wait_ms", 0) / 1000)
            self._advance(instruments.pool_failures, name, pool.get("requests_errors", 0))
            self._advance(instruments.pool_lost, name, pool.get("connections_lost", 0))

    def _accounts(self) -> None:
        signing_in, checkout, instruments = self._components.signing_in, self._components.checkout, self._instruments
        self._advance_all(instruments.sign_ins, signing_in.sign_ins)
        self._advance_all(instruments.registrations, signing_in.registrations)
        self._advance(instruments.sessions_begun, "", signing_in.sign_ins["done"] + signing_in.registrations["done"])
        self._advance_all(instruments.sessions_ended, self._components.sessions.ended)
        instruments.passwords.set(signing_in.waiting)
        self._advance(instruments.orders, "", checkout.outcomes["placed"])
        self._advance(instruments.takings, "", float(checkout.takings))
        self._advance(instruments.cards, "", checkout.outcomes["refused"])

    def _advance_all(self, counter: Counter, totals: Mapping[Any, int]) -> None:
        for label, total in totals.items():
            self._advance(counter, label, total)

    def _advance(self, counter: Counter, label: str, total: float) -> None:
        """Add what the total has grown by since the last time. ``label``: "" where the counter has none."""
        more = max(0.0, total - self._published[counter, label])
        self._published[counter, label] = total
        (counter.labels(label) if label else counter).inc(more)


class _AllWorkers(Collector):
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterator[Metric]:
        files = [str(file) for file in self._directory.glob("*.db") if _counts(file)]
        yield from MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]


class _Build(Collector):
    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("filmer_build_info", "What runs; always 1", labels=["version", "python"])
        build.add_metric([__version__, platform.python_version()], 1)
        yield build


def _counts(file: Path) -> bool:
    """Whether the file counts: it has content, and is not a gauge of a dead worker."""
    kind, pid = file.stem.split("_")[0], int(file.stem.split("_")[-1])
    if kind == "gauge" and not _is_alive(pid):
        file.unlink(missing_ok=True)  # another process may get its number
    return file.exists() and file.stat().st_size > 0


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _api_of(route: str) -> str:
    if route == NOWHERE:
        return NOWHERE
    return next(api for prefix, api in _APIS.items() if f"{route}/".startswith(prefix))
