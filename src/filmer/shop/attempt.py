"""One submit of a cart, and what it comes to."""

from datetime import datetime
from decimal import Decimal

import msgspec

from filmer.shop.nouns import Order
from filmer.shop.payment import PresentedCard
from filmer.shop.seen import Seen


class Attempt(msgspec.Struct, frozen=True):
    """One submit of a cart."""

    account_id: int
    card: PresentedCard
    submission: bytes  # a digest of what was submitted: tells whether another submit is the same
    key: str | None
    address: str
    begun: datetime
    seen: Seen | None = None  # nothing else is sold; None: whatever lies in the cart, at prices shown anywhere


class Due(msgspec.Struct, frozen=True):
    """What a cart costs, and the place of the account's newest order by then."""

    amount: Decimal
    newest: int
    is_suspect: bool  # a card was refused not long ago, of this account or from this address


class Sold(msgspec.Struct, frozen=True):
    """An order, and from when on its customer may be told: the same submit, arriving until then, is the same order's.

    (Unless a key says which submits are the same.) So whoever submits again after an answer finds the cart empty, and
    whoever submitted before it gets the order, although a busy server may come to read it later: ``CROWDED`` (of
    ``checkout.py``) is longer than that takes with 64 at once, ``ALONE`` longer than our own commit.
    """

    order: Order
    told: datetime
