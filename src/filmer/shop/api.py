"""The shop's half of shop-api.md: cart, checkout, orders. Without a session, 401 comes before all other checks."""

from functools import partial
from typing import Any

from litestar.params import FromPath

from filmer.accounts.access import signed_in
from filmer.accounts.sessions import Sessions
from filmer.accounts.signing_in import Client
from filmer.catalogue import listing
from filmer.catalogue.schemas import is_identifier
from filmer.errors import FieldError, InvalidRequest, NotFound
from filmer.http.handlers import AnyRequest, Handlers, arrival
from filmer.http.query import id_errors, read_query
from filmer.shop import queries
from filmer.shop.cancelling import Cancelling
from filmer.shop.cart import Carts
from filmer.shop.checkout import Checkout
from filmer.shop.orders import own_order
from filmer.shop.schemas import (
    BoughtItem,
    Cancellation,
    CancelledOrder,
    Cart,
    CartChange,
    ChangedCart,
    ChangedQuantity,
    NewCartItem,
    Order,
    OrderDetails,
    OrderItem,
    OrderList,
    OrderPage,
    Receipt,
    Refund,
    Submission,
    Tracking,
    past_month,
)
from filmer.store.postgres import Connection, Database

KEY_HEADER = "Idempotency-Key"
MAX_KEY = 255


class ShopApi(Handlers):
    """The handlers. Their components are passed in once: the framework's injection costs 0.2 ms a request."""

    def __init__(
        self, database: Database, sessions: Sessions, carts: Carts, checkout: Checkout, cancelling: Cancelling
    ) -> None:
        self._signed_in = partial(signed_in, database, sessions)
        self._carts = carts
        self._checkout = checkout
        self._cancelling = cancelling

    async def show_cart(self, request: AnyRequest) -> Cart:
        async with self._signed_in(request) as (conn, user, _):
            return Cart.of(await self._carts.show(conn, user.id))

    async def add_item(self, request: AnyRequest) -> CartChange:
        async with self._signed_in(request) as (conn, user, body):
            item = body.read(NewCartItem)
            lines = await self._carts.add(conn, user.id, item.movie_id, item.quantity)
        return CartChange("Item added to cart", ChangedCart.of(lines))

    async def change_item(self, movie_id: FromPath[str], request: AnyRequest) -> CartChange:
        async with self._signed_in(request) as (conn, user, body):
            change = body.read(ChangedQuantity)
            lines = await self._carts.change(conn, user.id, require_movie_id(movie_id), change.quantity)
        return CartChange("Cart updated", ChangedCart.of(lines))

    async def remove_item(self, movie_id: FromPath[str], request: AnyRequest) -> CartChange:
        async with self._signed_in(request) as (conn, user, _):
            lines = await self._carts.remove(conn, user.id, require_movie_id(movie_id))
        return CartChange("Item removed from cart", ChangedCart.of(lines))

    async def clear_cart(self, request: AnyRequest) -> CartChange:
        async with self._signed_in(request) as (conn, user, _):
            lines = await self._carts.clear(conn, user.id)
        return CartChange("Cart cleared", ChangedCart.of(lines))

    async def check_out(self, request: AnyRequest) -> Receipt:
        arrived = arrival(request)
        async with self._signed_in(request) as (conn, user, body):
            key, errors = _idempotency_key(request)
            submission = body.read(Submission, errors, check=lambda values: past_month(values, arrived.at))
            attempt = self._checkout.attempt(user, submission, key, Client.of(request), arrived.monotonic)
            prepared = await self._checkout.prepare(conn, attempt)
        if isinstance(prepared, Order):
            return _receipt(prepared)
        return _receipt(await self._checkout.place_order(attempt, prepared))

    async def list_orders(self, request: AnyRequest) -> OrderPage:
        async with self._signed_in(request) as (conn, user, _):
            params = read_query(request.scope["query_string"], OrderList)
            first = listing.span(params.page, params.size).first
            count, orders = await queries.select_orders(conn, user.id, first=first, size=params.size)
        return OrderPage(
            items=orders,
            page=params.page,
            size=params.size,
            total_items=count,
            total_pages=listing.pages(count, params.size),
        )

    async def show_order(
        self,
        order_id: FromPath[str],
        request: AnyRequest,
    ) -> OrderDetails:
        async with self._signed_in(request) as (conn, user, _):
            order = await _require_order(conn, user.id, order_id)
        return OrderDetails(
            order_id=order.id,
            customer_id=order.account_id,
            items=[OrderItem(sale.id, sale.film_id, sale.title, sale.quantity, sale.price) for sale in order.sales],
            total_price=order.total,
            order_date=order.placed_on,
        )

    async def cancel_order(self, request: AnyRequest) -> Cancellation:
        async with self._signed_in(request) as (conn, user, body):
            wanted = body.read(CancelledOrder)
            order = await _require_order(conn, user.id, str(wanted.order_id))
            cancellation = await self._cancelling.cancel(conn, order.id, wanted.reason, by=user.id)
        await self._cancelling.refund(order.id)
        return cancellation

    async def track_order(self, order_id: FromPath[str], request: AnyRequest) -> Tracking:
        async with self._signed_in(request) as (conn, user, _):
            order = await _require_order(conn, user.id, order_id)
            return await self._cancelling.track(conn, order.id)

    async def show_refund(self, order_id: FromPath[str], request: AnyRequest) -> Refund:
        async with self._signed_in(request) as (conn, user, _):
            order = await _require_order(conn, user.id, order_id)
            return await self._cancelling.show_refund(conn, order.id)


async def _require_order(conn: Connection, account_id: int, order_id: str) -> Order:
    """The user's order. Raises InvalidRequest for what is no id, Forbidden for another user's, NotFound."""
    if errors := id_errors("orderId", order_id):
        raise InvalidRequest(errors)
    order = await own_order(conn, account_id, int(order_id))
    if order is None:
        raise NotFound(f"Order not found with id: {order_id}")
    return order


def _receipt(order: Order) -> Receipt:
    return Receipt(
        order_id=order.id,
        message="Order placed successfully",
        items=[BoughtItem(sale.film_id, sale.title, sale.quantity, sale.price) for sale in order.sales],
        total_price=order.total,
        order_date=order.placed_on,
    )


def require_movie_id(movie_id: str) -> str:
    """Raises NotFound for a text that can't be a film's id (contract §2.5)."""
    if not is_identifier(movie_id):
        raise NotFound(f"Item not in cart with id: {movie_id}")
    return movie_id


def _idempotency_key(request: AnyRequest) -> tuple[str | None, list[FieldError]]:
    keys: list[Any] = request.headers.getall(KEY_HEADER, [])
    if not keys:
        return None, []
    key = str(keys[0])
    if len(keys) > 1:
        return None, [FieldError(KEY_HEADER, "must be given only once")]
    if not (1 <= len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        return None, [FieldError(KEY_HEADER, f"must have 1 to {MAX_KEY} printable ASCII characters")]
    return key, []
