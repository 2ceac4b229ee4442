"""What a checkout asks of whoever takes the money. docs/payments.md tells how to plug another one in."""

from decimal import Decimal
from typing import Any, Protocol

import msgspec


class PresentedCard(msgspec.Struct, frozen=True):
    """A card as the customer typed it."""

    number: str
    first_name: str
    last_name: str
    expiration: str  # YYYY-MM

    def __repr__(self) -> str:  # whatever prints it
        return "PresentedCard(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:  # rich would show the fields
        return []


class Payment(msgspec.Struct, frozen=True):
    """What is to be paid. ``reference``: of the order to be; the same for whatever is asked again."""

    reference: str
    account_id: int
    amount: Decimal
    card: PresentedCard


class Authorization(msgspec.Struct, frozen=True):
    """``reference``: the provider's own. ``is_captured``: there is nothing left to collect later."""

    reference: str
    is_captured: bool


class PaymentProvider(Protocol):
    """Takes money in two steps. Each may be asked again with the same reference, and must then do nothing twice.

    An authorization that is followed by no order is refunded if we know, and else lapses by itself.
    """

    async def authorize(self, payment: Payment) -> Authorization | None:
        """Hold the amount; None when the card is refused, for whatever reason. No transaction is open meanwhile."""

    async def capture(self, reference: str, amount: Decimal) -> None:
        """Collect what was authorized: the order stands. Asked again until it returns."""

    async def refund(self, reference: str, amount: Decimal) -> None:
        """Give back what was authorized or captured: there is no order for it."""
