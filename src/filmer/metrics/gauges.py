"""How many there are by now, of what the database holds: asked when Prometheus asks, and not every time."""

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

WITHIN_SECONDS = 1.0  # that a scrape waits for the database
FRESH_SECONDS = 10.0  # for which they need not be counted again
SHOWN_SECONDS = 60.0  # for which they are told, where counting takes long


class DatabaseGauges(Collector):
    """While the database is away there are none of these, rather than old ones."""

    def __init__(self, database: Database, sessions: Sessions, clock: Clock) -> None:
        self._database = database
        self._sessions = sessions
        self._clock = clock
        self._counted: float | None = None  # by clock.monotonic()
        self._live_sessions = self._orders = 0
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def refresh(self) -> None:
        if self._is_younger_than(FRESH_SECONDS):
            return
        try:
            async with asyncio.timeout(WITHIN_SECONDS):
                await single_flight(self._under_way, "count", self._count)
        except TimeoutError:  # goes on behind, bounded by the database's own patience
            return

    async def close(self) -> None:
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _count(self) -> None:
        try:
            async with self._database.connection() as conn:
                self._live_sessions = await self._sessions.count(conn)
                self._orders = await count_orders(conn)
        except ServiceUnavailable:
            self._counted = None
            return
        self._counted = self._clock.monotonic()

    def _is_younger_than(self, seconds: float) -> bool:
        return self._counted is not None and self._clock.monotonic() - self._counted < seconds

    def collect(self) -> Iterator[Metric]:
        is_up = self._is_younger_than(SHOWN_SECONDS)
        yield GaugeMetricFamily("filmer_database_up", "Whether PostgreSQL answers: 1 or 0", value=float(is_up))
        if is_up:
            yield GaugeMetricFamily("filmer_sessions", "Sessions there are", value=self._live_sessions)
            yield GaugeMetricFamily("filmer_orders", "Orders there are", value=self._orders)
