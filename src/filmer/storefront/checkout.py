"""The page where a cart is paid for."""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime

import msgspec

from filmer.accounts.signing_in import Client
from filmer.clock import Clock
from filmer.errors import (
    CartChanged,
    EmptyCart,
    FieldError,
    FilmerError,
    InvalidRequest,
    KeyUsed,
    PaymentFailed,
    RateLimited,
    Reason,
    ServiceUnavailable,
    Unavailable,
)
from filmer.http.envelopes import POLICY
from filmer.http.handlers import AnyRequest, Handlers, arrival
from filmer.http.json_text import Members
from filmer.rentals.queries import OwnRental
from filmer.rentals.watching import Watching
from filmer.shop.card_queries import StoredCard
from filmer.shop.cards import OwnCards, new_card_errors
from filmer.shop.cart import Carts
from filmer.shop.cart_snapshot import changes_since, read_snapshot, snapshot_of, write_snapshot
from filmer.shop.checkout import Checkout
from filmer.shop.payment import ConfirmationNeeded
from filmer.shop.schemas import CartLine, Order, Submission, past_month, total
from filmer.store.postgres import Connection
from filmer.storefront.card_forms import CARD, as_the_api_takes_it
from filmer.storefront.card_forms import SHOWN_AGAIN as CARD_SHOWN_AGAIN
from filmer.storefront.forms import FilledForm, Form, receive_form
from filmer.storefront.pages import HtmlResponse, Pages, Visitor, please_wait
from filmer.storefront.stripe_page import HOLDER, STRIPE, StripePage, draft_of, read_new_card

SHOWN_AGAIN = {**CARD_SHOWN_AGAIN, **HOLDER}
CARDS, COUNTER = "cards", "counter"  # ways to pay, besides the ids of cards on file
_NO_CARD = Submission(credit_card_id="", first_name="", last_name="", expiration="")
_PAY_LATER = "Thank you! Your order is placed, and waits for you to pay at the counter."
_EMPTY = FilledForm(CARD)
_PENDING_ACTION = "checkout"  # shown again after a sign-in, never carried out
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")
_REFUSED = (
    "This card was not accepted: its number, names and month must match a card on file. Nothing was bought."
    " To put yours on file, tick “Keep this card”."
)
_DECLINED = "This card was not accepted. Nothing was bought: please try another card, or another way to pay."
_CONFIRM = "Your bank wants you to confirm this payment. Nothing is bought until you have."
_CART_CHANGED = "Your cart has changed since you looked. Nothing was bought: here it is now."
_LACKING = "Not everything in your cart can be had any more. Nothing was bought: what is missing is marked."
_NOTHING_TO_BUY = "Your cart is empty, so there is nothing to check out."
_CART_EMPTY_NOW = "Your cart is empty by now. What you have bought is among your orders."
_ALREADY_BOUGHT = "You have sent this form before: this is the order it became. Nothing else was bought."

# What went wrong is told on the same page, where the form can be sent again.
_SHOWN = (
    InvalidRequest, PaymentFailed, ConfirmationNeeded, CartChanged, RateLimited, ServiceUnavailable, Unavailable,
)  # fmt: skip


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
        cards: OwnCards,
        clock: Clock,
        *,
        hold_days: int,
        stripe: StripePage | None = None,
        hint: str | None = None,
    ) -> None:
        """``hint``: a text about public cards with which everybody may try the shop."""
        self._stripe = stripe
        self._pages = pages
        self._carts = carts
        self._checkout = checkout
        self._watching = watching
        self._cards = cards
        self._clock = clock
        self._hold_days = hold_days
        self._hint = hint

    async def show_checkout(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            cart = await self._cart(conn, visitor)
            cards = await self._cards.list(conn, visitor.user.id)
        if not cart.lines:
            return self._pages.redirect("/cart", _NOTHING_TO_BUY)
        form = self._pages.pending_form(request, visitor, _PENDING_ACTION)
        filled = FilledForm.of(SHOWN_AGAIN, form) if form else _EMPTY
        return self._show_checkout(request, visitor, cart, cards, key=secrets.token_urlsafe(32), filled=filled)

    async def check_out(self, request: AnyRequest) -> HtmlResponse:
        """With the form's key, repeated submits make one order; its snapshot has the lines that the user agreed to."""
        form = await receive_form(request)
        try:
            order = await self._place_order(request, form)
        except EmptyCart:
            return self._pages.redirect("/cart", _CART_EMPTY_NOW)
        except KeyUsed as used:
            return self._pages.redirect(f"/orders/{used.order_id}", _ALREADY_BOUGHT)
        except _SHOWN as error:
            return await self._show_checkout_again(request, form, error)
        notice = _PAY_LATER if self._is_without_card(form) and order.total else "Thank you! Your order is placed."
        return self._pages.redirect(f"/orders/{order.id}", notice)

    async def _place_order(self, request: AnyRequest, form: Form) -> Order:
        arrived, key, snapshot = arrival(request), _key(form), read_snapshot(form.get("seen"))
        pending = (_PENDING_ACTION, form.only(*SHOWN_AGAIN))
        async with self._pages.signed_in(request, pending=pending) as (conn, visitor):
            submission = await self._submission(conn, visitor, form, arrived.at)
            attempt = self._checkout.attempt(
                visitor.user,
                submission,
                key,
                Client.of(request),
                arrived.monotonic,
                snapshot=snapshot,
                way=COUNTER if submission is _NO_CARD else self._way(form),
                draft=draft_of(form),
                is_kept=form.get("keepAtStripe") == "yes",
            )
            # The cart is read first: if another submit has bought it by then, its key is stored as well, and is found.
            lines = await self._carts.show(conn, visitor.user.id)
            prepared = await self._checkout.prepare(conn, attempt)
            if isinstance(prepared, Order):
                return prepared
            if snapshot_of(lines) != snapshot:  # before the card is tried; what changes later, the transaction finds
                raise CartChanged
            if _is_kept(form):
                await self._cards.put(conn, visitor.user.id, submission)
        return await self._checkout.place_order(attempt, prepared)

    async def _submission(self, conn: Connection, visitor: Visitor, form: Form, now: datetime) -> Submission:
        """The card that was typed, or the one on file that was chosen; no card where none is needed.

        Raises InvalidRequest.
        """
        if self._is_without_card(form):
            return _NO_CARD
        if self._way(form) not in self._checkout.ways:
            raise InvalidRequest([FieldError("pay", "way to pay is not offered here; choose another one")])
        check = new_card_errors if _is_kept(form) else past_month
        chosen = form.get("pay") or self._checkout.ways[0]
        if chosen == STRIPE:
            return read_new_card(form)
        if chosen != CARDS:
            cards = await self._cards.list(conn, visitor.user.id)
            card = next((card for card in cards if card.id == chosen), None)
            if card is None:
                raise InvalidRequest([FieldError("pay", "card is not on file any more; choose another one")])
            values = (card.id, card.first_name, card.last_name, card.expiration)
            form = Form(Members(zip(CARD, values, strict=True)))
        return as_the_api_takes_it(form).read(Submission, check=lambda values: check(values, now))

    def _way(self, form: Form) -> str:
        """The way to pay of what was chosen: a way, or one card of those on file or kept at Stripe."""
        return STRIPE if (form.get("pay") or self._checkout.ways[0]).startswith(STRIPE) else CARDS

    def _is_without_card(self, form: Form) -> bool:
        """Whether nothing is to be paid, or at the counter."""
        snapshot = read_snapshot(form.get("seen"))
        is_free = bool(snapshot) and not any(line.cents for line in snapshot)
        ways = self._checkout.ways
        return is_free or (COUNTER in ways and (form.get("pay") or ways[0]) == COUNTER)

    async def _show_checkout_again(self, request: AnyRequest, form: Form, error: FilmerError) -> HtmlResponse:
        """With the same key for the same cart: a response that got lost may have been an order's."""
        async with self._pages.signed_in(request) as (conn, visitor):
            cart = await self._cart(conn, visitor)
            cards = await self._cards.list(conn, visitor.user.id)
        if not cart.lines:
            return self._pages.redirect("/cart", _CART_EMPTY_NOW)
        is_same = snapshot_of(cart.lines) == read_snapshot(form.get("seen"))
        key = _key(form) if is_same else secrets.token_urlsafe(32)
        return self._show_checkout(request, visitor, cart, cards, key=key, form=form, error=error)

    async def _cart(self, conn: Connection, visitor: Visitor) -> ShownCart:
        lines = await self._carts.show(conn, visitor.user.id)
        held = await self._watching.held(conn, visitor.user.id)
        return ShownCart(lines, held, await self._carts.lacking(conn, lines))

    def _show_checkout(
        self,
        request: AnyRequest,
        visitor: Visitor,
        cart: ShownCart,
        cards: list[StoredCard],
        *,
        key: str,
        form: Form | None = None,
        error: FilmerError | None = None,
        filled: FilledForm = _EMPTY,
    ) -> HtmlResponse:
        ways = self._checkout.ways
        draft = _draft(form, error) if form else None
        response = self._pages.personal(
            "checkout.html",
            request,
            visitor,
            failed=error,
            stripe=self._stripe,
            unconfirmed=error if isinstance(error, ConfirmationNeeded) else None,
            draft=draft,
            method=form.get("stripeMethod") if form and draft else "",
            is_kept_at_stripe=form is not None and form.get("keepAtStripe") == "yes",
            lines=cart.lines,
            held=cart.held,
            lacking=cart.lacking,
            total=total(cart.lines),
            changes=changes_since(read_snapshot(form.get("seen")), cart.lines) if form else [],
            form=_filled(form, error) if form and error else filled,
            key=key,
            snapshot=write_snapshot(cart.lines),
            hint=self._hint,
            cards=[card for card in cards if (STRIPE if card.id.startswith(STRIPE) else CARDS) in ways],
            ways=ways,
            hold_days=self._hold_days,
            month=f"{self._clock.now():%Y-%m}",
            chosen=form.get("pay") if form else "",
            is_kept=_is_kept(form) if form else not cards,
        )
        if self._stripe:
            response.headers[POLICY] = self._stripe.policy(str(response.headers[POLICY]))
        return response


def _filled(form: Form, error: FilmerError) -> FilledForm:
    if isinstance(error, CartChanged):  # to be looked at first, and then paid for anew
        return FilledForm(CARD, failure=_CART_CHANGED)
    filled = FilledForm.of(SHOWN_AGAIN, form, error)
    is_stripe = form.get("stripeMethod") != "" or form.get("pay").startswith(STRIPE)
    return msgspec.structs.replace(
        filled,
        labels={**CARD, **HOLDER, "pay": "How you pay"},
        failure=filled.failure and (_DECLINED if is_stripe and type(error) is PaymentFailed else _failure_text(error)),
    )


def _draft(form: Form, error: FilmerError | None) -> str | int | None:
    """Of the form that is sent again, with the same card: what is held for it already need not be held twice."""
    if isinstance(error, ConfirmationNeeded):
        return error.draft
    return draft_of(form) if isinstance(error, ServiceUnavailable | RateLimited) else None


def _failure_text(error: FilmerError) -> str:
    if isinstance(error, PaymentFailed):
        return _REFUSED
    if isinstance(error, ConfirmationNeeded):
        return _CONFIRM
    if isinstance(error, Unavailable):
        return _LACKING
    if isinstance(error, RateLimited):
        return f"Too many cards were refused: {please_wait(error)} before the next try."
    return f"That did not work, and it is our fault. {error.message}. Send it again: you pay only once."


def _is_kept(form: Form) -> bool:
    """Whether a card was typed that is put on file."""
    return form.get("keep") == "yes" and form.get("pay") in {"", CARDS}


def _key(form: Form) -> str:
    """A new key where the form has none of ours: the snapshot still makes one order of one cart."""
    key = form.get("key")
    return key if _KEY.fullmatch(key) else secrets.token_urlsafe(32)
