"""Whatever Stripe does, or does not: one order, one charge (contract §10.2; promise 37)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from tests.connections import fetch
from tests.responses import data_of
from tests.shop.conftest import LocalShop, pay, put_in_cart, refused
from tests.shop.forms import form_of, order_of, text_of
from tests.shop.stripe_shop import StripeShop, secret_of, shared_shop, shop
from tests.stripe_server import SECRET_KEY, SECURE

from filmer.shop import stripe_client, stripe_payments

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

__all__ = ["shared_shop", "shop"]

CREATE, CONFIRM, CAPTURE, REFUND = "/payment_intents", "/confirm", "/capture", "/refunds"
TRIES = 1 + stripe_client.RETRIES
# What the library tries again by itself, and what it does not.
REPEATED, TOLD = ["500", "409", "lost", "cut"], ["429"]


@pytest.fixture
def other_node(shop: StripeShop) -> Iterator[LocalShop]:
    with LocalShop(shop.url, payment="stripe", currency="EUR", **shop.stripe.settings) as other:
        yield other


@pytest.mark.parametrize("path", [CREATE, CONFIRM, CAPTURE])
@pytest.mark.parametrize("fault", REPEATED)
def test_a_fault_that_passes_is_not_noticed(shop: StripeShop, fault: str, path: str) -> None:
    shop.stripe.fail(fault, path, times=stripe_client.RETRIES)
    assert shop.buy()
    assert [captured for *_, captured in shop.orders] == [True]
    shop.tidy(hours=1)
    shop.require_even()


@pytest.mark.parametrize("path", [CREATE, CONFIRM])
@pytest.mark.parametrize("fault", [*REPEATED, *TOLD])
def test_a_fault_that_stays_buys_nothing_and_holds_nothing(shop: StripeShop, fault: str, path: str) -> None:
    form = shop.form()
    shop.stripe.fail(fault, path, times=TRIES)
    response = shop.submit(form, stripeMethod=shop.stripe.card())
    assert (response.status_code, shop.orders, shop.in_cart()) == (503, [], 2)
    shop.stripe.heal()
    again = {**form_of(response, "/checkout"), "pay": "stripe", "stripeMethod": shop.stripe.card()}
    assert again["key"] == form["key"]
    assert order_of(shop.submit(again))  # while the first may still be held
    shop.tidy()
    shop.require_even()
    assert len(shop.held) == 1
    shop.tidy(minutes=31)
    assert fetch(shop.url, "SELECT state FROM payment_draft") == [("ordered",)]


def test_a_refusal_in_the_middle_is_one(shop: StripeShop) -> None:
    for path in (CREATE, CONFIRM):
        shop.stripe.fail("402", path)
        assert shop.submit(shop.form(quantity=1), stripeMethod=shop.stripe.card()).status_code == 402
        assert (shop.orders, shop.held) == ([], [])


@pytest.mark.parametrize("path", [CREATE, CONFIRM, CAPTURE])
def test_one_who_takes_too_long_is_given_up(shop: StripeShop, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = (
        "filmer.shop.checkout.CAPTURE_SECONDS" if path == CAPTURE else "filmer.shop.stripe_payments.AUTHORIZE_SECONDS"
    )
    form, card = shop.form(), shop.stripe.card()
    shop.stripe.fail("slow", path, seconds=0.6)
    with monkeypatch.context() as patch:
        patch.setattr(waits, 0.2)
        response = shop.submit(form, stripeMethod=card)
    assert response.status_code == (303 if path == CAPTURE else 503)
    shop.stripe.await_rest()  # it does it all the same
    shop.tidy(minutes=2)
    shop.tidy()
    shop.require_even()
    assert [is_captured for *_, is_captured in shop.orders] == [True] * (path == CAPTURE)


@pytest.mark.parametrize("fault", [*REPEATED, *TOLD, "402"])
def test_what_was_not_captured_is_captured_later(shop: StripeShop, fault: str) -> None:
    shop.stripe.fail(fault, CAPTURE, times=TRIES)
    with capture_logs():
        order = shop.buy()
    shop.stripe.heal()
    assert [is_captured for *_, is_captured in shop.orders] == [False]
    shop.tidy(minutes=2)
    assert [is_captured for *_, is_captured in shop.orders] == [True]
    shop.require_even()
    assert shop.cancel(order) == "COMPLETED"
    shop.require_even()


@pytest.mark.parametrize("fault", [*REPEATED, *TOLD])
def test_a_refund_is_asked_for_until_it_is_there_and_comes_once(shop: StripeShop, fault: str) -> None:
    order = shop.buy()
    shop.stripe.fail(fault, REFUND, times=TRIES)
    with capture_logs():
        assert shop.cancel(order) == "INITIATED"
    shop.stripe.heal()
    shop.tidy(minutes=2)
    assert shop.refund_of(order) == "COMPLETED"
    shop.tidy(minutes=2)
    shop.require_even()
    assert [one["refunded"] for one in shop.asked] == [998]


def test_an_order_that_is_cancelled_before_its_capture_is_released(shop: StripeShop) -> None:
    shop.stripe.fail("500", CAPTURE, times=TRIES)
    with capture_logs():
        order = shop.buy()
    assert shop.cancel(order) == "COMPLETED"
    assert [one["status"] for one in shop.asked] == ["canceled"]
    shop.tidy(hours=1)
    shop.require_even()


def test_two_nodes_with_one_form_charge_once(shop: StripeShop, other_node: LocalShop) -> None:
    form = shop.form()
    devices = [shop.client, other_node.sign_in(shop.person)]
    cards = [shop.stripe.card() for _ in range(6)]

    def submit(number: int) -> int:
        return shop.submit(form, devices[number % 2], stripeMethod=cards[number]).status_code

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(submit, range(6)))
    assert set(answers) <= {303}
    shop.tidy(hours=1)
    shop.require_even()
    assert len(shop.orders) == 1


def test_one_confirmation_sent_to_two_nodes_at_once_is_one_order(shop: StripeShop, other_node: LocalShop) -> None:
    asked = shop.pay(SECURE)
    shop.stripe.confirm(secret_of(asked))
    form = {**form_of(asked, "/checkout"), "pay": "stripe"}
    devices = [shop.client, other_node.sign_in(shop.person)] * 3
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda device: shop.submit(form, device).status_code, devices))
    assert set(answers) == {303}
    shop.tidy(hours=1)
    shop.require_even()
    assert (len(shop.orders), len(shop.held)) == (1, 1)


def test_a_cart_that_is_bought_elsewhere_meanwhile_is_released(
    shop: StripeShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no order follows is voided at once (contract §10.2)."""
    form, original = shop.form(), stripe_payments.StripePayments.authorize

    async def authorize(payments: Any, payment: Any) -> Any:
        authorization = await original(payments, payment)
        fetch(shop.url, "DELETE FROM cart_line")
        return authorization

    monkeypatch.setattr(stripe_payments.StripePayments, "authorize", authorize)
    assert shop.submit(form, stripeMethod=shop.stripe.card()).status_code == 303  # to the empty cart
    assert ([one["status"] for one in shop.asked], shop.orders) == (["canceled"], [])


def test_what_can_not_be_released_now_is_released_later(shop: StripeShop) -> None:
    shop.stripe.fail("lost", CONFIRM, times=TRIES)
    assert shop.pay().status_code == 503
    assert shop.held == ["requires_capture"]
    shop.stripe.fail("500", "/cancel", times=TRIES)
    shop.tidy()
    assert shop.held == ["requires_capture"]
    shop.stripe.heal()
    shop.tidy()
    assert shop.held == []
    assert fetch(shop.url, "SELECT * FROM payment_draft") == []


def test_an_order_that_comes_after_its_money_was_given_up_is_none(
    shop: StripeShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a process that stood still for half an hour between Stripe's answer and the order."""
    form, original = shop.form(), stripe_payments.StripePayments.authorize

    async def authorize(payments: Any, payment: Any) -> Any:
        authorization = await original(payments, payment)
        fetch(shop.url, "UPDATE payment_draft SET state = 'void'")
        return authorization

    monkeypatch.setattr(stripe_payments.StripePayments, "authorize", authorize)
    assert shop.submit(form, stripeMethod=shop.stripe.card()).status_code == 402
    assert (shop.orders, shop.held, shop.in_cart()) == ([], [], 2)


def test_orders_are_made_in_the_shops_currency_alone(shop: StripeShop) -> None:
    """A node with another one was started before the first order was made."""
    fetch(shop.url, "UPDATE shop_currency SET code = 'USD'")
    assert shop.pay().status_code == 402
    assert (shop.orders, shop.held) == ([], [])


@pytest.mark.parametrize("fault", ["429", "401", "400"])
def test_a_fault_is_no_guess_of_the_customers(shop: StripeShop, fault: str) -> None:
    assert shop.buy(keepAtStripe="yes")
    ((card,),) = fetch(shop.url, "SELECT id FROM stripe_card")
    mary = {"firstName": "Mary", "lastName": "Major", "expiration": "2030-12", "creditCardId": card}
    put_in_cart(shop.client)
    shop.stripe.fail(fault, CREATE, times=11)
    for _ in range(11):
        assert pay(shop.client, card=mary).status_code == 503
    assert data_of(pay(shop.client, card=mary))
    put_in_cart(shop.client)
    for _ in range(10):
        refused(pay(shop.client, card=mary, firstName="Max"))
    assert pay(shop.client, card=mary, firstName="Max").status_code == 429


@pytest.mark.parametrize("keep", ["", "yes"])
def test_a_key_that_is_revoked_is_not_the_cards_fault(shop: StripeShop, keep: str) -> None:
    revoked = {**shop.stripe.settings, "stripe_secret_key": "sk_test_revoked1"}
    with LocalShop(shop.url, payment="stripe", currency="EUR", **revoked) as other, capture_logs() as logs:
        client = other.sign_in(shop.person)
        response = shop.submit(shop.form(client), client, stripeMethod=shop.stripe.card(), keepAtStripe=keep)
    require_own_fault(response, logs)
    assert not any(secret in str(logs) for secret in ("revoked1", response.request.headers["cookie"], "pm_"))


@pytest.mark.parametrize("path", [CREATE, CONFIRM])
@pytest.mark.parametrize("fault", ["403", "400"])
def test_what_this_shop_may_not_ask_for_is_not_the_cards_fault(shop: StripeShop, fault: str, path: str) -> None:
    form = shop.form()
    shop.stripe.fail(fault, path)
    with capture_logs() as logs:
        response = shop.submit(form, stripeMethod=shop.stripe.card())
    require_own_fault(response, logs)
    shop.tidy()
    assert (shop.orders, shop.held) == ([], [])


def require_own_fault(response: httpx.Response, logs: list[Any]) -> None:
    """Which the customer is told, and the log is told as an error."""
    assert response.status_code == 503
    assert "it is our fault. Payments by card are not available right now; nothing was bought" in text_of(response)
    assert "another card" not in text_of(response)
    assert [line["log_level"] for line in logs if "card" in line["event"]] == []
    assert "error" in [line["log_level"] for line in logs if "Stripe" in line["event"] or "payment" in line["event"]]


def test_nothing_secret_is_logged(shop: StripeShop, capfd: pytest.CaptureFixture[str]) -> None:
    for fault in ("500", "402", "lost", "429"):
        shop.stripe.fail(fault, CONFIRM, times=TRIES)
        shop.submit(shop.form(quantity=1), stripeMethod=shop.stripe.card())
        shop.stripe.heal()
    shop.stripe.fail("500", CAPTURE, times=TRIES)
    asked = shop.pay(SECURE)
    said = "".join(capfd.readouterr())
    assert "no answer from Stripe" in said
    assert not any(secret in said for secret in (SECRET_KEY, SECRET_KEY[8:], "whsec_", secret_of(asked), "424242"))


def test_without_its_keys_refunds_wait(shop: StripeShop) -> None:
    order = shop.buy()
    with LocalShop(shop.url, payment="counter", currency="EUR") as without, capture_logs():
        client = without.sign_in(shop.person)
        assert client.post("/api/v1/orders/cancel", json={"orderId": int(order)}).status_code == 200
    assert shop.refund_of(order) == "INITIATED"
    shop.tidy(minutes=2)
    assert shop.refund_of(order) == "COMPLETED"
