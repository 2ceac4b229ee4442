"""The office's pages of films: their prices and rental terms."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from litestar.params import FromPath
from msgspec import Meta

from filmer.catalogue import listing
from filmer.catalogue.filters import Filters, with_query
from filmer.catalogue.prices import own_prices, set_price
from filmer.catalogue.schemas import MovieItem
from filmer.catalogue.search import Search
from filmer.clock import Clock
from filmer.errors import Conflict, FilmerError, InvalidRequest
from filmer.http.body import Body
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import read_query
from filmer.office import film_queries
from filmer.office.film_queries import FilmRow
from filmer.rentals.counter_queries import Terms, select_stock, select_terms
from filmer.rentals.terms import MAX_COPIES, MAX_HOURS, MAX_START_DAYS, NewTerms, set_terms
from filmer.store.postgres import Connection
from filmer.storefront.forms import FilledForm, Form, receive_form, without_blanks
from filmer.storefront.office.lists import ListQuery
from filmer.storefront.pager import Pager
from filmer.storefront.pages import HtmlResponse, Pages, Visitor

FILMS_A_PAGE = 20
_FILM_ACTION = "film's terms"  # shown again after a sign-in, never carried out
_PRICE = {"price": "Price"}
_TERMS = {"startDays": "Days to begin", "hours": "Hours", "copies": "Copies"}


class RentalTerms(Body):
    """As a form sends them. None, for what was left empty: as the settings say; of copies: no limit."""

    start_days: Annotated[int, Meta(ge=1, le=MAX_START_DAYS)] | None = None
    hours: Annotated[int, Meta(ge=1, le=MAX_HOURS)] | None = None
    copies: Annotated[int, Meta(ge=0, le=MAX_COPIES)] | None = None


class FilmQuery(ListQuery):
    """``only``: changed, hidden or own films; all others are listed without it."""

    only: str = ""


class OfficeFilmPages(Handlers):
    def __init__(
        self,
        pages: Pages,
        search: Search,
        clock: Clock,
        default_price: Decimal,
        default_terms: Terms,
    ) -> None:
        self._pages = pages
        self._search = search
        self._clock = clock
        self._default_price = default_price
        self._default_terms = default_terms

    async def list_films(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request) as (conn, visitor):
            params = read_query(without_blanks(request.scope["query_string"]), FilmQuery)
            if params.only in film_queries.KINDS:
                return await self._edited(conn, request, visitor, params)
            form = self._pages.pending_form(request, visitor, _FILM_ACTION)
            filled = {form.get("film"): _filled(form)} if form else {}
            return await self._films(conn, request, visitor, params, filled)

    async def _edited(self, conn: Connection, request: AnyRequest, visitor: Visitor, params: FilmQuery) -> HtmlResponse:
        first = (params.page - 1) * FILMS_A_PAGE
        total, films = await film_queries.select_edited(conn, params.only, first=first, size=FILMS_A_PAGE)
        last = listing.pages(total, FILMS_A_PAGE)
        return self._pages.personal(
            "office/edited_films.html", request, visitor, only=params.only, total=total, films=films,
            pager=Pager("/admin/films", f"only={params.only}".encode(), params.page, last),
        )  # fmt: skip

    async def set_price(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        pending = (_FILM_ACTION, form.only(*_PRICE, film=film_id))
        async with self._pages.owner(request, pending=pending) as (conn, visitor):
            params = _list_of(form)
            try:
                price = form.read_amount("price", self._pages.formats)
            except InvalidRequest as error:
                return await self._films(conn, request, visitor, params, {film_id: _filled(form, error)}, error)
            title = await set_price(conn, film_id, price, visitor.actor)
        address = _pager(params, params.page).address(params.page)
        return self._pages.redirect(address, f"{title} costs {self._pages.money(price)} now.")

    async def set_terms(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        pending = (_FILM_ACTION, form.only(*_TERMS, film=film_id))
        async with self._pages.owner(request, pending=pending) as (conn, visitor):
            params = _list_of(form)
            try:
                new = NewTerms(**msgspec.structs.asdict(form.without_blanks().read(RentalTerms)))
                title, _ = await set_terms(conn, film_id, new, visitor.actor, now=self._clock.now())
            except (InvalidRequest, Conflict) as error:
                return await self._films(conn, request, visitor, params, {film_id: _filled(form, error)}, error)
        address = _pager(params, params.page).address(params.page)
        return self._pages.redirect(address, f"The terms of {title} hold for what is rented from now on.")

    async def _films(
        self,
        conn: Connection,
        request: AnyRequest,
        visitor: Visitor,
        params: ListQuery,
        filled: Mapping[str, FilledForm],
        error: FilmerError | None = None,
    ) -> HtmlResponse:
        """The films that match, or all. ``filled``: by film, a form as it was filled in."""
        total, films = await self._find(conn, params)
        prices = await own_prices(conn, films)
        film_ids, pager = [film.id for film in films], _pager(params, listing.pages(total, FILMS_A_PAGE))
        terms, stock = await select_terms(conn, film_ids), await select_stock(conn, film_ids, now=self._clock.now())
        return self._pages.personal(
            "office/films.html", request, visitor, failed=error, params=params, total=total,
            films=films, prices=prices, default_price=self._default_price, terms=terms, stock=stock,
            default_terms=self._default_terms, labels=_TERMS, filled=filled, unfilled=FilledForm({}), pager=pager,
        )  # fmt: skip

    async def _find(self, conn: Connection, params: ListQuery) -> tuple[int, Sequence[MovieItem | FilmRow]]:
        first = (params.page - 1) * FILMS_A_PAGE
        if not params.query.strip():
            return await film_queries.select_films(conn, first=first, size=FILMS_A_PAGE)
        filters = with_query(Filters(), params.query)
        return await self._search.movies(conn, filters, sort="relevance", first=first, size=FILMS_A_PAGE)


def _filled(form: Form, error: FilmerError | None = None) -> FilledForm:
    """The form that was sent of the two that each film has."""
    return FilledForm.of(_PRICE if any(name == "price" for name, _ in form.members) else _TERMS, form, error)


def _list_of(form: Form) -> ListQuery:
    """The list that the form belongs to; the first page of all films where its fields are invalid."""
    try:
        return read_query(urlencode({"query": form.get("query"), "page": form.get("page") or "1"}).encode(), ListQuery)
    except InvalidRequest:
        return ListQuery()


def _pager(params: ListQuery, last: int) -> Pager:
    query = urlencode({"query": params.query}) if params.query.strip() else ""
    return Pager("/admin/films", query.encode(), params.page, last)
