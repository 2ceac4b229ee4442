"""The community's pages: popular films, favourites, the watchlist, films seen, ratings."""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import date
from functools import partial
from typing import Any

import msgspec
from litestar.params import FromPath

from filmer.catalogue.connections import Catalogue
from filmer.catalogue.prices import Prices
from filmer.catalogue.queries import select_films_by_numbers
from filmer.catalogue.schemas import FIRST_OWN, MovieItem
from filmer.community.popular import PopularFilms
from filmer.community.schemas import (
    FavoriteFilm,
    FavoriteList,
    NewRating,
    NewSeen,
    PopularList,
    SeenList,
    ShelfList,
    Watchlist,
)
from filmer.community.shelves import FAVORITES, MAX_LISTED, SEEN, WATCHLIST, Shelf, Shelves
from filmer.errors import ExternalApiError, MovieNotFound, NotFound, RatingNotFound
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import read_query, require_id
from filmer.store.postgres import Connection, Database
from filmer.storefront.forms import Form, receive_form, without_blanks
from filmer.storefront.pager import Pager
from filmer.storefront.pages import HtmlResponse, Pages, Pending, Visitor, local_address
from filmer.storefront.pending_forms import Action
from filmer.tmdb.payloads import Popular

# How long a page waits for TMDB; a later response is cached for the next visitor. For the list of popular films the
# edge may have waited three seconds for another process before (edge/valkey_cache.py).
PATIENCE_SECONDS, LIST_PATIENCE_SECONDS = 4.0, 1.2
STEPS = [step / 2 for step in range(11)]  # all ratings
_RATE = "rate"  # an action that may be carried out after a sign-in, as adding to a shelf is
_TMDB_AWAY = "TheMovieDB does not answer right now, so this could not be kept. Please try again in a minute."
_UNKNOWN_TO_TMDB = "TheMovieDB does not know this film, so it can't be kept."
_UNKNOWN_HERE = "This shop does not know this film, so it can't be kept."
_BY_DATE = [("release_date", "desc", "Newest first"), ("release_date", "asc", "Oldest first")]
_BY_RATING = [("rating", "desc", "Your best first"), ("rating", "asc", "Your worst first")]


class ShelfPage(msgspec.Struct, frozen=True):
    """The page of a shelf, and what its forms say. ``action``: of a form that is carried out after a sign-in."""

    shelf: Shelf
    address: str
    action: str
    query: type[ShelfList]
    orders: list[tuple[str, str, str]]
    title: str
    added: str  # with the film's title for ``{}``
    removed: str
    removed_before: str
    promise: str
    remove: str  # the button's words, before the film's title
    empty: tuple[str, str]


class _Entry(FavoriteFilm, frozen=True):
    """A film of any shelf."""

    seen_on: date | None = None


_FAVORITES = ShelfPage(
    FAVORITES, "/favorites", "keep", FavoriteList, [*_BY_DATE, *_BY_RATING],
    "Your favourites", "{} is among your favourites.", "Taken out of your favourites.",
    "This film was no favourite any more.", "the film is among your favourites.", "from favourites",
    ("No favourites yet", "Add a film from its page, or from the popular ones, and it waits for you here."),
)  # fmt: skip
_WATCHLIST = ShelfPage(
    WATCHLIST, "/watchlist", "watchlist", Watchlist, [("created_at", "desc", "Last added first"), *_BY_DATE],
    "Your watchlist", "{} is on your watchlist.", "Taken off your watchlist.",
    "This film was not on your watchlist any more.", "the film is on your watchlist.", "from the watchlist",
    ("Nothing on your watchlist yet", "Put a film on it from its page, and you won't forget it."),
)  # fmt: skip
_SEEN = ShelfPage(
    SEEN, "/seen", "seen", SeenList, [("seen_on", "desc", "Last seen first"), *_BY_RATING],
    "Films you have seen", "{} is among the films you have seen.", "No longer among the films you have seen.",
    "This film was not among those you have seen any more.", "the film is among those you have seen.",
    "from the films you have seen",
    ("No films seen yet", "Say on a film's page that you have seen it, and when, and you find it here again."),
)  # fmt: skip
_SHELVES = (_FAVORITES, _WATCHLIST, _SEEN)


class CommunityPages(Handlers):
    def __init__(
        self,
        pages: Pages,
        database: Database,
        catalogue: Catalogue,
        popular: PopularFilms,
        shelves: Shelves,
        prices: Prices,
    ) -> None:
        self._pages = pages
        self._database = database
        self._catalogue = catalogue
        self._popular_films = popular
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
            is_own=self._popular_films.is_own,
            tells_tmdb=not self._popular_films.is_own,
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
                return (await self._popular_films.page(page)).value
        except (TimeoutError, ExternalApiError):
            return None

    async def list_favorites(self, request: AnyRequest) -> HtmlResponse:
        return await self._list(_FAVORITES, request)

    async def list_watchlist(self, request: AnyRequest) -> HtmlResponse:
        return await self._list(_WATCHLIST, request)

    async def list_seen(self, request: AnyRequest) -> HtmlResponse:
        return await self._list(_SEEN, request)

    async def add_favorite(self, request: AnyRequest) -> HtmlResponse:
        return await self._receive(_FAVORITES, request)

    async def add_to_watchlist(self, request: AnyRequest) -> HtmlResponse:
        return await self._receive(_WATCHLIST, request)

    async def add_seen(self, request: AnyRequest) -> HtmlResponse:
        return await self._receive(_SEEN, request)

    async def remove_favorite(self, entry_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._remove(_FAVORITES, entry_id, request)

    async def remove_from_watchlist(self, entry_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._remove(_WATCHLIST, entry_id, request)

    async def remove_seen(self, entry_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._remove(_SEEN, entry_id, request)

    async def _list(self, page: ShelfPage, request: AnyRequest) -> HtmlResponse:
        params: Any = read_query(without_blanks(request.scope["query_string"]), page.query)
        visitor = await self._visitor(request)
        listed, _ = await self._shelves.list_films(page.shelf, visitor.user.id, params)
        (every,) = msgspec.json.decode(listed.body, type=dict[str, list[_Entry]]).values()
        shown = every[:MAX_LISTED]
        async with self._database.connection() as conn:
            films = await self._films(conn, [entry.movie_id for entry in shown])
            prices = await self._prices.of(conn, films.values())
        ratings = await self._shelves.list_ratings(visitor.user.id)
        return self._pages.personal(
            "shelf.html",
            request,
            visitor,
            shelf=page,
            shelves=_SHELVES,
            count=len(every),
            entries=shown,
            films=films,
            rating_ids={rating.movie_id: rating.id for rating in ratings},
            prices=prices,
            params=params,
            steps=STEPS,
            tells_tmdb=not self._popular_films.is_own,
        )

    async def _receive(self, page: ShelfPage, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        visitor = await self._visitor(request, pending=(page.action, form.only("movie_id", "seen_on", "next")))
        return self._pages.redirect(*await self._add(page, visitor.user.id, form))

    async def _add(self, page: ShelfPage, account_id: int, form: Form) -> tuple[str, str]:
        """The next address, and the notice. Raises InvalidRequest."""
        new = form.without_blanks().read(NewSeen, check=self._shelves.check_day)
        seen_on = new.seen_on if page is _SEEN else None
        work = self._shelves.add(page.shelf, account_id, new.movie_id, seen_on=seen_on)
        notice = await self._notice_after(work, new.movie_id, page.added)
        return local_address(form.get("next"), page.address), notice

    async def _remove(self, page: ShelfPage, entry_id: str, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        visitor = await self._visitor(request)
        number = _number(entry_id)
        try:
            await self._shelves.remove(page.shelf, visitor.user.id, number)
        except NotFound:  # in another tab, most likely
            return self._back(form, page.removed_before, default=page.address)
        return self._back(form, page.removed, default=page.address)

    async def _notice_after(self, work: Awaitable[object], movie_id: int, notice: str) -> str:
        """The notice, with the film's title for ``{}``, once the work is done; or why it could not be done."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await work
                return notice.format(await self._shelves.title(movie_id))
        except MovieNotFound:
            return _UNKNOWN_HERE if movie_id >= FIRST_OWN else _UNKNOWN_TO_TMDB
        except (TimeoutError, ExternalApiError):
            return _UNKNOWN_HERE if self._popular_films.is_own else _TMDB_AWAY

    async def list_ratings(self, request: AnyRequest) -> HtmlResponse:
        visitor = await self._visitor(request)
        ratings = await self._shelves.list_ratings(visitor.user.id)
        async with self._database.connection() as conn:
            films = await self._films(conn, [rating.movie_id for rating in ratings])
        return self._pages.personal(
            "ratings.html",
            request,
            visitor,
            ratings=ratings,
            films=films,
            shelves=_SHELVES,
            steps=STEPS,
            tells_tmdb=not self._popular_films.is_own,
        )

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
            **{
                page.action: Action(f"As soon as you are signed in, {page.promise}", partial(self._add, page))
                for page in _SHELVES
            },
            _RATE: Action("As soon as you are signed in, your stars are given.", self._rate),
        }

    def _back(self, form: Form, notice: str, *, default: str) -> HtmlResponse:
        return self._pages.redirect(local_address(form.get("next"), default), notice)

    async def _films(self, conn: Connection, movie_ids: list[int]) -> Mapping[int, MovieItem]:
        return await select_films_by_numbers(conn, movie_ids) if movie_ids else {}


def _number(text: str) -> int:
    return require_id(text, NotFound(f"There is nothing with the number {text} here"))
