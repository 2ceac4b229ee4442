"""The shop's pages: cart, checkout, orders."""

from typing import Self

from litestar.params import FromPath

from filmer.accounts.sessions import AnyRequest
from filmer.clock import Clock
from filmer.errors import NotFound
from filmer.shop.cart import Carts
from filmer.shop.checkout import Checkout
from filmer.store.postgres import Database
from filmer.web.pages import HtmlResponse, Pages


class ShopPages:
    """The handlers, with what they stand on."""

    def __init__(self, pages: Pages, database: Database, carts: Carts, checkout: Checkout, clock: Clock) -> None:
        self._pages = pages
        self._database = database
        self._carts = carts
        self._checkout = checkout
        self._clock = clock

    def __deepcopy__(self, _: object) -> Self:
        """The framework copies handlers; what they stand on is there once."""
        return self

    async def show_cart(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def add_item(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def change_item(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def remove_item(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def clear_cart(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def show_checkout(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def check_out(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def list_orders(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def show_order(self, order_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        raise NotFound
