"""What Stripe tells by itself: a second witness of each payment, which is only ever a reason to look at it."""

from contextlib import suppress

import msgspec

from filmer.errors import InvalidRequest
from filmer.http.body import receive_body
from filmer.http.handlers import AnyRequest, Handlers
from filmer.shop.stripe_payments import StripePayments


class _Object(msgspec.Struct):
    """A payment, or what has happened to one: a charge, a refund."""

    id: str
    object: str
    payment_intent: str | None = None


class _Data(msgspec.Struct):
    object: _Object


class _Event(msgspec.Struct):
    data: _Data


class StripeWebhooks(Handlers):
    def __init__(self, payments: StripePayments) -> None:
        self._payments = payments

    async def receive(self, request: AnyRequest) -> dict[str, bool]:
        """Stripe repeats what is not answered with 200. Twice, late or early makes no difference."""
        received = await receive_body(request)
        if received.failure is not None:
            raise received.failure
        if not self._payments.api.has_signed(received.body, request.headers.get("stripe-signature")):
            raise InvalidRequest(
                message="This is not signed by Stripe with FILMER_STRIPE_WEBHOOK_SECRET, or is too old"
            )
        with suppress(msgspec.DecodeError):  # what is of no payment
            about = msgspec.json.decode(received.body, type=_Event).data.object
            payment = about.id if about.object == "payment_intent" else about.payment_intent
            if payment is not None and payment.isprintable():
                await self._payments.look_at(payment, refund=about.id if about.object == "refund" else None)
        return {"received": True}
