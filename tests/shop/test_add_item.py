"""POST /api/v1/cart/items (shop-api.md, "Add Item to Cart"; contract §5.2)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.connections import fetch
from tests.current_edition import pricing
from tests.responses import data_of, error_of, not_found, offences_of
from tests.shop.conftest import (
    AMELIE,
    BATMAN_BEGINS,
    CART,
    ITEMS,
    SHAWSHANK,
    UNDER_SCORE,
    SignIn,
    StartShop,
    Store,
    assert_not_cached,
    put_in_cart,
)
from tests.users import open_account

BETWEEN = ["must be at least 1", "must be at most 10"]
NOT_INTEGERS = ['"4"', "true", "false", "1.5", "1e-1", "null", "[1]", '{"quantity":1}', '""', "NaN"]


def add(client: httpx.Client, text: str) -> httpx.Response:
    return client.post(ITEMS, content=text.encode(), headers={"Content-Type": "application/json"})


def units(client: httpx.Client) -> int:
    return int(data_of(client.get(CART))["itemCount"])


def test_the_answer_is_as_the_spec_prints_it(customer: httpx.Client) -> None:
    response = customer.post(ITEMS, json={"movieId": SHAWSHANK, "quantity": 1})
    assert response.content == (
        b'{"success":true,"data":{"message":"Item added to cart","cart":{"items":[{"movieId":"tt0111161",'
        b'"title":"The Shawshank Redemption","quantity":1,"price":4.99,"subtotal":4.99}],'
        b'"itemCount":1,"totalPrice":4.99}}}'
    )
    assert_not_cached(response)


def test_the_quantity_is_one_by_default(customer: httpx.Client) -> None:
    assert data_of(customer.post(ITEMS, json={"movieId": SHAWSHANK}))["cart"]["itemCount"] == 1


@pytest.mark.parametrize("quantity", [1, 2, 9, 10])
def test_quantities_within_the_bounds(customer: httpx.Client, quantity: int) -> None:
    assert data_of(put_in_cart(customer, SHAWSHANK, quantity))["cart"]["items"][0]["quantity"] == quantity


@pytest.mark.parametrize("quantity", ["0", "-1", "11", "-0", str(10**30), str(-(10**30)), "9" * 5000, "32769"])
def test_quantities_beyond_the_bounds_are_400(customer: httpx.Client, quantity: str) -> None:
    reasons = offences_of(add(customer, f'{{"movieId":"{SHAWSHANK}","quantity":{quantity}}}'))
    assert reasons == {"quantity": BETWEEN[not quantity.startswith(("0", "-"))]}
    assert units(customer) == 0


@pytest.mark.parametrize("quantity", NOT_INTEGERS[:-1])
def test_what_is_no_integer_is_400(customer: httpx.Client, quantity: str) -> None:
    """contract §1.3"""
    reasons = offences_of(add(customer, f'{{"movieId":"{SHAWSHANK}","quantity":{quantity}}}'))
    assert reasons == {"quantity": "must be an integer"}
    assert units(customer) == 0


def test_an_integer_may_be_written_with_a_point(customer: httpx.Client) -> None:
    """As JSON's schemas have it, and so the description of the API."""
    data_of(add(customer, f'{{"movieId":"{SHAWSHANK}","quantity":3.0}}'))
    data_of(add(customer, f'{{"movieId":"{SHAWSHANK}","quantity":0.4e1}}'))
    assert units(customer) == 7


def test_adding_what_is_there_adds_the_quantities(customer: httpx.Client) -> None:
    """contract §5.2"""
    put_in_cart(customer, SHAWSHANK, 3)
    put_in_cart(customer, AMELIE, 2)
    cart = data_of(put_in_cart(customer, SHAWSHANK, 7))["cart"]
    assert [(line["movieId"], line["quantity"]) for line in cart["items"]] == [(SHAWSHANK, 10), (AMELIE, 2)]
    assert (cart["itemCount"], cart["totalPrice"]) == (12, 57.88)


@pytest.mark.parametrize(("held", "more"), [(10, 1), (1, 10), (10, 10), (6, 5)])
def test_over_ten_in_a_line_is_400_and_changes_nothing(customer: httpx.Client, held: int, more: int) -> None:
    """contract §5.2"""
    put_in_cart(customer, SHAWSHANK, held)
    before = customer.get(CART).content
    response = customer.post(ITEMS, json={"movieId": SHAWSHANK, "quantity": more})
    assert list(offences_of(response)) == ["quantity"]
    assert_not_cached(response)
    assert customer.get(CART).content == before


def test_every_offence_is_told(customer: httpx.Client) -> None:
    """contract §1.5"""
    reasons = offences_of(add(customer, '{"movieId":5,"quantity":"4"}'))
    assert reasons == {"movieId": "must be a string", "quantity": "must be an integer"}
    assert offences_of(add(customer, "{}")) == {"movieId": "is required"}


@pytest.mark.parametrize(
    ("movie_id", "reason"),
    [
        ('"tt011116111"', "must have at most 10 characters"),
        ('"ééééééééééé"', "must have at most 10 characters"),
        (f'"{"t" * 10_000}"', "must have at most 10 characters"),
        ('""', "must not be empty"),
        ('"  "', "must not be empty"),
        ('"tt\\u0000"', "must not contain U+0000"),
        ("null", "must be a string"),
        ("111161", "must be a string"),
        ('["tt0111161"]', "must be a string"),
    ],
)
def test_ids_that_no_film_can_have_are_400(customer: httpx.Client, movie_id: str, reason: str) -> None:
    """contract §2.5: an id over ten characters in a body"""
    assert offences_of(add(customer, f'{{"movieId":{movie_id}}}')) == {"movieId": reason}


@pytest.mark.parametrize("movie_id", ["tt9999999", "TT0111161", "ééééééé", "'; --", " tt0111161", "nm0000209"])
def test_an_unknown_film_is_404(store: Store, customer: httpx.Client, movie_id: str) -> None:
    response = customer.post(ITEMS, json={"movieId": movie_id})
    not_found(response, f"Movie not found with id: {movie_id}")
    assert_not_cached(response)
    assert units(customer) == 0
    assert fetch(store.url, "SELECT FROM film_in_use WHERE film_id = %s", movie_id) == []


def test_errors_of_the_body_come_before_404(customer: httpx.Client) -> None:
    """contract §5.2"""
    assert list(offences_of(customer.post(ITEMS, json={"movieId": "tt9999999", "quantity": 0}))) == ["quantity"]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        ("", "application/json", 400, "VALIDATION_ERROR"),
        ("{", "application/json", 400, "VALIDATION_ERROR"),
        ("[]", "application/json", 400, "VALIDATION_ERROR"),
        ('"tt0111161"', "application/json", 400, "VALIDATION_ERROR"),
        ('{"movieId":"tt0111161","quantity":NaN}', "application/json", 400, "VALIDATION_ERROR"),
        ('{"movieId":"\\ud800"}', "application/json", 400, "VALIDATION_ERROR"),
        ('{"movieId":"tt0111161","movieId":"tt0111161"}', "application/json", 400, "VALIDATION_ERROR"),
        ('{"x":' + "[" * 40 + "]" * 40 + "}", "application/json", 400, "VALIDATION_ERROR"),
        ("movieId=tt0111161", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ('{"movieId":"tt0111161"}', "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ('{"movieId":"' + "t" * 70_000 + '"}', "application/json", 413, "PAYLOAD_TOO_LARGE"),
    ],
)
def test_a_body_that_can_not_be_read(
    customer: httpx.Client, body: str, content_type: str, status: int, code: str
) -> None:
    """contract §1.3, §1.4"""
    response = customer.post(ITEMS, content=body.encode(), headers={"Content-Type": content_type})
    error_of(response, status, code)
    assert_not_cached(response)
    assert units(customer) == 0


def test_unknown_fields_are_ignored(customer: httpx.Client) -> None:
    """contract §1.3: nor can a customer set the price, or say whose cart it is"""
    extra: dict[str, Any] = {"price": 0, "subtotal": 0, "customerId": 1, "accountId": 1, "movie_id": "x"}
    cart = data_of(customer.post(ITEMS, json={"movieId": SHAWSHANK, **extra}))["cart"]
    assert cart["totalPrice"] == 4.99


def test_prices_are_brought_up_to_date_by_every_answer(start_shop: StartShop) -> None:
    shop = start_shop()
    client = shop.sign_in()
    put_in_cart(client, SHAWSHANK, 2)
    fetch(shop.url, pricing("6.5"), SHAWSHANK)
    cart = data_of(put_in_cart(client, BATMAN_BEGINS))["cart"]
    assert [line["price"] for line in cart["items"]] == [6.5, 4.99]
    fetch(shop.url, pricing("NULL"), SHAWSHANK)
    assert data_of(put_in_cart(client, SHAWSHANK))["cart"]["items"][0]["subtotal"] == 14.97


def test_adds_at_once_never_bring_a_line_over_ten(store: Store, sign_in: SignIn) -> None:
    person = open_account(store.url)
    devices = [sign_in(person) for _ in range(4)]

    def add_four(number: int) -> int:
        return devices[number % 4].post(ITEMS, json={"movieId": SHAWSHANK, "quantity": 4}).status_code

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(add_four, range(8))) == [200] * 2 + [400] * 6
    assert units(devices[0]) == 8


def test_a_cart_holds_500_titles(start_shop: StartShop) -> None:
    """MAX_TITLES of shop/schemas.py; more of a title that is there may still be added"""
    shop = start_shop()
    client = shop.sign_in()
    put_in_cart(client, SHAWSHANK)
    fetch(
        shop.url,
        "INSERT INTO film"
        " SELECT (jsonb_populate_record(f, jsonb_build_object('id', 'xx' || n, 'no', 9000 + n))).*"
        " FROM film f, generate_series(1, 500) n WHERE f.id = %s",
        UNDER_SCORE,
    )
    fetch(shop.url, "INSERT INTO film_in_use SELECT 'xx' || n FROM generate_series(1, 500) n")
    fetch(
        shop.url,
        "INSERT INTO cart_line (account_id, film_id, quantity, price)"
        " SELECT account_id, 'xx' || n, 1, 4.99 FROM cart_line, generate_series(1, 498) n",
    )
    assert len(data_of(put_in_cart(client, "xx499"))["cart"]["items"]) == 500
    assert offences_of(client.post(ITEMS, json={"movieId": "xx500"})) == {"movieId": "a cart holds at most 500 titles"}
    assert units(client) == 500
    assert data_of(put_in_cart(client, "xx499", 9))["cart"]["itemCount"] == 509
    not_found(client.post(ITEMS, json={"movieId": "tt9999999"}), "Movie not found with id: tt9999999")
