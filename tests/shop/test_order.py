"""GET /api/v1/orders/{orderId} (shop-api.md, "Get Order Confirmation"; contract §6.5)."""

from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from tests.conftest import FILMS, import_films
from tests.connections import fetch
from tests.responses import data_of, error_of, not_found, offences_of
from tests.shop.conftest import (
    AMELIE,
    BATMAN_BEGINS,
    CART,
    DARK_KNIGHT,
    ORDERS,
    SHAWSHANK,
    UNDER_SCORE,
    SignIn,
    StartShop,
    Store,
    assert_not_cached,
    buy,
    pay,
    put_in_cart,
)
from tests.users import open_account


def test_the_answer_is_as_the_spec_prints_it(store: Store, sign_in: SignIn) -> None:
    person = open_account(store.url)
    client = sign_in(person)
    put_in_cart(client, SHAWSHANK, 2)
    receipt = data_of(pay(client))
    response = client.get(f"{ORDERS}/{receipt['orderId']}")
    sale_id = data_of(response)["items"][0]["saleId"]
    assert response.text == (
        f'{{"success":true,"data":{{"orderId":{receipt["orderId"]},"customerId":{person.id},"items":[{{'
        f'"saleId":{sale_id},"movieId":"tt0111161","title":"The Shawshank Redemption","quantity":2,"price":4.99}}],'
        f'"totalPrice":9.98,"orderDate":"{receipt["orderDate"]}"}}}}'
    )
    assert_not_cached(response)


def test_its_items_are_those_of_the_receipt_in_their_order(customer: httpx.Client) -> None:
    for movie_id in (DARK_KNIGHT, SHAWSHANK, UNDER_SCORE, AMELIE):
        put_in_cart(customer, movie_id, 3)
    receipt = data_of(pay(customer))
    order = data_of(customer.get(f"{ORDERS}/{receipt['orderId']}"))
    assert [{name: item[name] for name in item if name != "saleId"} for item in order["items"]] == receipt["items"]
    assert [item["movieId"] for item in receipt["items"]] == [DARK_KNIGHT, SHAWSHANK, UNDER_SCORE, AMELIE]
    assert len({item["saleId"] for item in order["items"]}) == 4


def test_ids_fit_in_53_bits_and_tell_nothing_of_each_other(start_shop: StartShop) -> None:
    """contract §6.5: a few hundred ids look like dice; a counter, a clock or a shared half would show."""
    shop = start_shop()
    client = shop.sign_in()
    orders: list[int] = []
    sales: list[int] = []
    for _ in range(80):
        for movie_id in (SHAWSHANK, AMELIE, DARK_KNIGHT):
            put_in_cart(client, movie_id)
        orders.append(data_of(pay(client))["orderId"])
        sales += [item["saleId"] for item in data_of(client.get(f"{ORDERS}/{orders[-1]}"))["items"]]
    for ids in (orders, sales):
        assert len(set(ids)) == len(ids)
        assert all(type(number) is int and 1 <= number <= 2**53 - 1 for number in ids)
        ups = sum(later > earlier for earlier, later in pairwise(ids))
        assert 0.3 < ups / (len(ids) - 1) < 0.7
        for bit in range(53):
            assert 0.2 < sum(number >> bit & 1 for number in ids) / len(ids) < 0.8, f"bit {bit}"
    single_flight = [*orders, *sales]
    near = [abs(later - earlier) for earlier, later in pairwise(sorted(single_flight))]
    assert min(near) > 2**53 / 320**2 / 10_000
    for shift in (16, 24, 32):  # no part of an id is found in others
        for parts in (
            [number >> shift for number in single_flight],
            [number % (1 << shift * 3 // 2) for number in single_flight],
        ):
            assert len(set(parts)) >= len(parts) - 3


@pytest.mark.parametrize("role", ["customer", "admin"])
def test_another_customers_order_is_403(store: Store, sign_in: SignIn, role: str) -> None:
    order = buy(sign_in())
    other_user = sign_in(open_account(store.url, role="admin" if role == "admin" else "customer"))
    response = other_user.get(f"{ORDERS}/{order}")
    error = error_of(response, 403, "FORBIDDEN")
    assert error["details"] == {}
    assert str(order) not in response.text
    assert_not_cached(response)


@pytest.mark.parametrize("order_id", ["1", "12345", str(2**53 - 1), str(2**53), str(2**63), "1" + "0" * 30])
def test_an_unknown_order_is_404(customer: httpx.Client, order_id: str) -> None:
    response = customer.get(f"{ORDERS}/{order_id}")
    not_found(response, f"Order not found with id: {order_id}")
    assert_not_cached(response)


@pytest.mark.parametrize("order_id", ["0", "-1", "-" + "9" * 30, "-0"])
def test_an_id_below_one_is_400(customer: httpx.Client, order_id: str) -> None:
    response = customer.get(f"{ORDERS}/{order_id}")
    assert offences_of(response) == {"orderId": "must be at least 1"}
    assert_not_cached(response)


@pytest.mark.parametrize(
    "order_id", ["abc", "1.5", "1.0", "1e3", "%2B1", "1_0", "%D9%A1%D9%A2", "0x1", "%00", "%FF", "1%20", "%201", "''"]
)
def test_what_is_no_integer_is_400(customer: httpx.Client, order_id: str) -> None:
    """contract §1.3"""
    assert offences_of(customer.get(f"{ORDERS}/{order_id}")) == {"orderId": "must be an integer"}


def test_an_endless_number_is_no_failure_of_ours(customer: httpx.Client) -> None:
    assert customer.get(f"{ORDERS}/{'9' * 5000}").status_code in {400, 404}


def test_it_stays_as_sold_whatever_an_import_changes(start_shop: StartShop, tmp_path: Path) -> None:
    """contract §6.4: title, year and price as sold"""
    shop = start_shop()
    client = shop.sign_in()
    order = buy(client, SHAWSHANK, 2)
    before = client.get(f"{ORDERS}/{order}").content
    put_in_cart(client, SHAWSHANK)
    changed = tmp_path / "changed.csv"
    changed.write_text("id,title,year,price\ntt0111161,Rita Hayworth,1982,9.5\n", "utf-8")
    import_films(shop.url, changed, keep_others=True)
    assert client.get(f"{ORDERS}/{order}").content == before
    assert fetch(shop.url, "SELECT title, year, price::text FROM order_line") == [
        ("The Shawshank Redemption", 1994, "4.99")
    ]
    line = data_of(client.get(CART))["items"][0]
    assert (line["title"], line["year"], line["price"]) == ("Rita Hayworth", 1982, 9.5)
    later = data_of(client.get(f"{ORDERS}/{data_of(pay(client))['orderId']}"))
    assert (later["items"][0]["title"], later["totalPrice"]) == ("Rita Hayworth", 9.5)


def test_what_is_in_carts_and_orders_survives_an_import_without_it(start_shop: StartShop, tmp_path: Path) -> None:
    """migration 0001, film_in_use: no import drops a film that somebody bought or holds"""
    shop = start_shop()
    client = shop.sign_in()
    order = buy(client, AMELIE)
    put_in_cart(client, DARK_KNIGHT, 2)
    bought, held = client.get(f"{ORDERS}/{order}").content, client.get(CART).content
    other = tmp_path / "other.csv"
    other.write_text("id,title,year,price\ntt7777777,Something Else,2020,1.5\n", "utf-8")
    import_films(shop.url, other, keep_others=False)
    assert client.get(f"{ORDERS}/{order}").content == bought
    assert client.get(CART).content == held
    response = client.post(f"{CART}/items", json={"movieId": BATMAN_BEGINS})
    not_found(response, f"Movie not found with id: {BATMAN_BEGINS}")
    put_in_cart(client, AMELIE)
    assert data_of(pay(client))["totalPrice"] == 15.97
    import_films(shop.url, FILMS)
    assert client.get(f"{ORDERS}/{order}").content == bought
