"""The pages of orders: a customer's own, and all of them for admins, with what is owed back (contract §9.4)."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from litestar.params import FromPath
from msgspec import Meta

from filmer.audit.log import Actor
from filmer.catalogue import listing
from filmer.errors import InvalidOperation, InvalidRequest, NotFound
from filmer.http.body import Body
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import path_id, read_query
from filmer.rentals.counter import read_code
from filmer.shop import cancel_queries, queries
from filmer.shop.cancelling import Cancelling
from filmer.shop.counter_payments import CounterPayments
from filmer.shop.orders import own_order
from filmer.shop.schemas import MAX_ID, MAX_REASON, OrderList
from filmer.store.postgres import Connection
from filmer.storefront.forms import FilledForm, Form, receive_form, without_blanks
from filmer.storefront.office.lists import ListQuery
from filmer.storefront.pager import Pager
from filmer.storefront.pages import HtmlResponse, Pages

ORDERS_A_PAGE = 50
_REASON = {"reason": "Reason"}


class CancelReason(Body):
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON)]


class OrderPages(Handlers):
    def __init__(self, pages: Pages, cancelling: Cancelling, payments: CounterPayments) -> None:
        self._pages = pages
        self._cancelling = cancelling
        self._payments = payments

    async def list_orders(self, request: AnyRequest) -> HtmlResponse:
        query_string = request.scope["query_string"]
        async with self._pages.signed_in(request) as (conn, visitor):
            params = read_query(without_blanks(query_string), OrderList)
            first = listing.span(params.page, params.size).first
            count, orders = await queries.select_orders(conn, visitor.user.id, first=first, size=params.size)
            refunds = await cancel_queries.select_refunds(conn, [order.order_id for order in orders])
        pager = Pager("/orders", query_string, params.page, listing.pages(count, params.size))
        return self._pages.personal(
            "orders.html", request, visitor, orders=orders, refunds=refunds, count=count, pager=pager
        )

    async def list_all(self, request: AnyRequest) -> HtmlResponse:
        query_string = without_blanks(request.scope["query_string"])
        async with self._pages.clerk(request) as (conn, visitor):
            params = read_query(query_string, ListQuery)
            text, first = params.query.strip(), (params.page - 1) * ORDERS_A_PAGE
            total, orders = await cancel_queries.find_orders(
                conn, text, read_code(text), first=first, size=ORDERS_A_PAGE
            )
            owed, unpaid = await cancel_queries.select_owed(conn), await cancel_queries.select_unpaid(conn)
        pager = Pager("/admin/orders", query_string, params.page, listing.pages(total, ORDERS_A_PAGE))
        return self._pages.personal(
            "office/orders.html", request, visitor, params=params, total=total, orders=orders, owed=owed, unpaid=unpaid,
            pager=pager,
        )  # fmt: skip

    async def show_order(self, order_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._order(request, order_id, is_owner=False)

    async def cancel_order(self, order_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._order(request, order_id, await receive_form(request), is_owner=False)

    async def show_any(self, order_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._order(request, order_id, is_owner=True)

    async def refund_order(self, order_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        """A refund is a cancelling, which an owner of the shop may do at any time, with a reason."""
        return await self._order(request, order_id, await receive_form(request), is_owner=True)

    async def mark_paid(self, order_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._mark(order_id, request, self._payments.mark_paid, "The order is paid.")

    async def mark_given_back(self, order_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._mark(order_id, request, self._payments.mark_given_back, "The money is given back.")

    async def _mark(
        self, order_id: str, request: AnyRequest, mark: Callable[[Connection, int, Actor], Awaitable[None]], notice: str
    ) -> HtmlResponse:
        async with self._pages.clerk(request) as (conn, visitor):
            number = path_id(order_id, MAX_ID)
            if number is None:
                raise NotFound("There is no such order")
            try:
                await mark(conn, number, visitor.actor)
            except InvalidOperation as error:
                notice = f"{error.message}."
        return self._pages.redirect(f"/admin/orders/{number}", notice)

    async def _order(
        self, request: AnyRequest, order_id: str, form: Form | None = None, *, is_owner: bool
    ) -> HtmlResponse:
        """The visitor's own order, or anybody's for an owner of the shop. It is cancelled first if there is a form."""
        number, filled, error = path_id(order_id, MAX_ID) or 0, FilledForm(_REASON), None
        async with (self._pages.clerk if is_owner else self._pages.signed_in)(request) as (conn, visitor):
            find = queries.select_order(conn, number) if is_owner else own_order(conn, visitor.user.id, number)
            order = await find
            if order is None:
                raise NotFound("There is no such order")
            if form is not None:
                try:
                    reason = form.read(CancelReason).reason.strip() if is_owner or form.get("reason").strip() else ""
                    await self._cancelling.cancel(
                        conn, order.id, reason, by=visitor.user.id, actor=visitor.actor if is_owner else None
                    )
                except (InvalidRequest, InvalidOperation) as refusal:
                    filled, error = FilledForm.of(_REASON, form, refusal), refusal
            standing = await self._cancelling.standing(conn, order.id)
        if form is not None and error is None:
            await self._cancelling.refund(order.id)
            return self._pages.redirect(request.scope["path"].rpartition("/")[0], "The order is cancelled.")
        return self._pages.personal(
            "office/order.html" if is_owner else "order.html", request, visitor, failed=error,
            order=order, standing=standing, form=filled, most=MAX_REASON,
        )  # fmt: skip
