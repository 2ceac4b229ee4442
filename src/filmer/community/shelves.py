"""Shelves: the favourites and ratings of users (contract §7.3 to §7.7).

TMDB is asked before a transaction, never inside. A film's data are stored together with its first favourite or rating.
Lists are cached under a version that each write changes in its own transaction, so that every node shows the write.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from filmer.audit.log import Actor, record
from filmer.clock import Clock
from filmer.community import queries
from filmer.community.schemas import Favorite, FavoriteList, Favorites, RatedFilm, Rating, UpdatedRating
from filmer.errors import FavoriteNotFound, RatingNotFound, UserNotFound
from filmer.http.envelopes import encode
from filmer.store.postgres import Connection, Database
from filmer.store.valkey import SharedCache, unpack
from filmer.tmdb import queries as tmdb_queries
from filmer.tmdb.cache import CacheResult, TmdbCache
from filmer.tmdb.payloads import TmdbFilm

MAX_LISTED = 500
STALE_SECONDS = 1  # for which a list is cached while some of its films are refreshed


class FavoriteListing(msgspec.Struct, array_like=True, frozen=True):
    """A user's favourites as JSON. ``fetched``: when the oldest film's data came from TMDB, in seconds since 1970."""

    body: bytes
    fetched: float


class Shelves:
    def __init__(
        self, database: Database, tmdb_cache: TmdbCache, shared: SharedCache, clock: Clock, *, cache_seconds: int
    ) -> None:
        self._database = database
        self._tmdb_cache = tmdb_cache
        self._shared = shared
        self._clock = clock
        self._seconds = cache_seconds

    async def add_favorite(self, user_id: int, movie_id: int, actor: Actor | None = None) -> tuple[Favorite, bool]:
        """The favourite, and whether it is new. ``actor``: somebody else who adds it.

        Raises UserNotFound, MovieNotFound, ExternalApiError.
        """
        async with self._database.connection() as conn:
            await self._require_user(conn, user_id)
            existing = await queries.select_favorite(conn, user_id, movie_id)
        if existing is not None:
            return existing, False
        film = await self._tmdb_cache.film(movie_id)
        async with self._storing_film(user_id, film) as conn:
            added = await queries.insert_favorite(conn, user_id, movie_id, self._clock.now())
            favorite = added or await queries.select_favorite(conn, user_id, movie_id)
            if added and actor:
                await record(conn, actor, "account.add_favorite", ("account", user_id), after={"film": movie_id})
        assert favorite is not None  # noqa: S101 - removals wait for the shelf's row
        return favorite, added is not None

    async def list_favorites(self, user_id: int, params: FavoriteList) -> tuple[FavoriteListing, bool]:
        """The list, and whether it was read from the database just now. Raises UserNotFound."""
        async with self._database.connection() as conn:
            version = await queries.select_version(conn, user_id)
            if version is None:
                await self._require_user(conn, user_id)
        key = f"filmer:favorites:{version}:{params.sort}:{params.order}"
        is_cached = version is not None and self._seconds > 0
        if is_cached and (cached := unpack(await self._shared.get(key), FavoriteListing)):
            return cached, False
        async with self._database.connection() as conn:
            rows = await queries.select_favorites(conn, user_id, sort=params.sort, order=params.order)
        now = self._clock.now()
        fetched = {row.film.movie_id: row.fetched.timestamp() if row.fetched else 0.0 for row in rows}
        stale = [movie_id for movie_id, seconds in fetched.items() if not self._tmdb_cache.is_fresh(seconds)]
        self._tmdb_cache.refresh(stale)
        oldest = min((row.fetched for row in rows if row.fetched), default=now)
        listing = FavoriteListing(encode(Favorites([row.film for row in rows])), oldest.timestamp())
        if is_cached:
            seconds = STALE_SECONDS if stale else self._seconds
            self._shared.put_in_background(key, msgspec.msgpack.encode(listing), seconds=seconds)
        return listing, True

    async def entry(self, user_id: int, movie_id: int) -> queries.ShelfEntry:
        """The user's favourite and rating of a film."""
        async with self._database.connection() as conn:
            return await queries.select_shelf_entry(conn, user_id, movie_id)

    async def favorite_ids(self, user_id: int, movie_ids: Sequence[int]) -> dict[int, int]:
        """The ids of the user's favourites among these films, by TMDB id."""
        async with self._database.connection() as conn:
            return await queries.select_favorite_ids(conn, user_id, movie_ids)

    async def remove_favorite(self, user_id: int, favorite_id: int, actor: Actor | None = None) -> None:
        """``actor``: somebody else who removes it. Raises UserNotFound, FavoriteNotFound."""
        async with self.changing(user_id) as conn:
            if not await queries.delete_favorite(conn, user_id, favorite_id):
                raise FavoriteNotFound
            if actor:
                favorite = {"favorite": favorite_id}
                await record(conn, actor, "account.remove_favorite", ("account", user_id), before=favorite)

    async def clear_favorites(self, user_id: int, actor: Actor, own: Connection | None = None) -> None:
        """``own``: the caller's connection, for its transaction. Raises UserNotFound."""
        async with self.changing(user_id, own) as conn:
            before, after = {"favorites": await queries.delete_favorites(conn, user_id)}, {"favorites": 0}
            await record(conn, actor, "account.clear_favorites", ("account", user_id), before=before, after=after)

    async def rate(self, user_id: int, movie_id: int, rating: float) -> tuple[Rating, bool]:
        """The rating, and whether it is new. Raises MovieNotFound, ExternalApiError."""
        film = await self._tmdb_cache.film(movie_id)
        async with self._storing_film(user_id, film) as conn:
            return await queries.upsert_rating(conn, user_id, movie_id, Decimal(rating), self._clock.now())

    async def list_ratings(self, user_id: int) -> list[RatedFilm]:
        """The latest ratings, at most ``MAX_LISTED``."""
        async with self._database.connection() as conn:
            return await queries.select_ratings(conn, user_id, limit=MAX_LISTED)

    async def change_rating(self, user_id: int, rating_id: int, rating: float) -> UpdatedRating:
        """Raises RatingNotFound, also for another user's rating."""
        async with self.changing(user_id) as conn:
            changed = await queries.update_rating(conn, user_id, rating_id, Decimal(rating), self._clock.now())
            if changed is None:
                raise RatingNotFound
        return changed

    async def remove_rating(self, user_id: int, rating_id: int) -> None:
        """Raises RatingNotFound, also for another user's rating."""
        async with self.changing(user_id) as conn:
            if not await queries.delete_rating(conn, user_id, rating_id):
                raise RatingNotFound

    @asynccontextmanager
    async def changing(self, user_id: int, own: Connection | None = None) -> AsyncIterator[Connection]:
        """The transaction of a change: others of the same account wait. Raises UserNotFound."""
        async with nullcontext(own) if own else self._database.connection() as conn, conn.transaction():
            await self._require_user(conn, user_id)
            await queries.change_version(conn, user_id)
            yield conn

    @asynccontextmanager
    async def _storing_film(self, user_id: int, film: CacheResult[TmdbFilm]) -> AsyncIterator[Connection]:
        async with self.changing(user_id) as conn:
            await tmdb_queries.upsert_film(conn, film.value, datetime.fromtimestamp(film.fetched, UTC))
            await queries.insert_film_in_use(conn, film.value.id)
            yield conn

    @staticmethod
    async def _require_user(conn: Connection, user_id: int) -> None:
        if not await queries.select_is_user(conn, user_id):
            raise UserNotFound
