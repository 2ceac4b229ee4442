"""One order, one charge, while Stripe fails and tells lies, and workers are killed (promise 37, and 2 with Stripe).

``FILMER_TRUST_CHARGES=2000`` tries more.
"""

import itertools
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from tests.conftest import Serve, Server
from tests.figures import record_figure
from tests.raw_connections import Customer
from tests.server_processes import kill_worker
from tests.shop import stress_shop
from tests.shop.conftest import CHECKOUT, KEY, ORDERS, StartShop
from tests.shop.forms import form_of, send
from tests.shop.stripe_shop import NAMES, StripeShop, start_stripe_shop
from tests.stripe_server import StripeServer, event_of, signed

from filmer.http.cookies import SESSION_COOKIE

pytestmark = pytest.mark.proof

CHARGES = int(os.environ.get("FILMER_TRUST_CHARGES") or 40)
CLIENTS = 8
EVERY = 150 if CHARGES >= 1000 else 20  # requests between two kills
PATIENCE = 120.0
FAULTINESS = 0.1
AGAIN = {429, 502, 503}


class Crowd:
    """Customers who repeat what they want until it is answered; some on pages with new cards, some in the API."""

    def __init__(self, shop: StripeShop, nodes: list[Server]) -> None:
        self._shop = shop
        self._nodes = nodes
        self._draw = random.Random(37)
        self._counted = itertools.count(1)
        self._killing = threading.Lock()
        self.kills = self.repeats = 0
        self.orders: dict[int, str] = {}

    def at_once(self, work: Callable[[Customer], None], people: list[Customer]) -> None:
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(work, people))

    def buy(self, customer: Customer) -> None:
        card = self._kept_card(customer) if customer.account_id % 2 else None

        def ask(client: httpx.Client) -> str | None:
            return self._in_the_api(client, customer, card) if card else self._on_the_page(client)

        self.orders[customer.account_id] = self._until_answered(customer, ask)

    def cancel(self, customer: Customer) -> None:
        order = self.orders[customer.account_id]

        def ask(client: httpx.Client) -> str | None:
            response = client.post(f"{ORDERS}/cancel", json={"orderId": int(order)})
            assert response.status_code in AGAIN | {200, 400}, response.text
            return None if response.status_code in AGAIN else order  # 400: it was, and the answer got lost

        self._until_answered(customer, ask)

    def _until_answered(self, customer: Customer, ask: Callable[[httpx.Client], str | None]) -> str:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._kill_sometimes()
            address = f"http://127.0.0.1:{self._draw.choice(self._nodes).port}"
            cookie = {SESSION_COOKIE: customer.cookie}
            try:
                with httpx.Client(
                    base_url=address, cookies=cookie, timeout=30, trust_env=False, verify=False
                ) as client:
                    if answer := ask(client):
                        return answer
            except httpx.TransportError:
                pass
            self.repeats += 1
            time.sleep(0.05)
        raise AssertionError(f"no answer within {PATIENCE} s")

    def _on_the_page(self, client: httpx.Client) -> str | None:
        page = client.get("/checkout")
        if page.status_code == 303:  # the cart is empty: an answer got lost
            return str(client.get(ORDERS).json()["data"]["items"][0]["orderId"])
        if page.status_code in AGAIN:
            return None
        fields = {**form_of(page, "/checkout"), **NAMES, "stripeMethod": self._shop.stripe.card()}
        response = send(client, "/checkout", **fields)
        assert response.status_code in AGAIN | {303}, response.text
        place = response.headers.get("location", "")
        return place.rpartition("/")[2] if place.startswith("/orders/") else None

    def _in_the_api(self, client: httpx.Client, customer: Customer, card: str) -> str | None:
        body = {"creditCardId": card, "firstName": "Mary", "lastName": "Major", "expiration": "2030-12"}
        response = client.post(CHECKOUT, json=body, headers={KEY: f"of {customer.account_id}"})
        assert response.status_code in AGAIN | {200}, response.text
        return str(response.json()["data"]["orderId"]) if response.status_code == 200 else None

    def _kept_card(self, customer: Customer) -> str:
        reference, at_stripe = self._shop.stripe.kept_card()
        with psycopg.connect(self._shop.url) as conn:
            conn.execute("INSERT INTO stripe_customer VALUES (%s, %s)", [customer.account_id, at_stripe])
            row = conn.execute(
                "INSERT INTO stripe_card (account_id, reference, fingerprint, last_four, first_name, last_name,"
                " expiration) VALUES (%s, %s, 'x', '4242', 'Mary', 'Major', '2030-12') RETURNING id",
                [customer.account_id, reference],
            ).fetchone()
        assert row
        return str(row[0])

    def _kill_sometimes(self) -> None:
        if next(self._counted) % EVERY == 0:
            with self._killing:
                kill_worker(self._nodes[self.kills % len(self._nodes)], self.kills)
                self.kills += 1


@contextmanager
def telling(shop: StripeShop, nodes: list[Server]) -> Iterator[list[int]]:
    """Meanwhile webhooks come, true ones twice or too early, and forged ones. Yields the statuses of the true ones."""
    is_over, statuses, draw = threading.Event(), [0], random.Random(5)

    def tell() -> None:
        while not is_over.wait(0.05):
            for intent in draw.sample(known := shop.stripe.intents(), min(len(known), 4)):
                about = {"id": intent["id"], "object": "payment_intent"}
                kind = draw.choice(["succeeded", "canceled", "amount_capturable_updated"])
                body, headers = signed(event_of(f"payment_intent.{kind}", about))
                forged = signed(event_of(f"payment_intent.{kind}", about), secret="whsec_forged")
                address = f"http://127.0.0.1:{draw.choice(nodes).port}/payments/stripe"
                try:
                    with httpx.Client(timeout=30, trust_env=False, verify=False) as client:
                        statuses.extend(client.post(address, content=body, headers=headers).status_code for _ in "12")
                        assert client.post(address, content=forged[0], headers=forged[1]).status_code != 200
                except httpx.TransportError:
                    continue

    thread = threading.Thread(target=tell)
    thread.start()
    try:
        yield statuses
    finally:
        is_over.set()
        thread.join()


@pytest.mark.timeout(3000)
def test_each_order_is_charged_once_and_the_sums_are_equal(
    start_shop: StartShop, stripe_server: StripeServer, serve: Serve
) -> None:
    shop = start_stripe_shop(start_shop, stripe_server)
    people = stress_shop.customers(shop.url, CHARGES)
    with psycopg.connect(shop.url, autocommit=True) as conn:
        stress_shop.fill_carts(conn, [customer.account_id for customer in people])
    settings = {"FILMER_PAYMENT": "stripe", "FILMER_CURRENCY": "EUR", "FILMER_WORKERS": "2"}
    nodes: list[Server] = [serve(shop.url, **settings, **stripe_server.environment) for _ in range(2)]
    crowd = Crowd(shop, nodes)
    with telling(shop, nodes) as told:
        stripe_server.faultiness = FAULTINESS
        crowd.at_once(crowd.buy, people)
        crowd.at_once(crowd.cancel, people[::2])
        stripe_server.faultiness = 0
    for _ in range(2 + CHARGES // 100):  # a hundred a round, once Stripe answers
        shop.tidy(hours=1)
    with psycopg.connect(shop.url, autocommit=True) as conn:
        assert not stress_shop.audit(conn)
        orders: dict[int, str] = dict(conn.execute("SELECT account_id, id::text FROM shop_order").fetchall())
        assert orders == crowd.orders
        assert conn.execute("SELECT count(*) FROM payment_draft WHERE state <> 'ordered'").fetchone() == (0,)
        assert conn.execute("SELECT count(*) FROM cancellation WHERE refund <> 'completed'").fetchone() == (0,)
        assert conn.execute("SELECT count(*) FROM cancellation").fetchone() == (len(people[::2]),)
    shop.require_even()
    assert crowd.kills >= 2
    assert 200 in told
    record_figure(
        f"{len(orders)} orders, {len(people[::2])} cancelled, {crowd.kills} workers killed, {crowd.repeats} repeats,"
        f" {len(shop.asked)} payments, {len(told)} webhooks: sums equal"
    )
