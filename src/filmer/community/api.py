"""community-api.txt: popular films, favourites, ratings. Token, permission, body, existence, TMDB: in this order."""

from typing import Any

from litestar.params import FromPath

from filmer.accounts.schemas import User
from filmer.accounts.tokens import Tokens
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
    InsufficientPermissions,
    InvalidRequest,
    Offence,
    RatingNotFound,
    UserNotFound,
)
from filmer.http.body import receive_body
from filmer.http.bounds import MAX_INTEGER
from filmer.http.cache_headers import freshness
from filmer.http.envelopes import CommunityResponse
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import id_offences, path_id, read_query
from filmer.store.postgres import Database
from filmer.tmdb.cache import TmdbCache


class CommunityApi(Handlers):
    def __init__(
        self, database: Database, tokens: Tokens, tmdb_cache: TmdbCache, shelves: Shelves, *, cache_seconds: int
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._tmdb_cache = tmdb_cache
        self._shelves = shelves
        self._cache_seconds = cache_seconds

    async def list_popular(self, request: AnyRequest) -> CommunityResponse:
        asked = read_query(request.scope["query_string"], PopularList)
        kept = await self._tmdb_cache.popular(asked.page)
        state: Any = request.scope["state"]  # where the edge reads how old the answer is
        state["age"], state["is_new"] = self._tmdb_cache.age(kept.fetched), kept.state == "miss"
        return CommunityResponse(kept.value)

    async def add_favorite(self, user_id: FromPath[str], request: AnyRequest) -> CommunityResponse:
        received = await receive_body(request)
        user = await self._user(request)
        _require_own(user, user_id)
        asked = received.read(NewFavorite, id_offences("user_id", user_id))
        favorite, is_new = await self._shelves.add_favorite(_user(user_id), asked.movie_id)
        return CommunityResponse(favorite, status_code=201 if is_new else 200)

    async def list_favorites(self, user_id: FromPath[str], request: AnyRequest) -> CommunityResponse:
        user = await self._user(request)
        _require_own(user, user_id)
        asked = read_query(request.scope["query_string"], FavoriteList, id_offences("user_id", user_id))
        listed, is_new = await self._shelves.list_favorites(_user(user_id), asked)
        age, is_fresh = int(self._tmdb_cache.age(listed.fetched)), self._tmdb_cache.is_fresh(listed.fetched)
        headers = freshness(age, self._cache_seconds, is_new=is_new and is_fresh)
        return CommunityResponse(listed.body, headers={name.decode(): value.decode() for name, value in headers})

    async def remove_favorite(self, user_id: FromPath[str], favorite_id: FromPath[str], request: AnyRequest) -> None:
        user = await self._user(request)
        _require_own(user, user_id)
        _require_none([*id_offences("user_id", user_id), *id_offences("id", favorite_id)])
        number = path_id(favorite_id, MAX_INTEGER)
        if number is None:
            raise FavoriteNotFound
        await self._shelves.remove_favorite(_user(user_id), number)

    async def rate(self, request: AnyRequest) -> CommunityResponse:
        received = await receive_body(request)
        user = await self._user(request)
        asked = read_rating(received, NewRating)
        rating, is_new = await self._shelves.rate(user.id, asked.movie_id, asked.rating)
        return CommunityResponse(rating, status_code=201 if is_new else 200)

    async def change_rating(self, rating_id: FromPath[str], request: AnyRequest) -> UpdatedRating:
        received = await receive_body(request)
        user = await self._user(request)
        asked = read_rating(received, ChangedRating, id_offences("id", rating_id))
        number = path_id(rating_id, MAX_INTEGER)
        if number is None:
            raise RatingNotFound
        return await self._shelves.change_rating(user.id, number, asked.rating)

    async def remove_rating(self, rating_id: FromPath[str], request: AnyRequest) -> None:
        user = await self._user(request)
        _require_none(id_offences("id", rating_id))
        number = path_id(rating_id, MAX_INTEGER)
        if number is None:
            raise RatingNotFound
        await self._shelves.remove_rating(user.id, number)

    async def clear_favorites(self, user_id: FromPath[str], request: AnyRequest) -> None:
        user = await self._user(request)
        if user.role != "admin":
            raise InsufficientPermissions
        _require_none(id_offences("userId", user_id))
        await self._shelves.clear_favorites(_user(user_id))

    async def _user(self, request: AnyRequest) -> User:
        async with self._database.connection() as conn:
            return await self._tokens.require(conn, request)


def _require_own(user: User, user_id: str) -> None:
    """A user's path is that user's or an admin's (contract §7.1). Raises InsufficientPermissions."""
    if path_id(user_id, MAX_INTEGER) != user.id and user.role != "admin":
        raise InsufficientPermissions


def _require_none(offences: list[Offence]) -> None:
    if offences:
        raise InvalidRequest(offences)


def _user(user_id: str) -> int:
    """Raises UserNotFound for what no account's id can be."""
    number = path_id(user_id, MAX_INTEGER)
    if number is None:
        raise UserNotFound
    return number
