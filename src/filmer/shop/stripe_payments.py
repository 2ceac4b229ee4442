"""Payments by Stripe: no card's number reaches this shop (contract §10.1, §10.2; docs/decisions/0028-stripe.md).

A draft is stored before Stripe is asked, and Stripe's reference before any money is held. So whatever breaks, what is
held is known here: an order's transaction accepts its draft, or the draft becomes void and the money is released.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import structlog
from stripe import Charge, PaymentIntent, PaymentMethod

from filmer.clock import Clock
from filmer.currencies import minor_units
from filmer.errors import ServiceUnavailable
from filmer.shop import draft_queries, queries, stripe_queries
from filmer.shop.cancelling import settle_refund
from filmer.shop.cards import MAX_OWN_CARDS, folded
from filmer.shop.order_mails import OrderMails
from filmer.shop.payment import Authorization, ConfirmationNeeded, Payment, RefundRefused
from filmer.shop.stripe_client import StripeApi, StripeRefused
from filmer.store.postgres import Database

log = structlog.get_logger()

AUTHORIZE_SECONDS = 15.0
VOID_AFTER = timedelta(minutes=30)  # for which a customer may take to confirm a payment
METHOD = "pm_"  # how the references of cards begin


class StripePayments:
    """A PaymentProvider."""

    def __init__(self, database: Database, api: StripeApi, mails: OrderMails, clock: Clock, *, currency: str) -> None:
        """``currency``: its ISO code."""
        self._mails = mails
        self.api = api
        self._database = database
        self._clock = clock
        self._currency = currency

    async def authorize(self, payment: Payment) -> Authorization | None:
        """Also raises ConfirmationNeeded, where a page asks."""
        try:
            async with asyncio.timeout(AUTHORIZE_SECONDS):
                intent = await self._intent_of(payment)
        except (TimeoutError, ServiceUnavailable, StripeRefused) as failure:
            if isinstance(failure, StripeRefused):
                log.error("a payment can't be as this shop asks for it", reason=failure.code)  # noqa: TRY400 - says all
            if not payment.is_confirmed:  # else the form is sent again, with the same draft
                async with self._database.connection() as conn:  # what may be held, ``tidy`` releases
                    await draft_queries.void_draft(conn, int(payment.reference))
            raise ServiceUnavailable("Payments by card are not available right now; nothing was bought") from None
        if intent is None:
            return None
        if intent.status == "requires_action" and payment.is_page and not payment.is_confirmed:
            raise ConfirmationNeeded(payment.reference, intent.client_secret or "")
        if intent.status == "requires_capture" and self._is_of(intent, payment):
            await self._keep_card(payment, intent)
            return Authorization(intent.id, is_captured=False, has_draft=True, last_four=_last_four(intent))
        await self._try_to_void(int(payment.reference), intent.id)
        return None

    def _is_of(self, intent: PaymentIntent, payment: Payment) -> bool:
        expected = (minor_units(payment.amount, self._currency), self._currency.lower(), payment.reference)
        return (intent.amount, intent.currency, intent.metadata["order"]) == expected

    async def _intent_of(self, payment: Payment) -> PaymentIntent | None:
        """What Stripe holds, or asks for first; None for what it refuses."""
        order_id, about = int(payment.reference), (payment.account_id, payment.amount, self._currency)
        if payment.is_confirmed:
            async with self._database.connection() as conn:
                known = await draft_queries.select_open_reference(conn, order_id, *about)
            return await self.api.retrieve(known) if known else None
        values = await self._values(payment)
        if values is None:
            return None
        async with self._database.connection() as conn:
            await draft_queries.insert_draft(conn, order_id, *about, now=self._clock.now())
        reference = None
        try:
            reference = (await self.api.create_intent(payment.reference, values)).id
            async with self._database.connection() as conn:
                await draft_queries.update_reference(conn, order_id, reference, now=self._clock.now())
            return await self.api.confirm(reference)
        except StripeRefused as refused:
            if not refused.is_cards:
                raise
            log.info("card refused by Stripe", reason=refused.code)
            await self._try_to_void(order_id, reference)
            return None

    async def _values(self, payment: Payment) -> dict[str, object] | None:
        """What Stripe is asked to hold; None where the card can't be this account's."""
        card = payment.card
        try:
            amount = minor_units(payment.amount, self._currency)
        except ValueError as error:
            log.error("price can't be paid", reason=str(error))  # noqa: TRY400 - the sentence says all
            raise ServiceUnavailable(str(error)) from None
        async with self._database.connection() as conn:
            kept = await stripe_queries.select_kept_card(conn, payment.account_id, card.number)
            customer = await stripe_queries.select_customer(conn, payment.account_id)
        values = {
            "amount": amount,
            "currency": self._currency.lower(),
            "capture_method": "manual",
            "payment_method_types": ["card"],
            "metadata": {"order": payment.reference},
        }
        if kept is None and payment.is_page and card.number.startswith(METHOD):
            if payment.is_kept:
                customer = customer or await self._new_customer(payment.account_id)
                values |= {"customer": customer, "setup_future_usage": "off_session"}
            return values | {"payment_method": card.number}
        presented = (folded(card.first_name), folded(card.last_name), card.expiration)
        if kept and card.number == kept.id and presented == (
            folded(kept.first_name), folded(kept.last_name), kept.expiration
        ):  # fmt: skip
            return values | {"payment_method": kept.reference, "customer": customer}
        return None

    async def _new_customer(self, account_id: int) -> str:
        reference = await self.api.create_customer(account_id)
        async with self._database.connection() as conn:
            return await stripe_queries.insert_customer(conn, account_id, reference)

    async def _keep_card(self, payment: Payment, intent: PaymentIntent) -> None:
        if not payment.is_kept or not payment.card.number.startswith(METHOD):
            return
        try:
            card = await self.api.card_of(payment.card.number)
            async with self._database.connection() as conn:
                await stripe_queries.upsert_kept_card(
                    conn,
                    payment.account_id,
                    reference=payment.card.number,
                    fingerprint=card.fingerprint,
                    last_four=card.last4,
                    first_name=payment.card.first_name,
                    last_name=payment.card.last_name,
                    expiration=f"{card.exp_year}-{card.exp_month:02}",
                    most=MAX_OWN_CARDS,
                )
        except (ServiceUnavailable, StripeRefused):  # the order goes on without it
            log.warning("card not kept", payment=intent.id)

    async def capture(self, reference: str, amount: Decimal) -> None:  # noqa: ARG002 - all that is held
        """What is held is the order's total (``_is_of``)."""
        try:
            await self.api.capture(reference)
        except StripeRefused:
            if (await self.api.retrieve(reference)).status != "succeeded":
                raise

    async def refund(self, reference: str, amount: Decimal) -> None:  # noqa: ARG002 - all of it
        """Of a cancelled order, or of none. What another submit has made an order of stays."""
        async with self._database.connection() as conn:
            drafted = await draft_queries.select_drafted(conn, reference)
        if drafted is None:
            return  # released already
        order_id, state, refund, _ = drafted
        if state != "ordered":
            await self._void(order_id, reference)
        elif refund is not None:
            await self._give_back(reference)

    async def _give_back(self, reference: str) -> None:
        intent = await self.api.retrieve(reference)
        if intent.status != "succeeded":
            if intent.status != "canceled":
                await self.api.cancel(reference)
            return
        if _refunded(intent) >= intent.amount:
            return
        try:
            state = (await self.api.refund(reference)).status
        except StripeRefused as refused:
            if refused.code != "charge_already_refunded":
                raise
            return
        if state in {"failed", "canceled"}:
            raise RefundRefused
        if state != "succeeded":
            raise ServiceUnavailable("The refund is on its way")

    async def _try_to_void(self, order_id: int, reference: str | None) -> None:
        try:
            await self._void(order_id, reference)
        except (ServiceUnavailable, StripeRefused):  # ``tidy`` goes on
            log.warning("payment not released yet", payment=reference)

    async def _void(self, order_id: int, reference: str | None) -> None:
        async with self._database.connection() as conn:
            if not await draft_queries.void_draft(conn, order_id):
                return
        if reference is not None:
            await self._give_back(reference)
        async with self._database.connection() as conn:
            await draft_queries.delete_void_draft(conn, order_id)

    async def tidy(self, database: Database) -> None:
        """Releases what no order has followed, and removes cards that are gone here. Called once a minute."""
        async with database.connection() as conn:
            drafts = await draft_queries.void_old_drafts(conn, touched_before=self._clock.now() - VOID_AFTER)
            removals = await stripe_queries.select_removals(conn)
        for order_id, reference in drafts:
            await self._try_to_void(order_id, reference)
        for reference in removals:
            with suppress(StripeRefused):  # it is gone there
                await self.api.remove(reference)
            async with database.connection() as conn:
                await stripe_queries.delete_removal(conn, reference)

    async def look_at(self, reference: str, refund: str | None = None) -> None:
        """Something has happened to a payment, a webhook says: see what. ``refund``: one that may have failed."""
        async with self._database.connection() as conn:
            drafted = await draft_queries.select_drafted(conn, reference)
        if drafted is None or drafted[1] != "ordered":
            return
        order_id, _, owed, is_captured = drafted
        intent = await self.api.retrieve(reference)
        has_failed = refund is not None and await self.api.refund_state(refund) == "failed"
        now = self._clock.now()
        async with self._database.connection() as conn:
            if intent.status == "succeeded" and not is_captured:
                await queries.update_captured(conn, order_id, now)
            if owed and has_failed:
                await draft_queries.update_refund_failed(conn, order_id, now=now)
            elif owed and (intent.status == "canceled" or _refunded(intent) >= intent.amount):
                await settle_refund(conn, self._mails, order_id, "completed", now=now)
        if not owed and (intent.status == "canceled" or _refunded(intent)):
            log.error("the payment of an order was taken back at Stripe; cancel the order here too", order=order_id)


def _last_four(intent: PaymentIntent) -> str | None:
    method = intent.payment_method
    return method.card.last4 if isinstance(method, PaymentMethod) and method.card else None


def _refunded(intent: PaymentIntent) -> int:
    return intent.latest_charge.amount_refunded if isinstance(intent.latest_charge, Charge) else 0
