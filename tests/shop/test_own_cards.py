"""People put cards on file by themselves, pay with them and remove them; nobody learns of others' (contract §10.4)."""

import re
from typing import Any

import httpx
import pytest
from tests.connections import fetch
from tests.in_process import MovedClock
from tests.responses import data_of
from tests.shop.conftest import SHAWSHANK, SignIn, StartShop, Store, pay, put_in_cart, refused
from tests.shop.forms import filled, followed, form_of, look, order_of, put, send, text_of
from tests.users import CARD, open_account

from filmer.accounts.throttle import NEW_CARD
from filmer.shop.cards import MAX_OWN_CARDS

NUMBER = "5105105105105100"
MINE = {**CARD, "creditCardId": NUMBER, "firstName": " Nina ", "lastName": "New", "expiration": "12/2031"}
CARDS = "/account/cards"


def keep(client: httpx.Client, **instead: str) -> httpx.Response:
    return send(client, CARDS, **{**MINE, **instead})


def ids_of(client: httpx.Client) -> list[str]:
    return re.findall(r"/account/cards/(card_[0-9a-f]{12})/remove", client.get(CARDS).text)


def stored(store: Store, client: httpx.Client) -> list[Any]:
    return fetch(store.url, "SELECT last_four, first_name, last_name, expiration FROM card WHERE id = ANY(%s)",
                 ids_of(client))  # fmt: skip


def number_with_check_digit(start: str) -> str:
    """Luhn's, found by trying."""
    for last in "0123456789":
        digits = [int(digit) for digit in reversed(start + last)]
        if sum(digits[::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10 == 0:
            return start + last
    raise AssertionError


def test_a_card_is_put_on_file_pays_and_is_removed(store: Store, customer: httpx.Client) -> None:
    assert "None yet" in text_of(look(customer, CARDS))
    told = followed(customer, keep(customer, creditCardId="5105 1051-0510 5100"), CARDS)
    assert "Your card that ends in 5100 is on file." in told
    assert "Card ending in 5100, Nina New, good through 12/2031" in told
    assert "PCI" not in told
    assert stored(store, customer) == [("5100", "Nina", "New", "2031-12")]
    (card_id,) = ids_of(customer)
    assert len(card_id) <= 20
    fields: Any = {"firstName": "nina", "lastName": "NEW", "expiration": "2031-12"}
    for number in (NUMBER, card_id):
        put_in_cart(customer)
        refused(pay(customer, creditCardId=number, **{**fields, "lastName": "Old"}))
        assert data_of(pay(customer, creditCardId=number, **fields))
    removed = send(customer, f"{CARDS}/{card_id}/remove")
    assert "The card that ends in 5100 is removed." in followed(customer, removed, CARDS)
    put_in_cart(customer)
    for number in (NUMBER, card_id):
        refused(pay(customer, creditCardId=number, **fields))
    again = send(customer, f"{CARDS}/{card_id}/remove")
    assert again.status_code == 404
    assert "You have no such card on file, or no longer." in text_of(again)


def test_the_same_number_again_renews_the_card(store: Store, customer: httpx.Client) -> None:
    keep(customer)
    before = ids_of(customer)
    assert keep(customer, expiration="2033-01", firstName="Nora").status_code == 303
    assert ids_of(customer) == before
    assert stored(store, customer) == [("5100", "Nora", "New", "2033-01")]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("creditCardId", "5105105105105101", "This is no card number"),
        ("creditCardId", "51051051050", "This is no card number"),
        ("creditCardId", "0" * 20, "This is no card number"),
        ("creditCardId", "card_0123456789ab", "This is no card number"),
        ("creditCardId", "", "This must not be empty"),
        ("creditCardId", "\N{ARABIC-INDIC DIGIT FIVE}" * 16, "This is no card number"),
        ("firstName", " ", "This must not be empty"),
        ("lastName", "x" * 101, "This must have at most 100 characters"),
        ("expiration", "2020-01", "This must not be in the past"),
        ("expiration", "soon", "This must be a month as YYYY-MM"),
    ],
)
def test_what_is_no_card_is_said_and_its_number_not_shown_again(
    customer: httpx.Client, field: str, value: str, message: str
) -> None:
    response = keep(customer, **{field: value})
    assert (response.status_code, response.headers["cache-control"]) == (400, "no-store")
    assert message in text_of(response)
    form = form_of(response, CARDS)
    assert form["creditCardId"] == ""
    if field != "firstName":
        assert form["firstName"].strip() == "Nina"
    assert NUMBER not in response.text
    assert ids_of(customer) == []


def test_what_is_one_too_many_is_said(store: Store, customer: httpx.Client) -> None:
    keep(customer)
    (card_id,) = ids_of(customer)
    fetch(
        store.url,
        """
        INSERT INTO card (digest, last_four, first_name, last_name, expiration, account_id)
        SELECT sha256(n::text::bytea || account_id::text::bytea), '0000', 'A', 'B', '2031-01', account_id
        FROM card, generate_series(2, %s) n WHERE id = %s
        """,
        MAX_OWN_CARDS,
        card_id,
    )
    response = keep(customer, creditCardId="4000000000000002")
    assert response.status_code == 400
    assert f"{MAX_OWN_CARDS} cards are on file already" in text_of(response)
    assert len(ids_of(customer)) == MAX_OWN_CARDS
    assert keep(customer, expiration="2033-03").status_code == 303, "one of them may still be renewed"


def test_cards_that_are_put_on_file_are_slowed_down(start_shop: StartShop) -> None:
    clock = MovedClock()
    shop = start_shop(clock=clock)
    client = shop.sign_in()
    numbers = [number_with_check_digit(f"40000000{n:07}") for n in range(NEW_CARD.at_once + 1)]
    for number in numbers[:-1]:
        assert keep(client, creditCardId=number).status_code == 303
        send(client, f"{CARDS}/{ids_of(client)[0]}/remove")
    slowed = keep(client, creditCardId=numbers[-1])
    assert slowed.status_code == 429
    assert int(slowed.headers["retry-after"]) <= 60
    assert "please wait" in text_of(slowed)
    assert keep(shop.sign_in(), creditCardId=numbers[-1]).status_code == 303, "another account is not slowed"
    clock.move(seconds=NEW_CARD.every.total_seconds() + 1)
    assert keep(client, creditCardId=numbers[-1]).status_code == 303


# --- nobody else's ------------------------------------------------------------------------------------


def test_a_number_tells_nothing_of_others_cards(sign_in: SignIn) -> None:
    """Whether a number is another account's, anybody's, or nobody's: all is alike."""
    owner, other = sign_in(), sign_in()
    keep(owner)
    answers = [keep(other, creditCardId=number) for number in (NUMBER, CARD["creditCardId"], "4000000000000002")]
    assert {(answer.status_code, answer.headers["location"], answer.text) for answer in answers} == {(303, CARDS, "")}
    assert len(ids_of(owner)) == 1
    assert len(ids_of(other)) == 3


def test_others_cards_neither_pay_nor_are_removed_or_seen(sign_in: SignIn) -> None:
    owner, other = sign_in(), sign_in()
    keep(owner)
    (card_id,) = ids_of(owner)
    assert "5100" not in other.get(CARDS).text
    put(other)
    refused(pay(other, creditCardId=card_id, firstName="Nina", lastName="New", expiration="2031-12"))
    refused(pay(other, creditCardId=NUMBER, firstName="Nina", lastName="New", expiration="2031-12"))
    chosen = send(other, "/checkout", **{**form_of(other.get("/checkout"), "/checkout"), "pay": card_id})
    assert chosen.status_code == 400
    assert "5100" not in chosen.text
    assert send(other, f"{CARDS}/{card_id}/remove").status_code == 404
    assert ids_of(owner) == [card_id]


@pytest.mark.parametrize("path", [CARDS, f"{CARDS}/card_0123456789ab/remove"])
def test_no_other_site_changes_a_card(customer: httpx.Client, path: str) -> None:
    keep(customer)
    foreign = customer.post(path, data=MINE, headers={"sec-fetch-site": "cross-site", "origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert len(ids_of(customer)) == 1


def test_a_form_of_nobodys_waits_without_its_number(store: Store, customer: httpx.Client) -> None:
    customer.cookies.clear()
    before = fetch(store.url, "SELECT id, digest FROM card ORDER BY id")
    for path in (CARDS, f"{CARDS}/card_0123456789ab/remove"):
        response = send(customer, path, **MINE)
        assert response.status_code == 303
        assert response.headers["location"].startswith("/sign-in?next=")
        assert NUMBER not in str(response.headers)
    assert fetch(store.url, "SELECT id, digest FROM card ORDER BY id") == before


# --- the checkout -------------------------------------------------------------------------------------


def test_a_newcomer_pays_with_a_card_that_is_kept(customer: httpx.Client) -> None:
    put(customer)
    form = form_of(look(customer, "/checkout"), "/checkout")
    assert form["keep"] == "yes"
    unknown = send(customer, "/checkout", **{**filled(look(customer, "/checkout")), **MINE})
    assert unknown.status_code == 402
    assert "tick “Keep this card”" in text_of(unknown)
    assert ids_of(customer) == []
    wrong = send(customer, "/checkout", **{**form, **MINE, "creditCardId": NUMBER[:-1] + "1"})
    assert wrong.status_code == 400
    assert "This is no card number" in text_of(wrong)
    bought = send(customer, "/checkout", **{**form, **MINE})
    followed(customer, bought, order_of(bought))
    assert len(ids_of(customer)) == 1
    put(customer)
    page = look(customer, "/checkout")
    again = form_of(page, "/checkout")
    assert again["pay"] == ids_of(customer)[0]
    assert "keep" not in again
    assert NUMBER not in page.text
    order_of(send(customer, "/checkout", **again))


def test_a_card_that_is_over_is_not_offered(start_shop: StartShop) -> None:
    clock = MovedClock()
    shop = start_shop(clock=clock)
    person = open_account(shop.url)
    client = shop.sign_in(person)
    month = f"{clock.now():%Y-%m}"
    keep(client, expiration=month)
    (card_id,) = ids_of(client)
    clock.move(days=40)
    client = shop.sign_in(person)
    put(client)
    form = form_of(look(client, "/checkout"), "/checkout")
    assert "pay" not in form, "there is no card to choose"
    chosen = send(client, "/checkout", **{**form, "pay": card_id})
    assert chosen.status_code == 400
    assert "This must not be in the past" in text_of(chosen)
    assert "was good through" in text_of(look(client, CARDS))


def test_the_cart_that_changed_keeps_no_card(customer: httpx.Client) -> None:
    put(customer)
    form = {**form_of(look(customer, "/checkout"), "/checkout"), **MINE}
    put(customer, SHAWSHANK)
    assert send(customer, "/checkout", **form).status_code == 409
    assert ids_of(customer) == []


def test_a_number_reads_as_a_browser_fills_it_in(customer: httpx.Client) -> None:
    page = look(customer, CARDS)
    for attribute in ('autocomplete="cc-number"', 'inputmode="numeric"', 'autocomplete="cc-exp"', "data-grouped"):
        assert attribute in page.text
    assert "This shop takes no money by itself yet" in text_of(page)
