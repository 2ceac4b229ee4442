"""The page of the cards that people put on file themselves (contract §10.4)."""

from collections.abc import Sequence

import msgspec
from litestar.params import FromPath

from filmer.clock import Clock
from filmer.errors import FilmerError, InvalidRequest, NotFound, RateLimited
from filmer.http.handlers import AnyRequest, Handlers
from filmer.shop.cards import OwnCards, new_card_errors
from filmer.shop.schemas import Submission
from filmer.store.postgres import Connection
from filmer.storefront.card_forms import CARD, SHOWN_AGAIN, as_the_api_takes_it
from filmer.storefront.forms import FilledForm, receive_form
from filmer.storefront.pages import HtmlResponse, Pages, Visitor, please_wait

_EMPTY = FilledForm(CARD)
_NEW_CARD_ACTION = "new card"  # shown again after a sign-in, without its number


class CardPages(Handlers):
    def __init__(self, pages: Pages, cards: OwnCards, clock: Clock, *, ways: Sequence[str] = ("cards",)) -> None:
        """``ways``: to pay. Where Stripe takes the place of cards on file, cards are kept as one pays."""
        self._has_form = "cards" in ways or "stripe" not in ways
        self._pages = pages
        self._cards = cards
        self._clock = clock

    async def show_cards(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            form = self._pages.pending_form(request, visitor, _NEW_CARD_ACTION)
            return await self._show(conn, request, visitor, FilledForm.of(SHOWN_AGAIN, form) if form else _EMPTY)

    async def add_card(self, request: AnyRequest) -> HtmlResponse:
        form = as_the_api_takes_it(await receive_form(request))
        pending = (_NEW_CARD_ACTION, form.only(*SHOWN_AGAIN))
        async with self._pages.signed_in(request, pending=pending) as (conn, visitor):
            try:
                card = form.read(Submission, check=lambda values: new_card_errors(values, self._clock.now()))
                await self._cards.put(conn, visitor.user.id, card)
            except (InvalidRequest, RateLimited) as error:
                filled = msgspec.structs.replace(FilledForm.of(SHOWN_AGAIN, form, error), labels=CARD)
                if isinstance(error, RateLimited):
                    filled = msgspec.structs.replace(
                        filled, failure=f"Too many cards: {please_wait(error)} before the next."
                    )
                return await self._show(conn, request, visitor, filled, error)
        return self._pages.redirect("/account/cards", f"Your card that ends in {card.credit_card_id[-4:]} is on file.")

    async def remove_card(self, card_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            last_four = await self._cards.remove(conn, visitor.user.id, card_id)
            if last_four is None:
                error = NotFound("You have no such card on file, or no longer")
                filled = msgspec.structs.replace(_EMPTY, failure=f"{error.message}.")
                return await self._show(conn, request, visitor, filled, error)
        return self._pages.redirect("/account/cards", f"The card that ends in {last_four} is removed.")

    async def _show(
        self,
        conn: Connection,
        request: AnyRequest,
        visitor: Visitor,
        form: FilledForm,
        error: FilmerError | None = None,
    ) -> HtmlResponse:
        return self._pages.personal(
            "cards.html",
            request,
            visitor,
            failed=error,
            cards=await self._cards.list(conn, visitor.user.id),
            month=f"{self._clock.now():%Y-%m}",
            has_form=self._has_form,
            form=form,
        )
