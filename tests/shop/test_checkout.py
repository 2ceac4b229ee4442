"""POST /api/v1/checkout (shop-api.md, "Process Checkout"; contract §6)."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.connections import fetch
from tests.current_edition import pricing
from tests.in_process import MovedClock
from tests.responses import data_of, error_of, offences_of
from tests.shop.conftest import (
    AMELIE,
    CART,
    CHECKOUT,
    DARK_KNIGHT,
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
from tests.users import CARD, open_account, put_card

REQUIRED = dict.fromkeys(CARD, "is required")


def test_the_answer_is_as_the_spec_prints_it(customer: httpx.Client) -> None:
    put_in_cart(customer)
    before = datetime.now(UTC)
    response = pay(customer)
    data = data_of(response)
    assert data["orderDate"] in {f"{before:%Y-%m-%d}", f"{datetime.now(UTC):%Y-%m-%d}"}
    assert response.text == (
        f'{{"success":true,"data":{{"orderId":{data["orderId"]},"message":"Order placed successfully",'
        '"items":[{"movieId":"tt0111161","title":"The Shawshank Redemption","quantity":1,"price":4.99}],'
        f'"totalPrice":4.99,"orderDate":"{data["orderDate"]}"}}}}'
    )
    assert_not_cached(response)


def test_the_order_is_the_cart_and_the_cart_is_empty(customer: httpx.Client) -> None:
    for movie_id, quantity in ((DARK_KNIGHT, 10), (AMELIE, 1), (SHAWSHANK, 2)):
        put_in_cart(customer, movie_id, quantity)
    cart = data_of(customer.get(CART))
    data = data_of(pay(customer))
    assert [(item["movieId"], item["quantity"], item["price"]) for item in data["items"]] == [
        (DARK_KNIGHT, 10, 5.99), (AMELIE, 1, 3.99), (SHAWSHANK, 2, 4.99),
    ]  # fmt: skip
    assert data["totalPrice"] == cart["totalPrice"] == 73.87
    assert data_of(customer.get(CART)) == {"items": [], "itemCount": 0, "totalPrice": 0}


def test_what_costs_nothing_can_be_bought(start_shop: StartShop) -> None:
    shop = start_shop()
    fetch(shop.url, pricing("0", ""))
    client = shop.sign_in()
    put_in_cart(client, SHAWSHANK, 2)
    assert b'"price":0.00}],"totalPrice":0.00,"orderDate"' in pay(client).content


# --- the order of checks: 401 (test_cart.py), 400, empty cart, 402 (contract §6.1) -----------------


def test_a_wrong_body_comes_before_an_empty_cart(customer: httpx.Client) -> None:
    assert offences_of(customer.post(CHECKOUT, json={})) == REQUIRED


def test_an_empty_cart_comes_before_a_wrong_card(customer: httpx.Client) -> None:
    empty(pay(customer, creditCardId="4000000000000002"))
    empty(pay(customer))


def test_a_wrong_body_comes_before_a_wrong_card(customer: httpx.Client) -> None:
    put_in_cart(customer)
    response = pay(customer, creditCardId="4000000000000002", expiration="2020-01")
    assert offences_of(response) == {"expiration": "must not be in the past"}
    assert_not_cached(response)


# --- the body --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("creditCardId", "4" * 21, "must have at most 20 characters"),
        ("creditCardId", "", "must not be empty"),
        ("creditCardId", "   ", "must not be empty"),
        ("creditCardId", 4242424242424242, "must be a string"),
        ("creditCardId", "4242\0", "must not contain U+0000"),
        ("firstName", "M" * 101, "must have at most 100 characters"),
        ("firstName", " ", "must not be empty"),
        ("firstName", None, "must be a string"),
        ("lastName", "é" * 101, "must have at most 100 characters"),
        ("lastName", "", "must not be empty"),
        ("lastName", ["Major"], "must be a string"),
        ("expiration", "2030-13", "must be a month as YYYY-MM"),
        ("expiration", "2030-00", "must be a month as YYYY-MM"),
        ("expiration", "2030-1", "must be a month as YYYY-MM"),
        ("expiration", "30-12", "must be a month as YYYY-MM"),
        ("expiration", "2030-12-31", "must be a month as YYYY-MM"),
        ("expiration", "2030/12", "must be a month as YYYY-MM"),
        ("expiration", "12030-12", "must be a month as YYYY-MM"),
        ("expiration", "2030-12\n", "must be a month as YYYY-MM"),
        ("expiration", "٢٠٣٠-١٢", "must be a month as YYYY-MM"),
        ("expiration", "", "must be a month as YYYY-MM"),
        ("expiration", 203012, "must be a string"),
        ("expiration", "0000-01", "must not be in the past"),
    ],
)
def test_each_field_has_its_bounds(customer: httpx.Client, field: str, value: object, reason: str) -> None:
    put_in_cart(customer)
    response = customer.post(CHECKOUT, json={**CARD, field: value})
    assert offences_of(response) == {field: reason}
    assert "4242424242424242" not in response.text
    assert data_of(customer.get(CART))["itemCount"] == 1


def test_every_offence_is_told_in_order(customer: httpx.Client) -> None:
    """contract §1.5"""
    wrong = {"creditCardId": 1, "firstName": "", "lastName": "x" * 101, "expiration": "2001-01"}
    assert list(offences_of(customer.post(CHECKOUT, json=wrong))) == list(CARD)


@pytest.mark.parametrize("expiration", ["2031-01", "9999-12"])
def test_fields_at_their_bounds_are_a_card_that_does_not_match(customer: httpx.Client, expiration: str) -> None:
    put_in_cart(customer)
    names = {"firstName": "M" * 100, "lastName": "é" * 100}
    refused(customer.post(CHECKOUT, json={"creditCardId": "4" * 20, **names, "expiration": expiration}))


# --- through the last day of its month, in UTC (contract §6.2) -------------------------------------


@pytest.mark.parametrize(
    ("moment", "good", "over"),
    [
        ("2027-01-01T00:00:00", "2027-01", "2026-12"),
        ("2026-12-31T23:59:59", "2026-12", "2026-11"),
        ("2027-02-28T23:59:59", "2027-02", "2027-01"),
        ("2028-02-29T23:59:59", "2028-02", "2028-01"),
        ("2027-03-01T00:00:00", "2027-03", "2027-02"),
        ("2027-04-30T23:59:59", "2027-04", "2026-12"),
    ],
)
def test_a_card_is_good_through_the_last_day_of_its_month(
    start_shop: StartShop, moment: str, good: str, over: str
) -> None:
    shop = start_shop(clock=MovedClock(datetime.fromisoformat(moment + "+00:00")))
    client = shop.sign_in()
    for number, month in (("4000000000000101", good), ("4000000000000102", over)):
        put_card(shop.url, CARD | {"creditCardId": number, "expiration": month})
    put_in_cart(client)
    response = pay(client, creditCardId="4000000000000102", expiration=over)
    assert offences_of(response) == {"expiration": "must not be in the past"}
    data = data_of(pay(client, creditCardId="4000000000000101", expiration=good))
    assert data["orderDate"] == moment[:10]


def test_a_card_on_file_that_is_over_pays_nothing(customer: httpx.Client, store: Store) -> None:
    """Neither with its own month nor with one to come"""
    put_card(store.url, CARD | {"creditCardId": "4000000000000069", "expiration": "2020-01"})
    put_in_cart(customer)
    assert offences_of(pay(customer, creditCardId="4000000000000069", expiration="2020-01"))
    refused(pay(customer, creditCardId="4000000000000069", expiration="2030-12"))


# --- which card matches (contract §6.3) ------------------------------------------------------------


@pytest.mark.parametrize(
    "instead",
    [
        {"creditCardId": "4242 4242 4242 4242"},
        {"creditCardId": "4242-4242-4242-4242"},
        {"creditCardId": " 42424242-4242 4242 "},
        {"firstName": "  mary "},
        {"firstName": "MARY", "lastName": "mAJOR\t"},
    ],
)
def test_blanks_dashes_and_case_are_ignored(customer: httpx.Client, instead: dict[str, Any]) -> None:
    put_in_cart(customer)
    assert data_of(pay(customer, **instead))["totalPrice"] == 4.99


@pytest.mark.parametrize(
    "instead",
    [
        {"creditCardId": "4242424242424243"},
        {"creditCardId": "424242424242424"},
        {"creditCardId": "42424242424242420"},
        {"creditCardId": "4242.4242.4242.4242"},
        {"creditCardId": "-- --"},
        {"creditCardId": "４２４２４２４２４２４２４２４２"},  # noqa: RUF001 - other digits
        {"creditCardId": "' OR true --"},
        {"firstName": "Marie"},
        {"firstName": "Máry"},
        {"firstName": "Ma ry"},
        {"firstName": "Major", "lastName": "Mary"},
        {"lastName": "M%"},
        {"expiration": "2030-11"},
        {"expiration": "2031-12"},
    ],
)
def test_anything_else_is_402_in_the_same_words(customer: httpx.Client, instead: dict[str, Any]) -> None:
    put_in_cart(customer)
    before = customer.get(CART).content
    refused(pay(customer, **instead))
    assert customer.get(CART).content == before
    assert data_of(customer.get(ORDERS))["items"] == []


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("Zoë", "ZOË"),
        ("Zoë", unicodedata.normalize("NFD", "zoë")),
        (unicodedata.normalize("NFD", "Åse"), "åse"),
        ("Weiß", "WEISS"),
        ("Жанна", "жанна"),
        ("ΝΊΚΟΣ", "Νίκος"),
        ("Αΐδα", "Αΐδα".upper()),
        ("ǰan", "ǰan".upper()),
        ("İpek", "i̇pek"),
    ],
)
def test_names_are_compared_without_case_in_any_script(store: Store, sign_in: SignIn, stored: str, typed: str) -> None:
    person = open_account(store.url)
    client = sign_in(person)
    number = f"6{person.id:015d}"  # no other card of these tests begins so
    put_card(store.url, CARD | {"creditCardId": number, "firstName": stored}, account_id=person.id)
    put_in_cart(client)
    assert data_of(pay(client, creditCardId=number, firstName=typed))["totalPrice"] == 4.99


def test_accents_make_another_name(store: Store, sign_in: SignIn) -> None:
    person = open_account(store.url)
    client = sign_in(person)
    number = f"6{person.id:015d}"  # no other card of these tests begins so
    put_card(store.url, CARD | {"creditCardId": number, "firstName": "Zoë"}, account_id=person.id)
    put_in_cart(client)
    refused(pay(client, creditCardId=number, firstName="Zoe"))


def test_a_card_of_somebody_is_nobody_elses(store: Store, sign_in: SignIn) -> None:
    owner, other_user = open_account(store.url), open_account(store.url)
    number = f"5{owner.id:015d}"
    put_card(store.url, CARD | {"creditCardId": number}, account_id=owner.id)
    for person in (other_user, open_account(store.url, role="admin")):
        client = sign_in(person)
        put_in_cart(client)
        refused(pay(client, creditCardId=number))
    client = sign_in(owner)
    put_in_cart(client)
    assert data_of(pay(client, creditCardId=number))


def test_a_demo_card_pays_nothing_without_the_demo(store: Store, customer: httpx.Client) -> None:
    """contract §8"""
    put_card(store.url, CARD | {"creditCardId": "4111111111111111"})
    fetch(store.url, "UPDATE card SET demo = true WHERE last_four = '1111'")
    put_in_cart(customer)
    refused(pay(customer, creditCardId="4111111111111111"))


# --- guessing cards is slowed down (contract §4.2's allowance, on checkout) -------------------------


def test_after_ten_refused_cards_an_account_waits(start_shop: StartShop) -> None:
    clock = MovedClock(datetime.now(UTC))
    shop = start_shop(clock=clock)
    client = shop.sign_in()
    put_in_cart(client)
    before = client.get(CART).content
    for number in range(10):
        refused(pay(client, creditCardId=f"400000000000{number:04d}"))
    for card in ("4000000000000010", CARD["creditCardId"]):  # the right one as well: it must not stand out
        response = pay(client, creditCardId=card)
        error_of(response, 429, "RATE_LIMITED")
        assert response.headers["retry-after"] == "60"
        assert_not_cached(response)
    assert client.get(CART).content == before
    clock.ahead += timedelta(seconds=59)
    error_of(pay(client), 429, "RATE_LIMITED")
    clock.ahead += timedelta(seconds=1)
    assert data_of(pay(client))["totalPrice"] == 4.99


def test_another_account_does_not_wait(start_shop: StartShop) -> None:
    shop = start_shop()
    thief, honest = shop.sign_in(), shop.sign_in()
    put_in_cart(thief)
    put_in_cart(honest)
    for _ in range(10):
        refused(pay(thief, lastName="Minor"))
    error_of(pay(thief), 429, "RATE_LIMITED")
    assert data_of(pay(honest))


def test_a_right_card_costs_nothing(customer: httpx.Client) -> None:
    for _ in range(9):
        put_in_cart(customer)
        refused(pay(customer, lastName="Minor"))
        buy(customer)
    for _ in range(4):
        buy(customer)
    put_in_cart(customer)
    refused(pay(customer, lastName="Minor"))
    error_of(pay(customer), 429, "RATE_LIMITED")


def test_what_is_refused_before_the_card_costs_nothing(customer: httpx.Client) -> None:
    for _ in range(12):
        empty(pay(customer))
        offences_of(pay(customer, expiration="2001-01"))
    put_in_cart(customer)
    assert data_of(pay(customer))
