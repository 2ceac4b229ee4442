"""A shop in this process that is paid by Stripe, and its customers at the page of the checkout."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.conftest import MakeDatabase
from tests.connections import fetch, in_database
from tests.in_process import MovedClock
from tests.responses import data_of
from tests.shop.conftest import ORDERS, SHAWSHANK, LocalShop, StartShop, forget_people, open_store
from tests.shop.forms import form_of, look, order_of, put, send
from tests.stripe_server import GOOD, StripeServer
from tests.users import open_account

from filmer.shop.draft_queries import keep_currency

NAMES = {"holderFirstName": "Mary", "holderLastName": "Major"}
NOTHING_HELD = {"canceled", "requires_confirmation", "requires_payment_method"}
_SECRET = re.compile(r'data-stripe-secret="([^"]+)"')


class StripeShop:
    """``client``: a customer, who is signed in. ``clock``: what the test moves."""

    def __init__(self, shop: LocalShop, clock: MovedClock, stripe: StripeServer, *, currency: str = "EUR") -> None:
        self.shop, self.clock, self.stripe = shop, clock, stripe
        self.url = shop.url
        in_database(self.url, lambda conn: keep_currency(conn, currency))
        self.person = open_account(self.url)
        self.client = self.shop.sign_in(self.person)

    def sign_in(self) -> httpx.Client:
        """Another customer."""
        return self.shop.sign_in(open_account(self.url))

    def tidy(self, **later: float) -> None:
        """What each process does once a minute, that much later: then the customer signs in again."""
        self.clock.move(**later)
        self.client = self.shop.sign_in(self.person)
        for name in ("checkout", "cancelling", "stripe"):
            rule = self.shop.component(name)
            self.shop.run(rule.tidy(rule._database))

    def form(self, client: httpx.Client | None = None, *, film: str = SHAWSHANK, quantity: int = 2) -> dict[str, str]:
        """The checkout's form, for a cart of this film."""
        client = client or self.client
        put(client, film, quantity)
        return {**form_of(look(client, "/checkout"), "/checkout"), "pay": "stripe", **NAMES}

    def submit(self, form: dict[str, str], client: httpx.Client | None = None, **instead: str) -> httpx.Response:
        return send(client or self.client, "/checkout", **{**form, **instead})

    def pay(self, number: str = GOOD, client: httpx.Client | None = None, **instead: str) -> httpx.Response:
        """Submits a new cart's form with a card, which Stripe's script has read."""
        return self.submit(self.form(client), client, stripeMethod=self.stripe.card(number), **instead)

    def buy(self, client: httpx.Client | None = None, **instead: str) -> str:
        """The order's id."""
        return order_of(self.pay(client=client, **instead)).rpartition("/")[2]

    @property
    def orders(self) -> list[tuple[str, str, bool]]:
        """Of the whole shop: id, reference, and whether it is captured; the first placed first."""
        return fetch(self.url, "SELECT id::text, payment, captured IS NOT NULL FROM shop_order ORDER BY place")

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The payments that this shop has drawn references for, as Stripe holds them."""
        calls = self.stripe.calls("/payment_intents")
        ours = {asked.values["metadata[order]"] for asked in calls if "amount" in asked.values}
        return self.stripe.intents(*ours) if ours else []

    @property
    def held(self) -> list[str]:
        """The states of all payments with which money is, or may be, held or taken."""
        return sorted(one["status"] for one in self.asked if one["status"] not in NOTHING_HELD)

    def in_cart(self, client: httpx.Client | None = None) -> int:
        return int(data_of((client or self.client).get("/api/v1/cart"))["itemCount"])

    def cancel(self, order: str) -> str:
        """The state of the refund afterwards."""
        response = self.client.post(f"{ORDERS}/cancel", json={"orderId": int(order)})
        assert response.status_code == 200, response.text
        return self.refund_of(order)

    def refund_of(self, order: str) -> str:
        return str(data_of(self.client.get(f"{ORDERS}/{order}/refund"))["refundStatus"])

    def require_even(self) -> None:
        """Each order has one payment, of its total and no more; and nothing else is held."""
        orders = {
            one[0]: (int(one[1] * 100), int(one[2] * 100))
            for one in fetch(
                self.url,
                "SELECT o.id::text, o.total, coalesce(c.amount, 0) FROM shop_order o LEFT JOIN cancellation c"
                " ON c.order_id = o.id",
            )
        }
        kept = [one for one in self.asked if one["status"] not in NOTHING_HELD]
        taken = {one["order"]: (one["captured"], one["refunded"]) for one in kept}
        assert len(kept) == len(taken)
        released = {order for order, (total, back) in orders.items() if total == back and order not in taken}
        assert taken == {order: sums for order, sums in orders.items() if order not in released}


def start_stripe_shop(
    start_shop: StartShop, stripe: StripeServer, *, currency: str = "EUR", **settings: Any
) -> StripeShop:
    """One of the test's own, with settings of its own."""
    clock = MovedClock()
    settings = {"payment": "stripe,counter", **stripe.settings, **settings}
    return StripeShop(start_shop(clock=clock, currency=currency, **settings), clock, stripe, currency=currency)


@pytest.fixture(scope="module")
def shared_shop(make_database: MakeDatabase, shared_stripe: StripeServer) -> Iterator[tuple[LocalShop, MovedClock]]:
    """To start one takes longer than most tests of it."""
    clock = MovedClock()
    settings: dict[str, Any] = {"payment": "stripe,counter", "currency": "EUR", **shared_stripe.settings}
    with LocalShop(open_store(make_database), clock=clock, **settings) as shop:
        yield shop, clock


@pytest.fixture
def shop(shared_shop: tuple[LocalShop, MovedClock], stripe_server: StripeServer) -> StripeShop:
    """A new customer of a shop in which nobody ever was."""
    shop, clock = shared_shop
    forget_people(shop.url)
    return StripeShop(shop, clock, stripe_server)


def secret_of(response: httpx.Response) -> str:
    """With which the page's script has the bank asked."""
    found = _SECRET.search(response.text)
    assert found, response.text
    return found[1]
