"""Gauges counted in the database, when Prometheus scrapes and the last count is too old."""

import asyncio
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from filmer.accounts.sessions import Sessions
from filmer.clock import Clock
from filmer.errors import ServiceUnavailable
from filmer.shop.orders import count_orders
from filmer.single_flight import single_flight
from filmer.store.postgres import Database

TIMEOUT_SECONDS = 1.0  # for which a scrape waits for the database
CACHED_SECONDS = 10.0  # for which a count is reused
MAX_AGE_SECONDS = 60.0  # for which an old count is shown while counting takes long


class DatabaseGauges(Collector):
    """While the database is away these gauges are left out rather than stale."""

    def __init__(self, database: Database, sessions: Sessions, clock: Clock) -> None:
        self._database = database
        self._sessions = sessions
        self._clock = clock
        self._counted_at: float | None = None  # by clock.monotonic()
        self._live_sessions = self._orders = 0
        self._in_flight: dict[str, asyncio.Task[None]] = {}

    async def refresh(self) -> None:
        if self._is_younger_than(CACHED_SECONDS):
            return
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await single_flight(self._in_flight, "count", self._count)
        except TimeoutError:  # counting goes on in the background, within the database's own timeouts
            return

    async def close(self) -> None:
        await asyncio.gather(*self._in_flight.values(), return_exceptions=True)

    async def _count(self) -> None:
        try:
            async with self._database.connection() as conn:
                self._live_sessions = await self._sessions.count(conn)
                self._orders = await count_orders(conn)
        except ServiceUnavailable:
            self._counted_at = None
            return
        self._counted_at = self._clock.monotonic()

    def _is_younger_than(self, seconds: float) -> bool:
        return self._counted_at is not None and self._clock.monotonic() - self._counted_at < seconds

    def collect(self) -> Iterator[Metric]:
        is_up = self._is_younger_than(MAX_AGE_SECONDS)
        yield GaugeMetricFamily("filmer_database_up", "Whether PostgreSQL answers: 1 or 0", value=float(is_up))
        if is_up:
            yield GaugeMetricFamily("filmer_sessions", "Sessions there are", value=self._live_sessions)
            yield GaugeMetricFamily("filmer_orders", "Orders there are", value=self._orders)
