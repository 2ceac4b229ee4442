"""TMDB's posters: fetched once for all workers, checked, and cached. Callers wait a short time only.

The responses of the image host count as images by their first bytes alone, whatever their content type. It gets no
credential.
"""

import asyncio
import hashlib

import httpx
import msgspec
import structlog
from cachetools import TLRUCache

from filmer.clock import Clock
from filmer.durations import Durations
from filmer.errors import ExternalApiError, MovieNotFound
from filmer.settings import Settings
from filmer.single_flight import single_flight
from filmer.store.valkey import CLAIMED, SharedCache
from filmer.tmdb.circuit_breaker import CircuitBreaker
from filmer.tmdb.client import AttemptFailed, Tmdb, http_client, outcome_of, read_body
from filmer.tmdb.rate_limit import RateLimit

log = structlog.get_logger()

WAIT_SECONDS = 2.0  # that a caller waits
FETCH_SECONDS = 10.0
MAX_BYTES = 512 * 1024
SIZE = "w342"  # one of TMDB's: 342 pixels wide, some 30 KB
MAX_REQUESTS = 8  # at a time, each worker
MAX_IN_FLIGHT = 200  # films at a time, each worker
VALKEY_SECONDS = 24 * 3600  # for which an image is in Valkey
MEMORY_SECONDS = 3600
NO_POSTER_SECONDS = 3600  # for which a film counts as having no poster
FAILED_SECONDS = 60
MEMORY_BYTES = 32 * 2**20
OVERHEAD = 300  # bytes that an entry takes besides its image
POLL_SECONDS = 0.1

# These are cached in place of an image.
NONE, FAILED = b"", b"failed"


class PosterImage(msgspec.Struct, frozen=True):
    body: bytes
    media_type: str


class Images:
    def __init__(
        self, tmdb: Tmdb, rate_limit: RateLimit, shared: SharedCache, clock: Clock, settings: Settings
    ) -> None:
        self._tmdb = tmdb
        self._rate_limit = rate_limit
        self._shared = shared
        self._clock = clock
        self.breaker = CircuitBreaker(clock, "images")
        self.calls: Durations[str] = Durations()  # by outcome
        source = f"{settings.tmdb_base_url} {settings.tmdb_image_base_url} {settings.tmdb_language}"
        self._prefix = f"filmer:tmdb:{hashlib.blake2b(source.encode(), digest_size=8).hexdigest()}:poster"
        self._claim_milliseconds = round((settings.tmdb_deadline_seconds + FETCH_SECONDS) * 1000)
        self._memory: TLRUCache[int, bytes] = TLRUCache(
            MEMORY_BYTES,
            ttu=lambda _, image, now: now + min(_lifetime(image), MEMORY_SECONDS),
            timer=clock.monotonic,
            getsizeof=lambda image: len(image) + OVERHEAD,
        )
        self._in_flight: dict[int, asyncio.Task[bytes]] = {}
        self._slots = asyncio.Semaphore(MAX_REQUESTS)
        self._http = http_client(
            settings.tmdb_image_base_url,
            headers={"accept": "image/webp,image/jpeg,image/png"},
            seconds=FETCH_SECONDS,
            connections=MAX_REQUESTS,
        )

    async def close(self) -> None:
        tasks = list(self._in_flight.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._http.aclose()

    async def poster(self, movie_id: int) -> PosterImage | None:
        """A film's poster; None if TMDB has none. Raises ExternalApiError if it can't be had in time."""
        image = self._memory.get(movie_id)
        if image is None:
            image = await self._fetch_in_time(movie_id)
        if image == FAILED:
            raise ExternalApiError
        media_type = media_type_of(image)
        return PosterImage(image, media_type) if media_type else None

    async def _fetch_in_time(self, movie_id: int) -> bytes:
        if movie_id not in self._in_flight and len(self._in_flight) >= MAX_IN_FLIGHT:
            raise ExternalApiError
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await single_flight(self._in_flight, movie_id, lambda: self._load(movie_id))
        except TimeoutError:
            raise ExternalApiError from None

    async def _load(self, movie_id: int) -> bytes:
        """The image from Valkey or TMDB. It goes on after all callers have given up, for the next visitor."""
        key = f"{self._prefix}:{movie_id}"
        image = await self._shared.get_or_claim(key, milliseconds=self._claim_milliseconds)
        while image == CLAIMED:  # another worker fetches it; if it dies, its claim expires
            await asyncio.sleep(POLL_SECONDS)
            image = await self._shared.get_or_claim(key, milliseconds=self._claim_milliseconds)
        if image is None or not (image in {NONE, FAILED} or media_type_of(image)):
            fetched = None
            try:
                image = fetched = await self._fetch_poster(movie_id)
            finally:
                self._shared.put_or_release(key, fetched, seconds=_lifetime(fetched or b""))
        self._memory[movie_id] = image
        return image

    async def _fetch_poster(self, movie_id: int) -> bytes:
        try:
            async with self._slots:
                path = await self._tmdb.poster_path(movie_id)
                return await self._fetch(path) if path else NONE
        except MovieNotFound:
            return NONE
        except ExternalApiError:  # logged where it was raised
            return FAILED

    async def _fetch(self, path: str) -> bytes:
        self.breaker.admit()
        await self._rate_limit.acquire()
        started = self._clock.monotonic()
        outcome = "abandoned"
        try:
            body = await self._get(path)
            outcome = "answered"
        except (AttemptFailed, TimeoutError, httpx.HTTPError) as error:
            outcome = outcome_of(error)
            self.breaker.record_failure()
            log.warning("no image from TMDB", error=f"{type(error).__name__}: {error}", path=path)
            raise ExternalApiError from error
        finally:
            self.calls.add(outcome, self._clock.monotonic() - started)
        self.breaker.record_success()
        return body

    async def _get(self, path: str) -> bytes:
        async with asyncio.timeout(FETCH_SECONDS), self._http.stream("GET", f"/{SIZE}{path}") as response:
            if response.status_code == httpx.codes.NOT_FOUND:
                return NONE
            if response.status_code != httpx.codes.OK:
                raise AttemptFailed(f"status {response.status_code}", is_retryable=False)
            body = await read_body(response, MAX_BYTES)
        if media_type_of(body) is None:
            raise AttemptFailed("not an image", is_retryable=False)
        return body


def media_type_of(body: bytes) -> str | None:
    """The media type, by the first bytes; None for anything but JPEG, PNG and WebP."""
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "image/webp"
    return None


def _lifetime(image: bytes) -> int:
    """The seconds for which it is cached."""
    return {NONE: NO_POSTER_SECONDS, FAILED: FAILED_SECONDS}.get(image, VALKEY_SECONDS)
