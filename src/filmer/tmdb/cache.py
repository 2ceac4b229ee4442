"""The cache of TMDB's responses: cached values are served at once, however old, and refreshed in the background.

A cached value is fresh for CACHE_DURATION_SECONDS. It is in the memory of each process, and for a day in Valkey; films
that a user favourited or rated are also in PostgreSQL. Where nothing is cached, one request for all workers goes to
TMDB: the process that gets the claim in Valkey sends it, the others wait for its result. An error never replaces a
cached value (contract §7.8, §7.9; decision 0013).
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from math import isfinite
from typing import Any, Generic, Literal, TypeVar, cast

import msgspec
from cachetools import LRUCache

from filmer.clock import Clock
from filmer.errors import ExternalApiError, FilmerError, MovieNotFound, ServiceUnavailable, UnusableTmdbResponse
from filmer.settings import Settings
from filmer.single_flight import single_flight
from filmer.store.postgres import Database
from filmer.store.valkey import SharedCache, unpack
from filmer.tmdb import queries
from filmer.tmdb.client import Tmdb
from filmer.tmdb.payloads import Popular, TmdbFilm

VALKEY_SECONDS = 24 * 3600
MAX_IN_MEMORY = 3000  # values in a process's memory; a page of popular films takes about 10 KB
CLAIM_MILLISECONDS = 2000  # renewed while its holder lives
POLL_SECONDS, MAX_POLL_SECONDS = 0.05, 0.5
GRACE_SECONDS = 0.5  # beyond TMDB's deadline, as a caller may first wait for another worker
NOT_FOUND_SECONDS = 30  # for which a film counts as unknown to TMDB
FAILED_SECONDS = 1  # for which a failure is reported to those who wait for the same
OPTIONAL_SECONDS = 0.3  # that a page waits for what it can do without
MAX_REFRESHES = 4  # refreshes at a time, each worker
MAX_QUEUED_REFRESHES = 500
REFRESH_AFTER = timedelta(days=30)  # then a film in PostgreSQL is refreshed even if nobody looks at it
DELETE_AFTER = timedelta(days=180)  # TMDB's terms: nothing is cached for more than six months

# How Valkey tells other workers of an error.
_ERRORS: dict[bytes, type[FilmerError]] = {
    b"MOVIE_NOT_FOUND": MovieNotFound,
    b"EXTERNAL_API_ERROR": ExternalApiError,
    b"UNUSABLE": UnusableTmdbResponse,
}
State = Literal["hit", "miss", "stale"]
T = TypeVar("T")


class CachedValue(msgspec.Struct, Generic[T], array_like=True, frozen=True):
    """``fetched``: seconds since 1970."""

    fetched: float
    value: T


class Resource(msgspec.Struct, Generic[T], frozen=True):
    """Something that TMDB is asked for. ``cached_type``: the type of its cached value."""

    name: str
    cached_type: Any
    fetch: Callable[[], Awaitable[T]]
    movie_id: int | None = None


class CacheResult(msgspec.Struct, Generic[T], frozen=True):
    """``state``: ``miss`` was fetched just now, ``stale`` is older than CACHE_DURATION_SECONDS."""

    value: T
    fetched: float  # seconds since 1970
    state: State


class TmdbCache:
    def __init__(self, tmdb: Tmdb, shared: SharedCache, database: Database, clock: Clock, settings: Settings) -> None:
        self._tmdb = tmdb
        self._shared = shared
        self._database = database
        self._clock = clock
        self._fresh_seconds = settings.cache_duration_seconds
        self._deadline = settings.tmdb_deadline_seconds
        source = f"{settings.tmdb_base_url} {settings.tmdb_language} {settings.tmdb_region}"
        self._prefix = f"filmer:tmdb:{hashlib.blake2b(source.encode(), digest_size=8).hexdigest()}"
        self._memory: LRUCache[str, CachedValue[Any]] = LRUCache(MAX_IN_MEMORY)
        self._errors: LRUCache[str, tuple[float, type[FilmerError]]] = LRUCache(MAX_IN_MEMORY)  # until when
        self._lookups: dict[str, asyncio.Task[CachedValue[Any] | None]] = {}
        self._fetches: dict[str, asyncio.Task[CachedValue[Any] | type[FilmerError]]] = {}
        self._refreshes: dict[str, asyncio.Task[None]] = {}
        self._saves: set[asyncio.Task[None]] = set()
        self._refresh_slots = asyncio.Semaphore(MAX_REFRESHES)
        self.outcomes: Counter[State | Literal["none"]] = Counter()  # "none": nothing cached, and nothing fetched

    async def popular(self, page: int) -> CacheResult[Popular]:
        """A page of popular films. Raises ExternalApiError where none is cached and TMDB sends none."""
        return await self._get(self._popular(page))

    async def popular_if_available(self, page: int) -> CacheResult[Popular] | None:
        """The same for a page that can do without. None where TMDB takes longer; it is fetched in the background."""
        return await self._get_if_available(self._popular(page))

    async def film_if_available(self, movie_id: int) -> CacheResult[TmdbFilm] | None:
        """A film for whoever can do without, as above; None also if TMDB does not know it."""
        return await self._get_if_available(self._film(movie_id))

    async def _get_if_available(self, resource: Resource[T]) -> CacheResult[T] | None:
        cached = await self._cached(resource)
        if cached is None and self.is_set_up:
            self._refresh(resource)
            running: list[asyncio.Task[Any] | None] = [
                self._refreshes.get(resource.name),
                self._fetches.get(resource.name),
            ]
            if tasks := [task for task in running if task]:
                await asyncio.wait(tasks, timeout=OPTIONAL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            cached = self._memory.get(resource.name)
        if cached is None:
            self.outcomes["none"] += 1
            return None
        return self._hit_or_stale(resource, cached)

    async def film(self, movie_id: int) -> CacheResult[TmdbFilm]:
        """A film. Raises MovieNotFound if TMDB does not know it, ExternalApiError if TMDB can't be asked."""
        return await self._get(self._film(movie_id))

    @property
    def is_set_up(self) -> bool:
        """Whether there is a TMDB to ask."""
        return self._tmdb.is_set_up

    def refresh(self, movie_ids: Iterable[int]) -> None:
        """Refresh these films in the background."""
        for movie_id in movie_ids:
            self._refresh(self._film(movie_id))

    def is_fresh(self, fetched: float) -> bool:
        """A value from the future is not: a clock was wrong."""
        return abs(self._now() - fetched) < self._fresh_seconds

    def age(self, fetched: float) -> float:
        """Seconds."""
        return max(0.0, self._now() - fetched)

    async def tidy(self) -> None:
        """Once a minute: refresh films that nobody looked at for long, and delete what TMDB's terms no longer allow."""
        now = self._clock.now()
        async with self._database.connection() as conn:
            await queries.delete_films(conn, fetched_before=now - DELETE_AFTER)
            old = await queries.select_old_films(conn, fetched_before=now - REFRESH_AFTER)
        self.refresh(old)

    async def close(self) -> None:
        tasks: list[asyncio.Task[Any]] = [
            *self._refreshes.values(), *self._lookups.values(), *self._fetches.values(), *self._saves,
        ]  # fmt: skip
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _popular(self, page: int) -> Resource[Popular]:
        return Resource(f"popular:{page}", CachedValue[Popular], partial(self._tmdb.popular, page))

    def _film(self, movie_id: int) -> Resource[TmdbFilm]:
        return Resource(f"film:{movie_id}", CachedValue[TmdbFilm], partial(self._tmdb.film, movie_id), movie_id)

    async def _get(self, resource: Resource[T]) -> CacheResult[T]:
        cached = await self._cached(resource)
        if cached is None:
            state: State | Literal["none"] = "none"
            try:
                cached = await self._fetch(resource, None)
                state = "miss"
            finally:
                self.outcomes[state] += 1
            return CacheResult(cached.value, cached.fetched, "miss")
        return self._hit_or_stale(resource, cached)

    def _hit_or_stale(self, resource: Resource[T], cached: CachedValue[T]) -> CacheResult[T]:
        """The cached value as a result. It is refreshed in the background if it is stale."""
        if self.is_fresh(cached.fetched):
            self.outcomes["hit"] += 1
            return CacheResult(cached.value, cached.fetched, "hit")
        self.outcomes["stale"] += 1
        self._refresh(resource)
        return CacheResult(cached.value, cached.fetched, "stale")

    async def _cached(self, resource: Resource[T]) -> CachedValue[T] | None:
        """The newest cached value."""
        cached: CachedValue[T] | None = self._memory.get(resource.name)
        if cached is not None and self.is_fresh(cached.fetched):
            return cached
        return await single_flight(self._lookups, resource.name, lambda: self._look_up(resource))

    async def _look_up(self, resource: Resource[T]) -> CachedValue[T] | None:
        cached = await self._from_valkey(resource)
        if cached is None and resource.name not in self._memory and resource.movie_id is not None:
            cached = cast("CachedValue[T] | None", await self._from_database(resource.movie_id))
        cached = _newer(self._memory.get(resource.name), cached)
        if cached is not None:
            self._memory[resource.name] = cached
        return cached

    async def _from_valkey(self, resource: Resource[T]) -> CachedValue[T] | None:
        cached: CachedValue[T] | None = unpack(await self._shared.get(self._key(resource)), resource.cached_type)
        return cached if cached and isfinite(cached.fetched) else None

    async def _from_database(self, movie_id: int) -> CachedValue[TmdbFilm] | None:
        try:
            async with self._database.connection() as conn:
                row = await queries.select_film(conn, movie_id)
        except ServiceUnavailable:
            return None
        return CachedValue(row[1].timestamp(), row[0]) if row else None

    def _refresh(self, resource: Resource[Any]) -> None:
        is_running = resource.name in self._fetches or resource.name in self._refreshes
        if is_running or self._recent_error(resource) or len(self._refreshes) >= MAX_QUEUED_REFRESHES:
            return
        task = asyncio.create_task(self._refresh_in_turn(resource))
        self._refreshes[resource.name] = task
        task.add_done_callback(lambda _: self._refreshes.pop(resource.name, None))

    async def _refresh_in_turn(self, resource: Resource[Any]) -> None:
        async with self._refresh_slots:
            cached = await self._cached(resource)
            if cached is not None and self.is_fresh(cached.fetched):
                return  # another worker has refreshed it
            with suppress(FilmerError):  # logged by the client; the cached value stays
                await self._fetch(resource, cached)

    async def _fetch(self, resource: Resource[T], current: CachedValue[T] | None) -> CachedValue[T]:
        """A newer value than ``current``, fetched once for all who wait. Raises MovieNotFound, ExternalApiError."""
        cached: CachedValue[T] | None = self._memory.get(resource.name)
        if cached is not None and (current is None or cached.fetched > current.fetched):
            return cached  # it arrived while we looked elsewhere
        if resource.name not in self._fetches and (error := self._recent_error(resource)):
            raise error
        try:
            async with asyncio.timeout(self._deadline + GRACE_SECONDS):
                result = await single_flight(
                    self._fetches, resource.name, lambda: self._fetch_with_claim(resource, current)
                )
        except TimeoutError:
            raise ExternalApiError from None
        if isinstance(result, type):
            raise result
        return result

    def _recent_error(self, resource: Resource[Any]) -> type[FilmerError] | None:
        until, error = self._errors.get(resource.name, (0.0, None))
        return error if self._clock.monotonic() < until else None

    async def _fetch_with_claim(
        self, resource: Resource[T], current: CachedValue[T] | None
    ) -> CachedValue[T] | type[FilmerError]:
        deadline = self._clock.monotonic() + self._deadline
        pause = POLL_SECONDS
        while not await self._shared.claim(self._key(resource), milliseconds=CLAIM_MILLISECONDS):
            if (from_other := await self._from_other_worker(resource, current)) is not None:
                return from_other
            if self._clock.monotonic() > deadline:
                return ExternalApiError
            await self._clock.sleep(pause)
            pause = min(pause * 1.5, MAX_POLL_SECONDS)
        async with self._renewed_claim(resource):
            # Another worker may have finished between our last look and our claim.
            from_other = await self._from_other_worker(resource, current)
            return from_other if from_other is not None else await self._fetch_from_tmdb(resource)

    async def _from_other_worker(
        self, resource: Resource[T], current: CachedValue[T] | None
    ) -> CachedValue[T] | type[FilmerError] | None:
        """The value or error that another worker has got from TMDB meanwhile."""
        cached = await self._from_valkey(resource)
        if cached is not None and (current is None or cached.fetched > current.fetched):
            self._memory[resource.name] = cached
            return cached
        code = await self._shared.get(f"{self._key(resource)}:no")
        if code is None:
            return None
        return self._remember(resource, _ERRORS.get(code, ExternalApiError))

    async def _fetch_from_tmdb(self, resource: Resource[T]) -> CachedValue[T] | type[FilmerError]:
        try:
            value = await resource.fetch()
        except (MovieNotFound, ExternalApiError) as failure:
            error = self._remember(resource, type(failure))
            code = next(code for code, known in _ERRORS.items() if known is error)
            await self._shared.put(f"{self._key(resource)}:no", code, seconds=_error_seconds(error))
            return error
        cached = CachedValue(self._now(), value)
        self._memory[resource.name] = cached
        self._errors.pop(resource.name, None)
        await self._shared.put(self._key(resource), msgspec.msgpack.encode(cached), seconds=VALKEY_SECONDS)
        if isinstance(value, TmdbFilm):
            save = asyncio.create_task(self._save_film(value, cached.fetched))  # so that a lost database delays nobody
            self._saves.add(save)
            save.add_done_callback(self._saves.discard)
        return cached

    async def _save_film(self, film: TmdbFilm, fetched: float) -> None:
        with suppress(ServiceUnavailable):
            async with self._database.connection() as conn:
                await queries.upsert_marked_film(conn, film, datetime.fromtimestamp(fetched, UTC))

    def _remember(self, resource: Resource[Any], error: type[FilmerError]) -> type[FilmerError]:
        self._errors[resource.name] = (self._clock.monotonic() + _error_seconds(error), error)
        return error

    @asynccontextmanager
    async def _renewed_claim(self, resource: Resource[Any]) -> AsyncIterator[None]:
        """Renew the claim until the end, and drop it then. The claim of a worker that dies expires soon."""
        key = self._key(resource)

        async def renew() -> None:
            while True:
                await asyncio.sleep(CLAIM_MILLISECONDS / 4000)
                await self._shared.extend_claim(key, milliseconds=CLAIM_MILLISECONDS)

        task = asyncio.create_task(renew())
        try:
            yield
        finally:
            task.cancel()
            await self._shared.release_claim(key)

    def _key(self, resource: Resource[Any]) -> str:
        return f"{self._prefix}:{resource.name}"

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _newer(first: CachedValue[T] | None, second: CachedValue[T] | None) -> CachedValue[T] | None:
    return max((cached for cached in (first, second) if cached), key=lambda cached: cached.fetched, default=None)


def _error_seconds(error: type[FilmerError]) -> int:
    """The seconds for which an error counts, before TMDB is asked again."""
    return NOT_FOUND_SECONDS if error is MovieNotFound else FAILED_SECONDS
