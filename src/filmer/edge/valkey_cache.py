"""The cache of public GETs in Valkey, so that a response is computed by one process for all."""

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
from filmer.store.valkey import CLAIMED, SharedCache, unpack

CLAIM_MILLISECONDS = 3000  # how long other processes wait for the one that computes
POLL_SECONDS = 0.02


class ValkeyCache:
    """Responses by edition and address. While Valkey is unavailable, every process computes for itself."""

    def __init__(
        self, app: ASGIApp, *, edition: Edition, shared: SharedCache | None, clock: Clock, build: bytes, seconds: int
    ) -> None:
        """``shared``: None where no other process would find what this one stores. Then computing costs less.

        ``build``: part of the key, as versions of filmer that share a Valkey must not serve each other's responses.

        ``seconds``: how long a response is cached, in Valkey and in memory; 0: not at all.
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
        flight.response = await self._get_or_claim(self._shared, key) if self._shared else None
        if flight.response is not None:
            flight.source = PAGE_VALKEY
            await flight.response.send(send)
        else:
            stale_reads = self._edition.stale_reads
            await self._app(scope, receive, send)
            response: CachedResponse | None = flight.response
            is_public = response is not None and response.is_public
            is_stored = is_public and self._edition.stale_reads == stale_reads  # else it may be of an older edition
            if self._shared:
                packed = msgspec.msgpack.encode(response) if is_stored else None
                self._shared.put_or_release(key, packed, seconds=self._seconds)
            if not is_stored:
                return
        flight.until = self._clock.monotonic() + self._seconds

    def _key(self, flight: Flight) -> str:
        digest = hashlib.blake2b(flight.address, digest_size=16, key=self._build).hexdigest()
        return f"filmer:page:{flight.edition}:{digest}"

    async def _get_or_claim(self, shared: SharedCache, key: str) -> CachedResponse | None:
        """The response, after waiting if another process computes it. None: compute it, and release the claim."""
        deadline = self._clock.monotonic() + CLAIM_MILLISECONDS / 1000
        while (packed := await shared.get_or_claim(key, milliseconds=CLAIM_MILLISECONDS)) == CLAIMED:
            if self._clock.monotonic() > deadline:
                return None
            await asyncio.sleep(POLL_SECONDS)
        return unpack(packed, CachedResponse)
