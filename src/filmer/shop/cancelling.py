"""Cancelling: one transaction ends what an order gave, then the provider returns the money (contract §9.4).

As with a checkout, no transaction is open while the provider is asked, and what it did not answer is asked again
(``tidy``): an order that is cancelled is refunded once the provider answers, whatever breaks in between.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from filmer.audit.log import Actor, Personal, record
from filmer.clock import Clock, timestamp
from filmer.errors import InvalidOperation, ServiceUnavailable
from filmer.rentals.sales import Sales
from filmer.rentals.schemas import Rental
from filmer.shop import cancel_queries as queries
from filmer.shop.cancel_queries import OrderState, OwedRefund
from filmer.shop.order_mails import OrderMails
from filmer.shop.payment import AT_COUNTER, NOTHING_TO_PAY, PaymentProvider, RefundRefused
from filmer.shop.schemas import NOTHING, Cancellation, Refund, RefundStatus, Status, StatusChange, Tracking
from filmer.store.postgres import Connection, Database

log = structlog.get_logger()

REFUND_AFTER = timedelta(minutes=1)
REFUND_SECONDS = 5.0
_PAYMENT_METHODS = {AT_COUNTER.reference: "COUNTER", NOTHING_TO_PAY.reference: None}
PAYMENT_METHOD = "CREDIT_CARD"  # of all others
_REFUNDS: dict[str | None, RefundStatus] = {
    None: "NOT_REQUESTED", "not requested": "NOT_REQUESTED", "initiated": "INITIATED", "completed": "COMPLETED",
    "failed": "FAILED",
}  # fmt: skip


class Standing(msgspec.Struct, frozen=True):
    """How an order stands, for its pages. ``code``: None where nothing is to be picked up or brought back any more.

    ``refusal``: why its customer can't cancel it, or ""; ``until``: how long they can, None: until it is paid.
    """

    state: OrderState
    rentals: list[Rental]
    code: str | None
    refusal: str
    until: datetime | None


class Cancelling:
    def __init__(
        self,
        database: Database,
        provider: PaymentProvider,
        sales: Sales,
        clock: Clock,
        mails: OrderMails,
        *,
        hours: int,
    ) -> None:
        """``hours``: how long after payment customers may cancel."""
        self._database = database
        self._provider = provider
        self._sales = sales
        self._clock = clock
        self._mails = mails
        self._within = timedelta(hours=hours)

    async def cancel(
        self, conn: Connection, order_id: int, reason: str | None, *, by: int | None, actor: Actor | None = None
    ) -> Cancellation:
        """Cancels a whole order, whose owner the caller has checked. ``by``: the account that does it.

        ``actor``: whoever does it for the shop, who may at any time. Raises InvalidOperation. Afterwards, the money is
        returned by ``refund``.
        """
        async with conn.transaction():
            rentals = await self._sales.rentals_of(conn, order_id, lock=True)
            now = self._clock.now()
            self._require_cancellable(rentals, now, is_owner=actor is not None)
            state = await queries.select_order_state(conn, order_id)
            is_paid = any(rental.paid for rental in rentals)
            amount = state.total if is_paid else NOTHING
            await self._sales.cancel(conn, order_id)
            await queries.insert_cancellation(
                conn, order_id, account_id=by, reason=reason or "", amount=amount, now=now
            )
            await self._mails.cancelled(conn, order_id)
            status = _history(state, rentals)[-1].status
            if actor:
                await record(
                    conn, actor, "order.cancel", ("order", order_id), before={"status": status},
                    after={"status": "CANCELLED", "refund": amount},
                    personal=Personal(state.account_id, after={"reason": reason or ""}),
                )  # fmt: skip
        return Cancellation(
            order_id=order_id,
            previous_status=status,
            new_status="CANCELLED",
            refund_amount=amount,
            refund_status="INITIATED" if amount else "NOT_REQUESTED",
            reason=reason or None,
            cancelled_at=timestamp(now),
        )

    def _require_cancellable(self, rentals: Sequence[Rental], now: datetime, *, is_owner: bool) -> None:
        states = {rental.state for rental in rentals}
        if "cancelled" in states:
            raise InvalidOperation("This order was cancelled already")
        if not rentals:  # ``Sales.tidy`` makes them, and then the money is known
            raise InvalidOperation("This order is still being placed: it can be cancelled in some minutes")
        if is_owner:
            return
        if not states <= {"unpaid", "waiting"}:
            raise InvalidOperation("This order can't be cancelled any more: a rental of it has begun or is over")
        if any(rental.paid and now >= rental.paid + self._within for rental in rentals):
            raise InvalidOperation("This order can't be cancelled any more: it was paid too long ago")

    async def standing(self, conn: Connection, order_id: int) -> Standing:
        """Raises LookupError where there is no such order."""
        rentals = await self._sales.rentals_of(conn, order_id)
        paid = min((rental.paid for rental in rentals if rental.paid), default=None)
        try:
            self._require_cancellable(rentals, self._clock.now(), is_owner=False)
            refusal = ""
        except InvalidOperation as error:
            refusal = error.message
        state, code = await queries.select_order_state(conn, order_id), None
        if any(
            rental.is_out or (rental.way == "pick up" and rental.state in {"unpaid", "waiting"}) for rental in rentals
        ):
            code = await self._sales.pickup_code(conn, order_id)
        return Standing(state, rentals, code, refusal, paid and paid + self._within)

    async def refund(self, order_id: int) -> None:
        """Asks the provider to return what a cancelled order has cost. What fails here, ``tidy`` repeats.

        What was paid at the counter is given back there (``shop/counter_payments.py``).
        """
        try:
            async with self._database.connection() as conn:
                owed = await queries.select_owed_refund(conn, order_id)
        except ServiceUnavailable:
            log.exception("cancelled order not refunded yet", order=order_id)
            return
        if owed is not None:
            await self._return_money(owed)

    async def _return_money(self, owed: OwedRefund) -> None:
        try:
            outcome = await self._ask_provider(owed)
            async with self._database.connection() as conn:
                await settle_refund(conn, self._mails, owed.order_id, outcome, now=self._clock.now())
        except Exception:  # the order is cancelled, and ``tidy`` asks again
            log.exception("cancelled order not refunded yet", order=owed.order_id)

    async def _ask_provider(self, owed: OwedRefund) -> str:
        try:
            async with asyncio.timeout(REFUND_SECONDS):
                await self._provider.refund(owed.reference, owed.amount)
        except RefundRefused:
            log.warning("refund refused by the payment provider", order=owed.order_id)
            return "failed"
        return "completed"

    async def tidy(self, database: Database) -> None:
        """Asks for the refunds that were not answered. Called once a minute."""
        async with database.connection() as conn:
            owed = await queries.select_owed_refunds(conn, cancelled_before=self._clock.now() - REFUND_AFTER)
        for one in owed:
            await self._return_money(one)

    async def track(self, conn: Connection, order_id: int) -> Tracking:
        """How an order stands, and when it came to that."""
        rentals = await self._sales.rentals_of(conn, order_id)
        history = _history(await queries.select_order_state(conn, order_id), rentals)
        return Tracking(order_id, history[-1].status, history, tracking_number=None, carrier=None)

    async def show_refund(self, conn: Connection, order_id: int) -> Refund:
        """The refund of an order, whether there is one or not."""
        rentals = await self._sales.rentals_of(conn, order_id)
        state = await queries.select_order_state(conn, order_id)
        is_initiated = state.refund is not None and state.refund != "not requested"
        return Refund(
            order_id=order_id,
            refund_amount=state.amount or NOTHING,
            refund_status=_REFUNDS[state.refund],
            original_payment_method=(
                _PAYMENT_METHODS.get(state.payment, PAYMENT_METHOD) if any(rental.paid for rental in rentals) else None
            ),
            refund_initiated_at=timestamp(state.cancelled) if is_initiated and state.cancelled else None,
            refund_completed_at=timestamp(state.answered) if state.refund == "completed" and state.answered else None,
        )


def _history(state: OrderState, rentals: Sequence[Rental]) -> list[StatusChange]:
    """The statuses of an order, the oldest first: what its rentals and its cancelling tell."""
    paid = min((rental.paid for rental in rentals if rental.paid), default=None)
    changes: list[tuple[Status, datetime]] = []
    if paid is None or paid > state.placed:
        changes.append(("UNPAID", state.placed))
    if paid is not None:
        changes.append(("PAID", paid))
    if begun := [rental.began for rental in rentals if rental.began]:
        changes.append(("STARTED", min(begun)))
    if rentals and all(rental.state == "over" for rental in rentals):
        changes.append(("COMPLETED", max(rental.ended for rental in rentals if rental.ended)))
    if state.cancelled:
        changes.append(("CANCELLED", state.cancelled))
    return [StatusChange(status, timestamp(moment)) for status, moment in changes]


async def settle_refund(conn: Connection, mails: OrderMails, order_id: int, outcome: str, *, now: datetime) -> None:
    """Stores the provider's answer, unless there was one before; the customer is told of money that is back."""
    async with conn.transaction():
        is_first = await queries.update_refund(conn, order_id, outcome, now=now)
        if is_first and outcome == "completed":
            await mails.refunded(conn, order_id)
