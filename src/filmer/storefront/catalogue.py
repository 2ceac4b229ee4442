"""The pages of the catalogue's lists: home, films, search, people, genres."""

from typing import Any

import msgspec
from litestar.params import FromPath

from filmer.catalogue import listing, queries, suggestions
from filmer.catalogue.api import GenreMovieList, find_stars
from filmer.catalogue.connections import Catalogue
from filmer.catalogue.facets import Facets
from filmer.catalogue.filters import Filters, with_query
from filmer.catalogue.prices import Prices
from filmer.catalogue.schemas import MovieItem, StarItem
from filmer.catalogue.search import Found, Search
from filmer.community.recommendations import Recommendations
from filmer.errors import NotFound
from filmer.http.bounds import MAX_INTEGER
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import path_id
from filmer.rentals.watching import Watching
from filmer.store.postgres import Connection
from filmer.storefront import browsing, facets
from filmer.storefront.browsing import (
    FILM_ORDERS,
    ONE_WAY,
    SEARCH_LINKS,
    SEARCH_ORDERS,
    SIZE,
    STAR_ORDERS,
    FilmList,
    FilmSearch,
    PeopleList,
    read_page,
    sort_of,
)
from filmer.storefront.forms import FilledForm
from filmer.storefront.pages import HtmlResponse, Pages, Visitor
from filmer.tmdb.cache import TmdbCache

ROW = 12  # films in a row of the home page
BEST_KNOWN = 1000  # films: the newest and best rated of a large catalogue would be films that hardly anybody knows
MAX_PEOPLE = 5  # shown beside the results of a search
BAD_REQUEST = 400

FILM_LABELS = {"genreId": "Genre", "yearFrom": "From year", "yearTo": "Up to year"}
SEARCH_LABELS = {
    "query": "Words",
    "title": "Title",
    "director": "Director",
    "star": "Star",
    "year": "Year",
    **FILM_LABELS,
    "minRating": "Rated at least",
    "minVotes": "Votes at least",
    "minRuntime": "Minutes at least",
    "maxRuntime": "Minutes at most",
    "sort": "Sort by",
}


class CataloguePages(Handlers):
    def __init__(
        self,
        pages: Pages,
        catalogue: Catalogue,
        search: Search,
        tmdb_cache: TmdbCache,
        prices: Prices,
        watching: Watching,
        recommendations: Recommendations,
    ) -> None:
        self._pages = pages
        self._catalogue = catalogue
        self._search = search
        self._tmdb_cache = tmdb_cache
        self._prices = prices
        self._watching = watching
        self._recommendations = recommendations

    def _filled(
        self,
        template: str,
        request: AnyRequest,
        visitor: Visitor | None,
        form: FilledForm,
        values: dict[str, Any],
        *,
        is_cacheable: bool = True,
    ) -> HtmlResponse:
        """A list with its form, or the form's errors."""
        if form.errors:
            return self._pages.personal(template, request, visitor, status=BAD_REQUEST, form=form, **values)
        return self._pages.public(template, request, visitor, is_cacheable=is_cacheable, form=form, **values)

    async def show_home(self, request: AnyRequest) -> HtmlResponse:
        popular = await self._tmdb_cache.popular_if_available(1)
        popular_ids = [film.id for film in popular.value.results] if popular else []
        async with self._pages.reading(self._catalogue, request) as (conn, visitor):
            total, genres = await queries.select_sizes(conn)
            newest, best = await queries.select_newest_and_best(conn, among=BEST_KNOWN, size=ROW)
            ours = await queries.select_films_by_numbers(conn, popular_ids)
            own = await self._watching.own(conn, visitor.user.id) if visitor else []
            rented = {held.rental.film_id for held in own}
            recommended = await self._recommendations.of(conn, visitor.user.id) if visitor else []
            for_you = [each for each in recommended if each.film.id not in rented][:ROW]
            prices = await self._prices.of(conn, newest, best, ours.values(), [each.film for each in for_you])
        return self._pages.public(
            "home.html",
            request,
            visitor,
            is_cacheable=popular is not None or not self._tmdb_cache.is_set_up,
            popular=[ours[film_id] for film_id in popular_ids if film_id in ours][:ROW],
            newest=newest,
            best=best,
            for_you=for_you,
            prices=prices,
            known=BEST_KNOWN if total > BEST_KNOWN else None,
            genres=genres,
            total=total,
            lapsing=[held for held in own if self._watching.is_lapsing(held.rental)],
            now=self._watching.now(),
        )

    async def list_films(self, request: AnyRequest) -> HtmlResponse:
        params, form = read_page(request, FilmList, FILM_LABELS)
        params = params.normalized()
        async with self._pages.reading(self._catalogue, request) as (conn, visitor):
            genres = await queries.select_genre_sizes(conn)
            total, films = (0, []) if form.errors else await self._films(conn, params)
            prices = await self._prices.of(conn, films)
        values = {
            "params": params,
            "genres": genres,
            "total": total,
            "films": films,
            "prices": prices,
            "filters": browsing.describe_filters(params, genres),
            "letters": browsing.letters(params),
            "orders": browsing.orders("/films", params, FILM_ORDERS),
            "pager": browsing.pager("/films", params, total),
        }
        return self._filled("films.html", request, visitor, form, values)

    async def _films(self, conn: Connection, params: FilmList) -> tuple[int, list[MovieItem]]:
        sort, span = sort_of(params), listing.span(params.page, SIZE)
        if not params.has_years:
            return await queries.select_movies(conn, params.list_name, sort, span)
        filters = Filters(year_from=params.year_from, year_to=params.year_to, genre_id=params.genre_id)
        return await self._search.movies(conn, filters, sort=sort, first=span.first, size=SIZE)

    async def search_films(self, request: AnyRequest) -> HtmlResponse:
        params, form = read_page(request, FilmSearch, SEARCH_LABELS)
        params = params.normalized()
        found, people = Found(0, []), (0, list[StarItem]())
        counts = Facets()
        async with self._pages.reading(self._catalogue, request) as (conn, visitor):
            genres = await queries.select_genre_sizes(conn)
            if params.is_begun:
                first = listing.span(params.page, SIZE).first
                text = params.query if params.exact is None else None
                found = await self._search.movies_or_nearest(
                    conn, text, params.filters, sort=sort_of(params), first=first, size=SIZE
                )
                people = await self._people(conn, params, found.corrected)
                if found.total > 1 or params.is_narrowed:
                    filters = params.filters if found.corrected is None else with_query(params.filters, found.corrected)
                    counts = await self._search.facets(conn, filters)
            prices = await self._prices.of(conn, found.items)
        values = {
            "search_text": form.value("query"),
            "params": params,
            "genres": genres,
            "total": found.total,
            "films": found.items,
            "corrected": found.corrected,
            "as_typed": browsing.address_of("/search", msgspec.structs.replace(params, exact="yes", page=1)),
            "prices": prices,
            "people": people[1],
            "people_total": people[0],
            "facets": facets.links(params, counts, genres) if params.is_begun else [],
            "is_estimate": counts.is_estimate,
            "sort": sort_of(params),
            "sorts": [
                (order[0] if order[0] in ONE_WAY else " ".join(order), name) for order, name in SEARCH_ORDERS.items()
            ],
            "orders": browsing.orders("/search", params, SEARCH_LINKS),
            "filters": browsing.describe_filters(params, genres),
            "pager": browsing.pager("/search", params, found.total),
        }
        return self._filled("search.html", request, visitor, form, values, is_cacheable=found.is_settled)

    async def _people(self, conn: Connection, params: FilmSearch, corrected: str | None) -> tuple[int, list[StarItem]]:
        """People whose name matches the words of the search, or of its corrected spelling.

        The number of stars, and the first of them; people who only direct get the places that are left.
        """
        if params.query is None or params.is_narrowed or params.page > 1:
            return 0, []
        name = corrected or params.query.strip()
        people = await _with_existing_order(conn, PeopleList(name=name))
        total, stars = await find_stars(conn, self._search, name, sort_of(people), 1, MAX_PEOPLE)
        if len(stars) < MAX_PEOPLE:
            stars = [*stars, *await suggestions.directors(conn, name, MAX_PEOPLE - len(stars))]
        return total, stars

    async def list_stars(self, request: AnyRequest) -> HtmlResponse:
        params, form = read_page(request, PeopleList, {"name": "Name"})
        async with self._pages.reading(self._catalogue, request) as (conn, visitor):
            has_films = bool(await queries.select_size(conn, listing.ALL))
            total, people = 0, list[StarItem]()
            if not form.errors:
                params = await _with_existing_order(conn, params)
                total, people = await find_stars(conn, self._search, params.name, sort_of(params), params.page, SIZE)
        values = {
            "params": params,
            "total": total,
            "people": people,
            "has_films": has_films,
            "orders": browsing.orders("/stars", params, STAR_ORDERS),
            "pager": browsing.pager("/stars", params, total),
        }
        return self._filled("people.html", request, visitor, form, values)

    async def list_genres(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.reading(self._catalogue, request) as (conn, visitor):
            total, genres = await queries.select_sizes(conn)
        return self._pages.public("genres.html", request, visitor, genres=genres, total=total)

    async def show_genre(self, genre_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        params, _ = read_page(request, GenreMovieList)
        number = _genre_number(genre_id)
        async with self._pages.reading(self._catalogue, request) as (conn, visitor):
            row = await queries.select_genre_movies(
                conn, number, listing.genre(number), sort_of(params), listing.span(params.page, SIZE)
            )
            prices = await self._prices.of(conn, row[2] if row else [])
        if row is None:
            raise NotFound(f"There is no genre {genre_id} here")
        genre, total, films = row
        path = f"/genres/{number}"
        return self._pages.public(
            "genre.html",
            request,
            visitor,
            genre=genre,
            total=total,
            films=films,
            prices=prices,
            orders=browsing.orders(path, params, FILM_ORDERS),
            pager=browsing.pager(path, params, total),
        )


async def _with_existing_order(conn: Connection, params: PeopleList) -> PeopleList:
    """The same in an order that exists: a catalogue imported by an older version lacks ``known``."""
    if params.sort_by != "known":
        return params
    has_order = await queries.select_has_order(conn, listing.STARS, sort_of(params))
    return msgspec.structs.replace(params, order="asc", sort_by="known" if has_order else "name")


def _genre_number(text: str) -> int:
    """Raises NotFound for an invalid id, and for one with leading zeros, as each genre has one address."""
    number = path_id(text, MAX_INTEGER)
    if number is None or str(number) != text:
        raise NotFound(f"There is no genre {text} here")
    return number
