"""DELETE /api/v1/cart (shop-api.md, "Clear Cart")."""

import httpx
from tests.responses import data_of
from tests.shop.conftest import AMELIE, CART, SHAWSHANK, SignIn, assert_not_cached, put_in_cart

CLEARED = (
    b'{"success":true,"data":{"message":"Cart cleared","cart":{"items":[],"itemCount":0,"totalPrice":0.00}}}'
)  # fmt: skip


def test_the_answer_is_as_the_spec_prints_it(customer: httpx.Client) -> None:
    put_in_cart(customer, SHAWSHANK, 3)
    put_in_cart(customer, AMELIE)
    response = customer.delete(CART)
    assert response.content == CLEARED
    assert_not_cached(response)
    assert data_of(customer.get(CART)) == {"items": [], "itemCount": 0, "totalPrice": 0}


def test_an_empty_cart_is_cleared_as_well(customer: httpx.Client) -> None:
    assert customer.delete(CART).content == CLEARED
    assert customer.delete(CART).content == CLEARED


def test_a_cleared_cart_starts_anew(customer: httpx.Client) -> None:
    put_in_cart(customer, SHAWSHANK, 10)
    customer.delete(CART)
    assert data_of(put_in_cart(customer, SHAWSHANK, 10))["cart"]["itemCount"] == 10


def test_other_carts_stay(customer: httpx.Client, sign_in: SignIn) -> None:
    other_user = sign_in()
    put_in_cart(other_user)
    put_in_cart(customer)
    customer.delete(CART)
    assert data_of(other_user.get(CART))["itemCount"] == 1
