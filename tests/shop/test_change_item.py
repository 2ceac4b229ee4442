"""PUT /api/v1/cart/items/{movieId} (shop-api.md, "Update Cart Item Quantity"; contract §5.2)."""

import httpx
import pytest
from tests.connections import fetch
from tests.current_edition import pricing
from tests.responses import data_of, error_of, not_found, offences_of
from tests.shop.conftest import (
    AMELIE,
    CART,
    DARK_KNIGHT,
    ITEMS,
    SHAWSHANK,
    SignIn,
    StartShop,
    assert_not_cached,
    put_in_cart,
)

PATHS = ["tt011116111", "t" * 300, "%C3%A9" * 11, "%00", "tt%00", "%FF", "%ED%A0%80", "'", "tt9999999", "%20"]


def change(client: httpx.Client, text: str, movie_id: str = SHAWSHANK) -> httpx.Response:
    address = f"{ITEMS}/{movie_id}"
    return client.put(address, content=text.encode(), headers={"Content-Type": "application/json"})


def test_the_answer_is_as_the_spec_prints_it(customer: httpx.Client) -> None:
    put_in_cart(customer)
    response = customer.put(f"{ITEMS}/{SHAWSHANK}", json={"quantity": 2})
    assert response.content == (
        b'{"success":true,"data":{"message":"Cart updated","cart":{"items":[{"movieId":"tt0111161",'
        b'"title":"The Shawshank Redemption","quantity":2,"price":4.99,"subtotal":9.98}],'
        b'"itemCount":2,"totalPrice":9.98}}}'
    )
    assert_not_cached(response)


@pytest.mark.parametrize("quantity", [1, 10])
def test_the_quantity_is_set_not_added(customer: httpx.Client, quantity: int) -> None:
    put_in_cart(customer, SHAWSHANK, 10)
    put_in_cart(customer, AMELIE, 2)
    cart = data_of(customer.put(f"{ITEMS}/{SHAWSHANK}", json={"quantity": quantity}))["cart"]
    assert [line["quantity"] for line in cart["items"]] == [quantity, 2]
    assert cart["itemCount"] == quantity + 2


@pytest.mark.parametrize(
    ("quantity", "reason"),
    [
        ("0", "must be at least 1"),
        ("-3", "must be at least 1"),
        ("11", "must be at most 10"),
        (str(10**30), "must be at most 10"),
        ('"4"', "must be an integer"),
        ("true", "must be an integer"),
        ("1.5", "must be an integer"),
        ("null", "must be an integer"),
    ],
)
def test_other_quantities_are_400_and_change_nothing(customer: httpx.Client, quantity: str, reason: str) -> None:
    put_in_cart(customer, SHAWSHANK, 3)
    response = change(customer, f'{{"quantity":{quantity}}}')
    assert offences_of(response) == {"quantity": reason}
    assert_not_cached(response)
    assert data_of(customer.get(CART))["itemCount"] == 3


def test_the_quantity_is_required(customer: httpx.Client) -> None:
    put_in_cart(customer)
    assert offences_of(change(customer, '{"movieId":"tt0468569"}')) == {"quantity": "is required"}


def test_a_film_that_is_not_in_the_cart_is_404(customer: httpx.Client, sign_in: SignIn) -> None:
    """Whatever is in another customer's"""
    put_in_cart(sign_in(), DARK_KNIGHT)
    put_in_cart(customer)
    response = customer.put(f"{ITEMS}/{DARK_KNIGHT}", json={"quantity": 2})
    not_found(response, f"Item not in cart with id: {DARK_KNIGHT}")
    assert_not_cached(response)


@pytest.mark.parametrize("movie_id", PATHS)
def test_ids_that_no_film_has_are_404(customer: httpx.Client, movie_id: str) -> None:
    """contract §2.5: over ten characters in a path; §1.3: what no column can hold"""
    put_in_cart(customer)
    error_of(change(customer, '{"quantity":2}', movie_id), 404, "NOT_FOUND")
    assert data_of(customer.get(CART))["itemCount"] == 1


@pytest.mark.parametrize("movie_id", [DARK_KNIGHT, "tt9999999", "tt011116111", "%00"])
def test_errors_of_the_body_come_before_404(customer: httpx.Client, movie_id: str) -> None:
    """contract §5.2"""
    assert offences_of(change(customer, '{"quantity":0}', movie_id)) == {"quantity": "must be at least 1"}
    error_of(change(customer, "", movie_id), 400, "VALIDATION_ERROR")
    error_of(change(customer, "{", movie_id), 400, "VALIDATION_ERROR")
    error_of(customer.put(f"{ITEMS}/{movie_id}", content=b"x", headers={"Content-Type": "text/plain"}), 415,
             "UNSUPPORTED_MEDIA_TYPE")  # fmt: skip


def test_the_other_lines_show_their_new_prices(start_shop: StartShop) -> None:
    shop = start_shop()
    client = shop.sign_in()
    put_in_cart(client, SHAWSHANK)
    put_in_cart(client, AMELIE)
    fetch(shop.url, pricing("1.01"), AMELIE)
    cart = data_of(client.put(f"{ITEMS}/{SHAWSHANK}", json={"quantity": 2}))["cart"]
    assert ([line["price"] for line in cart["items"]], cart["totalPrice"]) == ([4.99, 1.01], 10.99)
