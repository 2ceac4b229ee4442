"""One submit of a cart, and what it comes to."""

from decimal import Decimal

import msgspec

from filmer.shop.cart_snapshot import Seen
from filmer.shop.payment import PresentedCard


class Attempt(msgspec.Struct, frozen=True):
    """One submit of a cart."""

    account_id: int
    card: PresentedCard
    submission: bytes  # a digest of what was submitted: tells whether another submit is the same
    key: str | None
    address: str
    came: float  # when, by ``Clock.monotonic``
    seen: Seen | None = None  # nothing else is sold; None: whatever lies in the cart, at prices shown anywhere


class Due(msgspec.Struct, frozen=True):
    """What a cart costs.

    ``last``: the place of the account's last order before the submit came; those after it were committed later.
    """

    amount: Decimal
    last: int
    is_suspect: bool  # a card was refused not long ago, of this account or from this address
