"""TMDB's posters: asked for once, looked at closely, and kept. Who can't wait goes without, and finds them later.

What the host of pictures answers is taken for a picture only if it begins as one; what it says of itself counts for
nothing. It gets no credential.
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
from filmer.store.valkey import SharedCache
from filmer.tmdb.breaker import Breaker
from filmer.tmdb.client import AttemptFailed, Tmdb, http_client, outcome_of, whole_body
from filmer.tmdb.rate_limit import RateLimit

log = structlog.get_logger()

PATIENCE_SECONDS = 2.0  # of whoever asks
FETCH_SECONDS = 10.0
MAX_BYTES = 512 * 1024
SIZE = "w342"  # one of TMDB's: 342 pixels wide, some 30 KB
AT_ONCE = 8  # requests each worker
MAX_UNDER_WAY = 200  # films looked for, each worker
KEPT_SECONDS = 24 * 3600  # pictures, in Valkey
KEPT_HERE_SECONDS = 3600
NONE_SECONDS = 3600  # for which a film that has no picture isn't asked about again
FAILED_SECONDS = 60
KEPT_HERE_BYTES = 32 * 2**20
OVERHEAD = 300  # bytes that an entry takes besides its picture
POLL_SECONDS = 0.1

# What is kept in place of a picture.
NONE, FAILED = b"", b"failed"


class Picture(msgspec.Struct, frozen=True):
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
        self._breaker = Breaker(clock, "images")
        self.calls: Durations[str] = Durations()  # by outcome
        source = f"{settings.tmdb_base_url} {settings.tmdb_image_base_url} {settings.tmdb_language}"
        self._prefix = f"filmer:tmdb:{hashlib.blake2b(source.encode(), digest_size=8).hexdigest()}:poster"
        self._claim_milliseconds = round((settings.tmdb_deadline_seconds + FETCH_SECONDS) * 1000)
        self._here: TLRUCache[int, bytes] = TLRUCache(
            KEPT_HERE_BYTES,
            ttu=lambda _, kept, now: now + min(_holds(kept), KEPT_HERE_SECONDS),
            timer=clock.monotonic,
            getsizeof=lambda kept: len(kept) + OVERHEAD,
        )
        self._under_way: dict[int, asyncio.Task[bytes]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._http = http_client(
            settings.tmdb_image_base_url,
            headers={"accept": "image/webp,image/jpeg,image/png"},
            seconds=FETCH_SECONDS,
            connections=AT_ONCE,
        )

    @property
    def is_left_alone(self) -> bool:
        """Whether the host of pictures failed so often that it gets hardly any requests."""
        return self._breaker.is_open

    async def close(self) -> None:
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._http.aclose()

    async def poster(self, movie_id: int) -> Picture | None:
        """A film's poster; None where TMDB has none. Raises ExternalApiError where it is not at hand in time."""
        kept = self._here.get(movie_id)
        if kept is None:
            kept = await self._found_in_time(movie_id)
        if kept == FAILED:
            raise ExternalApiError
        media_type = media_type_of(kept)
        return Picture(kept, media_type) if media_type else None

    async def _found_in_time(self, movie_id: int) -> bytes:
        if movie_id not in self._under_way and len(self._under_way) >= MAX_UNDER_WAY:
            raise ExternalApiError
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await single_flight(self._under_way, movie_id, lambda: self._find(movie_id))
        except TimeoutError:
            raise ExternalApiError from None

    async def _find(self, movie_id: int) -> bytes:
        """Goes on when nobody waits any longer: the next visitor has it."""
        key = f"{self._prefix}:{movie_id}"
        kept = await self._shared_copy(key)
        while kept is None:
            if await self._shared.claim(key, milliseconds=self._claim_milliseconds):
                try:
                    kept = await self._shared_copy(key)  # the one before us may have brought it between look and claim
                    if kept is None:
                        kept = await self._ask(movie_id)
                except BaseException:
                    await self._shared.drop_claim(key)
                    raise
                self._shared.publish(key, kept, seconds=_holds(kept))
            else:
                await asyncio.sleep(POLL_SECONDS)  # another worker asks; when it dies, its claim ends
                kept = await self._shared_copy(key)
        self._here[movie_id] = kept
        return kept

    async def _shared_copy(self, key: str) -> bytes | None:
        kept = await self._shared.get(key)
        return kept if kept in {NONE, FAILED} or media_type_of(kept or b"") else None

    async def _ask(self, movie_id: int) -> bytes:
        try:
            async with self._turns:
                path = await self._tmdb.poster_path(movie_id)
                return await self._fetch(path) if path else NONE
        except MovieNotFound:
            return NONE
        except ExternalApiError:  # logged by the one who raised it
            return FAILED

    async def _fetch(self, path: str) -> bytes:
        self._breaker.admit()
        await self._rate_limit.take()
        asked = self._clock.monotonic()
        outcome = "abandoned"
        try:
            body = await self._get(path)
            outcome = "answered"
        except (AttemptFailed, TimeoutError, httpx.HTTPError) as error:
            outcome = outcome_of(error)
            self._breaker.failed()
            log.warning("no picture from TMDB", error=f"{type(error).__name__}: {error}", path=path)
            raise ExternalApiError from error
        finally:
            self.calls.add(outcome, self._clock.monotonic() - asked)
        self._breaker.succeeded()
        return body

    async def _get(self, path: str) -> bytes:
        async with asyncio.timeout(FETCH_SECONDS), self._http.stream("GET", f"/{SIZE}{path}") as answer:
            if answer.status_code == httpx.codes.NOT_FOUND:
                return NONE
            if answer.status_code != httpx.codes.OK:
                raise AttemptFailed(f"status {answer.status_code}", again=False)
            body = await whole_body(answer, MAX_BYTES)
        if media_type_of(body) is None:
            raise AttemptFailed("no picture", again=False)
        return body


def media_type_of(body: bytes) -> str | None:
    """As its first bytes say; None for what is no picture that we would pass on."""
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "image/webp"
    return None


def _holds(kept: bytes) -> int:
    """Seconds."""
    return {NONE: NONE_SECONDS, FAILED: FAILED_SECONDS}.get(kept, KEPT_SECONDS)
