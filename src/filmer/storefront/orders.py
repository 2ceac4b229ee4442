"""The pages of a customer's own orders (contract §9.4)."""

from datetime import timedelta
from typing import Annotated

from litestar.params import FromPath
from msgspec import Meta

from filmer.catalogue import listing
from filmer.errors import InvalidOperation, InvalidRequest, NotFound
from filmer.http.body import Body
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import path_id, read_query
from filmer.shop import cancel_queries, queries
from filmer.shop.cancelling import Cancelling
from filmer.shop.orders import own_order
from filmer.shop.schemas import MAX_ID, MAX_REASON, OrderList
from filmer.storefront.forms import FilledForm, Form, receive_form, without_blanks
from filmer.storefront.pager import Pager
from filmer.storefront.pages import HtmlResponse, Pages

REASON = {"reason": "Reason"}


class CancelReason(Body):
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON)]


class OrderPages(Handlers):
    def __init__(self, pages: Pages, cancelling: Cancelling, *, hold: timedelta) -> None:
        """``hold``: how long an order waits for its payment at the counter."""
        self._pages = pages
        self._cancelling = cancelling
        self._hold = hold

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

    async def show_order(self, order_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._order(request, order_id)

    async def cancel_order(self, order_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._order(request, order_id, await receive_form(request))

    async def _order(self, request: AnyRequest, order_id: str, form: Form | None = None) -> HtmlResponse:
        """The visitor's own order. It is cancelled first if there is a form."""
        number, filled, error = path_id(order_id, MAX_ID) or 0, FilledForm(REASON), None
        async with self._pages.signed_in(request) as (conn, visitor):
            order = await own_order(conn, visitor.user.id, number)
            if order is None:
                raise NotFound("There is no such order")
            if form is not None:
                try:
                    reason = form.read(CancelReason).reason.strip() if form.get("reason").strip() else ""
                    await self._cancelling.cancel(conn, order.id, reason, by=visitor.user.id)
                except (InvalidRequest, InvalidOperation) as refusal:
                    filled, error = FilledForm.of(REASON, form, refusal), refusal
            standing = await self._cancelling.standing(conn, order.id)
        if form is not None and error is None:
            await self._cancelling.refund(order.id)
            return self._pages.redirect(request.scope["path"].rpartition("/")[0], "The order is cancelled.")
        return self._pages.personal(
            "order.html", request, visitor, failed=error, order=order, standing=standing, form=filled, most=MAX_REASON,
            pay_until=standing.state.placed + self._hold,
        )  # fmt: skip
