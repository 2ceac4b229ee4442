"""Stripe's API, through its own library. To import this takes 0.2 s: only where Stripe is set up.

Each call may be repeated: the library does so with the same idempotency key. No error that leaves here has anything
of the library's, whose objects know the secret key.
"""

import logging
from collections.abc import Awaitable
from typing import Any, TypeVar

import httpx
import stripe
import structlog
from stripe import PaymentIntent

from filmer.errors import ServiceUnavailable
from filmer.settings import Settings

log = structlog.get_logger()
T = TypeVar("T")

SECONDS = 4.0  # for one try
RETRIES = 2
TOLERANCE = 300  # seconds: how old the signature of a webhook may be
_AWAY = "Payments by card are not available right now"


class StripeRefused(Exception):
    """Stripe will not do this, however often it is asked. ``code``: its own word for the reason.

    ``is_cards``: the card is refused. Otherwise this shop has asked for what can't be.
    """

    def __init__(self, code: str, *, is_cards: bool) -> None:
        super().__init__(code)
        self.code = code
        self.is_cards = is_cards


class KeyRefused(ServiceUnavailable):
    """Stripe does not accept the secret key, or not for this. ``reason``: its own word."""

    def __init__(self, reason: str) -> None:
        super().__init__(_AWAY)
        self.reason = reason


class StripeApi:
    def __init__(self, settings: Settings) -> None:
        logging.getLogger("stripe").setLevel(logging.CRITICAL)  # it would log what is asked and answered
        stripe.enable_telemetry = False
        self._webhook_secret = settings.stripe_webhook_secret
        self._http = stripe.HTTPXClient(timeout=httpx.Timeout(SECONDS))
        self._v1 = stripe.StripeClient(
            settings.stripe_secret_key or "",
            base_addresses={"api": settings.stripe_api},
            max_network_retries=RETRIES,
            http_client=self._http,
        ).v1

    async def create_intent(self, key: str, values: dict[str, Any]) -> PaymentIntent:
        """Nothing is held until it is confirmed."""
        return await _answer(self._v1.payment_intents.create_async(values, {"idempotency_key": f"order-{key}"}))  # type: ignore[arg-type] # a dict of its kind

    async def confirm(self, intent: str) -> PaymentIntent:
        options: Any = {"idempotency_key": f"confirm-{intent}"}
        values: Any = {"use_stripe_sdk": True, "expand": ["payment_method"]}
        return await _answer(self._v1.payment_intents.confirm_async(intent, values, options))

    async def retrieve(self, intent: str) -> PaymentIntent:
        values: Any = {"expand": ["latest_charge", "payment_method"]}
        return await _answer(self._v1.payment_intents.retrieve_async(intent, values))

    async def capture(self, intent: str) -> PaymentIntent:
        options: Any = {"idempotency_key": f"capture-{intent}"}
        return await _answer(self._v1.payment_intents.capture_async(intent, {}, options))

    async def cancel(self, intent: str) -> PaymentIntent:
        return await _answer(self._v1.payment_intents.cancel_async(intent))

    async def refund(self, intent: str) -> stripe.Refund:
        """All of it."""
        options: Any = {"idempotency_key": f"refund-{intent}"}
        return await _answer(self._v1.refunds.create_async({"payment_intent": intent}, options))

    async def refund_state(self, refund: str) -> str | None:
        return (await _answer(self._v1.refunds.retrieve_async(refund))).status

    async def create_customer(self, account_id: int) -> str:
        return (await _answer(self._v1.customers.create_async({"metadata": {"account": str(account_id)}}))).id

    async def card_of(self, method: str) -> Any:
        """The card of a payment method: last4, fingerprint, exp_month, exp_year."""
        return (await _answer(self._v1.payment_methods.retrieve_async(method))).card

    async def remove(self, reference: str) -> None:
        """A customer, or a card of one. What is gone already is no error."""
        if reference.startswith("cus_"):
            await _answer(self._v1.customers.delete_async(reference))
        else:
            await _answer(self._v1.payment_methods.detach_async(reference))

    async def check(self) -> None:
        """Raises KeyRefused, StripeRefused and ServiceUnavailable."""
        await _answer(self._v1.balance.retrieve_async())

    def has_signed(self, body: bytes, signature: str | None) -> bool:
        """Whether Stripe itself sends this webhook, and within five minutes."""
        try:
            return bool(stripe.WebhookSignature.verify_header(body, signature, self._webhook_secret, TOLERANCE))
        except (ValueError, TypeError, stripe.SignatureVerificationError):
            return False

    async def close(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]


async def _answer(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        refusal: Exception = StripeRefused(str(error.code or type(error).__name__), is_cards=_is_cards(error))
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        refusal = KeyRefused(str(error.code or type(error).__name__))
        advice = "set FILMER_STRIPE_SECRET_KEY anew; `filmer doctor` checks it"
        log.error("Stripe does not accept the secret key", reason=refusal.reason, advice=advice)  # noqa: TRY400 - the library's objects know the key
    except stripe.StripeError as error:
        log.warning("no answer from Stripe", error=type(error).__name__, status=error.http_status)
        refusal = ServiceUnavailable(_AWAY)
    raise refusal


def _is_cards(error: stripe.CardError | stripe.InvalidRequestError) -> bool:
    """Whether a payment is refused for the card that the browser has named, such as one that is another customer's."""
    return isinstance(error, stripe.CardError) or error.param == "payment_method"
