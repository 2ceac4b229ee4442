"""The office's pages of orders: the list, filtered and searched; one order, with what can be done for it."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated
from urllib.parse import urlencode

from litestar.params import FromPath
from msgspec import Meta

from filmer.audit.log import Actor
from filmer.errors import FilmerError, InvalidOperation, InvalidRequest, NotFound
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import Query, path_id, read_query
from filmer.mail.queries import select_mails_about
from filmer.office.order_queries import select_entries_about
from filmer.rentals.counter import read_code
from filmer.shop import queries
from filmer.shop.cancelling import Cancelling
from filmer.shop.counter_payments import CounterPayments
from filmer.shop.order_history import history_of
from filmer.shop.order_list_queries import (
    MOST_COUNTED,
    OLDEST_FIRST,
    OrderFilter,
    OrderPage,
    PaymentKind,
    State,
    count_waiting,
    select_orders_page,
)  # fmt: skip
from filmer.shop.order_mails import KINDS, OrderMails
from filmer.shop.schemas import MAX_ID, MAX_REASON
from filmer.store.postgres import Connection
from filmer.storefront.forms import FilledForm, receive_form, without_blanks
from filmer.storefront.office.lists import Day, filled_query
from filmer.storefront.orders import REASON, CancelReason
from filmer.storefront.pages import HtmlResponse, Pages, Visitor

ORDERS_A_PAGE = 50
MAILS_SHOWN = 20
_FILTERS = {"query": "Search", "state": "State", "payment": "Payment", "since": "From", "until": "To"}
_Edge = Annotated[int, Meta(ge=1, le=MAX_ID)]


class OrdersQuery(Query):
    """``before``, ``after``: an order of the list, where another page of it begins."""

    query: Annotated[str, Meta(max_length=200)] = ""
    state: State | None = None
    payment: PaymentKind | None = None
    since: Day | None = None
    until: Day | None = None
    before: _Edge | None = None
    after: _Edge | None = None


class OfficeOrderPages(Handlers):
    def __init__(self, pages: Pages, cancelling: Cancelling, payments: CounterPayments, mails: OrderMails) -> None:
        self._pages = pages
        self._cancelling = cancelling
        self._payments = payments
        self._mails = mails

    async def list_orders(self, request: AnyRequest) -> HtmlResponse:
        query_string = without_blanks(request.scope["query_string"])
        error: InvalidRequest | None = None
        try:
            params = read_query(query_string, OrdersQuery)
        except InvalidRequest as invalid:
            params, error = OrdersQuery(), invalid
        text = params.query.strip()
        since, until = (date.fromisoformat(day) if day else None for day in (params.since, params.until))
        wanted = OrderFilter(text, read_code(text), params.state, params.payment, since, until)
        page = OrderPage([], 0, has_before=False, has_after=False)
        async with self._pages.clerk(request) as (conn, visitor):
            if error is None:
                page = await select_orders_page(
                    conn, wanted, before=params.before, after=params.after, size=ORDERS_A_PAGE
                )
            waiting = await count_waiting(conn)
        form = filled_query(_FILTERS, query_string, error)
        filters = {name: value for name, value in form.values.items() if value}
        return self._pages.personal(
            "office/orders.html", request, visitor, failed=error, page=page, form=form, waiting=waiting,
            filters=filters, most=MOST_COUNTED, is_oldest_first=params.state in OLDEST_FIRST,
            address=lambda **more: f"/admin/orders?{urlencode(filters | more)}",
        )  # fmt: skip

    async def show_order(self, order_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.clerk(request) as (conn, visitor):
            return await self._show(conn, request, visitor, _number(order_id), FilledForm(REASON), None)

    async def refund_order(self, order_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        """A refund is a cancelling, which an owner may do at any time, with a reason (contract §9.4)."""
        form = await receive_form(request)
        async with self._pages.owner(request) as (conn, visitor):
            number = _number(order_id)
            if await queries.select_order(conn, number) is None:
                raise NotFound("There is no such order")
            try:
                reason = form.read(CancelReason).reason.strip()
                await self._cancelling.cancel(conn, number, reason, by=visitor.user.id, actor=visitor.actor)
            except (InvalidRequest, InvalidOperation) as refusal:
                filled = FilledForm.of(REASON, form, refusal)
                return await self._show(conn, request, visitor, number, filled, refusal)
        await self._cancelling.refund(number)
        return self._pages.redirect(f"/admin/orders/{number}", "The order is cancelled.")

    async def mark_paid(self, order_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._act(order_id, request, self._payments.mark_paid, "The order is paid.")

    async def mark_given_back(self, order_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        notice = "The money is given back."
        return await self._act(order_id, request, self._payments.mark_given_back, notice)

    async def resend(self, order_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        notice = "The mail is written once more."
        if not self._mails.is_sent:
            notice += " It is not sent, as no server for mail is set up."
        return await self._act(order_id, request, self._mails.again, notice)

    async def _act(
        self, order_id: str, request: AnyRequest, act: Callable[[Connection, int, Actor], Awaitable[None]], notice: str
    ) -> HtmlResponse:
        """What can't be done any more, as somebody else was quicker, is said in place of the notice."""
        async with self._pages.clerk(request) as (conn, visitor):
            number = _number(order_id)
            try:
                await act(conn, number, visitor.actor)
            except InvalidOperation as error:
                notice = f"{error.message}."
        return self._pages.redirect(f"/admin/orders/{number}", notice)

    async def _show(
        self,
        conn: Connection,
        request: AnyRequest,
        visitor: Visitor,
        number: int,
        form: FilledForm,
        error: FilmerError | None,
    ) -> HtmlResponse:
        order = await queries.select_order(conn, number)
        if order is None:
            raise NotFound("There is no such order")
        standing = await self._cancelling.standing(conn, number)
        titles = {sale.film_id: sale.title for sale in order.sales}
        return self._pages.personal(
            "office/order.html", request, visitor, failed=error, order=order, standing=standing, form=form,
            most=MAX_REASON, history=history_of(standing.state, standing.rentals, titles),
            entries=await select_entries_about(conn, "order", str(number)),
            mails=await select_mails_about(conn, number, KINDS, size=MAILS_SHOWN), kinds=KINDS,
        )  # fmt: skip


def _number(order_id: str) -> int:
    number = path_id(order_id, MAX_ID)
    if number is None:
        raise NotFound("There is no such order")
    return number
