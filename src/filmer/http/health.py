"""``GET /api/v1/health`` and ``/health/db``: whether service and database are up (shop-api.md, client-api.md)."""

from typing import Any

import msgspec
from litestar import Response

from filmer.clock import Clock, timestamp
from filmer.errors import DatabaseUnavailable
from filmer.http.envelopes import ShopResponse
from filmer.http.handlers import Handlers
from filmer.store.postgres import Database

WITHIN_SECONDS = 1.5  # contract §6.6 allows 2 for the whole response


class Health(msgspec.Struct):
    status: str
    database: str
    timestamp: str


class DatabaseHealth(msgspec.Struct, rename={"is_success": "success"}):
    """``result``: of a query."""

    is_success: bool
    result: int
    message: str
    database_status: str


class HealthApi(Handlers):
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def show_health(self) -> Response[Any]:
        is_up = await self._database.is_up(within=WITHIN_SECONDS)
        status = "UP" if is_up else "DOWN"
        return ShopResponse(
            Health(status=status, database=status, timestamp=timestamp(self._clock.now())),
            status_code=200 if is_up else 503,
            headers={"cache-control": "no-store"},
        )

    async def show_database(self) -> DatabaseHealth:
        """Raises DatabaseUnavailable."""
        if not await self._database.is_up(within=WITHIN_SECONDS):
            raise DatabaseUnavailable
        return DatabaseHealth(is_success=True, result=1, message="The database answers", database_status="UP")
