"""The page of the checkout: one order of one form, at the prices it showed; else it says what has changed."""

from collections.abc import Callable
from contextlib import closing
from decimal import Decimal

import httpx
import pytest
from tests.conftest import MakeDatabase, Serve, Server
from tests.connections import fetch
from tests.current_edition import pricing
from tests.responses import data_of
from tests.shop.conftest import (
    AMELIE,
    BATMAN_BEGINS,
    CART,
    DARK_KNIGHT,
    ORDERS,
    SHAWSHANK,
    SignIn,
    StartShop,
    Store,
    open_store,
    pay,
)
from tests.shop.forms import filled, followed, form_of, look, order_of, put, send, text_of
from tests.shop.test_idempotency import at_once
from tests.users import CARD

from filmer.errors import ServiceUnavailable
from filmer.shop.payment import Authorization, Payment

NUMBER = "4242424242424242"
CHANGED = "Your cart has changed since you looked. Nothing was bought: here it is now."


@pytest.fixture(scope="module")
def store(make_database: MakeDatabase, serve: Serve) -> Store:
    """This module's own: it changes prices, and its customers type wrong cards."""
    url = open_store(make_database)
    return Store(url, serve(url))


@pytest.fixture
def shopper(customer: httpx.Client) -> httpx.Client:
    """A customer with two copies of a film in the cart."""
    put(customer, SHAWSHANK, 2)
    return customer


def orders_of(client: httpx.Client) -> int:
    return int(data_of(client.get(ORDERS))["totalItems"])


def nothing_sold(client: httpx.Client, units: int) -> None:
    assert orders_of(client) == 0
    assert data_of(client.get(CART))["itemCount"] == units


def set_price(store: Store, film: str, price: str) -> None:
    fetch(store.url, pricing(), Decimal(price), film)


# --- one order ----------------------------------------------------------------------------------------


def test_from_the_cart_to_the_order(shopper: httpx.Client) -> None:
    page = look(shopper, "/checkout")
    text = text_of(page)
    for expected in ("The Shawshank Redemption (1994)", "$4.99", "Pay $9.98", "This shop takes no money by itself yet"):
        assert expected in text
    assert "PCI" not in text
    for purpose in ("cc-number", "cc-given-name", "cc-family-name", "cc-exp"):
        assert f'autocomplete="{purpose}"' in page.text
    bought = send(shopper, "/checkout", **filled(page))
    place = order_of(bought)
    assert "Thank you! Your order is placed." in followed(shopper, bought, place)
    assert "Thank you" not in text_of(look(shopper, place)), "a reload only looks"
    assert orders_of(shopper) == 1
    assert data_of(shopper.get(CART))["items"] == []


def test_looking_again_draws_another_key(shopper: httpx.Client) -> None:
    keys = {form_of(look(shopper, "/checkout"), "/checkout")["key"] for _ in range(3)}
    assert len(keys) == 3
    assert shopper.head("/checkout").status_code == 200


def test_a_double_click_is_one_order_and_both_lead_to_it(shopper: httpx.Client) -> None:
    for count in range(1, 6):
        form = filled(look(shopper, "/checkout"))
        responses = at_once(6, lambda _: send(shopper, "/checkout", **form))  # noqa: B023 - done with before the next
        assert len({order_of(response) for response in responses}) == 1
        assert orders_of(shopper) == count
        put(shopper)


def test_two_pages_of_one_cart_sent_at_once_are_one_order(shopper: httpx.Client) -> None:
    forms = [filled(look(shopper, "/checkout")) for _ in range(2)]
    responses = at_once(2, lambda number: send(shopper, "/checkout", **forms[number]))
    assert orders_of(shopper) == 1
    late = next(response for response in responses if response.headers["location"] == "/cart")
    order_of(next(response for response in responses if response is not late))
    shopper.cookies.update(late.cookies)  # both have a notice, and the other may have come last
    text = followed(shopper, late, "/cart")
    assert "Your cart is empty by now. What you have bought is among your orders." in text


def test_an_old_form_sent_with_a_mistake_is_for_the_new_cart(shopper: httpx.Client) -> None:
    """The form comes back with the new cart, and so with a key of its own: what it says it sells, it sells."""
    old = filled(look(shopper, "/checkout"))
    first = order_of(send(shopper, "/checkout", **old))
    put(shopper, AMELIE)
    again = send(shopper, "/checkout", **{**old, "lastName": ""})
    assert again.status_code == 400
    assert "Am\u00e9lie" in text_of(again)
    form = filled(again)
    assert form["key"] != old["key"]
    second = order_of(send(shopper, "/checkout", **form))
    assert second != first
    assert "Am\u00e9lie" in text_of(look(shopper, second))
    assert data_of(shopper.get(CART))["items"] == []


def test_back_and_sent_again_leads_to_the_same_order(shopper: httpx.Client) -> None:
    form = filled(look(shopper, "/checkout"))
    place = order_of(send(shopper, "/checkout", **form))
    assert order_of(send(shopper, "/checkout", **form)) == place
    put(shopper, AMELIE)  # another cart by now: it stays
    assert order_of(send(shopper, "/checkout", **form)) == place
    assert orders_of(shopper) == 1
    assert data_of(shopper.get(CART))["itemCount"] == 1


def test_back_and_sent_again_with_another_card_says_what_it_became(shopper: httpx.Client) -> None:
    page = look(shopper, "/checkout")
    place = order_of(send(shopper, "/checkout", **filled(page)))
    put(shopper, AMELIE)
    again = send(shopper, "/checkout", **filled(page, creditCardId="4111111111111111"))
    assert "You have sent this form before: this is the order it became." in followed(shopper, again, place)
    assert orders_of(shopper) == 1
    assert data_of(shopper.get(CART))["itemCount"] == 1


def test_an_empty_cart_leads_to_the_cart(shopper: httpx.Client) -> None:
    form = filled(look(shopper, "/checkout"))
    assert send(shopper, "/cart/clear").status_code == 303
    assert "Your cart is empty by now." in followed(shopper, send(shopper, "/checkout", **form), "/cart")
    wrong = send(shopper, "/checkout", **{**form, "expiration": "soon"})
    assert "Your cart is empty by now." in followed(shopper, wrong, "/cart")
    assert "there is nothing to check out" in followed(shopper, shopper.get("/checkout"), "/cart")
    assert orders_of(shopper) == 0


@pytest.mark.parametrize("key", [None, "", "mine", "x" * 300, "ключ"])
def test_a_form_without_our_key_is_one_order_too(shopper: httpx.Client, key: str | None) -> None:
    form = {name: value for name, value in filled(look(shopper, "/checkout")).items() if name != "key"}
    form |= {"key": key} if key is not None else {}
    order_of(send(shopper, "/checkout", **form))
    assert send(shopper, "/checkout", **form).headers["location"] == "/cart"
    assert orders_of(shopper) == 1


# --- the price seen is the price paid -----------------------------------------------------------------


def test_what_another_tab_added_is_shown_first(shopper: httpx.Client) -> None:
    page = look(shopper, "/checkout")
    put(shopper, AMELIE)
    response = send(shopper, "/checkout", **filled(page))
    assert response.status_code == 409
    assert response.headers["cache-control"] == "no-store"
    text = text_of(response)
    assert CHANGED in text
    assert "Amélie is new in your cart." in text
    assert "Pay $13.97" in text
    again = form_of(response, "/checkout")
    assert [again[name] for name in CARD] == ["", "", "", ""]
    nothing_sold(shopper, 3)
    order_of(send(shopper, "/checkout", **{**again, **CARD}))
    assert orders_of(shopper) == 1


def test_what_another_tab_changed_or_took_out_is_shown_first(shopper: httpx.Client) -> None:
    put(shopper, AMELIE)
    page = look(shopper, "/checkout")
    send(shopper, f"/cart/items/{SHAWSHANK}", quantity="5")
    send(shopper, f"/cart/items/{AMELIE}/remove")
    response = send(shopper, "/checkout", **filled(page))
    assert response.status_code == 409
    text = text_of(response)
    assert "The Shawshank Redemption: the quantity was 2, it is now 5." in text
    assert "A film you saw here is no longer in your cart." in text
    nothing_sold(shopper, 5)


@pytest.mark.parametrize("tabs", [1, 2])
def test_a_price_that_changed_is_shown_first(store: Store, customer: httpx.Client, tabs: int) -> None:
    put(customer, DARK_KNIGHT, 2)
    page = look(customer, "/checkout")
    assert "Pay $11.98" in text_of(page)
    set_price(store, DARK_KNIGHT, "8.49")
    try:
        if tabs == 2:
            assert "it is now $8.49" in text_of(look(customer, "/cart"))
        response = send(customer, "/checkout", **filled(page))
        assert response.status_code == 409
        assert "The Dark Knight: the price was $5.99, it is now $8.49." in text_of(response)
        nothing_sold(customer, 2)
        bought = send(customer, "/checkout", **filled(response))
        assert "$16.98" in followed(customer, bought, order_of(bought))
    finally:
        set_price(store, DARK_KNIGHT, "5.99")


def test_a_price_that_changes_back_has_not_changed(store: Store, customer: httpx.Client) -> None:
    put(customer, DARK_KNIGHT)
    page = look(customer, "/checkout")
    try:
        for price in ("8.49", "5.99"):
            set_price(store, DARK_KNIGHT, price)
            look(customer, "/cart")
    finally:
        set_price(store, DARK_KNIGHT, "5.99")
    bought = send(customer, "/checkout", **filled(page))
    assert "$5.99" in followed(customer, bought, order_of(bought))


def test_a_price_that_changed_before_the_page_is_told_there(store: Store, customer: httpx.Client) -> None:
    put(customer, DARK_KNIGHT)
    set_price(store, DARK_KNIGHT, "8.49")
    try:
        assert "The price was $5.99, it is now $8.49." in text_of(look(customer, "/checkout"))
    finally:
        set_price(store, DARK_KNIGHT, "5.99")


@pytest.mark.parametrize("seen", [None, "", "[]", "{", '[["tt0111161",2,-1]]', '[["tt0111161",2,499],[]]', "[" * 9000])
def test_a_form_that_shows_nothing_sells_nothing(shopper: httpx.Client, seen: str | None) -> None:
    form = {name: value for name, value in filled(look(shopper, "/checkout")).items() if name != "seen"}
    response = send(shopper, "/checkout", **form, **({"seen": seen} if seen is not None else {}))
    assert response.status_code == 409
    assert CHANGED in text_of(response)
    nothing_sold(shopper, 2)


def test_the_api_sells_what_lies_in_the_cart_as_before(shopper: httpx.Client) -> None:
    look(shopper, "/checkout")
    put(shopper, BATMAN_BEGINS)
    assert Decimal(str(data_of(pay(shopper))["totalPrice"])) == Decimal("14.97")


class Gateway:
    """A payment provider, while whose work something happens."""

    def __init__(self, *happenings: Callable[[], object]) -> None:
        """``happenings``: at the first payment, the second and so on."""
        self.happenings = list(happenings)
        self.authorized: list[Decimal] = []
        self.refunded: list[Decimal] = []

    async def authorize(self, payment: Payment) -> Authorization | None:
        if self.happenings:
            self.happenings.pop(0)()
        self.authorized.append(payment.amount)
        return Authorization(payment.reference, is_captured=True)

    async def capture(self, reference: str, amount: Decimal) -> None:
        raise AssertionError(f"nothing to collect: {reference}, {amount}")

    async def refund(self, _reference: str, amount: Decimal) -> None:
        self.refunded.append(amount)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE cart_line SET quantity = 3", "the quantity was 2, it is now 3"),
        (f"UPDATE cart_line SET price = 1; {pricing('1', '')}", "was $4.99, it is now $1.00"),
        (
            f"""
            INSERT INTO film_in_use VALUES ('{AMELIE}');
            UPDATE cart_line SET film_id = '{AMELIE}', price = 4.99;
            {pricing("4.99", "")}
            """,  # costs the same
            "Amélie is new in your cart",
        ),
    ],
)
def test_what_changes_while_the_card_is_asked_is_seen_by_the_sale(
    start_shop: StartShop, database_url: str, statement: str, expected: str
) -> None:
    gateway = Gateway(lambda: fetch(database_url, statement))
    with closing(start_shop(provider=gateway).sign_in()) as client:
        put(client, SHAWSHANK, 2)
        response = send(client, "/checkout", **filled(look(client, "/checkout")))
        assert response.status_code == 409
        assert CHANGED in text_of(response)
        assert expected in text_of(response)
        assert orders_of(client) == 0
        assert gateway.authorized == gateway.refunded == [Decimal("9.98")]


# --- what is wrong with the card ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("creditCardId", "", "This must not be empty."),
        ("creditCardId", "4" * 30, "This must have at most 20 characters."),
        ("firstName", " ", "This must not be empty."),
        ("lastName", "x" * 101, "This must have at most 100 characters."),
        ("expiration", "soon", "This must be a month as YYYY-MM."),
        ("expiration", "13/2030", "This must be a month as YYYY-MM."),
        ("expiration", "2020-01", "This must not be in the past."),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(shopper: httpx.Client, field: str, typed: str, message: str) -> None:
    response = send(shopper, "/checkout", **filled(look(shopper, "/checkout"), **{field: typed}))
    assert response.status_code == 400
    assert f'id="{field}-error">{message}<' in response.text
    assert response.text.count('class="error"') == 1
    assert "creditCardId</a>" not in response.text, "fields are named as people know them"
    expected = {**CARD, field: typed, "creditCardId": ""}
    again = form_of(response, "/checkout")
    assert {name: again[name] for name in expected} == expected
    nothing_sold(shopper, 2)
    order_of(send(shopper, "/checkout", **{**again, **CARD}))


@pytest.mark.parametrize("month", ["2030-12", " 2030-12 ", "12/2030", "12/30", "12 / 2030"])
def test_a_month_is_read_as_cards_and_browsers_write_it(shopper: httpx.Client, month: str) -> None:
    order_of(send(shopper, "/checkout", **filled(look(shopper, "/checkout"), expiration=month)))


def test_a_refused_card_is_told_in_one_sentence_whatever_was_wrong(shopper: httpx.Client) -> None:
    page = look(shopper, "/checkout")
    sentences = set()
    for field, typed in {"creditCardId": "4000000000000002", "lastName": "Minor", "expiration": "12/2031"}.items():
        response = send(shopper, "/checkout", **filled(page, **{field: typed}))
        assert response.status_code == 402
        assert response.text.count('class="form-failure"') == 1
        assert form_of(response, "/checkout")["creditCardId"] == ""
        assert form_of(response, "/checkout")["firstName"] == "Mary"
        sentences.add(response.text.partition('role="alert">')[2].partition("<")[0])
    assert len(sentences) == 1
    assert "was not accepted" in sentences.pop()
    nothing_sold(shopper, 2)


def test_too_many_refused_cards_have_to_wait(start_shop: StartShop) -> None:
    with closing(start_shop().sign_in()) as client:
        put(client)
        form = filled(look(client, "/checkout"), creditCardId="4000000000000002")
        responses = [send(client, "/checkout", **form) for _ in range(11)]
        assert [response.status_code for response in responses] == [402] * 10 + [429]
        wait = int(responses[-1].headers["retry-after"])
        assert f"please wait {wait} seconds before the next try" in text_of(responses[-1])
        assert form_of(responses[-1], "/checkout")["creditCardId"] == ""


def test_when_it_is_our_fault_the_same_form_can_be_sent_again(start_shop: StartShop) -> None:
    def be_away() -> None:
        raise ServiceUnavailable("The payment gateway is away", retry_after=7)

    with closing(start_shop(provider=Gateway(be_away)).sign_in()) as client:
        put(client, SHAWSHANK, 2)
        page = look(client, "/checkout")
        response = send(client, "/checkout", **filled(page))
        assert response.status_code == 503
        assert response.headers["retry-after"] == "7"
        assert "The payment gateway is away. Send it again: you pay only once." in text_of(response)
        again = form_of(response, "/checkout")
        assert again == {**filled(page), "creditCardId": ""}
        place = order_of(send(client, "/checkout", **filled(response)))
        assert order_of(send(client, "/checkout", **filled(page))) == place


def test_card_numbers_are_in_no_page_and_no_log(store: Store, shopper: httpx.Client) -> None:
    page = look(shopper, "/checkout")
    hostile = '"><script>alert(1)</script>'
    responses = [
        send(shopper, "/checkout", **filled(page, expiration=hostile, firstName=hostile)),
        send(shopper, "/checkout", **filled(page, lastName="Minor")),
        send(shopper, "/checkout", **filled(page, seen="[]")),
        send(shopper, "/checkout", **filled(page)),
    ]
    assert [response.status_code for response in responses] == [400, 402, 409, 303]
    assert hostile == form_of(responses[0], "/checkout")["firstName"]
    assert all("<script>alert" not in response.text for response in responses)
    texts = [response.text + str(response.headers) for response in responses]
    assert isinstance(store.server, Server)
    assert not [text for text in [*texts, store.server.output()] if NUMBER in text]


def test_nobody_pays_for_another_with_their_form(sign_in: SignIn, shopper: httpx.Client) -> None:
    """A form's key is of one account."""
    page = look(shopper, "/checkout")
    place = order_of(send(shopper, "/checkout", **filled(page)))
    other_user = sign_in()
    put(other_user, SHAWSHANK, 2)
    theirs = order_of(send(other_user, "/checkout", **filled(page)))
    assert theirs != place
    assert other_user.get(place).status_code == 403
