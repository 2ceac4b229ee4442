"""The handlers of community-api.txt. They check in this order: token, permission, body, existence, then TMDB."""

from functools import partial
from typing import Any

from litestar.params import FromPath

from filmer.accounts.access import signed_in
from filmer.accounts.schemas import User
from filmer.accounts.tokens import Tokens
from filmer.audit.actors import actor_of
from filmer.audit.log import Actor
from filmer.community.schemas import (
    ChangedRating,
    FavoriteList,
    NewFavorite,
    NewRating,
    PopularList,
    UpdatedRating,
    read_rating,
)
from filmer.community.shelves import Shelves
from filmer.errors import (
    FavoriteNotFound,
    FieldError,
    InsufficientPermissions,
    InvalidRequest,
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
        self, database: Database, tokens: Tokens, tmdb_cache: TmdbCache, shelves: Shelves, *, cache_seconds: int
    ) -> None:
        self._signed_in = partial(signed_in, database, tokens)
        self._tmdb_cache = tmdb_cache
        self._shelves = shelves
        self._cache_seconds = cache_seconds

    async def list_popular(self, request: AnyRequest) -> CommunityResponse:
        params = read_query(request.scope["query_string"], PopularList)
        popular = await self._tmdb_cache.popular(params.page)
        state: Any = request.scope["state"]  # the edge reads the age of the response here
        state["age"], state["is_new"] = self._tmdb_cache.age(popular.fetched), popular.state == "miss"
        return CommunityResponse(popular.value)

    async def add_favorite(self, user_id: FromPath[str], request: AnyRequest) -> CommunityResponse:
        user, body = await self._authorized(request, owner=user_id)
        new = body.read(NewFavorite, id_errors("user_id", user_id))
        number = require_id(user_id, UserNotFound())
        favorite, is_new = await self._shelves.add_favorite(number, new.movie_id, _other(request, user, number))
        return CommunityResponse(favorite, status_code=201 if is_new else 200)

    async def list_favorites(self, user_id: FromPath[str], request: AnyRequest) -> CommunityResponse:
        await self._authorized(request, owner=user_id)
        params = read_query(request.scope["query_string"], FavoriteList, id_errors("user_id", user_id))
        favorites, is_new = await self._shelves.list_favorites(require_id(user_id, UserNotFound()), params)
        age, is_fresh = int(self._tmdb_cache.age(favorites.fetched)), self._tmdb_cache.is_fresh(favorites.fetched)
        headers = freshness(age, self._cache_seconds, is_new=is_new and is_fresh)
        return CommunityResponse(favorites.body, headers={name.decode(): value.decode() for name, value in headers})

    async def remove_favorite(self, user_id: FromPath[str], favorite_id: FromPath[str], request: AnyRequest) -> None:
        user, _ = await self._authorized(request, owner=user_id)
        _require_none([*id_errors("user_id", user_id), *id_errors("id", favorite_id)])
        favorite = require_id(favorite_id, FavoriteNotFound())
        number = require_id(user_id, UserNotFound())
        await self._shelves.remove_favorite(number, favorite, _other(request, user, number))

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
