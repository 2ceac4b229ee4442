"""The cache of public GETs in Valkey: what one process has computed, the others need not."""

import asyncio
import hashlib
from typing import Any

import msgspec
from litestar.types import ASGIApp, Receive, Send

from filmer.catalogue.edition import Edition
from filmer.clock import Clock
from filmer.edge.cache import CachedResponse
from filmer.edge.flight import FLIGHT, Flight
from filmer.edge.traffic import PAGE_VALKEY
from filmer.store.valkey import SharedCache, unpack

CLAIM_MILLISECONDS = 3000  # how long the others wait for the one process that computes
POLL_SECONDS = 0.02


class ValkeyCache:
    """By edition and address. When Valkey is away, nothing is found and nobody waits."""

    def __init__(
        self, app: ASGIApp, *, edition: Edition, shared: SharedCache, clock: Clock, build: bytes, seconds: int
    ) -> None:
        """``build``: tells apart versions of filmer that share one Valkey, and must not serve each other's responses.

        ``seconds``: how long a response is cached, here and in memory; 0: none is.
        """
        self._app = app
        self._edition = edition
        self._shared = shared
        self._clock = clock
        self._build = build
        self._seconds = seconds

    def __call__(self, scope: Any, receive: Receive, send: Send) -> Any:
        flight: Flight | None = scope.get(FLIGHT)
        if flight is None or not flight.edition or not self._seconds:
            return self._app(scope, receive, send)
        return self._send_shared(flight, scope, receive, send)

    async def _send_shared(self, flight: Flight, scope: Any, receive: Receive, send: Send) -> None:
        key = self._key(flight)
        flight.response = await self._find(key)
        if flight.response is not None:
            flight.source = PAGE_VALKEY
            await flight.response.send(send)
        else:
            behind = self._edition.behind
            await self._app(scope, receive, send)
            response: CachedResponse | None = flight.response
            is_public = response is not None and response.is_public
            is_stored = is_public and self._edition.behind == behind  # else it may be of an older edition
            packed = msgspec.msgpack.encode(response) if is_stored else None
            self._shared.publish(key, packed, seconds=self._seconds)
            if not is_stored:
                return
        flight.until = self._clock.monotonic() + self._seconds

    def _key(self, flight: Flight) -> str:
        digest = hashlib.blake2b(flight.address, digest_size=16, key=self._build).hexdigest()
        return f"filmer:page:{flight.edition}:{digest}"

    async def _find(self, key: str) -> CachedResponse | None:
        """The response; where another process computes it, we wait for it. None: we compute it, and must publish."""
        return unpack(await self._shared.get(key) or await self._wait_for_other(key), CachedResponse)

    async def _wait_for_other(self, key: str) -> bytes | None:
        deadline = self._clock.monotonic() + CLAIM_MILLISECONDS / 1000
        while not await self._shared.claim(key, milliseconds=CLAIM_MILLISECONDS):
            await asyncio.sleep(POLL_SECONDS)
            if packed := await self._shared.get(key):
                return packed
            if self._clock.monotonic() > deadline:
                return None
        return None
