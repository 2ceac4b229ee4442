"""The interface of payment providers. docs/payments.md tells how to plug in another one."""

from decimal import Decimal
from typing import Any, Protocol

import msgspec

from filmer.errors import FilmerError, ServiceUnavailable


class PresentedCard(msgspec.Struct, frozen=True):
    """A card as the user typed it."""

    number: str
    first_name: str
    last_name: str
    expiration: str  # YYYY-MM

    def __repr__(self) -> str:  # so that no log shows the fields
        return "PresentedCard(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:  # rich would show the fields
        return []


class Payment(msgspec.Struct, frozen=True):
    """What is to be paid. ``reference``: of the future order; the same when a call is repeated.

    ``is_confirmed``: the bank was asked by way of the page, after ConfirmationNeeded. ``is_kept``: the card, for later.
    """

    reference: str
    account_id: int
    amount: Decimal
    card: PresentedCard
    way: str = "cards"
    is_page: bool = False
    is_confirmed: bool = False
    is_kept: bool = False


class Authorization(msgspec.Struct, frozen=True):
    """``reference``: the provider's own. ``is_captured``: nothing is left to collect.

    ``is_paid``: False where the order is placed now and paid at the counter later. ``has_draft``: there is a row of
    the table payment_draft, which the order's transaction must find open. ``last_four``: digits of a card that the
    provider keeps.
    """

    reference: str
    is_captured: bool
    is_paid: bool = True
    has_draft: bool = False
    last_four: str | None = None


# What no provider is asked for (contract §10.1, §10.3).
NOTHING_TO_PAY = Authorization("nothing to pay", is_captured=True)
AT_COUNTER = Authorization("counter", is_captured=False, is_paid=False)
STRIPE = "pi_"  # how Stripe's references begin


class RefundRefused(Exception):
    """The provider will not return this money, however often it is asked. Somebody must do it by hand."""


class ConfirmationNeeded(FilmerError):
    """The customer's bank has to confirm the payment in the browser, which sends its form once more then."""

    status = 402
    code = "PAYMENT_FAILED"
    message = "Your bank wants you to confirm this payment"

    def __init__(self, draft: str, client_secret: str) -> None:
        """``draft``: the payment's reference. ``client_secret``: with which the provider's script confirms it."""
        super().__init__()
        self.draft = draft
        self.client_secret = client_secret


class PaymentProvider(Protocol):
    """Takes money in two steps. Each call may be repeated with the same reference, and must then do nothing twice.

    An authorization without an order is refunded if possible, and else lapses by itself.
    """

    async def authorize(self, payment: Payment) -> Authorization | None:
        """Hold the amount; None when the card is refused for any reason. No transaction is open meanwhile."""

    async def capture(self, reference: str, amount: Decimal) -> None:
        """Collect what was authorized: the order is committed. Repeated until it returns, or the order is cancelled."""

    async def refund(self, reference: str, amount: Decimal) -> None:
        """Return what was authorized or captured: there is no order for it, or it was cancelled.

        Of a cancelled order it is repeated until it returns, or raises RefundRefused. What was returned before it was
        captured must not be captured any more, as the call to do so may be under way.
        """


class Payments:
    """The PaymentProvider of a shop with several: each payment goes its own way, and back by its reference."""

    def __init__(self, cards: PaymentProvider, stripe: PaymentProvider | None) -> None:
        self._cards = cards
        self._stripe = stripe

    async def authorize(self, payment: Payment) -> Authorization | None:
        return await self._provider(is_stripe=payment.way == "stripe").authorize(payment)

    async def capture(self, reference: str, amount: Decimal) -> None:
        await self._provider(is_stripe=reference.startswith(STRIPE)).capture(reference, amount)

    async def refund(self, reference: str, amount: Decimal) -> None:
        await self._provider(is_stripe=reference.startswith(STRIPE)).refund(reference, amount)

    def _provider(self, *, is_stripe: bool) -> PaymentProvider:
        if not is_stripe:
            return self._cards
        if self._stripe is None:
            raise ServiceUnavailable("A payment by Stripe waits until the keys of Stripe are set again")
        return self._stripe
