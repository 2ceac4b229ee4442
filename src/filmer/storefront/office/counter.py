"""The page of the counter: what waits, is out, overdue or unpaid; handed out, taken back, written off."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from litestar.params import FromPath

from filmer.audit.log import Actor
from filmer.errors import InvalidOperation, NotFound
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import path_id, read_query
from filmer.rentals.counter import MAX_FOUND, Counter, read_code
from filmer.rentals.schemas import Rental
from filmer.shop.order_list_queries import UnpaidOrder, select_unpaid
from filmer.shop.schemas import MAX_ID
from filmer.store.postgres import Connection
from filmer.storefront.forms import receive_form, without_blanks
from filmer.storefront.office.lists import ListQuery
from filmer.storefront.pages import HtmlResponse, Pages, Visitor

MAX_TEXT = 200  # characters
Act = Callable[[Connection, int, Actor], Awaitable[Rental]]


class CounterPages(Handlers):
    def __init__(self, pages: Pages, counter: Counter) -> None:
        self._pages = pages
        self._counter = counter

    async def show_counter(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.clerk(request) as (conn, visitor):
            text = read_query(without_blanks(request.scope["query_string"]), ListQuery).query.strip()
            return await self._show(conn, request, visitor, text, None)

    async def hand_out(self, rental_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        notice = "{title} is handed out to {name}: it is due back by {until}."
        return await self._act(request, rental_id, self._counter.hand_out, notice)

    async def take_back(self, rental_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._act(request, rental_id, self._counter.take_back, "{title} is back from {name}.")

    async def write_off(self, rental_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        notice = "The copy of {title} that {name} had is written off as lost."
        return await self._act(request, rental_id, self._counter.write_off, notice)

    async def _act(self, request: AnyRequest, rental_id: str, act: Act, notice: str) -> HtmlResponse:
        """Back to the same list. What somebody else has done meanwhile is said, and nothing is done."""
        text = (await receive_form(request)).get("query").strip()[:MAX_TEXT]
        async with self._pages.clerk(request) as (conn, visitor):
            number = path_id(rental_id, MAX_ID)
            if number is None:
                raise NotFound("There is no such rental")
            row = await self._counter.show(conn, number)
            try:
                until = self._pages.formats.moment((await act(conn, number, visitor.actor)).ends_at)
            except InvalidOperation as error:
                return await self._show(conn, request, visitor, text, error)
        title, name = (row.title, f"{row.first_name} {row.last_name}") if row else ("The film", "its customer")
        address = f"/admin/counter?{urlencode({'query': text})}" if text else "/admin/counter"
        return self._pages.redirect(address, notice.format(title=title, name=name, until=until))

    async def _show(
        self, conn: Connection, request: AnyRequest, visitor: Visitor, text: str, error: InvalidOperation | None
    ) -> HtmlResponse:
        unpaid: list[UnpaidOrder] = []
        if text:
            found = await self._counter.find(conn, text)
            unpaid = await select_unpaid(conn, text, read_code(text), size=MAX_FOUND)
        else:
            found = await self._counter.overdue(conn) + await self._counter.waiting(conn)
        return self._pages.personal(
            "office/counter.html", request, visitor, failed=error,
            failure=f"{error.message}." if error else "", text=text, found=found, unpaid=unpaid,
            most=MAX_FOUND,
        )  # fmt: skip
