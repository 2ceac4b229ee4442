"""The office's pages, for admins alone: what is there, what was earned, and what may be changed."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlencode

from litestar.params import FromPath
from msgspec import Meta

from filmer.admin import queries
from filmer.admin.chart import chart_of
from filmer.catalogue import listing
from filmer.catalogue.edition import Edition
from filmer.catalogue.filters import filters
from filmer.catalogue.prices import own_prices, set_price
from filmer.catalogue.queries import one_edition
from filmer.catalogue.schemas import MovieItem
from filmer.catalogue.search import Search
from filmer.clock import Clock
from filmer.community.shelves import Shelves
from filmer.errors import Forbidden, InvalidRequest, NotFound
from filmer.http.body import Body
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import Query, read_query, require_id
from filmer.settings import parse_price
from filmer.store.postgres import Connection
from filmer.store.valkey import SharedCache
from filmer.storefront.filled import Pager
from filmer.storefront.forms import Form, receive_form, without_blanks
from filmer.storefront.pages import HtmlResponse, Pages, Visitor, own_place
from filmer.tmdb.client import Tmdb

DAYS = 30
A_PAGE = 50
FILMS_A_PAGE = 20
_PRICE_WAITS = "price"  # a form that is shown again after signing in
_AMOUNT = re.compile(r"[0-9]{1,6}(\.[0-9]{1,2})?")


def _read_price(text: str) -> Decimal:
    amount = text.strip()
    if not _AMOUNT.fullmatch(amount):
        raise ValueError("must be an amount such as 4.99")
    return parse_price(amount)


class NewPrice(Body):
    price: Annotated[Decimal, Meta(extra={"read": _read_price})]


class AdminListQuery(Query):
    """A list of the office, narrowed down."""

    query: Annotated[str, Meta(max_length=200)] = ""
    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


class AdminPages(Handlers):
    def __init__(
        self,
        pages: Pages,
        shared: SharedCache,
        tmdb: Tmdb,
        shelves: Shelves,
        search: Search,
        edition: Edition,
        clock: Clock,
        default_price: Decimal,
    ) -> None:
        self._pages = pages
        self._shared = shared
        self._tmdb = tmdb
        self._shelves = shelves
        self._search = search
        self._edition = edition
        self._clock = clock
        self._default_price = default_price

    async def show_dashboard(self, request: AnyRequest) -> HtmlResponse:
        today = self._clock.now().date()
        async with self._admin(request) as (conn, visitor):
            async with one_edition(conn):
                stock = await queries.select_stock(conn)
            days = await queries.select_days(conn, first=today - timedelta(days=DAYS - 1), last=today)
        health = {
            "Database": "well",  # or we had not come this far
            "Cache": "well" if await self._shared.ping() else "away: everything works, slower",
            "TMDB": self._tmdb.condition,
        }
        return self._pages.personal(
            "admin.html", request, visitor, stock=stock, days=days, chart=chart_of(days), health=health
        )

    async def list_accounts(self, request: AnyRequest) -> HtmlResponse:
        async with self._admin(request) as (conn, visitor):
            query_string = without_blanks(request.scope["query_string"])
            asked = read_query(query_string, AdminListQuery)
            first = (asked.page - 1) * A_PAGE
            total, accounts = await queries.select_accounts(conn, text=asked.query.strip(), first=first, size=A_PAGE)
        pager = Pager("/admin/accounts", query_string, asked.page, listing.pages(total, A_PAGE))
        return self._pages.personal(
            "admin_accounts.html", request, visitor, asked=asked, total=total, accounts=accounts, pager=pager
        )

    async def clear_favorites(self, account_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        async with self._admin(request):
            pass
        await self._shelves.clear_favorites(require_id(account_id, NotFound(f"There is no account {account_id}")))
        place = own_place(form.get("next"), "/admin/accounts")
        return self._pages.go_on(place, f"Account {account_id} has no favourites any more.")

    async def list_films(self, request: AnyRequest) -> HtmlResponse:
        async with self._admin(request) as (conn, visitor):
            asked = read_query(without_blanks(request.scope["query_string"]), AdminListQuery)
            kept = self._pages.kept(request, visitor, _PRICE_WAITS)
            filled = {kept.get("film"): (kept.get("price"), "")} if kept else {}
            return await self._films(conn, request, visitor, asked, filled)

    async def set_price(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        async with self._admin(request, waits=(_PRICE_WAITS, form.only("price", film=film_id))) as (conn, visitor):
            asked = _asked_before(form)
            try:
                price = form.read(NewPrice).price
            except InvalidRequest as error:
                wrong = {film_id: (form.get("price"), error.offences[0].reason)}
                return await self._films(conn, request, visitor, asked, wrong, status=error.status)
            title = await set_price(conn, film_id, price)
        place = _pager(asked, asked.page).address(asked.page)
        return self._pages.go_on(place, f"{title} costs {self._pages.money(price)} now.")

    async def _films(
        self,
        conn: Connection,
        request: AnyRequest,
        visitor: Visitor,
        asked: AdminListQuery,
        filled: dict[str, tuple[str, str]],
        *,
        status: int = 200,
    ) -> HtmlResponse:
        """The films that match, or all. ``filled``: what was typed as a film's price, and why it is none, or ""."""
        async with one_edition(conn):
            total, films = await self._find(conn, asked)
            prices = await own_prices(conn, films)
        return self._pages.personal(
            "admin_films.html",
            request,
            visitor,
            status=status,
            asked=asked,
            total=total,
            films=films,
            prices=prices,
            default_price=self._default_price,
            filled=filled,
            pager=_pager(asked, listing.pages(total, FILMS_A_PAGE)),
        )

    async def _find(self, conn: Connection, asked: AdminListQuery) -> tuple[int, Sequence[MovieItem | queries.FilmRow]]:
        first = (asked.page - 1) * FILMS_A_PAGE
        if not asked.query.strip():
            return await queries.select_films(conn, first=first, size=FILMS_A_PAGE)
        wanted = filters(
            query=asked.query, title=None, director=None, star=None, year=None, year_from=None, year_to=None,
            genre_id=None,
        )  # fmt: skip
        return await self._search.movies(
            conn, wanted, edition=self._edition.key, sort="relevance", first=first, size=FILMS_A_PAGE
        )

    @asynccontextmanager
    async def _admin(
        self, request: AnyRequest, *, waits: tuple[str, Form] | None = None
    ) -> AsyncIterator[tuple[Connection, Visitor]]:
        """As ``Pages.signed_in``, for admins alone. Raises Forbidden for everybody else who is signed in."""
        async with self._pages.signed_in(request, waits=waits) as (conn, visitor):
            if visitor.user.role != "admin":
                raise Forbidden("The office is for the people who run this shop. You are signed in as a customer")
            yield conn, visitor


def _asked_before(form: Form) -> AdminListQuery:
    """The list that the form stood in; its beginning where that can't be told."""
    try:
        return read_query(
            urlencode({"query": form.get("query"), "page": form.get("page") or "1"}).encode(), AdminListQuery
        )
    except InvalidRequest:
        return AdminListQuery()


def _pager(asked: AdminListQuery, last: int) -> Pager:
    query = urlencode({"query": asked.query}) if asked.query.strip() else ""
    return Pager("/admin/films", query.encode(), asked.page, last)
