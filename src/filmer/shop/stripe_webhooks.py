"""What Stripe tells by itself: a second witness of each payment, which is only ever a reason to look at it."""

from typing import Any

from filmer.errors import InvalidRequest
from filmer.http.body import receive_body
from filmer.http.handlers import AnyRequest, Handlers
from filmer.shop.stripe_payments import StripePayments


class StripeWebhooks(Handlers):
    def __init__(self, payments: StripePayments) -> None:
        self._payments = payments

    async def receive(self, request: AnyRequest) -> dict[str, bool]:
        """Stripe repeats what is not answered with 200. Twice, late or early makes no difference."""
        received = await receive_body(request)
        if received.failure is not None:
            raise received.failure
        event = self._payments.api.event_of(received.body, request.headers.get("stripe-signature"))
        if event is None:
            raise InvalidRequest(
                message="This is not signed by Stripe with FILMER_STRIPE_WEBHOOK_SECRET, or is too old"
            )
        about: Any = event.data.object
        kind = about["object"]
        payment = about["id"] if kind == "payment_intent" else about.get("payment_intent")
        if isinstance(payment, str):
            await self._payments.look_at(payment, refund=about["id"] if kind == "refund" else None)
        return {"received": True}
