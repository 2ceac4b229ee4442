"""filmer in this process, at a time of the test's choosing: what clocks decide is tested without waiting."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from litestar import Litestar
from tests.asgi import alive
from tests.conftest import SECRET_KEY
from tests.layers import framework_of

from filmer.app import create_app
from filmer.settings import Settings

ADDRESS = "192.0.2.1"


class MovedClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC).replace(microsecond=0)

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def move(self, **by: float) -> None:
        self._now += timedelta(**by)


class InProcess:
    """One process of filmer."""

    def __init__(self, app: Any) -> None:
        self.app = app

    @property
    def litestar(self) -> Litestar:
        return framework_of(self.app)

    def part(self, name: str) -> Any:
        """A part of the application, by its name."""
        return self.litestar.state[name]

    def visitor(self, address: str = ADDRESS, **headers: str) -> httpx.AsyncClient:
        """A browser of its own at this address."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, client=(address, 4711)),
            base_url="http://shop.example",
            headers=headers,
        )


@asynccontextmanager
async def in_process(database_url: str, clock: MovedClock | None = None, **settings: Any) -> AsyncIterator[InProcess]:
    """The application on running engines, started and stopped as a server would."""
    given: dict[str, Any] = {"database_url": database_url, "secret_key": SECRET_KEY, **settings}
    app = create_app(Settings(**given), clock=clock)
    async with alive(app):
        yield InProcess(app)
