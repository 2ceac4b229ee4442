"""The application in this process, with a clock that the test moves: what depends on time is tested without waiting."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from litestar import Litestar
from tests.asgi_client import running_app
from tests.conftest import SECRET_KEY
from tests.layers import framework_of

from filmer.app import create_app
from filmer.settings import Settings

ADDRESS = "192.0.2.1"


class MovedClock:
    """Stands still at a moment, by default the present one, until a test moves it. ``ahead``: how far it was moved."""

    def __init__(self, moment: datetime | None = None) -> None:
        self._moment = moment or datetime.now(UTC).replace(microsecond=0)
        self.ahead = timedelta()

    def now(self) -> datetime:
        return self._moment + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead.total_seconds()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def move(self, **by: float) -> None:
        self.ahead += timedelta(**by)


class InProcess:
    """One process of filmer."""

    def __init__(self, app: Any) -> None:
        self.app = app

    @property
    def litestar(self) -> Litestar:
        return framework_of(self.app)

    def component(self, name: str) -> Any:
        """A component of the application, by its name."""
        return getattr(self.litestar.state["components"], name)

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
    values: dict[str, Any] = {"database_url": database_url, "secret_key": SECRET_KEY, **settings}
    app = create_app(Settings(**values), clock=clock)
    async with running_app(app):
        yield InProcess(app)
