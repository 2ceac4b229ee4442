"""The schemas of the shop's endpoints (shop-api.md, "Cart" and "Checkout"; contract §5, §6)."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from filmer.errors import FieldError
from filmer.http.body import Body
from filmer.http.query import Query

MAX_QUANTITY = 10  # of one title (contract §5.2)
MAX_TITLES = 500  # in one cart
MAX_ID = 2**53 - 1  # of an order and of a sale (contract §6.5)
MAX_REASON = 500  # characters why an order is cancelled
NOTHING = Decimal("0.00")

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


def read_month(text: str) -> str:
    if not _MONTH.fullmatch(text):
        raise ValueError("must be a month as YYYY-MM")
    return text


Quantity = Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]
Text = Annotated[str, Meta(min_length=1, max_length=100)]


class NewCartItem(Body):
    movie_id: Annotated[str, Meta(min_length=1, max_length=10, examples=["tt0111161"])]
    quantity: Quantity = 1


class ChangedQuantity(Body):
    quantity: Quantity


class Submission(Body):
    """A checkout as it was submitted."""

    credit_card_id: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=20,
            description="The card's number, of which only a digest is kept; or the id of a card of one's own.",
            examples=["4111 1111 1111 1111"],
        ),
    ]
    first_name: Annotated[Text, Meta(examples=["John"])]
    last_name: Annotated[Text, Meta(examples=["Doe"])]
    expiration: Annotated[
        str,
        Meta(
            description="The last month in which the card is good.",
            extra={"read": read_month},
            extra_json_schema={"pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"},
            examples=["2030-12"],
        ),
    ]


def past_month(values: dict[str, Any], now: datetime) -> Iterator[FieldError]:
    """A card is good through the last day of its month, in UTC (contract §6.2)."""
    month = f"{now:%Y-%m}"
    if values.get("expiration", month) < month:
        yield FieldError("expiration", "must not be in the past")


class OrderList(Query):
    page: Annotated[int, Meta(ge=1, description="Which page, from 1. One past the end is empty.")] = 1
    size: Annotated[int, Meta(ge=1, le=100, description="Entries a page.")] = 20


class CartLine(msgspec.Struct, frozen=True):
    """A line of a cart. ``price``: as the user was shown it; ``current``: as the catalogue has it.

    ``was``: the price shown before, if this response is the first that shows another.
    """

    film_id: str
    title: str
    year: int | None
    quantity: int
    price: Decimal
    current: Decimal
    was: Decimal | None = None


class CartItem(msgspec.Struct, frozen=True, rename="camel"):
    movie_id: str
    title: str
    year: int | None
    quantity: int
    price: Decimal
    subtotal: Decimal


class ChangedCartItem(msgspec.Struct, frozen=True, rename="camel"):
    """As changes of the cart answer it: without the year."""

    movie_id: str
    title: str
    quantity: int
    price: Decimal
    subtotal: Decimal


class Cart(msgspec.Struct, frozen=True, rename="camel"):
    """The ``data`` of the cart: ``item_count`` counts units."""

    items: list[CartItem]
    item_count: int
    total_price: Decimal

    @classmethod
    def of(cls, lines: Sequence[CartLine]) -> "Cart":
        items = [
            CartItem(line.film_id, line.title, line.year, line.quantity, line.price, line.price * line.quantity)
            for line in lines
        ]
        return cls(items, sum(line.quantity for line in lines), total(lines))


class ChangedCart(msgspec.Struct, frozen=True, rename="camel"):
    items: list[ChangedCartItem]
    item_count: int
    total_price: Decimal

    @classmethod
    def of(cls, lines: Sequence[CartLine]) -> "ChangedCart":
        items = [
            ChangedCartItem(line.film_id, line.title, line.quantity, line.price, line.price * line.quantity)
            for line in lines
        ]
        return cls(items, sum(line.quantity for line in lines), total(lines))


class CartChange(msgspec.Struct, frozen=True):
    """The ``data`` of a change of the cart."""

    message: str
    cart: ChangedCart


class Sale(msgspec.Struct, frozen=True):
    """One line of an order, as sold."""

    id: int
    film_id: str
    title: str
    year: int | None
    quantity: int
    price: Decimal


class Order(msgspec.Struct, frozen=True):
    """An order. ``placed_on``: the day, in UTC."""

    id: int
    account_id: int
    placed_on: date
    total: Decimal
    sales: list[Sale]


class BoughtItem(msgspec.Struct, frozen=True, rename="camel"):
    movie_id: str
    title: str
    quantity: int
    price: Decimal


class Receipt(msgspec.Struct, frozen=True, rename="camel"):
    """The ``data`` of a checkout."""

    order_id: int
    message: str
    items: list[BoughtItem]
    total_price: Decimal
    order_date: date


class OrderItem(msgspec.Struct, frozen=True, rename="camel"):
    sale_id: int
    movie_id: str
    title: str
    quantity: int
    price: Decimal


class OrderDetails(msgspec.Struct, frozen=True, rename="camel"):
    order_id: int
    customer_id: int
    items: list[OrderItem]
    total_price: Decimal
    order_date: date


class OrderSummary(msgspec.Struct, frozen=True, rename="camel"):
    order_id: int
    order_date: date
    item_count: int
    total_price: Decimal


class OrderPage(msgspec.Struct, frozen=True, rename="camel"):
    items: list[OrderSummary]
    page: int
    size: int
    total_items: int
    total_pages: int


def total(lines: Sequence[CartLine | Sale]) -> Decimal:
    return sum((line.price * line.quantity for line in lines), NOTHING)


Status = Literal["UNPAID", "PAID", "STARTED", "COMPLETED", "CANCELLED"]
RefundStatus = Literal["NOT_REQUESTED", "INITIATED", "COMPLETED", "FAILED"]


class CancelledOrder(Body):
    """An order to be cancelled. Clients send its id as a number or as a text."""

    order_id: Annotated[
        int,
        Meta(ge=1, extra={"text": True}),
    ]
    reason: Annotated[str, Meta(max_length=MAX_REASON)] | None = None


class Cancellation(msgspec.Struct, frozen=True, rename="camel"):
    """The ``data`` of a cancelling."""

    order_id: int
    previous_status: Status
    new_status: Literal["CANCELLED"]
    refund_amount: Decimal
    refund_status: RefundStatus
    reason: str | None
    cancelled_at: str


class StatusChange(msgspec.Struct, frozen=True):
    status: Status
    timestamp: str


class Tracking(msgspec.Struct, frozen=True, rename="camel"):
    """How an order stands. Nothing is sent by post: there is neither number nor carrier."""

    order_id: int
    current_status: Status
    status_history: list[StatusChange]
    tracking_number: str | None
    carrier: str | None


class Refund(msgspec.Struct, frozen=True, rename="camel"):
    order_id: int
    refund_amount: Decimal
    refund_status: RefundStatus
    original_payment_method: str | None
    refund_initiated_at: str | None
    refund_completed_at: str | None
