"""One cart gives one order, however often it is submitted (contract §6.4)."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from tests.conftest import ServeHere
from tests.connections import fetch
from tests.in_process import MovedClock
from tests.raw_connections import Customer, RawConnection
from tests.responses import data_of, error_of, offences_of
from tests.shop.conftest import (
    AMELIE,
    CART,
    CHECKOUT,
    KEY,
    ORDERS,
    SHAWSHANK,
    SignIn,
    StartShop,
    Store,
    assert_not_cached,
    buy,
    empty,
    pay,
    put_in_cart,
    refused,
)
from tests.shop.stress_shop import checkout
from tests.shop.test_turns import until, waiting
from tests.users import CARD, open_account, put_card

from filmer.shop import card_queries, queries
from filmer.shop.checkout import Checkout


def orders_of(client: httpx.Client) -> int:
    return int(data_of(client.get(ORDERS))["totalItems"])


def at_once(count: int, submit: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    """What so many submits are answered that start together."""
    gate = threading.Barrier(count)

    def go(number: int) -> httpx.Response:
        gate.wait()
        return submit(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(go, range(count)))


# --- with a key, one after another -----------------------------------------------------------------


def test_a_repeat_gets_the_same_bytes(customer: httpx.Client) -> None:
    put_in_cart(customer, SHAWSHANK, 3)
    put_in_cart(customer, AMELIE)
    first = pay(customer, key="a")
    assert first.status_code == 200
    put_in_cart(customer)  # another cart by now: it stays
    again = pay(customer, key="a")
    assert again.content == first.content
    assert_not_cached(again)
    assert orders_of(customer) == 1
    assert data_of(customer.get(CART))["itemCount"] == 1


def test_a_repeat_gets_the_same_bytes_on_another_node_and_after_a_restart(
    store: Store, serve_here: ServeHere, sign_in: SignIn
) -> None:
    person = open_account(store.url)
    one = serve_here(store.url)
    client = sign_in(person, at=one.client)
    put_in_cart(client, SHAWSHANK, 2)
    first = pay(client, key="over there")
    assert pay(sign_in(person), key="over there").content == first.content
    one.stop()
    anew = serve_here(store.url)
    assert pay(sign_in(person, at=anew.client), key="over there").content == first.content
    anew.stop()
    assert orders_of(sign_in(person)) == 1


def test_a_key_is_kept_24_hours_then_free_again(start_shop: StartShop) -> None:
    clock = MovedClock(datetime(2027, 5, 1, 12, tzinfo=UTC))
    shop = start_shop(clock=clock)
    person = open_account(shop.url)
    client = shop.sign_in(person)
    put_in_cart(client)
    first = pay(client, key="k").content
    put_in_cart(client, AMELIE)
    clock.ahead = timedelta(hours=23, minutes=59, seconds=59)
    shop.tidy()
    client = shop.sign_in(person)
    assert pay(client, key="k").content == first
    error_of(pay(client, key="k", firstName="Marie"), 409, "CONFLICT")
    clock.ahead = timedelta(hours=24)
    second = data_of(pay(client, key="k", firstName="mary"))
    assert [item["movieId"] for item in second["items"]] == [AMELIE]
    assert orders_of(client) == 2
    assert data_of(pay(client, key="k", firstName="mary")) == second


def test_old_keys_are_forgotten_and_their_orders_stay(start_shop: StartShop) -> None:
    clock = MovedClock()
    shop = start_shop(clock=clock)
    client = shop.sign_in()
    put_in_cart(client)
    pay(client, key="old")
    clock.ahead = timedelta(hours=24, seconds=1)
    shop.tidy()
    assert fetch(shop.url, "SELECT key FROM checkout_key") == []
    assert fetch(shop.url, "SELECT count(*) FROM shop_order") == [(1,)]


@pytest.mark.parametrize(
    "instead", [{"creditCardId": "4000000000000002"}, {"lastName": "Minor"}, {"expiration": "2030-11"}]
)
def test_the_same_key_with_another_body_is_409(customer: httpx.Client, instead: dict[str, Any]) -> None:
    put_in_cart(customer)
    first = pay(customer, key="k")
    put_in_cart(customer)
    response = pay(customer, "k", **instead)
    error_of(response, 409, "CONFLICT")
    assert_not_cached(response)
    assert pay(customer, key="k").content == first.content
    assert orders_of(customer) == 1
    assert data_of(customer.get(CART))["itemCount"] == 1


def test_another_account_may_use_the_same_key(sign_in: SignIn) -> None:
    one, other = sign_in(), sign_in()
    put_in_cart(one)
    first = pay(one, key="k")
    empty(pay(other, key="k"))
    put_in_cart(other, AMELIE)
    theirs = data_of(pay(other, key="k"))
    assert theirs["items"][0]["movieId"] == AMELIE
    assert theirs["orderId"] != data_of(first)["orderId"]
    assert pay(one, key="k").content == first.content


def test_another_key_after_that_finds_the_cart_empty(customer: httpx.Client) -> None:
    put_in_cart(customer)
    assert pay(customer, key="one").status_code == 200
    empty(pay(customer, key="other"))
    empty(pay(customer, key="One"))
    empty(pay(customer))


def test_what_failed_does_not_use_the_key_up(customer: httpx.Client) -> None:
    empty(pay(customer, key="k"))
    put_in_cart(customer)
    refused(pay(customer, key="k", lastName="Minor"))
    offences_of(pay(customer, key="k", expiration="2001-01"))
    refused(pay(customer, key="k", lastName="Minor"))
    assert data_of(pay(customer, key="k"))["totalPrice"] == 4.99


def test_a_repeat_is_answered_when_the_allowance_is_used_up(customer: httpx.Client) -> None:
    """It tries no card"""
    put_in_cart(customer)
    first = pay(customer, key="k")
    put_in_cart(customer)
    for _ in range(10):
        refused(pay(customer, lastName="Minor"))
    error_of(pay(customer), 429, "RATE_LIMITED")
    for _ in range(12):
        assert pay(customer, key="k").content == first.content


# --- keys as such ----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["k", "x" * 255, "5b6f3c1e-8d3a-4d7e-9f00-1c2d3e4f5a6b", 'a b;c,d="e"\'~'])
def test_good_keys(customer: httpx.Client, key: str) -> None:
    put_in_cart(customer)
    first = pay(customer, key=key)
    assert first.status_code == 200
    assert pay(customer, key=key).content == first.content


def submit_raw(client: httpx.Client, *keys: bytes) -> httpx.Response:
    headers: Any = [(KEY.encode(), key) for key in keys]
    return client.post(CHECKOUT, json=CARD, headers=headers)


@pytest.mark.parametrize(
    "keys",
    [
        [b""],
        [b"x" * 256],
        ["schlüssel".encode()],
        ["schlüssel".encode("latin-1")],
        [b"\xff"],
        [b"a\tb"],
        [b"a", b"b"],
        [b"a", b"a"],
    ],
)
def test_bad_keys_are_400_and_nothing_happens(customer: httpx.Client, keys: list[bytes]) -> None:
    put_in_cart(customer)
    response = submit_raw(customer, *keys)
    assert list(offences_of(response)) == [KEY]
    assert_not_cached(response)
    assert orders_of(customer) == 0
    assert data_of(customer.get(CART))["itemCount"] == 1


def test_a_bad_key_is_told_together_with_a_bad_body(customer: httpx.Client) -> None:
    response = customer.post(CHECKOUT, json={**CARD, "firstName": ""}, headers={KEY: ""})
    assert list(offences_of(response)) == [KEY, "firstName"]


# --- submits that overlap --------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "one for all"])
@pytest.mark.parametrize("count", [2, 8, 32])
def test_submits_that_overlap_give_one_order(
    store: Store, serve_here: ServeHere, sign_in: SignIn, key: str | None, count: int
) -> None:
    """promise 1: with and without a key, over two servers; each gets the order, none a 429 for a right card"""
    person = open_account(store.url)
    second = serve_here(store.url)
    devices = [sign_in(person, at=(store.client, second.client)[number % 2]) for number in range(min(count, 8))]
    put_in_cart(devices[0], SHAWSHANK, 2)
    responses = at_once(count, lambda number: pay(devices[number % len(devices)], key=key))
    second.stop()
    assert orders_of(devices[0]) == 1
    good = {response.content for response in responses if response.status_code == 200}
    assert len(good) == 1
    bad = [response.text for response in responses if response.status_code != 200]
    if key is None:  # one that came after the first was answered is no overlapping one
        bad = [text for text in bad if "Cart is empty" not in text]
    assert bad == []


def test_submits_with_keys_of_their_own_give_one_order_too(store: Store, sign_in: SignIn) -> None:
    person = open_account(store.url)
    devices = [sign_in(person) for _ in range(4)]
    for _ in range(4):  # and those that were too late with a right card are not counted as guesses
        put_in_cart(devices[0])
        before = orders_of(devices[0])
        responses = at_once(4, lambda number: pay(devices[number], key=f"{datetime.now(UTC)} {number}"))
        assert orders_of(devices[0]) == before + 1
        assert sorted(response.status_code for response in responses) == [200, 400, 400, 400]
        for response in responses:
            if response.status_code == 400:
                empty(response)


class Meanwhile:
    """Does something else once, right before a query of a checkout that is under way; "prepare": before the first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, query: str, work: Callable[[], httpx.Response]) -> None:
        self.responses: list[httpx.Response] = []
        owner: Any = {"prepare": Checkout, "select_card": card_queries}.get(query, queries)
        original = getattr(owner, query)
        begun = threading.Event()

        async def after_work(*arguments: Any, **named: Any) -> Any:
            if not begun.is_set():
                begun.set()
                self.responses.append(await asyncio.to_thread(work))
            return await original(*arguments, **named)

        monkeypatch.setattr(owner, query, after_work)


@pytest.mark.parametrize(
    ("key", "query"),
    [
        *((None, query) for query in ("prepare", "select_card", "lock_cart")),
        *(("k", query) for query in ("prepare", "select_due", "select_card", "lock_cart")),
    ],
)
def test_a_twin_that_is_faster_at_any_point_is_the_answer(
    start_shop: StartShop, monkeypatch: pytest.MonkeyPatch, query: str, key: str | None
) -> None:
    """The whole of another submit, at another node, between two statements of this one"""
    shop, other_node = start_shop(), start_shop()
    person = open_account(shop.url)
    phone, laptop = shop.sign_in(person), other_node.sign_in(person)
    put_in_cart(phone, SHAWSHANK, 2)
    meanwhile = Meanwhile(monkeypatch, query, lambda: pay(laptop, key=key))
    slow = pay(phone, key=key)
    assert [response.status_code for response in meanwhile.responses] == [200]
    assert (slow.status_code, slow.content) == (200, meanwhile.responses[0].content)
    assert orders_of(phone) == 1


@pytest.mark.parametrize("query", ["select_due", "lock_cart"])
def test_a_right_card_that_came_too_late_costs_nothing(
    start_shop: StartShop, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """The cart was emptied at another node, by a submit with a key of its own: no guess, however often it happens"""
    shop, other_node = start_shop(), start_shop()
    person = open_account(shop.url)
    client, laptop = shop.sign_in(person), other_node.sign_in(person)
    for number in range(11):
        put_in_cart(client)
        with monkeypatch.context() as patched:
            meanwhile = Meanwhile(patched, query, lambda number=number: pay(laptop, key=f"mine {number}"))  # type: ignore[misc]
            late = pay(client, key=f"late {number}")
        assert [data_of(response)["totalPrice"] for response in meanwhile.responses] == [4.99]
        empty(late)
    put_in_cart(client)
    assert data_of(pay(client))["totalPrice"] == 4.99


def test_a_cart_that_changed_meanwhile_earns_no_guesses(start_shop: StartShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """One try is paid for, one is given back"""
    shop = start_shop()
    person = open_account(shop.url)
    client = shop.sign_in(person)
    put_in_cart(client)
    for _ in range(8):
        refused(pay(client, lastName="Minor"))
    with monkeypatch.context() as patched:
        original = queries.select_due

        async def outdated(*arguments: Any, **named: Any) -> Any:
            due = await original(*arguments, **named)
            return msgspec.structs.replace(due, amount=(due.amount or 0) + 1)

        patched.setattr(queries, "select_due", outdated)
        assert data_of(pay(client))["totalPrice"] == 4.99
    put_in_cart(client)
    refused(pay(client, lastName="Minor"))
    refused(pay(client, lastName="Minor"))
    error_of(pay(client, lastName="Minor"), 429, "RATE_LIMITED")


# --- submits without a key, one after another -------------------------------------------------------


def test_a_later_submit_finds_the_cart_empty(customer: httpx.Client) -> None:
    buy(customer)
    empty(pay(customer))


def test_a_later_submit_of_another_cart_is_another_order(customer: httpx.Client) -> None:
    first, second = buy(customer), buy(customer)
    assert first != second
    assert orders_of(customer) == 2


def test_an_overlapping_submit_of_something_else_gets_no_order(
    start_shop: StartShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another card is another submit: it finds the cart empty"""
    shop, other_node = start_shop(), start_shop()
    put_card(shop.url, CARD | {"creditCardId": "5555555555554444"})
    person = open_account(shop.url)
    client, laptop = shop.sign_in(person), other_node.sign_in(person)
    put_in_cart(client)
    Meanwhile(monkeypatch, "lock_cart", lambda: pay(laptop))
    empty(pay(client, creditCardId="5555555555554444"))
    assert orders_of(client) == 1


# --- without a key: who came before the order, and who came after it --------------------------------


@pytest.mark.parametrize("ahead", [timedelta(seconds=-10), timedelta(seconds=10)])
def test_what_a_nodes_clock_says_is_of_no_matter(
    start_shop: StartShop, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    clock = MovedClock()
    clock.ahead = ahead
    shop, other_node = start_shop(clock=clock), start_shop()
    person = open_account(shop.url)
    phone, laptop = shop.sign_in(person), other_node.sign_in(person)
    put_in_cart(laptop)
    meanwhile = Meanwhile(monkeypatch, "prepare", lambda: pay(laptop))
    before = pay(phone)
    assert (before.status_code, before.content) == (200, meanwhile.responses[0].content)
    empty(pay(phone))
    empty(pay(laptop))
    put_in_cart(phone)
    data_of(pay(phone))
    empty(pay(laptop))
    assert orders_of(phone) == 2


@pytest.mark.parametrize("query", ["prepare", "lock_cart"])
def test_another_cart_by_then_is_not_what_was_submitted(
    start_shop: StartShop, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """It gets the order of the cart that it is a submit of, and the other cart stays"""
    shop, other_node = start_shop(), start_shop()
    person = open_account(shop.url)
    phone, laptop = shop.sign_in(person), other_node.sign_in(person)
    put_in_cart(phone, SHAWSHANK)

    def buy_and_go_on() -> httpx.Response:
        response = pay(laptop)
        put_in_cart(laptop, AMELIE)
        return response

    meanwhile = Meanwhile(monkeypatch, query, buy_and_go_on)
    response = pay(phone)
    assert (response.status_code, response.content) == (200, meanwhile.responses[0].content)
    assert [item["movieId"] for item in data_of(phone.get(CART))["items"]] == [AMELIE]
    assert orders_of(phone) == 1
    assert data_of(pay(phone))["items"][0]["movieId"] == AMELIE


def test_of_several_orders_it_gets_the_first(start_shop: StartShop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, other_node = start_shop(), start_shop()
    person = open_account(shop.url)
    phone, laptop = shop.sign_in(person), other_node.sign_in(person)
    buy(laptop)  # long before
    put_in_cart(phone)

    def buy_twice() -> httpx.Response:
        time.sleep(0.2)  # longer than the moment when the phone's request came is wrong by, as the database sees it
        response = pay(laptop)
        buy(laptop, AMELIE)
        return response

    meanwhile = Meanwhile(monkeypatch, "prepare", buy_twice)
    assert pay(phone).content == meanwhile.responses[0].content
    assert orders_of(phone) == 3


@pytest.mark.parametrize("is_same_node", [True, False])
def test_between_the_orders_statements_and_its_commit_one_looks_in_time(
    start_shop: StartShop, monkeypatch: pytest.MonkeyPatch, *, is_same_node: bool
) -> None:
    """A submit of the full cart returns the order, although the order was written before the submit came"""
    shop = start_shop()
    other_node = shop if is_same_node else start_shop()
    person = open_account(shop.url)
    phone, laptop = shop.sign_in(person), other_node.sign_in(person)
    put_in_cart(phone)
    original = queries.sell_lines
    with ThreadPoolExecutor(1) as threads:
        under_way: list[Future[httpx.Response]] = []

        async def with_another(*arguments: Any, **named: Any) -> Any:
            sold = await original(*arguments, **named)
            if under_way:  # this is the other one
                return sold
            under_way.append(threads.submit(pay, laptop))
            if is_same_node:
                assert await asyncio.to_thread(waiting, shop, person.id, 1) == 1
            else:
                await asyncio.to_thread(until, shop, "SELECT 1 FROM pg_locks WHERE NOT granted")
            return sold

        monkeypatch.setattr(queries, "sell_lines", with_another)
        first = pay(phone, key="k")
        (second,) = (future.result(20) for future in under_way)
    assert first.status_code == 200
    assert second.content == first.content
    assert orders_of(phone) == 1


def test_it_came_with_its_head_though_its_body_came_after_the_order(
    store: Store, serve_here: ServeHere, sign_in: SignIn
) -> None:
    person = open_account(store.url)
    client = sign_in(person)
    put_in_cart(client)
    second = serve_here(store.url)
    head, _, body = checkout(Customer(person.id, client.cookies["JSESSIONID"])).partition(b"\r\n\r\n")
    with RawConnection(second.port) as line:
        line.send(head + b"\r\nexpect: 100-continue\r\n\r\n")
        assert line.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        order = data_of(pay(client))
        line.send(body)
        assert line.receive().data == order
        assert line.round_trip(head + b"\r\n\r\n" + body).status == 400, "and this one came later"
    second.stop()
    assert orders_of(client) == 1


def test_a_clock_of_the_database_that_was_set_back_gives_nobody_an_old_order(start_shop: StartShop) -> None:
    shop = start_shop()
    client = shop.sign_in()
    first = buy(client)
    fetch(shop.url, "UPDATE shop_order SET told = told + interval '1 hour'")
    empty(pay(client))
    assert buy(client) != first
