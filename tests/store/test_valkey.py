"""The shared cache: a copy that may be away, and never the reason why a request fails."""

import asyncio
import socket
import time
import uuid
from collections.abc import Awaitable, Callable

import pytest
import redis
from structlog.testing import capture_logs

from filmer.serving import free_port
from filmer.store.embedded import Engines
from filmer.store.valkey import REST_SECONDS, SharedCache


def using[T](url: str | None, what: Callable[[SharedCache], Awaitable[T]], password: str | None = None) -> T:
    """Does something with a cache that is closed afterwards."""

    async def work() -> T:
        cache = SharedCache(url, password)
        try:
            return await what(cache)
        finally:
            await cache.close()

    return asyncio.run(work())
