"""Copies of what TMDB answered: who asks gets one at once, however old, and it is brought up to date behind.

A copy is fresh for CACHE_DURATION_SECONDS, and kept a day in Valkey; of films that somebody favourited or rated the
last good one is in PostgreSQL. Where there is none, one request goes to TMDB for one thing, from all workers
together: whoever has the claim in Valkey asks, the others wait for the copy or for word that it failed. An error never
takes a copy's place (contract §7.8, §7.9; decision 0013).
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
from filmer.errors import ExternalApiError, FilmerError, MovieNotFound, ServiceUnavailable, UnusableAnswer
from filmer.settings import Settings
from filmer.single_flight import single_flight
from filmer.store.postgres import Database
from filmer.store.valkey import SharedCache, unpack
from filmer.tmdb import queries
from filmer.tmdb.client import Tmdb
from filmer.tmdb.payloads import Popular, TmdbFilm

KEPT_SECONDS = 24 * 3600  # in Valkey
KEPT_HERE = 3000  # copies in a process's memory; a page of popular films takes about 10 KB
CLAIM_MILLISECONDS = 2000  # renewed while its holder lives
POLL_SECONDS, LONGEST_POLL_SECONDS = 0.05, 0.5
GRACE_SECONDS = 0.5  # beyond the deadline, for whoever waited for another worker before they asked
MISSING_SECONDS = 30  # for which TMDB's word that there is no such film holds
FAILED_SECONDS = 1  # for which those who wait hear of a failure
AT_HAND_SECONDS = 0.3  # for what a page shows besides, if it is there
AT_ONCE = 4  # refreshes behind, each worker
MAX_BEHIND = 500
OLD = timedelta(days=30)  # then a film in PostgreSQL is refreshed though nobody looks at it
TOO_OLD = timedelta(days=180)  # TMDB's terms: no copy is kept longer than six months

# By which other workers hear of a refusal.
_WORDS: dict[bytes, type[FilmerError]] = {
    b"MOVIE_NOT_FOUND": MovieNotFound,
    b"EXTERNAL_API_ERROR": ExternalApiError,
    b"UNUSABLE": UnusableAnswer,
}
State = Literal["hit", "miss", "stale"]
T = TypeVar("T")


class CachedValue(msgspec.Struct, Generic[T], array_like=True, frozen=True):
    """``fetched``: seconds since 1970."""

    fetched: float
    value: T


class Resource(msgspec.Struct, Generic[T], frozen=True):
    """Something TMDB can be asked for."""

    name: str
    shape: Any
    ask: Callable[[], Awaitable[T]]
    movie_id: int | None = None


class CacheAnswer(msgspec.Struct, Generic[T], frozen=True):
    """``state``: ``miss`` was asked for just now, ``stale`` is older than CACHE_DURATION_SECONDS."""

    value: T
    fetched: float
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
        self._here: LRUCache[str, CachedValue[Any]] = LRUCache(KEPT_HERE)
        self._refusals: LRUCache[str, tuple[float, type[FilmerError]]] = LRUCache(KEPT_HERE)  # until when
        self._looks: dict[str, asyncio.Task[CachedValue[Any] | None]] = {}
        self._under_way: dict[str, asyncio.Task[CachedValue[Any] | type[FilmerError]]] = {}
        self._behind: dict[str, asyncio.Task[None]] = {}
        self._keeping: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self.outcomes: Counter[State | Literal["none"]] = Counter()  # "none": no copy, and none to be had

    async def popular(self, page: int) -> CacheAnswer[Popular]:
        """A page of popular films. Raises ExternalApiError where there is no copy and TMDB has none to give."""
        return await self._get(self._popular(page))

    async def popular_at_hand(self, page: int) -> CacheAnswer[Popular] | None:
        """The same for whoever can do without: None where TMDB has to be waited for. It is asked behind."""
        resource = self._popular(page)
        copy = await self._at_hand(resource)
        if copy is None and self.is_set_up:
            self._refresh(resource)
            asking: list[asyncio.Task[Any] | None] = [
                self._behind.get(resource.name),
                self._under_way.get(resource.name),
            ]
            if tasks := [task for task in asking if task]:
                await asyncio.wait(tasks, timeout=AT_HAND_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            copy = self._here.get(resource.name)
        if copy is None:
            self.outcomes["none"] += 1
            return None
        return self._kept(resource, copy)

    async def film(self, movie_id: int) -> CacheAnswer[TmdbFilm]:
        """A film. Raises MovieNotFound when TMDB says so, ExternalApiError when it says nothing."""
        return await self._get(self._film(movie_id))

    @property
    def is_set_up(self) -> bool:
        """Whether there is a TMDB to ask."""
        return self._tmdb.is_set_up

    def refresh(self, movie_ids: Iterable[int]) -> None:
        """Bring these films up to date behind."""
        for movie_id in movie_ids:
            self._refresh(self._film(movie_id))

    def is_fresh(self, fetched: float) -> bool:
        """A copy from the future is not: a clock was wrong."""
        return abs(self._now() - fetched) < self._fresh_seconds

    def age(self, fetched: float) -> float:
        """Seconds."""
        return max(0.0, self._now() - fetched)

    async def tidy(self) -> None:
        """Once a minute: films nobody looked at for long are refreshed, none is kept longer than TMDB's terms allow."""
        now = self._clock.now()
        async with self._database.connection() as conn:
            await queries.delete_films(conn, fetched_before=now - TOO_OLD)
            old = await queries.select_old_films(conn, fetched_before=now - OLD)
        self.refresh(old)

    async def close(self) -> None:
        tasks: list[asyncio.Task[Any]] = [
            *self._behind.values(), *self._looks.values(), *self._under_way.values(), *self._keeping,
        ]  # fmt: skip
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _popular(self, page: int) -> Resource[Popular]:
        return Resource(f"popular:{page}", CachedValue[Popular], partial(self._tmdb.popular, page))

    def _film(self, movie_id: int) -> Resource[TmdbFilm]:
        return Resource(f"film:{movie_id}", CachedValue[TmdbFilm], partial(self._tmdb.film, movie_id), movie_id)

    async def _get(self, resource: Resource[T]) -> CacheAnswer[T]:
        copy = await self._at_hand(resource)
        if copy is None:
            state: State | Literal["none"] = "none"
            try:
                copy = await self._fetched(resource, None)
                state = "miss"
            finally:
                self.outcomes[state] += 1
            return CacheAnswer(copy.value, copy.fetched, "miss")
        return self._kept(resource, copy)

    def _kept(self, resource: Resource[T], copy: CachedValue[T]) -> CacheAnswer[T]:
        if self.is_fresh(copy.fetched):
            self.outcomes["hit"] += 1
            return CacheAnswer(copy.value, copy.fetched, "hit")
        self.outcomes["stale"] += 1
        self._refresh(resource)
        return CacheAnswer(copy.value, copy.fetched, "stale")

    async def _at_hand(self, resource: Resource[T]) -> CachedValue[T] | None:
        """The newest copy there is."""
        copy: CachedValue[T] | None = self._here.get(resource.name)
        if copy is not None and self.is_fresh(copy.fetched):
            return copy
        return await single_flight(self._looks, resource.name, lambda: self._look(resource))

    async def _look(self, resource: Resource[T]) -> CachedValue[T] | None:
        copy = await self._from_shared(resource)
        if copy is None and resource.name not in self._here and resource.movie_id is not None:
            copy = cast("CachedValue[T] | None", await self._from_database(resource.movie_id))
        copy = _newer(self._here.get(resource.name), copy)
        if copy is not None:
            self._here[resource.name] = copy
        return copy

    async def _from_shared(self, resource: Resource[T]) -> CachedValue[T] | None:
        copy: CachedValue[T] | None = unpack(await self._shared.get(self._key(resource)), resource.shape)
        return copy if copy and isfinite(copy.fetched) else None

    async def _from_database(self, movie_id: int) -> CachedValue[TmdbFilm] | None:
        try:
            async with self._database.connection() as conn:
                found = await queries.select_film(conn, movie_id)
        except ServiceUnavailable:
            return None
        return CachedValue(found[1].timestamp(), found[0]) if found else None

    def _refresh(self, resource: Resource[Any]) -> None:
        is_cared_for = resource.name in self._under_way or resource.name in self._behind
        if is_cared_for or self._refusal(resource) or len(self._behind) >= MAX_BEHIND:
            return
        task = asyncio.create_task(self._fetch_behind(resource))
        self._behind[resource.name] = task
        task.add_done_callback(lambda _: self._behind.pop(resource.name, None))

    async def _fetch_behind(self, resource: Resource[Any]) -> None:
        async with self._turns:
            copy = await self._at_hand(resource)
            if copy is not None and self.is_fresh(copy.fetched):
                return  # another worker was there before us
            with suppress(FilmerError):  # logged by the one who asked TMDB; the copy stands
                await self._fetched(resource, copy)

    async def _fetched(self, resource: Resource[T], held: CachedValue[T] | None) -> CachedValue[T]:
        """A newer copy than the one held, asked for once, however many wait. Raises MovieNotFound or others."""
        here: CachedValue[T] | None = self._here.get(resource.name)
        if here is not None and (held is None or here.fetched > held.fetched):
            return here  # it came while we looked elsewhere
        if resource.name not in self._under_way and (refusal := self._refusal(resource)):
            raise refusal
        try:
            async with asyncio.timeout(self._deadline + GRACE_SECONDS):
                found = await single_flight(self._under_way, resource.name, lambda: self._fetch(resource, held))
        except TimeoutError:
            raise ExternalApiError from None
        if isinstance(found, type):
            raise found
        return found

    def _refusal(self, resource: Resource[Any]) -> type[FilmerError] | None:
        until, error = self._refusals.get(resource.name, (0.0, None))
        return error if self._clock.monotonic() < until else None

    async def _fetch(self, resource: Resource[T], held: CachedValue[T] | None) -> CachedValue[T] | type[FilmerError]:
        deadline = self._clock.monotonic() + self._deadline
        pause = POLL_SECONDS
        while not await self._shared.claim(self._key(resource), milliseconds=CLAIM_MILLISECONDS):
            if (heard := await self._heard(resource, held)) is not None:
                return heard
            if self._clock.monotonic() > deadline:
                return ExternalApiError
            await self._clock.sleep(pause)
            pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
        async with self._claim(resource):
            # The one before us may have brought it between our look and our claim.
            heard = await self._heard(resource, held)
            return heard if heard is not None else await self._ask(resource)

    async def _heard(
        self, resource: Resource[T], held: CachedValue[T] | None
    ) -> CachedValue[T] | type[FilmerError] | None:
        """What another worker found out meanwhile."""
        copy = await self._from_shared(resource)
        if copy is not None and (held is None or copy.fetched > held.fetched):
            self._here[resource.name] = copy
            return copy
        word = await self._shared.get(f"{self._key(resource)}:no")
        if word is None:
            return None
        return self._remember(resource, _WORDS.get(word, ExternalApiError))

    async def _ask(self, resource: Resource[T]) -> CachedValue[T] | type[FilmerError]:
        try:
            value = await resource.ask()
        except (MovieNotFound, ExternalApiError) as error:
            refusal = self._remember(resource, type(error))
            word = next(word for word, known in _WORDS.items() if known is refusal)
            await self._shared.put(f"{self._key(resource)}:no", word, seconds=_holds(refusal))
            return refusal
        copy = CachedValue(self._now(), value)
        self._here[resource.name] = copy
        self._refusals.pop(resource.name, None)
        await self._shared.put(self._key(resource), msgspec.msgpack.encode(copy), seconds=KEPT_SECONDS)
        if isinstance(value, TmdbFilm):
            keeping = asyncio.create_task(self._keep_film(value, copy.fetched))  # nobody waits for a database away
            self._keeping.add(keeping)
            keeping.add_done_callback(self._keeping.discard)
        return copy

    async def _keep_film(self, film: TmdbFilm, fetched: float) -> None:
        with suppress(ServiceUnavailable):
            async with self._database.connection() as conn:
                await queries.upsert_kept_film(conn, film, datetime.fromtimestamp(fetched, UTC))

    def _remember(self, resource: Resource[Any], refusal: type[FilmerError]) -> type[FilmerError]:
        self._refusals[resource.name] = (self._clock.monotonic() + _holds(refusal), refusal)
        return refusal

    @asynccontextmanager
    async def _claim(self, resource: Resource[Any]) -> AsyncIterator[None]:
        """Keeps the claim for as long as it takes; that of a worker that dies is over soon."""
        key = self._key(resource)

        async def keep() -> None:
            while True:
                await asyncio.sleep(CLAIM_MILLISECONDS / 4000)
                await self._shared.extend_claim(key, milliseconds=CLAIM_MILLISECONDS)

        task = asyncio.create_task(keep())
        try:
            yield
        finally:
            task.cancel()
            await self._shared.release_claim(key)

    def _key(self, resource: Resource[Any]) -> str:
        return f"{self._prefix}:{resource.name}"

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _newer(one: CachedValue[T] | None, other: CachedValue[T] | None) -> CachedValue[T] | None:
    return max((copy for copy in (one, other) if copy), key=lambda copy: copy.fetched, default=None)


def _holds(refusal: type[FilmerError]) -> int:
    """Seconds for which a refusal is not asked about again."""
    return MISSING_SECONDS if refusal is MovieNotFound else FAILED_SECONDS
