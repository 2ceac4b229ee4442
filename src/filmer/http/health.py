"""``GET /api/v1/health``: is the service up, and is its database (shop-api.md, contract §6.6)."""

from typing import Any

from litestar import Request, Response
from litestar.di import NamedDependency

from filmer.catalogue.nouns import Shape
from filmer.clock import Clock, timestamp
from filmer.http.envelopes import ShopResponse
from filmer.store.postgres import Database

WITHIN_SECONDS = 1.5  # contract §6.6 allows 2 for the whole answer


class Health(Shape):
    status: str
    database: str
    timestamp: str


async def show_health(request: Request[Any, Any, Any], database: NamedDependency[Database]) -> Response[Any]:
    clock: Clock = request.app.state.clock
    is_up = await database.is_up(within=WITHIN_SECONDS)
    word = "UP" if is_up else "DOWN"
    return ShopResponse(
        Health(status=word, database=word, timestamp=timestamp(clock.now())),
        status_code=200 if is_up else 503,
        headers={"cache-control": "no-store"},
    )
