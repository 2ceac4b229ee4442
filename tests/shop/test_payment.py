"""Another payment provider than the built-in one (shop/payment.py, docs/payments.md): checkout works the same."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from structlog.testing import capture_logs
from tests.connections import fetch
from tests.in_process import MovedClock
from tests.responses import data_of, error_of
from tests.shop.conftest import (
    AMELIE,
    CART,
    DARK_KNIGHT,
    ITEMS,
    ORDERS,
    SHAWSHANK,
    StartShop,
    empty,
    pay,
    put_in_cart,
    refused,
)
from tests.users import open_account

from filmer.errors import ServiceUnavailable
from filmer.shop.payment import Authorization, Payment


class Gateway:
    """A provider that captures later and fails as a test asks; it records its calls."""

    def __init__(self) -> None:
        self.authorized: dict[str, Payment] = {}
        self.captured: list[tuple[str, Decimal]] = []
        self.refunded: list[tuple[str, Decimal]] = []
        self.refuses = False
        self.raises: Exception | None = None  # instead of an authorization
        self.capture_raises: Exception | None = None
        self.refund_raises: Exception | None = None
        self.is_asked, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()

    async def authorize(self, payment: Payment) -> Authorization | None:
        self.is_asked.set()
        await asyncio.to_thread(self.may_answer.wait, 20)
        if self.raises:
            raise self.raises
        if self.refuses:
            return None
        assert payment.reference not in self.authorized
        self.authorized[payment.reference] = payment
        return Authorization(f"gateway {payment.reference}", is_captured=False)

    async def capture(self, reference: str, amount: Decimal) -> None:
        if self.capture_raises:
            raise self.capture_raises
        self.captured.append((reference, amount))

    async def refund(self, reference: str, amount: Decimal) -> None:
        self.refunded.append((reference, amount))
        if self.refund_raises:
            raise self.refund_raises

    @property
    def amounts(self) -> list[Decimal]:
        return [payment.amount for payment in self.authorized.values()]


def stored_payments(url: str) -> list[tuple[str, Decimal, bool]]:
    """The payments of all orders, and whether each is collected."""
    return fetch(url, "SELECT payment, total, captured IS NOT NULL FROM shop_order ORDER BY place")


def test_the_money_of_an_order_is_collected_once(start_shop: StartShop) -> None:
    gateway = Gateway()
    shop = start_shop(provider=gateway)
    person = open_account(shop.url)
    client = shop.sign_in(person)
    put_in_cart(client, SHAWSHANK, 2)
    order = data_of(pay(client))["orderId"]
    (payment,) = gateway.authorized.values()
    assert (payment.amount, payment.account_id) == (Decimal("9.98"), person.id)
    assert payment.card.number.replace(" ", "") not in repr(payment)
    assert gateway.captured == [(f"gateway {payment.reference}", Decimal("9.98"))]
    assert gateway.refunded == []
    assert stored_payments(shop.url) == [(f"gateway {payment.reference}", Decimal("9.98"), True)]
    shop.tidy()
    assert len(gateway.captured) == 1
    assert fetch(shop.url, "SELECT id::text FROM shop_order") == [(str(order),)]


def test_a_refusal_changes_nothing(start_shop: StartShop) -> None:
    gateway = Gateway()
    gateway.refuses = True
    shop = start_shop(provider=gateway)
    client = shop.sign_in()
    put_in_cart(client)
    refused(pay(client, key="k"))
    assert data_of(client.get(CART))["itemCount"] == 1
    assert stored_payments(shop.url) == []
    gateway.refuses = False
    assert data_of(pay(client, key="k"))
    assert gateway.refunded == []


@pytest.mark.parametrize("key", ["k", None])
def test_an_empty_cart_is_told_before_a_card_is_tried(start_shop: StartShop, key: str | None) -> None:
    """contract §6.1"""
    gateway = Gateway()
    gateway.refuses = True
    client = start_shop(provider=gateway).sign_in()
    empty(pay(client, key))
    assert not gateway.is_asked.is_set()


def test_a_hidden_film_is_told_before_a_card_is_tried(start_shop: StartShop) -> None:
    """contract §6.1, §13.2"""
    gateway = Gateway()
    shop = start_shop(provider=gateway)
    client = shop.sign_in()
    put_in_cart(client, SHAWSHANK)
    put_in_cart(client, AMELIE)
    fetch(
        shop.url,
        "WITH gone AS (DELETE FROM film WHERE id = %s RETURNING id, title) INSERT INTO film_edit"
        " (film_id, imported, hidden, edit, changed)"
        " SELECT id, jsonb_build_object('id', id, 'title', title), true, 1, now() FROM gone",
        AMELIE,
    )
    assert error_of(pay(client), 409, "CONFLICT")["details"]["reason"] == "Not available"
    assert not gateway.is_asked.is_set()
    assert data_of(client.get(CART))["itemCount"] == 2


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [(ServiceUnavailable(), 503, "SERVICE_UNAVAILABLE"), (OSError("4242424242424242"), 500, "INTERNAL_ERROR")],
)
def test_a_gateway_that_is_away_changes_nothing(
    start_shop: StartShop, raised: Exception, status: int, code: str
) -> None:
    """docs/payments.md, "What yours must do" """
    gateway = Gateway()
    gateway.raises = raised
    shop = start_shop(provider=gateway)
    client = shop.sign_in()
    put_in_cart(client)
    response = pay(client)
    error_of(response, status, code)
    assert "4242" not in response.text
    assert data_of(client.get(CART))["itemCount"] == 1
    assert stored_payments(shop.url) == []
    gateway.raises = None
    assert data_of(pay(client))["totalPrice"] == 4.99


def test_a_gateway_that_is_away_is_no_guess_of_the_customer(start_shop: StartShop) -> None:
    gateway = Gateway()
    gateway.raises = ServiceUnavailable()
    shop = start_shop(provider=gateway)
    client = shop.sign_in()
    put_in_cart(client)
    for _ in range(11):
        error_of(pay(client), 503, "SERVICE_UNAVAILABLE")
    gateway.raises = None
    assert data_of(pay(client))["totalPrice"] == 4.99


def test_what_was_not_collected_is_collected_later(start_shop: StartShop) -> None:
    gateway, clock = Gateway(), MovedClock()
    gateway.capture_raises = OSError("the gateway is gone")
    shop = start_shop(provider=gateway, clock=clock)
    client = shop.sign_in()
    put_in_cart(client)
    order = data_of(pay(client))["orderId"]
    (reference,) = (f"gateway {payment.reference}" for payment in gateway.authorized.values())
    assert stored_payments(shop.url) == [(reference, Decimal("4.99"), False)]
    assert data_of(client.get(f"{ORDERS}/{order}"))["totalPrice"] == 4.99
    gateway.capture_raises = None
    shop.tidy()
    assert gateway.captured == []  # it may still be under way
    clock.ahead = timedelta(minutes=1, seconds=2)
    gateway.capture_raises = OSError("still gone")
    shop.tidy()
    assert stored_payments(shop.url) == [(reference, Decimal("4.99"), False)]
    gateway.capture_raises = None
    shop.tidy()
    shop.tidy()
    assert gateway.captured == [(reference, Decimal("4.99"))]
    assert gateway.refunded == []
    assert stored_payments(shop.url) == [(reference, Decimal("4.99"), True)]


def test_one_that_can_not_be_collected_holds_up_no_other(start_shop: StartShop) -> None:
    class Picky(Gateway):
        bad = ""

        async def capture(self, reference: str, amount: Decimal) -> None:
            if amount == Decimal("5.99"):
                raise OSError("not this one")
            await super().capture(reference, amount)

    gateway, clock = Picky(), MovedClock()
    gateway.capture_raises = OSError("gone")
    shop = start_shop(provider=gateway, clock=clock)
    client = shop.sign_in()
    for movie_id in (DARK_KNIGHT, SHAWSHANK):
        put_in_cart(client, movie_id)
        data_of(pay(client))
    fetch(  # more of them than are looked at in one round
        shop.url,
        "INSERT INTO shop_order (id, account_id, placed, told, item_count, total, submission, payment)"
        " SELECT n, account_id, placed - interval '1 hour', placed, 1, 5.99, '', 'bad' FROM"
        " (SELECT * FROM shop_order LIMIT 1) o, generate_series(1, 120) n",
    )
    gateway.capture_raises = None
    clock.ahead = timedelta(minutes=2)
    with capture_logs():  # of so many tracebacks
        for _ in range(30):
            shop.tidy()
    assert [amount for _, amount in gateway.captured] == [Decimal("4.99")]


def test_nothing_waits_for_a_slow_gateway(start_shop: StartShop) -> None:
    """No transaction is open and no connection is held meanwhile (shop/payment.py)"""
    gateway = Gateway()
    shop = start_shop(provider=gateway, pool_size=1)
    buyer, other = shop.sign_in(), shop.sign_in()
    put_in_cart(buyer)
    gateway.may_answer.clear()
    with ThreadPoolExecutor(1) as threads:
        under_way = threads.submit(pay, buyer)
        assert gateway.is_asked.wait(10)
        open_now = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%%'"
        assert fetch(shop.url, open_now) == [(0,)]
        assert put_in_cart(other).status_code == 200
        assert data_of(buyer.get(CART))["itemCount"] == 1  # by the same device
        assert not under_way.done()
        gateway.may_answer.set()
        assert data_of(under_way.result(20))["totalPrice"] == 4.99


@pytest.mark.parametrize("cheaper", [False, True])
def test_a_cart_that_changes_while_the_gateway_thinks_is_paid_as_it_is_then(
    start_shop: StartShop, *, cheaper: bool
) -> None:
    gateway = Gateway()
    shop = start_shop(provider=gateway)
    client = shop.sign_in()
    put_in_cart(client, SHAWSHANK, 2)
    gateway.may_answer.clear()
    with ThreadPoolExecutor(1) as threads:
        under_way = threads.submit(pay, client)
        assert gateway.is_asked.wait(10)
        client.put(f"{ITEMS}/{SHAWSHANK}", json={"quantity": 1 if cheaper else 3})
        gateway.may_answer.set()
        paid = Decimal(str(data_of(under_way.result(20))["totalPrice"]))
    assert paid == (Decimal("4.99") if cheaper else Decimal("14.97"))
    assert gateway.amounts == [Decimal("9.98"), paid]
    first, second = (f"gateway {reference}" for reference in gateway.authorized)
    assert gateway.refunded == [(first, Decimal("9.98"))]
    assert gateway.captured == [(second, paid)]
    assert stored_payments(shop.url) == [(second, paid, True)]


@pytest.mark.parametrize("refund_raises", [None, OSError("gone")])
def test_a_cart_that_is_emptied_meanwhile_is_refunded(start_shop: StartShop, refund_raises: Exception | None) -> None:
    """And that the refund failed is nothing to the customer"""
    gateway = Gateway()
    gateway.refund_raises = refund_raises
    shop = start_shop(provider=gateway)
    client = shop.sign_in()
    put_in_cart(client)
    gateway.may_answer.clear()
    with ThreadPoolExecutor(1) as threads:
        under_way = threads.submit(pay, client)
        assert gateway.is_asked.wait(10)
        assert client.delete(CART).status_code == 200
        gateway.may_answer.set()
        empty(under_way.result(20))
    (reference,) = gateway.authorized
    assert gateway.refunded == [(f"gateway {reference}", Decimal("4.99"))]
    assert gateway.captured == []
    assert stored_payments(shop.url) == []


def test_two_nodes_with_one_cart_collect_once_and_refund_the_other(start_shop: StartShop) -> None:
    gateways = [Gateway(), Gateway()]
    nodes = [start_shop(provider=gateway) for gateway in gateways]
    person = open_account(nodes[0].url)
    devices = [node.sign_in(person) for node in nodes]
    put_in_cart(devices[0])
    for gateway in gateways:
        gateway.may_answer.clear()
    with ThreadPoolExecutor(2) as threads:
        under_way = [threads.submit(pay, device, "one key") for device in devices]
        for gateway in gateways:
            assert gateway.is_asked.wait(10)
        for gateway in gateways:
            gateway.may_answer.set()
        responses = [future.result(20) for future in under_way]
    assert [response.status_code for response in responses] == [200, 200]
    assert responses[0].content == responses[1].content
    authorized = {f"gateway {reference}" for gateway in gateways for reference in gateway.authorized}
    captured = [reference for gateway in gateways for reference, _ in gateway.captured]
    refunded = [reference for gateway in gateways for reference, _ in gateway.refunded]
    assert len(authorized) == 2
    assert (len(captured), len(refunded)) == (1, 1)
    assert {*captured, *refunded} == authorized
    assert [payment for payment, *_ in stored_payments(nodes[0].url)] == captured
