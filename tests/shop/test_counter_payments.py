"""Orders that are paid for at the counter (contract §10.1, §10.3; of their refunds §9.4)."""

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.connections import fetch
from tests.current_edition import pricing
from tests.in_process import MovedClock
from tests.rentals.conftest import CANCEL, PICKED_UP, WATCHED, RentalShop, add_feature, states
from tests.responses import data_of, error_of
from tests.shop.conftest import CHECKOUT, ORDERS, StartShop, buy, pay, put_in_cart, refused
from tests.shop.forms import filled, followed, form_of, has_form, look, order_of, put, send, text_of
from tests.users import CARD, open_account

from filmer.audit.log import command_line
from filmer.errors import InvalidOperation
from filmer.office.overview_queries import select_totals
from filmer.settings import SettingsError, load_settings, parse_payment

HOLD_DAYS = 3
Start = Callable[..., "Counter"]


class Counter(RentalShop):
    """A shop with a counter; one of its films is watched."""

    def __init__(self, start_shop: StartShop, **settings: Any) -> None:
        clock = MovedClock()
        super().__init__(start_shop(clock=clock, **{"payment": "counter", **settings}), clock)
        add_feature(self.url)
        self.rule = self.shop.component("counter_payments")

    def mark_paid(self, order: int) -> None:
        self.run(lambda conn: self.rule.mark_paid(conn, order, command_line()))

    def give_back(self, order: int) -> None:
        self.run(lambda conn: self.rule.mark_given_back(conn, order, command_line()))

    def tidy(self) -> None:
        """What each process does once a minute."""
        database = self.shop.component("database")
        for component in ("checkout", "cancelling", "counter_payments"):
            self.shop.run(self.shop.component(component).tidy(database))

    def status(self, order: int) -> str:
        return str(data_of(self.client().get(f"{ORDERS}/{order}/track"))["currentStatus"])

    def refund(self, order: int) -> Any:
        return data_of(self.client().get(f"{ORDERS}/{order}/refund"))

    def takings(self) -> Any:
        return self.run(select_totals).takings


@pytest.fixture
def start(start_shop: StartShop) -> Start:
    return lambda **settings: Counter(start_shop, **settings)


def test_the_counter_finds_what_is_to_be_paid_and_marks_it_paid(start: Start) -> None:
    counter = start()
    watched, picked = counter.buy(WATCHED), counter.buy(PICKED_UP)
    [(code,)] = fetch(counter.url, "SELECT code FROM pickup")
    clerk = counter.client(open_account(counter.url, role="clerk"))

    def found(text: str) -> list[int]:
        page = look(clerk, str(httpx.URL("/admin/counter", params={"query": text})))
        orders = [order for order in (watched, picked) if has_form(page, f"/admin/orders/{order}/paid")]
        assert (f"Not paid yet {len(orders)}" in text_of(page)) == bool(orders), text
        assert ("Nothing found" in text_of(page)) == (not orders), text
        return orders

    assert found(counter.person.email) == found(" mary MAJ") == [watched, picked]
    assert found(str(watched)) == found("shawshank") == [watched]
    assert found(str(picked)) == found("Amélie") == found("amelie") == found(f"{code[:4]} {code[4:]}") == [picked]
    for text in ("%", "nobody@", str(watched)[:-1], code[:7]):
        assert found(text) == [], text
    done = send(clerk, f"/admin/orders/{picked}/paid")
    assert "The order is paid." in followed(clerk, done, f"/admin/orders/{picked}")
    assert found("mary maj") == [watched]
    assert "To be picked up 1" in text_of(look(clerk, "/admin/counter?query=mary+maj")), "it can be handed out"


def test_the_order_s_page_says_where_and_until_when_to_pay(start: Start) -> None:
    counter = start()
    until = counter.clock.now() + timedelta(days=HOLD_DAYS)
    for film, way, price in ((PICKED_UP, "the code or the number", "$3.99"), (WATCHED, "the number", "$4.99")):
        order = counter.buy(film)
        text = text_of(look(counter.client(), f"/orders/{order}"))
        assert f"Please pay {price} at the counter of the shop by {until:%A}, {until.day} {until:%B %Y}" in text
        assert f"Say {way} of this order there." in text
        assert ("Your code at the counter" in text) == (film == PICKED_UP)
        counter.mark_paid(order)
        assert "Please pay" not in text_of(look(counter.client(), f"/orders/{order}"))


def test_an_order_waits_for_its_payment_and_opens_with_it(start: Start) -> None:
    counter = start()
    order = counter.buy(WATCHED)
    assert counter.status(order) == "UNPAID"
    assert states(counter.url, order) == ["unpaid"]
    assert not counter.has_access()
    assert counter.takings() == 0
    counter.clock.move(days=2)
    counter.mark_paid(order)
    assert counter.status(order) == "PAID"
    assert counter.has_access()
    assert str(counter.takings()) == "4.99"
    (days,) = fetch(counter.url, "SELECT start_by - paid, paid FROM rental")
    assert (days[0].days, abs((days[1] - counter.clock.now()).total_seconds()) < 60) == (30, True)
    with pytest.raises(InvalidOperation, match="not waiting for payment"):
        counter.mark_paid(order)


def test_the_body_is_judged_as_ever_and_the_card_is_not(start: Start) -> None:
    counter = start()
    client = counter.client()
    put_in_cart(client)
    assert error_of(client.post(CHECKOUT, json={**CARD, "expiration": "2020-01"}), 400, "VALIDATION_ERROR")
    assert error_of(client.post(CHECKOUT, json={}), 400, "VALIDATION_ERROR")
    assert data_of(pay(client, creditCardId="4000000000000002", firstName="Nobody"))


def test_an_unpaid_order_reserves_its_copies_and_lapses(start: Start) -> None:
    counter = start()
    fetch(counter.url, "INSERT INTO rental_terms (film_id, copies) VALUES (%s, 1)", PICKED_UP)
    order, paid = counter.buy(PICKED_UP), counter.buy(WATCHED)
    counter.mark_paid(paid)
    assert counter.client().post("/api/v1/cart/items", json={"movieId": PICKED_UP}).status_code == 409
    counter.clock.move(days=HOLD_DAYS, seconds=-60)
    counter.tidy()
    assert states(counter.url, order) == ["unpaid"]
    counter.clock.move(seconds=61)
    counter.tidy()
    assert (states(counter.url, order), states(counter.url, paid)) == (["cancelled"], ["waiting"])
    assert counter.status(order) == "CANCELLED"
    assert counter.refund(order)["refundStatus"] == "NOT_REQUESTED"
    counter.tidy()
    assert buy(counter.client(), PICKED_UP) != order, "the copy is free again"
    with pytest.raises(InvalidOperation):
        counter.mark_paid(order)


def test_what_was_paid_at_the_counter_is_given_back_there(start: Start) -> None:
    counter = start()
    order = counter.buy(WATCHED)
    with pytest.raises(InvalidOperation):
        counter.give_back(order)
    counter.mark_paid(order)
    assert data_of(counter.client().post(CANCEL, json={"orderId": order}))["refundStatus"] == "INITIATED"
    counter.clock.move(hours=5)
    counter.tidy()
    refund = counter.refund(order)
    assert (refund["refundStatus"], refund["originalPaymentMethod"]) == ("INITIATED", "COUNTER")
    counter.give_back(order)
    assert counter.refund(order)["refundStatus"] == "COMPLETED"
    assert counter.takings() == 0
    with pytest.raises(InvalidOperation):
        counter.give_back(order)


def test_admins_mark_it_on_their_page(start: Start) -> None:
    counter = start()
    order = counter.buy(WATCHED)
    admin = counter.client(open_account(counter.url, role="admin"))
    paid, back = (f"/admin/orders/{order}/{name}" for name in ("paid", "given-back"))
    page = f"/admin/orders/{order}"
    assert "1 to be paid at the counter" in text_of(admin.get("/admin/orders"))
    assert has_form(admin.get(page), paid)
    assert counter.client().post(paid).status_code == 403
    assert send(admin, "/admin/orders/%FF%E2%82%AC/paid").status_code == 404
    assert states(counter.url, order) == ["unpaid"]
    assert "not waiting for payment" not in followed_by(admin, paid)
    assert states(counter.url, order) == ["waiting"]
    assert "not waiting for payment" in followed_by(admin, paid)
    assert data_of(counter.client().post(CANCEL, json={"orderId": order}))
    assert "to be paid at the counter" not in text_of(admin.get("/admin/orders"))
    assert has_form(admin.get(page), back)
    assert "given back at the counter" in text_of(counter.client().get(f"/orders/{order}"))
    assert "The money is given back." in followed_by(admin, back)
    assert counter.refund(order)["refundStatus"] == "COMPLETED"
    assert not has_form(admin.get(page), back)
    assert "owed:" not in text_of(admin.get("/admin/orders"))


def followed_by(admin: httpx.Client, path: str) -> str:
    page = path.rpartition("/")[0]
    assert send(admin, path).headers["location"] == page
    return text_of(admin.get(page))


def test_an_unpaid_order_that_is_cancelled_owes_nothing(start: Start) -> None:
    counter = start()
    order = counter.buy(WATCHED)
    cancelled = data_of(counter.client().post(CANCEL, json={"orderId": order}))
    assert (cancelled["previousStatus"], cancelled["refundAmount"]) == ("UNPAID", 0)
    assert (cancelled["refundStatus"], counter.takings()) == ("NOT_REQUESTED", 0)
    with pytest.raises(InvalidOperation):
        counter.mark_paid(order)


@pytest.mark.parametrize("payment", ["counter", "cards,counter", "counter, cards"])
def test_the_page_offers_what_is_set(start: Start, payment: str) -> None:
    counter = start(payment=payment)
    client = counter.client()
    put(client, WATCHED, 2)
    page = look(client, "/checkout")
    ways = re.findall(r'name="pay" value="(\w+)"', page.text)
    assert ways == ([] if payment == "counter" else ["cards", "counter"])
    assert "At the counter of the shop" in page.text or "pay $9.98 at the counter" in page.text
    form = {**form_of(page, "/checkout"), **({"pay": "counter"} if ways else {})}
    bought = send(client, "/checkout", **form)
    place = order_of(bought)
    assert "waits for you to pay at the counter" in followed(client, bought, place)
    order = int(place.rpartition("/")[2])
    assert states(counter.url, order) == ["unpaid", "unpaid"]
    assert order_of(send(client, "/checkout", **form)) == place, "sent again"
    put(client, WATCHED)
    card = send(client, "/checkout", **{**filled(look(client, "/checkout")), "pay": "cards"})
    if payment == "counter":
        assert card.status_code == 400
        assert "is not offered here" in card.text
    else:
        assert states(counter.url, int(order_of(card).rpartition("/")[2])) == ["waiting"]


def test_the_first_way_answers_the_api(start: Start) -> None:
    client = start(payment="cards,counter").client()
    put_in_cart(client)
    refused(pay(client, firstName="Nobody"))


def test_nothing_to_pay_asks_nobody(start: Start) -> None:
    """contract §10.1"""
    counter = start(payment="cards,counter")
    fetch(counter.url, pricing("0"), WATCHED)
    client = counter.client()
    put_in_cart(client, WATCHED)
    order = data_of(pay(client, creditCardId="4000000000000002"))["orderId"]
    assert counter.status(order) == "PAID"
    assert counter.refund(order)["originalPaymentMethod"] is None
    put(client, WATCHED)
    page = look(client, "/checkout")
    assert "Nothing to pay" in text_of(page)
    assert set(form_of(page, "/checkout")) == {"key", "seen"}
    place = order_of(send(client, "/checkout", **form_of(page, "/checkout")))
    assert states(counter.url, int(place.rpartition("/")[2])) == ["waiting"]


def test_a_form_for_nothing_does_not_buy_what_costs_by_now(start: Start) -> None:
    counter = start(payment="cards")
    fetch(counter.url, pricing("0"), WATCHED)
    client = counter.client()
    put(client, WATCHED)
    form = form_of(look(client, "/checkout"), "/checkout")
    fetch(counter.url, pricing("5"), WATCHED)
    assert send(client, "/checkout", **form).status_code == 409
    assert fetch(counter.url, "SELECT count(*) FROM shop_order") == [(0,)]


@pytest.mark.parametrize("text", ["stripe", "cards,stripe", "cash", "counter,Stripe", ",", "cards;counter"])
def test_what_is_no_way_to_pay_is_said(text: str) -> None:
    with pytest.raises(SettingsError, match="FILMER_PAYMENT"):
        load_settings({"FILMER_PAYMENT": text})


def test_the_ways_to_pay_are_read() -> None:
    assert parse_payment("counter, cards,counter") == ("counter", "cards")
    assert parse_payment("stripe,cards") == ("stripe", "cards")


def test_of_marking_cancelling_and_lapsing_at_once_one_is_done(start: Start) -> None:
    """All of an order's rentals, or none."""
    counter = start()
    for _ in range(5):
        order = counter.buy(WATCHED, 3)
        counter.clock.move(days=HOLD_DAYS, seconds=1)
        client = counter.client()
        outcomes = counter.shop.run(_race(counter, order))
        assert len(set(states(counter.url, order))) == 1, outcomes
        assert _answer(client, order) in {"PAID", "CANCELLED"}


def _answer(client: httpx.Client, order: int) -> str:
    return str(data_of(client.get(f"{ORDERS}/{order}/track"))["currentStatus"])


async def _race(counter: Counter, order: int) -> list[Any]:
    database = counter.shop.component("database")

    async def mark() -> None:
        async with database.connection() as conn:
            await counter.rule.mark_paid(conn, order, command_line())

    async def cancel() -> None:
        async with database.connection() as conn:
            await counter.shop.component("cancelling").cancel(conn, order, None, by=counter.person.id)

    work = (mark(), cancel(), counter.rule.tidy(database), mark())
    outcomes: list[Any] = await asyncio.gather(*work, return_exceptions=True)
    return outcomes
