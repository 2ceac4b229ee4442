"""DELETE /api/v1/cart/items/{movieId} (shop-api.md, "Remove Item from Cart")."""

import httpx
import pytest
from tests.connections import fetch
from tests.current_edition import pricing
from tests.responses import data_of, error_of, not_found
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


def test_the_answer_is_as_the_spec_prints_it(customer: httpx.Client) -> None:
    put_in_cart(customer)
    response = customer.delete(f"{ITEMS}/{SHAWSHANK}")
    assert response.content == (
        b'{"success":true,"data":{"message":"Item removed from cart",'
        b'"cart":{"items":[],"itemCount":0,"totalPrice":0.00}}}'
    )
    assert_not_cached(response)
    assert data_of(customer.get(CART))["items"] == []


def test_the_other_lines_stay(customer: httpx.Client) -> None:
    for movie_id in (SHAWSHANK, DARK_KNIGHT, AMELIE):
        put_in_cart(customer, movie_id, 2)
    cart = data_of(customer.delete(f"{ITEMS}/{DARK_KNIGHT}"))["cart"]
    assert [line["movieId"] for line in cart["items"]] == [SHAWSHANK, AMELIE]
    assert list(cart["items"][0]) == ["movieId", "title", "quantity", "price", "subtotal"]
    assert (cart["itemCount"], cart["totalPrice"]) == (4, 17.96)


def test_what_was_removed_is_404_after_that(customer: httpx.Client) -> None:
    put_in_cart(customer)
    assert customer.delete(f"{ITEMS}/{SHAWSHANK}").status_code == 200
    response = customer.delete(f"{ITEMS}/{SHAWSHANK}")
    not_found(response, f"Item not in cart with id: {SHAWSHANK}")
    assert_not_cached(response)


def test_what_only_another_customer_has_is_404(customer: httpx.Client, sign_in: SignIn) -> None:
    other_user = sign_in()
    put_in_cart(other_user)
    not_found(customer.delete(f"{ITEMS}/{SHAWSHANK}"), f"Item not in cart with id: {SHAWSHANK}")
    assert data_of(other_user.get(CART))["itemCount"] == 1


@pytest.mark.parametrize(
    "movie_id", ["tt011116111", "t" * 300, "%C3%A9" * 11, "%00", "tt%00", "%FF", "%ED%A0%80", "'", "tt9999999", "%25"]
)
def test_ids_that_no_film_has_are_404(customer: httpx.Client, movie_id: str) -> None:
    """contract §2.5, §1.3"""
    put_in_cart(customer)
    error_of(customer.delete(f"{ITEMS}/{movie_id}"), 404, "NOT_FOUND")
    assert data_of(customer.get(CART))["itemCount"] == 1


def test_a_body_means_nothing(customer: httpx.Client) -> None:
    put_in_cart(customer)
    response = customer.request("DELETE", f"{ITEMS}/{SHAWSHANK}", content=b"{", headers={"Content-Type": "text/plain"})
    assert response.status_code == 200


def test_the_other_lines_show_their_new_prices(start_shop: StartShop) -> None:
    shop = start_shop()
    client = shop.sign_in()
    put_in_cart(client, SHAWSHANK)
    put_in_cart(client, AMELIE)
    fetch(shop.url, pricing("0"), AMELIE)
    response = client.delete(f"{ITEMS}/{SHAWSHANK}")
    assert b'"price":0.00,"subtotal":0.00}],"itemCount":1,"totalPrice":0.00}}}' in response.content
