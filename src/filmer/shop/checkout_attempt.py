"""One attempt to check out a cart, and the amount it costs."""

from decimal import Decimal

import msgspec

from filmer.shop.cart_snapshot import CartSnapshot
from filmer.shop.payment import PresentedCard


class CheckoutAttempt(msgspec.Struct, frozen=True):
    account_id: int
    card: PresentedCard
    submission: bytes  # a digest of the submitted fields, by which identical submits are recognized
    key: str | None
    address: str
    arrived: float  # by ``Clock.monotonic``
    snapshot: CartSnapshot | None = None  # the only lines that may be sold; None: whatever is in the cart
    way: str = "cards"  # to pay
    draft: int | None = None  # the order's id, where the bank has confirmed the payment since the first try
    is_kept: bool = False  # the card, for later


class AmountDue(msgspec.Struct, frozen=True):
    """What a cart costs, and how many titles are in it.

    ``last``: the place of the account's last order before the request arrived; later orders were committed since.
    """

    amount: Decimal
    titles: int
    last: int
    is_suspect: bool  # a card was refused lately, of this account or from this address
