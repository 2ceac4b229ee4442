"""``GET /api/v1/health``: whether the service and its database are up (shop-api.md, contract §6.6)."""

from typing import Any

import msgspec
from litestar import Response

from filmer.clock import Clock, timestamp
from filmer.http.envelopes import ShopResponse
from filmer.http.handlers import Handlers
from filmer.store.postgres import Database

WITHIN_SECONDS = 1.5  # contract §6.6 allows 2 for the whole response


class Health(msgspec.Struct):
    status: str
    database: str
    timestamp: str


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
