"""The catalogue's lists as pages: home, browsing, search, stars, genres."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from litestar.params import FromPath

from filmer.catalogue import listing, queries
from filmer.catalogue.api import GenreMovieList, find_stars
from filmer.catalogue.connections import Catalogue
from filmer.catalogue.filters import Filters
from filmer.catalogue.prices import Prices
from filmer.catalogue.schemas import MovieItem, StarItem
from filmer.catalogue.search import Search
from filmer.errors import NotFound
from filmer.http.bounds import MAX_INTEGER
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import path_id
from filmer.store.postgres import Connection
from filmer.storefront import browsing
from filmer.storefront.browsing import (
    FILM_ORDERS,
    SEARCH_ORDERS,
    SIZE,
    STAR_ORDERS,
    FilmList,
    FilmSearch,
    PeopleList,
    read_page,
    sort_of,
)
from filmer.storefront.filled import FilledForm
from filmer.storefront.pages import HtmlResponse, Pages, Visitor
from filmer.tmdb.cache import TmdbCache

SHELF = 12  # films in a row of the first page
KNOWN = 1000  # films: the newest and the best rated of a large catalogue are films that nobody has seen
MAX_PEOPLE = 5  # shown beside what a search found
BAD_REQUEST = 400

FILM_LABELS = {"genreId": "Genre", "yearFrom": "From year", "yearTo": "Up to year"}
SEARCH_LABELS = {
    "query": "Words",
    "title": "Title",
    "director": "Director",
    "star": "Star",
    "year": "Year",
    **FILM_LABELS,
    "sort": "Sort by",
}


class CataloguePages(Handlers):
    def __init__(
        self, pages: Pages, catalogue: Catalogue, search: Search, tmdb_cache: TmdbCache, prices: Prices
    ) -> None:
        self._pages = pages
        self._catalogue = catalogue
        self._search = search
        self._tmdb_cache = tmdb_cache
        self._prices = prices

    @asynccontextmanager
    async def _reading(self, request: AnyRequest) -> AsyncIterator[tuple[Connection, str, Visitor | None]]:
        async with self._pages.visited(self._catalogue, request) as found, queries.one_edition(found[0]):
            yield found

    def _filled(
        self, template: str, request: AnyRequest, visitor: Visitor | None, form: FilledForm, values: dict[str, Any]
    ) -> HtmlResponse:
        """A list with the form that asked for it, or what is wrong with that."""
        if form.errors:
            return self._pages.personal(template, request, visitor, status=BAD_REQUEST, form=form, **values)
        return self._pages.public(template, request, visitor, form=form, **values)

    async def show_home(self, request: AnyRequest) -> HtmlResponse:
        popular = await self._tmdb_cache.popular_at_hand(1)
        popular_ids = [film.id for film in popular.value.results] if popular else []
        async with self._reading(request) as (conn, _, visitor):
            total = await queries.select_size(conn, listing.ALL)
            genres = await queries.select_genre_sizes(conn)
            newest = await queries.select_known(conn, "year desc", among=KNOWN, size=SHELF)
            best = await queries.select_known(conn, "rating desc", among=KNOWN, size=SHELF)
            ours = await queries.select_films_by_tmdb_ids(conn, popular_ids)
            prices = await self._prices.of(conn, newest, best, ours.values())
        return self._pages.public(
            "home.html",
            request,
            visitor,
            is_kept=popular is not None or not self._tmdb_cache.is_set_up,
            popular=[ours[film_id] for film_id in popular_ids if film_id in ours][:SHELF],
            newest=newest,
            best=best,
            prices=prices,
            known=KNOWN if total > KNOWN else None,
            genres=genres,
            total=total,
        )

    async def list_films(self, request: AnyRequest) -> HtmlResponse:
        asked, form = read_page(request, FilmList, FILM_LABELS)
        asked = asked.settled()
        async with self._reading(request) as (conn, edition, visitor):
            genres = await queries.select_genre_sizes(conn)
            total, films = (0, []) if form.errors else await self._films(conn, edition, asked)
            prices = await self._prices.of(conn, films)
        values = {
            "asked": asked,
            "genres": genres,
            "total": total,
            "films": films,
            "prices": prices,
            "filters": browsing.told_filters(asked, genres),
            "letters": browsing.letters(asked),
            "orders": browsing.orders("/films", asked, FILM_ORDERS),
            "pager": browsing.pager("/films", asked, total),
        }
        return self._filled("films.html", request, visitor, form, values)

    async def _films(self, conn: Connection, edition: str, asked: FilmList) -> tuple[int, list[MovieItem]]:
        sort, span = sort_of(asked), listing.span(asked.page, SIZE)
        if not asked.has_years:
            return await queries.select_movies(conn, asked.list_name, sort, span)
        wanted = Filters(year_from=asked.year_from, year_to=asked.year_to, genre_id=asked.genre_id)
        return await self._search.movies(conn, wanted, edition=edition, sort=sort, first=span.first, size=SIZE)

    async def search_films(self, request: AnyRequest) -> HtmlResponse:
        asked, form = read_page(request, FilmSearch, SEARCH_LABELS)
        asked = asked.settled()
        total, films, people = 0, list[MovieItem](), (0, list[StarItem]())
        async with self._reading(request) as (conn, edition, visitor):
            genres = await queries.select_genre_sizes(conn)
            if asked.is_begun:
                first = listing.span(asked.page, SIZE).first
                total, films = await self._search.movies(
                    conn, asked.wanted, edition=edition, sort=sort_of(asked), first=first, size=SIZE
                )
                people = await self._people(conn, edition, asked)
            prices = await self._prices.of(conn, films)
        values = {
            "search_text": form.value("query"),
            "asked": asked,
            "genres": genres,
            "total": total,
            "films": films,
            "prices": prices,
            "people": people[1],
            "people_total": people[0],
            "sort": sort_of(asked),
            "orders": SEARCH_ORDERS,
            "filters": browsing.told_filters(asked, genres),
            "pager": browsing.pager("/search", asked, total),
        }
        return self._filled("search.html", request, visitor, form, values)

    async def _people(self, conn: Connection, edition: str, asked: FilmSearch) -> tuple[int, list[StarItem]]:
        """Those whose name was searched for."""
        if asked.query is None or asked.is_narrowed or asked.page > 1:
            return 0, []
        people = await _settled(conn, PeopleList(name=asked.query.strip()))
        return await find_stars(conn, self._search, people.name, sort_of(people), 1, MAX_PEOPLE, edition=edition)

    async def list_stars(self, request: AnyRequest) -> HtmlResponse:
        asked, form = read_page(request, PeopleList, {"name": "Name"})
        async with self._reading(request) as (conn, edition, visitor):
            has_films = bool(await queries.select_size(conn, listing.ALL))
            total, people = 0, list[StarItem]()
            if not form.errors:
                asked = await _settled(conn, asked)
                total, people = await find_stars(
                    conn, self._search, asked.name, sort_of(asked), asked.page, SIZE, edition=edition
                )
        values = {
            "asked": asked,
            "total": total,
            "people": people,
            "has_films": has_films,
            "orders": browsing.orders("/stars", asked, STAR_ORDERS),
            "pager": browsing.pager("/stars", asked, total),
        }
        return self._filled("people.html", request, visitor, form, values)

    async def list_genres(self, request: AnyRequest) -> HtmlResponse:
        async with self._reading(request) as (conn, _, visitor):
            genres = await queries.select_genre_sizes(conn)
            total = await queries.select_size(conn, listing.ALL)
        return self._pages.public("genres.html", request, visitor, genres=genres, total=total)

    async def show_genre(self, genre_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        asked, _ = read_page(request, GenreMovieList)
        number = _genre_number(genre_id)
        async with self._reading(request) as (conn, _, visitor):
            found = await queries.select_genre_movies(
                conn, number, listing.genre(number), sort_of(asked), listing.span(asked.page, SIZE)
            )
            prices = await self._prices.of(conn, found[2] if found else [])
        if found is None:
            raise NotFound(f"There is no genre {genre_id} here")
        genre, total, films = found
        path = f"/genres/{number}"
        return self._pages.public(
            "genre.html",
            request,
            visitor,
            genre=genre,
            total=total,
            films=films,
            prices=prices,
            orders=browsing.orders(path, asked, FILM_ORDERS),
            pager=browsing.pager(path, asked, total),
        )


async def _settled(conn: Connection, asked: PeopleList) -> PeopleList:
    """The same in an order there is: a catalogue that an older version imported knows nothing of who is known."""
    if asked.sort_by != "known":
        return asked
    has_order = await queries.select_has_order(conn, listing.STARS, sort_of(asked))
    return msgspec.structs.replace(asked, order="asc", sort_by="known" if has_order else "name")


def _genre_number(text: str) -> int:
    """Raises NotFound for what is no genre's; each has one address, so not with zeros before it."""
    number = path_id(text, MAX_INTEGER)
    if number is None or str(number) != text:
        raise NotFound(f"There is no genre {text} here")
    return number
