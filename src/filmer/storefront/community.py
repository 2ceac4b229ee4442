"""The community's pages: popular films, favourites, ratings."""

import asyncio
from collections.abc import Awaitable, Mapping

import msgspec
from litestar.params import FromPath

from filmer.catalogue.connections import Catalogue
from filmer.catalogue.prices import Prices
from filmer.catalogue.queries import select_films_by_tmdb_ids
from filmer.catalogue.schemas import MovieItem
from filmer.community.schemas import FavoriteList, Favorites, NewFavorite, NewRating, PopularList
from filmer.community.shelves import MAX_LISTED, Shelves
from filmer.errors import ExternalApiError, FavoriteNotFound, MovieNotFound, NotFound, RatingNotFound
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import read_query, require_id
from filmer.store.postgres import Connection, Database
from filmer.storefront.forms import Form, receive_form, without_blanks
from filmer.storefront.pager import Pager
from filmer.storefront.pages import HtmlResponse, Pages, Pending, Visitor, local_address
from filmer.storefront.pending_forms import Action
from filmer.tmdb.cache import TmdbCache
from filmer.tmdb.payloads import Popular

# How long a page waits for TMDB; a later response is cached for the next visitor. For the list of popular films the
# edge may have waited three seconds for another process before (edge/valkey_cache.py).
PATIENCE_SECONDS, LIST_PATIENCE_SECONDS = 4.0, 1.2
STEPS = [step / 2 for step in range(11)]  # all ratings
_FAVORITE, _RATE = "keep", "rate"  # actions that may be carried out after a sign-in
_TMDB_AWAY = "TheMovieDB does not answer right now, so this could not be kept. Please try again in a minute."
_UNKNOWN_FILM = "TheMovieDB does not know this film, so it can't be kept."


class CommunityPages(Handlers):
    def __init__(
        self,
        pages: Pages,
        database: Database,
        catalogue: Catalogue,
        tmdb_cache: TmdbCache,
        shelves: Shelves,
        prices: Prices,
    ) -> None:
        self._pages = pages
        self._database = database
        self._catalogue = catalogue
        self._tmdb_cache = tmdb_cache
        self._shelves = shelves
        self._prices = prices

    async def list_popular(self, request: AnyRequest) -> HtmlResponse:
        params = read_query(without_blanks(request.scope["query_string"]), PopularList)
        popular = await self._popular(params.page)
        movie_ids = [film.id for film in popular.results] if popular else []
        async with self._pages.reading(self._catalogue, request) as (conn, visitor):
            films = await self._films(conn, movie_ids)
            prices = await self._prices.of(conn, films.values())
        return self._pages.public(
            "popular.html",
            request,
            visitor,
            is_cacheable=popular is not None,
            is_set_up=self._tmdb_cache.is_set_up,
            popular=popular,
            films=films,
            prices=prices,
            favorites=await self._shelves.favorite_ids(visitor.user.id, movie_ids) if visitor else {},
            pager=Pager("/popular", request.scope["query_string"], params.page, popular.total_pages if popular else 0),
        )

    async def _popular(self, page: int) -> Popular | None:
        """None where TMDB does not answer in time."""
        try:
            async with asyncio.timeout(LIST_PATIENCE_SECONDS):
                return (await self._tmdb_cache.popular(page)).value
        except (TimeoutError, ExternalApiError):
            return None

    async def list_favorites(self, request: AnyRequest) -> HtmlResponse:
        params = read_query(without_blanks(request.scope["query_string"]), FavoriteList)
        visitor = await self._visitor(request)
        listed, _ = await self._shelves.list_favorites(visitor.user.id, params)
        all_favorites = msgspec.json.decode(listed.body, type=Favorites).favorites
        favorites = all_favorites[:MAX_LISTED]
        async with self._database.connection() as conn:
            films = await self._films(conn, [favorite.movie_id for favorite in favorites])
            prices = await self._prices.of(conn, films.values())
        ratings = await self._shelves.list_ratings(visitor.user.id)
        return self._pages.personal(
            "favorites.html",
            request,
            visitor,
            count=len(all_favorites),
            favorites=favorites,
            films=films,
            rating_ids={rating.movie_id: rating.id for rating in ratings},
            prices=prices,
            params=params,
            steps=STEPS,
        )

    async def add_favorite(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        visitor = await self._visitor(request, pending=(_FAVORITE, form.only("movie_id", "next")))
        return self._pages.redirect(*await self._add_favorite(visitor.user.id, form))

    async def _add_favorite(self, account_id: int, form: Form) -> tuple[str, str]:
        """The next address, and the notice. Raises InvalidRequest."""
        new = form.read(NewFavorite)
        work = self._shelves.add_favorite(account_id, new.movie_id)
        notice = await self._notice_after(work, new.movie_id, "{} is among your favourites.")
        return local_address(form.get("next"), "/favorites"), notice

    async def _notice_after(self, work: Awaitable[object], movie_id: int, notice: str) -> str:
        """The notice, with the film's title for ``{}``, once the work is done; or why it could not be done."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await work
                return notice.format((await self._tmdb_cache.film(movie_id)).value.title)
        except MovieNotFound:
            return _UNKNOWN_FILM
        except (TimeoutError, ExternalApiError):
            return _TMDB_AWAY

    async def remove_favorite(self, favorite_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        visitor = await self._visitor(request)
        try:
            await self._shelves.remove_favorite(visitor.user.id, _number(favorite_id))
        except FavoriteNotFound:  # in another tab, most likely
            return self._back(form, "This film was no favourite any more.", default="/favorites")
        return self._back(form, "Taken out of your favourites.", default="/favorites")

    async def list_ratings(self, request: AnyRequest) -> HtmlResponse:
        visitor = await self._visitor(request)
        ratings = await self._shelves.list_ratings(visitor.user.id)
        async with self._database.connection() as conn:
            films = await self._films(conn, [rating.movie_id for rating in ratings])
        return self._pages.personal("ratings.html", request, visitor, ratings=ratings, films=films, steps=STEPS)

    async def rate(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        visitor = await self._visitor(request, pending=(_RATE, form.only("movie_id", "rating", "next")))
        return self._pages.redirect(*await self._rate(visitor.user.id, form))

    async def _rate(self, account_id: int, form: Form) -> tuple[str, str]:
        """The next address, and the notice. Raises InvalidRequest."""
        new = form.read(NewRating)
        work = self._shelves.rate(account_id, new.movie_id, new.rating)
        notice = await self._notice_after(work, new.movie_id, f"You gave {{}} {new.rating:g} of 5 stars.")
        return local_address(form.get("next"), "/ratings"), notice

    async def remove_rating(self, rating_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        visitor = await self._visitor(request)
        try:
            await self._shelves.remove_rating(visitor.user.id, _number(rating_id))
        except RatingNotFound:  # in another tab, most likely
            return self._back(form, "This film was not rated any more.", default="/ratings")
        return self._back(form, "Your rating is taken back.", default="/ratings")

    async def _visitor(self, request: AnyRequest, *, pending: Pending | None = None) -> Visitor:
        """The user who is signed in. The connection is returned before TMDB is asked. ``pending``: as of ``Pages``."""
        async with self._pages.signed_in(request, pending=pending) as (_, visitor):
            return visitor

    @property
    def actions(self) -> Mapping[str, Action]:
        """What may be carried out for a user who has just signed in."""
        return {
            _FAVORITE: Action("As soon as you are signed in, the film is among your favourites.", self._add_favorite),
            _RATE: Action("As soon as you are signed in, your stars are given.", self._rate),
        }

    def _back(self, form: Form, notice: str, *, default: str) -> HtmlResponse:
        return self._pages.redirect(local_address(form.get("next"), default), notice)

    async def _films(self, conn: Connection, movie_ids: list[int]) -> Mapping[int, MovieItem]:
        return await select_films_by_tmdb_ids(conn, movie_ids) if movie_ids else {}


def _number(text: str) -> int:
    return require_id(text, NotFound(f"There is nothing with the number {text} here"))
