"""The shop's pages: the cart."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

from litestar.params import FromPath

from filmer.accounts.signing_in import Client
from filmer.errors import FilmerError, InvalidRequest, NotFound, RateLimited, Unavailable
from filmer.http.handlers import AnyRequest, Handlers
from filmer.rentals.watching import Watching
from filmer.shop.api import require_movie_id
from filmer.shop.cart import Carts
from filmer.shop.guest_carts import GuestCart, GuestCarts
from filmer.shop.schemas import MAX_QUANTITY, CartLine, ChangedQuantity, NewCartItem, total
from filmer.store.postgres import Connection, Database
from filmer.storefront.forms import Form, receive_form
from filmer.storefront.guest_cookies import GuestCookies
from filmer.storefront.pages import HtmlResponse, Pages, Visitor, has_session, local_address, please_wait
from filmer.storefront.pending_forms import Action

_ADD, _CHANGE = "add to cart", "change in cart"  # actions that may be carried out after a sign-in


class Changed(NamedTuple):
    """What became of a form: the next address, the notice, and the lines, if there was a change."""

    address: str
    notice: str
    lines: Sequence[CartLine] | None = None


Change = Callable[[Connection, int, Form], Awaitable[Changed]]
_UNKNOWN_FILM = "This film is not in the catalogue, so it was not added."


class Shopper(NamedTuple):
    """Whoever uses a cart: a user, or a visitor who is not signed in, and has a cart or not."""

    conn: Connection
    visitor: Visitor | None
    guest: GuestCart | None

    @property
    def key(self) -> int:
        """Of the cart. 0 has no lines: nobody's."""
        return self.visitor.user.id if self.visitor else self.guest.key if self.guest else 0


class ShopPages(Handlers):
    def __init__(
        self,
        pages: Pages,
        database: Database,
        carts: Carts,
        watching: Watching,
        guests: GuestCarts,
        cookies: GuestCookies,
    ) -> None:
        self._pages = pages
        self._database = database
        self._carts = carts
        self._watching = watching
        self._guests = guests
        self._cookies = cookies

    @asynccontextmanager
    async def _shopping(
        self, request: AnyRequest, *, pending: tuple[str, Form] | None = None
    ) -> AsyncIterator[Shopper]:
        """Whoever uses the cart. A visitor whose session ran out had an account's cart: they sign in first."""
        if has_session(request):
            async with self._pages.signed_in(request, pending=pending) as (conn, visitor):
                yield Shopper(conn, visitor, None)
        else:
            async with self._database.connection() as conn:
                yield Shopper(conn, None, await self._cookies.find(conn, request))

    async def _redirect(
        self, shopper: Shopper, address: str, notice: str, lines: Sequence[CartLine] | None = None
    ) -> HtmlResponse:
        """After a change that has left ``lines``. Visitors are led to the cart: other pages show them no notice."""
        response = self._pages.redirect("/cart" if shopper.guest else address, notice)
        if shopper.guest and lines is not None:
            await self._guests.keep(shopper.conn, shopper.guest)
            response.cookies.extend(self._cookies.cookies(shopper.guest, lines))
        return response

    async def show_cart(self, request: AnyRequest) -> HtmlResponse:
        async with self._shopping(request) as shopper:
            return await self._show_cart(shopper, request)

    async def add_item(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        pending = form.only("movieId", "quantity", "next")
        async with self._shopping(request, pending=(_ADD, pending)) as shopper:
            try:
                form.read(NewCartItem)
                buyer = shopper
                if not shopper.key:
                    guest = await self._guests.begin(shopper.conn, Client.of(request).address)
                    buyer = shopper._replace(guest=guest)
                return await self._redirect(buyer, *await self._add(shopper.conn, buyer.key, form))
            except (InvalidRequest, NotFound, Unavailable, RateLimited) as error:
                return await self._show_cart(shopper, request, error)

    async def _add(self, conn: Connection, account_id: int, form: Form) -> Changed:
        """Raises InvalidRequest, NotFound."""
        item = form.read(NewCartItem)
        lines = await self._carts.add(conn, account_id, item.movie_id, item.quantity, is_shown=False)
        added = next(line for line in lines if line.film_id == item.movie_id)
        count = "" if added.quantity == 1 else f", {added.quantity} of it"
        return Changed(local_address(form.get("next"), "/cart"), f"{added.title} is in your cart{count}.", lines)

    async def change_item(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        form = (await receive_form(request)).only("quantity", film=film_id)
        async with self._shopping(request, pending=(_CHANGE, form)) as shopper:
            try:
                return await self._redirect(shopper, *await self._change(shopper.conn, shopper.key, form))
            except (InvalidRequest, Unavailable) as error:
                return await self._show_cart(shopper, request, error)

    async def _change(self, conn: Connection, account_id: int, form: Form) -> Changed:
        """Raises InvalidRequest."""
        film_id, change = form.get("film"), form.read(ChangedQuantity)
        try:
            lines = await self._carts.change(
                conn, account_id, require_movie_id(film_id), change.quantity, is_shown=False
            )
        except NotFound:  # most likely it was taken out in another tab
            return Changed("/cart", "That film is not in your cart any more.")
        changed = next(line for line in lines if line.film_id == film_id)
        return Changed("/cart", f"{changed.title}: {changed.quantity} in your cart.", lines)

    @property
    def actions(self) -> Mapping[str, Action]:
        """What may be carried out for a user who has just signed in."""
        return {
            _ADD: Action(
                "As soon as you are signed in, the film goes into your cart.", partial(self._carry_out, self._add)
            ),
            _CHANGE: Action(
                "As soon as you are signed in, the quantity is changed.", partial(self._carry_out, self._change)
            ),
        }

    async def _carry_out(self, change: Change, account_id: int, form: Form) -> tuple[str, str]:
        async with self._database.connection() as conn:
            try:
                changed = await change(conn, account_id, form)
            except (InvalidRequest, NotFound, Unavailable) as error:
                return "/cart", _sentence(error)
        return changed.address, changed.notice

    async def remove_item(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._shopping(request) as shopper:
            try:
                movie_id = require_movie_id(film_id)
                lines = await self._carts.remove(shopper.conn, shopper.key, movie_id, is_shown=False)
            except NotFound:
                return self._pages.redirect("/cart", "That film was not in your cart any more.")
            return await self._redirect(shopper, "/cart", "Taken out of your cart.", lines)

    async def clear_cart(self, request: AnyRequest) -> HtmlResponse:
        async with self._shopping(request) as shopper:
            lines = await self._carts.clear(shopper.conn, shopper.key)
            return await self._redirect(shopper, "/cart", "Your cart is empty now.", lines)

    async def _show_cart(self, shopper: Shopper, request: AnyRequest, error: FilmerError | None = None) -> HtmlResponse:
        conn, visitor = shopper.conn, shopper.visitor
        lines = await self._carts.show(conn, shopper.key)
        return self._pages.personal(
            "cart.html",
            request,
            visitor,
            failed=error,
            failure=_sentence(error) if error else "",
            lines=lines,
            held=await self._watching.held(conn, visitor.user.id) if visitor else {},
            lacking=await self._carts.lacking(conn, lines),
            total=total(lines),
            most=MAX_QUANTITY,
        )


def _sentence(error: FilmerError) -> str:
    """Why the cart was not changed."""
    if isinstance(error, NotFound):
        return _UNKNOWN_FILM
    if isinstance(error, RateLimited):
        return f"Too many carts were begun from where you are: {please_wait(error)}, or sign in."
    wrong = next(iter(error.field_errors), None) if isinstance(error, InvalidRequest) else None
    if wrong is None:
        return f"{error.message}."
    if wrong.field == "quantity":
        return f"Nothing was changed: the quantity {wrong.reason}."
    return f"This film can't be added: {wrong.reason}."
