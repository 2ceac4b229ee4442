"""The page where a cart is paid for."""

import re
import secrets

import msgspec

from filmer.accounts.signing_in import Caller
from filmer.errors import (
    CartNotAsSeen,
    EmptyCart,
    FilmerError,
    InvalidRequest,
    KeyUsed,
    PaymentFailed,
    RateLimited,
    ServiceUnavailable,
)
from filmer.http.handlers import AnyRequest, Handlers, arrival
from filmer.http.json_text import Members
from filmer.shop.cart import Carts
from filmer.shop.cart_snapshot import changes_since, read_seen, seen_of, write_seen
from filmer.shop.checkout import Checkout
from filmer.shop.schemas import CartLine, Order, Submission, past_month, total
from filmer.storefront.filled import FilledForm
from filmer.storefront.forms import Form, receive_form
from filmer.storefront.pages import OK, HtmlResponse, Pages, Visitor, please_wait

_CARD = {
    "creditCardId": "Card number",
    "firstName": "First name on the card",
    "lastName": "Last name on the card",
    "expiration": "Good through",
}
_KEPT = [name for name in _CARD if name != "creditCardId"]  # a card's number never comes back
_EMPTY = FilledForm(_CARD)
_WAITS = "checkout"  # it is never carried out later: what was typed is shown again
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")
_ON_CARDS = re.compile(r"\s*(0?[1-9]|1[0-2])\s*/\s*(?:20)?([0-9]{2})\s*")  # a month as it is printed there
_REFUSED = "This card was not accepted: its number, names and month must match a card on file. Nothing was bought."
_CHANGED = "Your cart has changed since you looked. Nothing was bought: here it is now."
_NOTHING_TO_BUY = "Your cart is empty, so there is nothing to check out."
_EMPTY_BY_NOW = "Your cart is empty by now. What you have bought is among your orders."
_BOUGHT_ALREADY = "You have sent this form before: this is the order it became. Nothing else was bought."


class CheckoutPages(Handlers):
    def __init__(
        self,
        pages: Pages,
        carts: Carts,
        checkout: Checkout,
        *,
        hint: str | None = None,
    ) -> None:
        """``hint``: which cards everybody may pay with, to try the shop."""
        self._pages = pages
        self._carts = carts
        self._checkout = checkout
        self._hint = hint

    async def show_checkout(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            lines = await self._carts.show(conn, visitor.user.id)
        if not lines:
            return self._pages.go_on("/cart", _NOTHING_TO_BUY)
        kept = self._pages.kept(request, visitor, _WAITS)
        filled = FilledForm.of(_CARD, kept) if kept else _EMPTY
        return self._show_checkout(request, visitor, lines, key=secrets.token_urlsafe(32), filled=filled)

    async def check_out(self, request: AnyRequest) -> HtmlResponse:
        """The form's key makes one order of however many submits; its lines say what the customer agreed to."""
        form = await receive_form(request)
        try:
            order = await self._buy(request, form)
        except EmptyCart:
            return self._pages.go_on("/cart", _EMPTY_BY_NOW)
        except KeyUsed as used:
            return self._pages.go_on(f"/orders/{used.order_id}", _BOUGHT_ALREADY)
        except (InvalidRequest, PaymentFailed, CartNotAsSeen, RateLimited, ServiceUnavailable) as error:
            return await self._show_checkout_again(request, form, error)
        return self._pages.go_on(f"/orders/{order.id}", "Thank you! Your order is placed.")

    async def _buy(self, request: AnyRequest, form: Form) -> Order:
        came, key, seen = arrival(request), _key(form), read_seen(form.get("seen"))
        async with self._pages.signed_in(request, waits=(_WAITS, form.only(*_KEPT))) as (conn, visitor):
            asked = _with_month(form).read(Submission, check=lambda given: past_month(given, came.at))
            attempt = self._checkout.attempt(visitor.user, asked, key, Caller.of(request), came.monotonic, seen=seen)
            # The cart first: whoever bought it by then has written down their key as well, and is found by it.
            lines = await self._carts.show(conn, visitor.user.id)
            found = await self._checkout.look(conn, attempt)
        if isinstance(found, Order):
            return found
        if seen_of(lines) != seen:  # before the card is asked; what changes from here on, the sale itself finds
            raise CartNotAsSeen
        return await self._checkout.buy(attempt, found)

    async def _show_checkout_again(self, request: AnyRequest, form: Form, error: FilmerError) -> HtmlResponse:
        """With the same key for the same cart: an answer that got lost may have been an order's."""
        async with self._pages.signed_in(request) as (conn, visitor):
            lines = await self._carts.show(conn, visitor.user.id)
        if not lines:
            return self._pages.go_on("/cart", _EMPTY_BY_NOW)
        is_same = seen_of(lines) == read_seen(form.get("seen"))
        key = _key(form) if is_same else secrets.token_urlsafe(32)
        answer = self._show_checkout(request, visitor, lines, key=key, form=form, error=error)
        answer.headers.update(error.headers)
        return answer

    def _show_checkout(
        self,
        request: AnyRequest,
        visitor: Visitor,
        lines: list[CartLine],
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
            lines=lines,
            total=total(lines),
            changes=changes_since(read_seen(form.get("seen")), lines) if form else [],
            form=_filled(form, error) if form and error else filled,
            key=key,
            seen=write_seen(lines),
            hint=self._hint,
        )


def _filled(form: Form, error: FilmerError) -> FilledForm:
    if isinstance(error, CartNotAsSeen):  # to look at first, and then to pay for anew
        return FilledForm(_CARD, failure=_CHANGED)
    filled = FilledForm.of({name: _CARD[name] for name in _KEPT}, form, error)
    return msgspec.structs.replace(filled, labels=_CARD, failure=filled.failure and _told(error))


def _told(error: FilmerError) -> str:
    if isinstance(error, PaymentFailed):
        return _REFUSED
    if isinstance(error, RateLimited):
        return f"Too many cards were refused: {please_wait(error)} before the next try."
    return f"That did not work, and it is our fault. {error.message}. Send it again: you pay only once."


def _key(form: Form) -> str:
    """Another one where it is none of ours: what was seen still makes one order of one cart."""
    key = form.get("key")
    return key if _KEY.fullmatch(key) else secrets.token_urlsafe(32)


def _with_month(form: Form) -> Form:
    """A month as cards have it, and as browsers fill it in, becomes one as the API has it."""
    return Form(Members((name, _month(text) if name == "expiration" else text) for name, text in form.members))


def _month(text: str) -> str:
    printed = _ON_CARDS.fullmatch(text)
    return f"20{printed[2]}-{printed[1]:0>2}" if printed else text.strip()
