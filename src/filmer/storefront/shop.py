"""The shop's pages: the cart."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from litestar.params import FromPath

from filmer.errors import FilmerError, InvalidRequest, NotFound, Unavailable
from filmer.http.handlers import AnyRequest, Handlers
from filmer.rentals.watching import Watching
from filmer.shop.api import require_movie_id
from filmer.shop.cart import Carts
from filmer.shop.schemas import MAX_QUANTITY, ChangedQuantity, NewCartItem, total
from filmer.store.postgres import Connection, Database
from filmer.storefront.forms import Form, receive_form
from filmer.storefront.pages import OK, HtmlResponse, Pages, Visitor, local_address
from filmer.storefront.pending_forms import Action

_ADD, _CHANGE = "add to cart", "change in cart"  # actions that may be carried out after a sign-in
Change = Callable[[Connection, int, Form], Awaitable[tuple[str, str]]]
_UNKNOWN_FILM = "This film is not in the catalogue, so it was not added."


class ShopPages(Handlers):
    def __init__(self, pages: Pages, database: Database, carts: Carts, watching: Watching) -> None:
        self._pages = pages
        self._database = database
        self._carts = carts
        self._watching = watching

    async def show_cart(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            return await self._show_cart(conn, request, visitor)

    async def add_item(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        pending = form.only("movieId", "quantity", "next")
        async with self._pages.signed_in(request, pending=(_ADD, pending)) as (conn, visitor):
            try:
                address, notice = await self._add(conn, visitor.user.id, form)
            except (InvalidRequest, NotFound, Unavailable) as error:
                return await self._show_cart(conn, request, visitor, error)
        return self._pages.redirect(address, notice)

    async def _add(self, conn: Connection, account_id: int, form: Form) -> tuple[str, str]:
        """The next address, and the notice. Raises InvalidRequest, NotFound."""
        item = form.read(NewCartItem)
        lines = await self._carts.add(conn, account_id, item.movie_id, item.quantity, is_shown=False)
        added = next(line for line in lines if line.film_id == item.movie_id)
        count = "" if added.quantity == 1 else f", {added.quantity} of it"
        return local_address(form.get("next"), "/cart"), f"{added.title} is in your cart{count}."

    async def change_item(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        form = (await receive_form(request)).only("quantity", film=film_id)
        async with self._pages.signed_in(request, pending=(_CHANGE, form)) as (conn, visitor):
            try:
                address, notice = await self._change(conn, visitor.user.id, form)
            except (InvalidRequest, Unavailable) as error:
                return await self._show_cart(conn, request, visitor, error)
        return self._pages.redirect(address, notice)

    async def _change(self, conn: Connection, account_id: int, form: Form) -> tuple[str, str]:
        """The next address, and the notice. Raises InvalidRequest."""
        film_id, change = form.get("film"), form.read(ChangedQuantity)
        try:
            lines = await self._carts.change(
                conn, account_id, require_movie_id(film_id), change.quantity, is_shown=False
            )
        except NotFound:  # most likely it was taken out in another tab
            return "/cart", "That film is not in your cart any more."
        changed = next(line for line in lines if line.film_id == film_id)
        return "/cart", f"{changed.title}: {changed.quantity} in your cart."

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
                return await change(conn, account_id, form)
            except (InvalidRequest, NotFound, Unavailable) as error:
                return "/cart", _sentence(error)

    async def remove_item(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            try:
                await self._carts.remove(conn, visitor.user.id, require_movie_id(film_id), is_shown=False)
            except NotFound:
                return self._pages.redirect("/cart", "That film was not in your cart any more.")
        return self._pages.redirect("/cart", "Taken out of your cart.")

    async def clear_cart(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            await self._carts.clear(conn, visitor.user.id)
        return self._pages.redirect("/cart", "Your cart is empty now.")

    async def _show_cart(
        self, conn: Connection, request: AnyRequest, visitor: Visitor, error: FilmerError | None = None
    ) -> HtmlResponse:
        lines = await self._carts.show(conn, visitor.user.id)
        return self._pages.personal(
            "cart.html",
            request,
            visitor,
            status=error.status if error else OK,
            failure=_sentence(error) if error else "",
            lines=lines,
            held=await self._watching.held(conn, visitor.user.id),
            lacking=await self._carts.lacking(conn, lines),
            total=total(lines),
            most=MAX_QUANTITY,
        )


def _sentence(error: FilmerError) -> str:
    """Why the cart was not changed."""
    if isinstance(error, NotFound):
        return _UNKNOWN_FILM
    wrong = next(iter(error.field_errors), None) if isinstance(error, InvalidRequest) else None
    if wrong is None:
        return f"{error.message}."
    if wrong.field == "quantity":
        return f"Nothing was changed: the quantity {wrong.reason}."
    return f"This film can't be added: {wrong.reason}."
