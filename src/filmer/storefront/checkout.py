"""The page where a cart is paid for."""

import re
import secrets
from collections.abc import Mapping

import msgspec

from filmer.accounts.signing_in import Client
from filmer.errors import (
    CartChanged,
    EmptyCart,
    FilmerError,
    InvalidRequest,
    KeyUsed,
    PaymentFailed,
    RateLimited,
    Reason,
    ServiceUnavailable,
    Unavailable,
)
from filmer.http.handlers import AnyRequest, Handlers, arrival
from filmer.http.json_text import Members
from filmer.rentals.queries import OwnRental
from filmer.rentals.watching import Watching
from filmer.shop.cart import Carts
from filmer.shop.cart_snapshot import changes_since, read_snapshot, snapshot_of, write_snapshot
from filmer.shop.checkout import Checkout
from filmer.shop.schemas import CartLine, Order, Submission, past_month, total
from filmer.store.postgres import Connection
from filmer.storefront.forms import FilledForm, Form, receive_form
from filmer.storefront.pages import OK, HtmlResponse, Pages, Visitor, please_wait

_CARD = {
    "creditCardId": "Card number",
    "firstName": "First name on the card",
    "lastName": "Last name on the card",
    "expiration": "Good through",
}
_SHOWN_AGAIN = [name for name in _CARD if name != "creditCardId"]  # a card's number never is
_EMPTY = FilledForm(_CARD)
_PENDING_ACTION = "checkout"  # shown again after a sign-in, never carried out
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")
_ON_CARDS = re.compile(r"\s*(0?[1-9]|1[0-2])\s*/\s*(?:20)?([0-9]{2})\s*")  # a month as cards print it
_REFUSED = "This card was not accepted: its number, names and month must match a card on file. Nothing was bought."
_CART_CHANGED = "Your cart has changed since you looked. Nothing was bought: here it is now."
_LACKING = "Not everything in your cart can be had any more. Nothing was bought: what is missing is marked."
_NOTHING_TO_BUY = "Your cart is empty, so there is nothing to check out."
_CART_EMPTY_NOW = "Your cart is empty by now. What you have bought is among your orders."
_ALREADY_BOUGHT = "You have sent this form before: this is the order it became. Nothing else was bought."


class ShownCart(msgspec.Struct, frozen=True):
    """``held``: what the user has already; ``lacking``: why films can't be had. Both by film."""

    lines: list[CartLine]
    held: Mapping[str, OwnRental]
    lacking: Mapping[str, Reason]


class CheckoutPages(Handlers):
    def __init__(
        self,
        pages: Pages,
        carts: Carts,
        checkout: Checkout,
        watching: Watching,
        *,
        hint: str | None = None,
    ) -> None:
        """``hint``: a text about public cards with which everybody may try the shop."""
        self._pages = pages
        self._carts = carts
        self._checkout = checkout
        self._watching = watching
        self._hint = hint

    async def show_checkout(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            cart = await self._cart(conn, visitor)
        if not cart.lines:
            return self._pages.redirect("/cart", _NOTHING_TO_BUY)
        form = self._pages.pending_form(request, visitor, _PENDING_ACTION)
        filled = FilledForm.of(_CARD, form) if form else _EMPTY
        return self._show_checkout(request, visitor, cart, key=secrets.token_urlsafe(32), filled=filled)

    async def check_out(self, request: AnyRequest) -> HtmlResponse:
        """With the form's key, repeated submits make one order; its snapshot has the lines that the user agreed to."""
        form = await receive_form(request)
        try:
            order = await self._place_order(request, form)
        except EmptyCart:
            return self._pages.redirect("/cart", _CART_EMPTY_NOW)
        except KeyUsed as used:
            return self._pages.redirect(f"/orders/{used.order_id}", _ALREADY_BOUGHT)
        except (InvalidRequest, PaymentFailed, CartChanged, RateLimited, ServiceUnavailable, Unavailable) as error:
            return await self._show_checkout_again(request, form, error)
        return self._pages.redirect(f"/orders/{order.id}", "Thank you! Your order is placed.")

    async def _place_order(self, request: AnyRequest, form: Form) -> Order:
        arrived, key, snapshot = arrival(request), _key(form), read_snapshot(form.get("seen"))
        pending = (_PENDING_ACTION, form.only(*_SHOWN_AGAIN))
        async with self._pages.signed_in(request, pending=pending) as (conn, visitor):
            submission = _with_month(form).read(Submission, check=lambda values: past_month(values, arrived.at))
            attempt = self._checkout.attempt(
                visitor.user, submission, key, Client.of(request), arrived.monotonic, snapshot=snapshot
            )
            # The cart is read first: if another submit has bought it by then, its key is stored as well, and is found.
            lines = await self._carts.show(conn, visitor.user.id)
            prepared = await self._checkout.prepare(conn, attempt)
        if isinstance(prepared, Order):
            return prepared
        if snapshot_of(lines) != snapshot:  # before the card is tried; what changes later, the transaction finds
            raise CartChanged
        return await self._checkout.place_order(attempt, prepared)

    async def _show_checkout_again(self, request: AnyRequest, form: Form, error: FilmerError) -> HtmlResponse:
        """With the same key for the same cart: a response that got lost may have been an order's."""
        async with self._pages.signed_in(request) as (conn, visitor):
            cart = await self._cart(conn, visitor)
        if not cart.lines:
            return self._pages.redirect("/cart", _CART_EMPTY_NOW)
        is_same = snapshot_of(cart.lines) == read_snapshot(form.get("seen"))
        key = _key(form) if is_same else secrets.token_urlsafe(32)
        response = self._show_checkout(request, visitor, cart, key=key, form=form, error=error)
        response.headers.update(error.headers)
        return response

    async def _cart(self, conn: Connection, visitor: Visitor) -> ShownCart:
        lines = await self._carts.show(conn, visitor.user.id)
        held = await self._watching.held(conn, visitor.user.id)
        return ShownCart(lines, held, await self._carts.lacking(conn, lines))

    def _show_checkout(
        self,
        request: AnyRequest,
        visitor: Visitor,
        cart: ShownCart,
        *,
        key: str,
        form: Form | None = None,
        error: FilmerError | None = None,
        filled: FilledForm = _EMPTY,
    ) -> HtmlResponse:
        return self._pages.personal(
            "checkout.html",
            request,
            visitor,
            status=error.status if error else OK,
            lines=cart.lines,
            held=cart.held,
            lacking=cart.lacking,
            total=total(cart.lines),
            changes=changes_since(read_snapshot(form.get("seen")), cart.lines) if form else [],
            form=_filled(form, error) if form and error else filled,
            key=key,
            snapshot=write_snapshot(cart.lines),
            hint=self._hint,
        )


def _filled(form: Form, error: FilmerError) -> FilledForm:
    if isinstance(error, CartChanged):  # to be looked at first, and then paid for anew
        return FilledForm(_CARD, failure=_CART_CHANGED)
    filled = FilledForm.of({name: _CARD[name] for name in _SHOWN_AGAIN}, form, error)
    return msgspec.structs.replace(filled, labels=_CARD, failure=filled.failure and _failure_text(error))


def _failure_text(error: FilmerError) -> str:
    if isinstance(error, PaymentFailed):
        return _REFUSED
    if isinstance(error, Unavailable):
        return _LACKING
    if isinstance(error, RateLimited):
        return f"Too many cards were refused: {please_wait(error)} before the next try."
    return f"That did not work, and it is our fault. {error.message}. Send it again: you pay only once."


def _key(form: Form) -> str:
    """A new key where the form has none of ours: the snapshot still makes one order of one cart."""
    key = form.get("key")
    return key if _KEY.fullmatch(key) else secrets.token_urlsafe(32)


def _with_month(form: Form) -> Form:
    """With the month in the API's form, where it was typed as cards print it and browsers fill it in."""
    return Form(Members((name, _month(text) if name == "expiration" else text) for name, text in form.members))


def _month(text: str) -> str:
    printed = _ON_CARDS.fullmatch(text)
    return f"20{printed[2]}-{printed[1]:0>2}" if printed else text.strip()
