"""Shelves: the favourites, watchlist, films seen and ratings of users (contract §7.3 to §7.7, §14).

TMDB is asked before a transaction, never inside, and only for films that the catalogue does not know. A film's data are
stored together with its first favourite or rating. Lists are cached under a version that each write changes in its own
transaction, so that every node shows the write.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from filmer.audit.log import Actor, record
from filmer.catalogue.number_queries import select_numbered_film
from filmer.catalogue.schemas import FIRST_OWN
from filmer.clock import Clock
from filmer.community import queries
from filmer.community.schemas import (
    Favorite,
    Favorites,
    FilmRatings,
    RatedFilm,
    Rating,
    Seen,
    SeenFilms,
    ShelfList,
    UpdatedRating,
    WatchlistFilms,
)
from filmer.errors import FavoriteNotFound, FieldError, MovieNotFound, NotFound, RatingNotFound, UserNotFound
from filmer.http.envelopes import encode
from filmer.store.postgres import Connection, Database
from filmer.store.valkey import SharedCache, unpack
from filmer.tmdb import queries as tmdb_queries
from filmer.tmdb.cache import CacheResult, TmdbCache
from filmer.tmdb.payloads import TmdbFilm

MAX_LISTED = 500
MAX_REFRESHED = 200  # films of a list at a time: thousands may have been brought
STALE_SECONDS = 1  # for which a list is cached while some of its films are refreshed


class Shelf(msgspec.Struct, frozen=True):
    """What a user keeps films in. ``name``: as the audit log calls a film on it. ``body``: the list as JSON."""

    table: queries.Table
    name: str
    body: Callable[[list[Any]], msgspec.Struct]
    missing: Callable[[], NotFound]


FAVORITES = Shelf("favorite", "favorite", Favorites, FavoriteNotFound)
WATCHLIST = Shelf("watchlist_film", "watchlist", WatchlistFilms, lambda: NotFound("Not on the watchlist"))
SEEN = Shelf("seen_film", "seen", SeenFilms, lambda: NotFound("Not among the films seen"))


class Listing(msgspec.Struct, array_like=True, frozen=True):
    """A user's films as JSON. ``fetched``: when the oldest film's data came from TMDB, in seconds since 1970."""

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

    async def add(
        self, shelf: Shelf, user_id: int, movie_id: int, actor: Actor | None = None, *, seen_on: date | None = None
    ) -> tuple[Favorite, bool]:
        """The record, and whether it is new. ``actor``: somebody else who adds it. ``seen_on``: for ``SEEN``.

        Raises UserNotFound, MovieNotFound, ExternalApiError.
        """
        async with self._database.connection() as conn:
            await self._require_user(conn, user_id)
            existing = await queries.select_entry(conn, shelf.table, user_id, movie_id)
        if existing is not None and _is_said(existing, seen_on):
            return existing, False
        film = None if existing else await self._look_up(movie_id)
        async with self._storing_film(user_id, movie_id, film) as conn:
            # Looked up anew: whoever adds the film at the same time, under any of its numbers, has had their turn.
            entry = existing = await queries.select_entry(conn, shelf.table, user_id, movie_id)
            if entry is None:
                entry = await queries.insert_entry(conn, shelf.table, user_id, movie_id, self._clock.now(), seen_on)
            elif seen_on and not _is_said(entry, seen_on):
                entry = await queries.update_seen(conn, user_id, entry.id, seen_on) or entry
            if actor and entry is not existing:
                await record(conn, actor, f"account.add_{shelf.name}", ("account", user_id), after={"film": movie_id})
        return entry, existing is None

    async def list_films(self, shelf: Shelf, user_id: int, params: ShelfList) -> tuple[Listing, bool]:
        """The list, and whether it was read from the database just now. Raises UserNotFound."""
        async with self._database.connection() as conn:
            version, edition = await queries.select_version(conn, user_id), conn.edition
            if version is None:
                await self._require_user(conn, user_id)
        key = f"filmer:{shelf.table}:{version}:{edition}:{params.sort}:{params.order}"
        is_cached = version is not None and self._seconds > 0
        if is_cached and (cached := unpack(await self._shared.get(key), Listing)):
            return cached, False
        async with self._database.connection() as conn:
            rows = await queries.select_entries(conn, shelf.table, user_id, sort=params.sort, order=params.order)
        now = self._clock.now()
        fetched = {row.tmdb_id: row.fetched.timestamp() if row.fetched else 0.0 for row in rows if row.tmdb_id}
        stale = [tmdb_id for tmdb_id, seconds in fetched.items() if not self._tmdb_cache.is_fresh(seconds)]
        if self._tmdb_cache.is_set_up:
            self._tmdb_cache.refresh(stale[:MAX_REFRESHED])
        oldest = min((row.fetched for row in rows if row.fetched), default=now)
        listing = Listing(encode(shelf.body([row.film for row in rows])), oldest.timestamp())
        if is_cached:
            seconds = STALE_SECONDS if stale and self._tmdb_cache.is_set_up else self._seconds
            self._shared.put_in_background(key, msgspec.msgpack.encode(listing), seconds=seconds)
        return listing, True

    async def entry(self, user_id: int, movie_id: int) -> queries.ShelfEntry:
        """What the user keeps of a film."""
        async with self._database.connection() as conn:
            return await queries.select_shelf_entry(conn, user_id, movie_id)

    async def title(self, movie_id: int) -> str:
        """Of a film that is kept."""
        async with self._database.connection() as conn:
            return await queries.select_title(conn, movie_id) or f"TMDB film {movie_id}"

    async def favorite_ids(self, user_id: int, movie_ids: Sequence[int]) -> dict[int, int]:
        """The ids of the user's favourites among these films, by their numbers as given."""
        async with self._database.connection() as conn:
            return await queries.select_favorite_ids(conn, user_id, movie_ids)

    async def remove(self, shelf: Shelf, user_id: int, entry_id: int, actor: Actor | None = None) -> None:
        """``actor``: somebody else who removes it. Raises UserNotFound, or what the shelf says is missing."""
        async with self.changing(user_id) as conn:
            if not await queries.delete_entry(conn, shelf.table, user_id, entry_id):
                raise shelf.missing()
            if actor:
                removed = {shelf.name: entry_id}
                await record(conn, actor, f"account.remove_{shelf.name}", ("account", user_id), before=removed)

    async def clear_favorites(self, user_id: int, actor: Actor, own: Connection | None = None) -> None:
        """``own``: the caller's connection, for its transaction. Raises UserNotFound."""
        async with self.changing(user_id, own) as conn:
            before, after = {"favorites": await queries.delete_favorites(conn, user_id)}, {"favorites": 0}
            await record(conn, actor, "account.clear_favorites", ("account", user_id), before=before, after=after)

    async def rate(self, user_id: int, movie_id: int, rating: float) -> tuple[Rating, bool]:
        """The rating, and whether it is new. Raises MovieNotFound, ExternalApiError."""
        film = await self._look_up(movie_id)
        async with self._storing_film(user_id, movie_id, film) as conn:
            return await queries.upsert_rating(conn, user_id, movie_id, Decimal(rating), self._clock.now())

    def check_day(self, values: dict[str, Any]) -> Iterator[FieldError]:
        """Of a new record of a film that was seen: it may be tomorrow already where its user is."""
        day = values.get("seen_on")
        if day and day > (self._clock.now() + timedelta(days=1)).date():
            yield FieldError("seen_on", "must not be in the future")

    async def film_ratings(self, movie_id: int) -> FilmRatings:
        """What all users think of a film. Raises MovieNotFound for a number of the shop's own that no film has."""
        async with self._database.connection() as conn:
            if movie_id >= FIRST_OWN and not (await select_numbered_film(conn, movie_id)).is_in_catalogue:
                raise MovieNotFound
            return await queries.select_film_ratings(conn, movie_id)

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
            if not await queries.delete_entry(conn, "rating", user_id, rating_id):
                raise RatingNotFound

    async def _look_up(self, movie_id: int) -> CacheResult[TmdbFilm] | None:
        """What TMDB tells of the film; None where the catalogue knows it and TMDB has nothing at hand.

        Raises MovieNotFound, ExternalApiError.
        """
        async with self._database.connection() as conn:
            known = await select_numbered_film(conn, movie_id)
        if not known.is_in_catalogue:
            if movie_id >= FIRST_OWN:
                raise MovieNotFound
            return await self._tmdb_cache.film(movie_id)
        return await self._tmdb_cache.film_if_available(known.tmdb_id) if known.tmdb_id else None

    @asynccontextmanager
    async def changing(self, user_id: int, own: Connection | None = None) -> AsyncIterator[Connection]:
        """A transaction that changes what the account keeps. Raises UserNotFound. ``own``: the caller's connection."""
        async with nullcontext(own) if own else self._database.connection() as conn, conn.transaction():
            await self._require_user(conn, user_id)
            await queries.change_version(conn, user_id)
            yield conn

    @asynccontextmanager
    async def _storing_film(
        self, user_id: int, movie_id: int, film: CacheResult[TmdbFilm] | None
    ) -> AsyncIterator[Connection]:
        async with self.changing(user_id) as conn:
            if film:
                await tmdb_queries.upsert_film(conn, film.value, datetime.fromtimestamp(film.fetched, UTC))
            if not await queries.insert_film_in_use(conn, movie_id) and movie_id >= FIRST_OWN:
                raise MovieNotFound  # an import has just dropped it
            yield conn

    @staticmethod
    async def _require_user(conn: Connection, user_id: int) -> None:
        if not await queries.select_is_user(conn, user_id):
            raise UserNotFound


def _is_said(entry: Favorite, seen_on: date | None) -> bool:
    """Whether the record tells of that day already, or no day is given."""
    return seen_on is None or (isinstance(entry, Seen) and entry.seen_on == seen_on)
