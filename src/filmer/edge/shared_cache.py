"""Whole answers in Valkey: what one process has put together, the others need not."""

import asyncio
import hashlib

import msgspec

from filmer.clock import Clock
from filmer.edge.cache import CachedResponse
from filmer.store.valkey import SharedCache, unpack

CLAIM_MILLISECONDS = 3000  # how long others wait for the one process that computes
POLL_SECONDS = 0.02


class SharedResponses:
    """By edition and address, for so many seconds. When Valkey is away, nothing is found and nobody waits."""

    def __init__(self, shared: SharedCache, clock: Clock, *, build: bytes, seconds: int) -> None:
        self._shared = shared
        self._clock = clock
        self._build = build
        self._seconds = seconds

    def name(self, edition: str, address: bytes) -> str:
        """The key, another one for each version of filmer."""
        return f"filmer:page:{edition}:{hashlib.blake2b(address, digest_size=16, key=self._build).hexdigest()}"

    async def find(self, name: str) -> CachedResponse | None:
        """The answer, for which another process may be waited. None: it is up to us, and ``publish`` must follow."""
        return unpack(await self._shared.get(name) or await self._wait_for_other(name), CachedResponse)

    def publish(self, name: str, answer: CachedResponse | None) -> None:
        """What came of it, or that nothing did that may be kept; nobody waits for it."""
        packed = msgspec.msgpack.encode(answer) if answer else None
        self._shared.publish(name, packed, seconds=self._seconds)

    async def _wait_for_other(self, name: str) -> bytes | None:
        deadline = self._clock.monotonic() + CLAIM_MILLISECONDS / 1000
        while not await self._shared.claim(name, milliseconds=CLAIM_MILLISECONDS):
            await asyncio.sleep(POLL_SECONDS)
            if packed := await self._shared.get(name):
                return packed
            if self._clock.monotonic() > deadline:
                return None
        return None
