"""Submits of one account take turns; which response each of them gets, and when (shop/checkout.py)."""

import asyncio
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs
from tests.connections import fetch
from tests.in_process import MovedClock
from tests.machine import running_seconds
from tests.responses import data_of, error_of
from tests.shop.conftest import AMELIE, CART, ORDERS, LocalShop, StartShop, empty, pay, put_in_cart, refused
from tests.shop.test_payment import Gateway, stored_payments
from tests.users import open_account

from filmer.errors import ServiceUnavailable
from filmer.shop import checkout, queries
from filmer.shop.payment import Authorization, Payment
from filmer.shop.schemas import MAX_ID
from filmer.store.connecting import CancellableConnection


def until(shop: LocalShop, statement: str) -> None:
    """Returns as soon as PostgreSQL finds something."""
    deadline = time.monotonic() + 20
    while not fetch(shop.url, statement):
        assert time.monotonic() < deadline, statement
        time.sleep(0.01)


# --- when ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["k", None])
def test_no_answer_is_held_back(start_shop: StartShop, key: str | None) -> None:
    shop = start_shop()
    client = shop.sign_in()
    carts, took = [], []
    for number in range(10):
        begun = time.monotonic()
        put_in_cart(client)
        carts.append(running_seconds(since=begun))
        begun = time.monotonic()
        data_of(pay(client, key=key and f"{key} {number}"))
        took.append(running_seconds(since=begun))
    assert min(took) < 0.1 + 5 * min(carts), "however busy the machine is, it is so for both"
    assert (shop.checkout.outcomes, shop.checkout.takings) == ({"placed": 10}, Decimal("49.90"))


def waiting(shop: LocalShop, account_id: int, many: int) -> int:
    """How many submits of an account wait for their turn, as soon as they are so many."""
    deadline = time.monotonic() + 20
    while True:
        queue = shop.checkout._queues.get(account_id)
        length = queue.length if queue else 0
        if length == many or time.monotonic() > deadline:
            return length
        time.sleep(0.01)


# --- taking turns -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["k", None])
def test_whoever_waits_gets_the_order_of_the_one_before(start_shop: StartShop, key: str | None) -> None:
    gateway = Gateway()
    shop = start_shop(provider=gateway)
    person = open_account(shop.url)
    devices = [shop.sign_in(person) for _ in range(3)]
    put_in_cart(devices[0])
    gateway.may_answer.clear()
    with ThreadPoolExecutor(3) as threads:
        under_way = [threads.submit(pay, device, key) for device in devices]
        assert waiting(shop, person.id, 2) == 2
        gateway.may_answer.set()
        responses = [future.result(20) for future in under_way]
    assert [response.status_code for response in responses] == [200] * 3
    assert len({response.content for response in responses}) == 1
    assert len(gateway.authorized) == len(gateway.captured) == 1, "whoever waited looked again"
    assert gateway.refunded == []
    assert waiting(shop, person.id, 0) == 0


def test_whoever_waits_pays_for_the_cart_as_it_is_then(start_shop: StartShop) -> None:
    gateway = Gateway()
    gateway.refuses = True
    shop = start_shop(provider=gateway)
    person = open_account(shop.url)
    first, second = shop.sign_in(person), shop.sign_in(person)
    put_in_cart(first)
    gateway.may_answer.clear()
    with ThreadPoolExecutor(2) as threads:
        first_payment = threads.submit(pay, first)
        assert gateway.is_asked.wait(10)
        second_payment = threads.submit(pay, second)
        assert waiting(shop, person.id, 1) == 1
        put_in_cart(first, AMELIE)
        gateway.may_answer.set()
        refused(first_payment.result(20))
        refused(second_payment.result(20))
        assert shop.checkout.outcomes == {"refused": 2}
        gateway.refuses = False
        amount = data_of(first.get(CART))["totalPrice"]
        assert data_of(pay(first))["totalPrice"] == amount
    assert gateway.amounts == [Decimal(str(amount))], "no payment was tried for the cart as it was before"


def test_a_turn_that_takes_too_long_is_not_waited_for(start_shop: StartShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "TURN_SECONDS", 0.3)
    gateway = Gateway()
    shop = start_shop(provider=gateway)
    person = open_account(shop.url)
    first, second = shop.sign_in(person), shop.sign_in(person)
    put_in_cart(first)
    gateway.may_answer.clear()
    with ThreadPoolExecutor(1) as threads:
        payment = threads.submit(pay, first)
        assert gateway.is_asked.wait(10)
        error = error_of(pay(second), 503, "SERVICE_UNAVAILABLE")
        assert "another checkout of this account" in error["message"].casefold()
        gateway.may_answer.set()
        data_of(payment.result(20))
    put_in_cart(second)
    data_of(pay(second))
    assert waiting(shop, person.id, 0) == 0, "nobody is thought to wait any more"


# --- the cart changes under our hands -----------------------------------------------------------------


class Restless(Gateway):
    """While it thinks, the cart gets one more; so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.url = ""

    async def authorize(self, payment: Payment) -> Authorization | None:
        if len(self.authorized) < self.times:
            await asyncio.to_thread(fetch, self.url, "UPDATE cart_line SET quantity = quantity + 1")
        return await super().authorize(payment)


@pytest.mark.parametrize("times", [4, 5])
def test_a_cart_that_changes_all_the_time_is_tried_five_times(start_shop: StartShop, times: int) -> None:
    gateway = Restless(times)
    shop = start_shop(provider=gateway)
    gateway.url = shop.url
    client = shop.sign_in()
    put_in_cart(client)
    response = pay(client)
    assert len(gateway.authorized) == 5
    assert [amount for _, amount in gateway.refunded] == gateway.amounts[:times]
    if times < 5:
        assert data_of(response)["totalPrice"] == float(gateway.amounts[-1])
    else:
        error = error_of(response, 503, "SERVICE_UNAVAILABLE")
        assert error["message"].startswith("The cart is being changed all the time")
        assert data_of(client.get(CART))["itemCount"] == 6
        assert stored_payments(shop.url) == []


def test_an_edit_that_is_under_way_is_waited_for(start_shop: StartShop) -> None:
    """An edit holds the cart until it commits; a line it adds is not sold unseen."""
    shop = start_shop()
    person = open_account(shop.url)
    client = shop.sign_in(person)
    put_in_cart(client)
    with ThreadPoolExecutor(1) as threads:

        async def edit() -> Any:
            async with await CancellableConnection.connect(shop.url) as conn:
                await queries.lock_cart(conn, person.id)
                under_way = threads.submit(pay, client)
                await asyncio.to_thread(until, shop, "SELECT 1 FROM pg_locks WHERE NOT granted")
                assert not under_way.done()
            return under_way

        data_of(asyncio.run(edit()).result(20))


# --- ids ----------------------------------------------------------------------------------------------


def test_ids_are_from_one_to_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "randbelow", lambda _: 0)
    assert checkout._draw_id() == 1
    monkeypatch.setattr(secrets, "randbelow", lambda below: below - 1)
    assert checkout._draw_id() == MAX_ID


def test_an_id_that_is_taken_is_drawn_again(start_shop: StartShop, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway()
    shop = start_shop(provider=gateway)
    client = shop.sign_in()
    ids = iter([7, 1, 7, 2, 8, 3])  # of an order and its line, of one that is there, of another
    monkeypatch.setattr(checkout, "_draw_id", lambda: next(ids))

    for number in (7, 8):
        put_in_cart(client)
        gateway.authorized.pop("7", None)
        assert int(data_of(pay(client))["orderId"]) == number
    assert gateway.refunded == [("gateway 7", Decimal("4.99"))]
    assert [payment for payment, *_ in stored_payments(shop.url)] == ["gateway 7", "gateway 8"]
    assert [reference for reference, _ in gateway.captured] == ["gateway 7", "gateway 8"]


# --- refunds, and what is logged ----------------------------------------------------------------------


def test_a_gateway_that_fails_gives_back_what_was_taken_beforehand(start_shop: StartShop) -> None:
    """After a refusal the next try is paid for before it is made (docs/security.md, "Guessing")."""
    gateway = Gateway()
    gateway.refuses = True
    shop = start_shop(provider=gateway)
    client = shop.sign_in()
    put_in_cart(client)
    refused(pay(client))
    gateway.refuses, gateway.raises = False, ServiceUnavailable()
    for _ in range(11):
        error_of(pay(client), 503, "SERVICE_UNAVAILABLE")
    gateway.raises = None
    data_of(pay(client))


@pytest.mark.parametrize("error", [psycopg.OperationalError("gone"), ServiceUnavailable()])
def test_what_can_not_be_given_back_stops_no_checkout(
    start_shop: StartShop, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = start_shop()
    client = shop.sign_in()
    put_in_cart(client)
    refused(pay(client, lastName="Minor"))

    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(shop.checkout._throttle, "refund", fail)
    assert data_of(pay(client))["totalPrice"] == 4.99


def test_the_customer_of_a_payment_that_hangs_is_answered(
    start_shop: StartShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is logged, as is a refund that failed."""
    monkeypatch.setattr(checkout, "CAPTURE_SECONDS", 0.2)

    class Hanging(Gateway):
        async def capture(self, reference: str, amount: Decimal) -> None:
            if not self.captured:
                self.captured.append((reference, amount))
                await asyncio.sleep(30)

    gateway, clock = Hanging(), MovedClock()
    shop = start_shop(provider=gateway, clock=clock)
    client = shop.sign_in()
    put_in_cart(client)
    with capture_logs() as logs:
        order = data_of(pay(client))["orderId"]
    assert [(line["event"], line["order"]) for line in logs if "collected" in line["event"]] == [
        ("payment not collected yet", int(order))
    ]
    assert [is_captured for *_, is_captured in stored_payments(shop.url)] == [False]
    clock.ahead = timedelta(minutes=1, seconds=2)
    shop.tidy()
    assert [is_captured for *_, is_captured in stored_payments(shop.url)] == [True]


def test_what_was_collected_with_the_authorization_is_not_collected_again(start_shop: StartShop) -> None:
    class AtOnce(Gateway):
        async def authorize(self, payment: Payment) -> Authorization | None:
            authorization = await super().authorize(payment)
            return authorization and Authorization(authorization.reference, is_captured=True)

    gateway, clock = AtOnce(), MovedClock()
    shop = start_shop(provider=gateway, clock=clock)
    client = shop.sign_in()
    put_in_cart(client)
    data_of(pay(client))
    clock.ahead = timedelta(minutes=2)
    shop.tidy()
    assert len(gateway.authorized) == 1
    assert gateway.captured == gateway.refunded == []
    assert [is_captured for *_, is_captured in stored_payments(shop.url)] == [True]


def test_a_refund_that_failed_is_said(start_shop: StartShop) -> None:
    gateway = Gateway()
    gateway.refund_raises = OSError("gone")
    shop = start_shop(provider=gateway)
    client = shop.sign_in()
    put_in_cart(client)
    gateway.may_answer.clear()
    with capture_logs() as logs, ThreadPoolExecutor(1) as threads:
        under_way = threads.submit(pay, client)
        assert gateway.is_asked.wait(10)
        client.delete(CART)
        gateway.may_answer.set()
        empty(under_way.result(20))
    (reference,) = gateway.authorized
    refunds = [line["payment"] for line in logs if line["event"] == "payment not refunded"]
    assert refunds == [f"gateway {reference}"]


def test_a_key_for_something_else_is_told_so(start_shop: StartShop) -> None:
    client = start_shop().sign_in()
    put_in_cart(client)
    data_of(pay(client, key="k"))
    error = error_of(pay(client, key="k", firstName="Marie"), 409, "CONFLICT")
    assert error["message"] == "This Idempotency-Key was used for another checkout; take a new one"
    assert data_of(client.get(ORDERS))["totalItems"] == 1
