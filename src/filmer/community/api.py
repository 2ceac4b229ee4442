"""The handlers of community-api.txt. They check in this order: token, permission, body, existence, then TMDB."""

from functools import partial
from typing import Any

from litestar.params import FromPath

from filmer.accounts.access import signed_in
from filmer.accounts.schemas import User
from filmer.accounts.tokens import Tokens
from filmer.audit.actors import actor_of
from filmer.audit.log import Actor
from filmer.community.popular import PopularFilms
from filmer.community.schemas import (
    ChangedRating,
    FavoriteList,
    FilmRatings,
    NewFavorite,
    NewRating,
    NewSeen,
    PopularList,
    SeenList,
    ShelfList,
    UpdatedRating,
    Watchlist,
    read_rating,
)
from filmer.community.shelves import FAVORITES, SEEN, WATCHLIST, Shelf, Shelves
from filmer.errors import (
    FieldError,
    InsufficientPermissions,
    InvalidRequest,
    MovieNotFound,
    RatingNotFound,
    UserNotFound,
)
from filmer.http.body import ReceivedBody
from filmer.http.bounds import MAX_INTEGER
from filmer.http.cache_headers import freshness
from filmer.http.envelopes import CommunityResponse
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import id_errors, path_id, read_query, require_id
from filmer.store.postgres import Database
from filmer.tmdb.cache import TmdbCache


class CommunityApi(Handlers):
    def __init__(
        self,
        database: Database,
        tokens: Tokens,
        tmdb_cache: TmdbCache,
        shelves: Shelves,
        popular: PopularFilms,
        *,
        cache_seconds: int,
    ) -> None:
        self._signed_in = partial(signed_in, database, tokens)
        self._tmdb_cache = tmdb_cache
        self._shelves = shelves
        self._popular = popular
        self._cache_seconds = cache_seconds

    async def list_popular(self, request: AnyRequest) -> CommunityResponse:
        params = read_query(request.scope["query_string"], PopularList)
        popular = await self._popular.page(params.page)
        state: Any = request.scope["state"]  # the edge reads the age of the response here
        state["age"], state["is_new"] = self._tmdb_cache.age(popular.fetched), popular.state == "miss"
        return CommunityResponse(popular.value)

    async def add_favorite(self, user_id: FromPath[str], request: AnyRequest) -> CommunityResponse:
        return await self._add(FAVORITES, NewFavorite, user_id, request)

    async def list_favorites(self, user_id: FromPath[str], request: AnyRequest) -> CommunityResponse:
        return await self._list(FAVORITES, FavoriteList, user_id, request)

    async def remove_favorite(self, user_id: FromPath[str], favorite_id: FromPath[str], request: AnyRequest) -> None:
        await self._remove(FAVORITES, user_id, favorite_id, request)

    async def add_to_watchlist(self, user_id: FromPath[str], request: AnyRequest) -> CommunityResponse:
        return await self._add(WATCHLIST, NewFavorite, user_id, request)

    async def list_watchlist(self, user_id: FromPath[str], request: AnyRequest) -> CommunityResponse:
        return await self._list(WATCHLIST, Watchlist, user_id, request)

    async def remove_from_watchlist(self, user_id: FromPath[str], entry_id: FromPath[str], request: AnyRequest) -> None:
        await self._remove(WATCHLIST, user_id, entry_id, request)

    async def add_seen(self, user_id: FromPath[str], request: AnyRequest) -> CommunityResponse:
        return await self._add(SEEN, NewSeen, user_id, request)

    async def list_seen(self, user_id: FromPath[str], request: AnyRequest) -> CommunityResponse:
        return await self._list(SEEN, SeenList, user_id, request)

    async def remove_seen(self, user_id: FromPath[str], entry_id: FromPath[str], request: AnyRequest) -> None:
        await self._remove(SEEN, user_id, entry_id, request)

    async def _add(
        self, shelf: Shelf, struct: type[NewFavorite], user_id: str, request: AnyRequest
    ) -> CommunityResponse:
        user, body = await self._authorized(request, owner=user_id)
        new = body.read(struct, id_errors("user_id", user_id), check=self._shelves.check_day)
        number, seen_on = require_id(user_id, UserNotFound()), new.seen_on if isinstance(new, NewSeen) else None
        other = _other(request, user, number)
        entry, is_new = await self._shelves.add(shelf, number, new.movie_id, other, seen_on=seen_on)
        return CommunityResponse(entry, status_code=201 if is_new else 200)

    async def _list(
        self, shelf: Shelf, struct: type[ShelfList], user_id: str, request: AnyRequest
    ) -> CommunityResponse:
        await self._authorized(request, owner=user_id)
        params = read_query(request.scope["query_string"], struct, id_errors("user_id", user_id))
        films, is_new = await self._shelves.list_films(shelf, require_id(user_id, UserNotFound()), params)
        age, is_fresh = int(self._tmdb_cache.age(films.fetched)), self._tmdb_cache.is_fresh(films.fetched)
        headers = freshness(age, self._cache_seconds, is_new=is_new and is_fresh)
        return CommunityResponse(films.body, headers={name.decode(): value.decode() for name, value in headers})

    async def _remove(self, shelf: Shelf, user_id: str, entry_id: str, request: AnyRequest) -> None:
        user, _ = await self._authorized(request, owner=user_id)
        _require_none([*id_errors("user_id", user_id), *id_errors("id", entry_id)])
        entry, number = require_id(entry_id, shelf.missing()), require_id(user_id, UserNotFound())
        await self._shelves.remove(shelf, number, entry, _other(request, user, number))

    async def show_ratings(self, movie_id: FromPath[str]) -> FilmRatings:
        _require_none(id_errors("movie_id", movie_id))
        return await self._shelves.film_ratings(require_id(movie_id, MovieNotFound()))

    async def rate(self, request: AnyRequest) -> CommunityResponse:
        user, body = await self._authorized(request)
        new = read_rating(body, NewRating)
        rating, is_new = await self._shelves.rate(user.id, new.movie_id, new.rating)
        return CommunityResponse(rating, status_code=201 if is_new else 200)

    async def change_rating(self, rating_id: FromPath[str], request: AnyRequest) -> UpdatedRating:
        user, body = await self._authorized(request)
        change = read_rating(body, ChangedRating, id_errors("id", rating_id))
        number = require_id(rating_id, RatingNotFound())
        return await self._shelves.change_rating(user.id, number, change.rating)

    async def remove_rating(self, rating_id: FromPath[str], request: AnyRequest) -> None:
        user, _ = await self._authorized(request)
        _require_none(id_errors("id", rating_id))
        number = require_id(rating_id, RatingNotFound())
        await self._shelves.remove_rating(user.id, number)

    async def clear_favorites(self, user_id: FromPath[str], request: AnyRequest) -> None:
        user, _ = await self._authorized(request)
        if user.role != "admin":
            raise InsufficientPermissions
        _require_none(id_errors("userId", user_id))
        await self._shelves.clear_favorites(require_id(user_id, UserNotFound()), actor_of(request, user.id, "api"))

    async def _authorized(self, request: AnyRequest, *, owner: str | None = None) -> tuple[User, ReceivedBody]:
        """The user and the request's body. The database connection is given back before TMDB is asked.

        ``owner``: the user id of a path that is for this user and admins only (contract §7.1). Raises InvalidToken,
        InsufficientPermissions.
        """
        async with self._signed_in(request) as (_, user, body):
            is_own = owner is None or path_id(owner, MAX_INTEGER) == user.id
        if not is_own and user.role != "admin":
            raise InsufficientPermissions
        return user, body


def _other(request: AnyRequest, user: User, account_id: int) -> Actor | None:
    """Who changes the favourites of somebody else, for the audit log; None for one's own."""
    return None if user.id == account_id else actor_of(request, user.id, "api")


def _require_none(errors: list[FieldError]) -> None:
    if errors:
        raise InvalidRequest(errors)
