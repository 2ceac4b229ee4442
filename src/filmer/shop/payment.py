"""The interface of payment providers. docs/payments.md tells how to plug in another one."""

from decimal import Decimal
from typing import Any, Protocol

import msgspec


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
    """What is to be paid. ``reference``: of the future order; the same when a call is repeated."""

    reference: str
    account_id: int
    amount: Decimal
    card: PresentedCard


class Authorization(msgspec.Struct, frozen=True):
    """``reference``: the provider's own. ``is_captured``: nothing is left to collect.

    ``is_paid``: False where the order is placed now and paid at the counter later.
    """

    reference: str
    is_captured: bool
    is_paid: bool = True


# What no provider is asked for (contract §10.1, §10.3).
NOTHING_TO_PAY = Authorization("nothing to pay", is_captured=True)
AT_COUNTER = Authorization("counter", is_captured=False, is_paid=False)


class RefundRefused(Exception):
    """The provider will not return this money, however often it is asked. Somebody must do it by hand."""


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
