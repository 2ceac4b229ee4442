"""GET /api/v1/orders (shop-api.md, "List Customer Orders"; contract §2.1, §6.5)."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from tests.in_process import MovedClock
from tests.responses import data_of, offences_of, page_of
from tests.shop.conftest import AMELIE, ORDERS, SHAWSHANK, SignIn, StartShop, assert_not_cached, buy, pay, put_in_cart


def test_the_answer_is_as_the_spec_prints_it(customer: httpx.Client) -> None:
    put_in_cart(customer, SHAWSHANK, 2)
    receipt = data_of(pay(customer))
    response = customer.get(ORDERS)
    assert response.text == (
        f'{{"success":true,"data":{{"items":[{{"orderId":{receipt["orderId"]},"orderDate":"{receipt["orderDate"]}",'
        '"itemCount":2,"totalPrice":9.98}],"page":1,"size":20,"totalItems":1,"totalPages":1}}'
    )
    assert_not_cached(response)


def test_no_orders_yet(customer: httpx.Client) -> None:
    """contract §2.1"""
    put_in_cart(customer)
    response = customer.get(ORDERS)
    assert page_of(response) == {"items": [], "page": 1, "size": 20, "totalItems": 0, "totalPages": 0}
    assert_not_cached(response)


def test_item_count_counts_units(customer: httpx.Client) -> None:
    """contract §6.5"""
    put_in_cart(customer, SHAWSHANK, 10)
    put_in_cart(customer, AMELIE, 3)
    pay(customer)
    assert data_of(customer.get(ORDERS))["items"][0]["itemCount"] == 13


def test_newest_first_page_by_page(customer: httpx.Client) -> None:
    bought = [buy(customer, SHAWSHANK, number % 10 + 1) for number in range(23)]
    newest_first = bought[::-1]
    first = page_of(customer.get(ORDERS))
    assert [order["orderId"] for order in first["items"]] == newest_first[:20]
    assert (first["totalItems"], first["totalPages"]) == (23, 2)
    second = page_of(customer.get(ORDERS, params={"page": 2}))
    assert [order["orderId"] for order in second["items"]] == newest_first[20:]
    listed = []
    for page in range(1, 6):
        data = page_of(customer.get(ORDERS, params={"page": page, "size": 5}))
        assert (data["page"], data["size"], data["totalItems"], data["totalPages"]) == (page, 5, 23, 5)
        listed += [order["orderId"] for order in data["items"]]
    assert listed == newest_first
    assert len(page_of(customer.get(ORDERS, params={"size": 100}))["items"]) == 23
    for order in first["items"]:
        details = data_of(customer.get(f"{ORDERS}/{order['orderId']}"))
        assert (details["totalPrice"], details["orderDate"]) == (order["totalPrice"], order["orderDate"])
        assert sum(item["quantity"] for item in details["items"]) == order["itemCount"]


@pytest.mark.parametrize("page", [2, 3, 2**31, 2**63, 10**30])
def test_a_page_past_the_end_is_empty(customer: httpx.Client, page: int) -> None:
    """contract §2.1"""
    buy(customer)
    data = page_of(customer.get(ORDERS, params={"page": page}))
    assert data == {"items": [], "page": page, "size": 20, "totalItems": 1, "totalPages": 1}


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("page=0", ["page"]),
        ("page=-1", ["page"]),
        ("page=x", ["page"]),
        ("page=1.0", ["page"]),
        ("page=%D9%A1", ["page"]),
        ("page=1_0", ["page"]),
        ("page=", ["page"]),
        ("page=1&page=1", ["page"]),
        ("size=0", ["size"]),
        ("size=101", ["size"]),
        ("size=true", ["size"]),
        ("page=0&size=1000", ["page", "size"]),
    ],
)
def test_wrong_parameters_are_400(customer: httpx.Client, query: str, fields: list[str]) -> None:
    """contract §1.3, §1.5"""
    response = customer.get(f"{ORDERS}?{query}")
    assert sorted(offences_of(response)) == fields
    assert_not_cached(response)


def test_unknown_parameters_are_ignored(customer: httpx.Client) -> None:
    buy(customer)
    assert customer.get(f"{ORDERS}?customerId=1&sortBy=x&order=x").content == customer.get(ORDERS).content


def test_everybody_sees_their_own(sign_in: SignIn) -> None:
    first, second = sign_in(), sign_in()
    first_order, second_order = buy(first), buy(second)
    assert [order["orderId"] for order in data_of(first.get(ORDERS))["items"]] == [first_order]
    assert [order["orderId"] for order in data_of(second.get(ORDERS))["items"]] == [second_order]


def test_the_date_is_the_day_in_utc(start_shop: StartShop) -> None:
    """contract §1.1; and the newest is the last that was placed, also when a clock was put back"""
    clock = MovedClock(datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC))
    shop = start_shop(clock=clock)
    client = shop.sign_in()
    first = buy(client)
    clock.ahead = timedelta(seconds=1)
    second = buy(client)
    clock.ahead = timedelta(minutes=-2)
    third = buy(client)
    listed = [(order["orderId"], order["orderDate"]) for order in data_of(client.get(ORDERS))["items"]]
    assert listed == [(third, "2027-12-31"), (second, "2028-01-01"), (first, "2027-12-31")]
    assert data_of(client.get(f"{ORDERS}/{second}"))["orderDate"] == "2028-01-01"
