"""Whoever is not signed in has a cart too, which comes along when they sign in or register (contract §11)."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.connections import fetch
from tests.in_process import MovedClock
from tests.responses import data_of, error_of
from tests.shop.conftest import AMELIE, BATMAN_BEGINS, CART, SHAWSHANK, LocalShop, StartShop, Store, put_in_cart
from tests.shop.forms import followed, form_of, look, put, send, text_of
from tests.shop.test_idempotency import at_once
from tests.users import PASSWORD, open_account, visitor

from filmer.accounts.schemas import User
from filmer.accounts.throttle import GUEST_CART
from filmer.shop.guest_cart_queries import MergedLine
from filmer.shop.guest_carts import LIFETIME
from filmer.storefront.guest_cookies import merge_notice

COOKIE, UNITS = "guest_cart", "cart_units"


@pytest.fixture
def guest(store: Store) -> Iterator[httpx.Client]:
    with visitor(store.client) as client:
        yield client


def another(store: Store, cookie: str) -> httpx.Client:
    client = visitor(store.client)
    client.cookies.set(COOKIE, cookie)
    return client


def sign_in(client: httpx.Client, person: User, address: str = "/sign-in") -> httpx.Response:
    form = {**form_of(client.get(address), "/sign-in"), "email": person.email, "password": PASSWORD}
    return send(client, "/sign-in", **form)


def lines_of(store: Store, person: User) -> list[Any]:
    return fetch(store.url, "SELECT film_id, quantity FROM cart_line WHERE account_id = %s ORDER BY place", person.id)


def test_a_visitor_fills_changes_and_empties_a_cart(store: Store, guest: httpx.Client) -> None:
    assert "Nothing in it yet" in text_of(look(guest, "/cart"))
    assert not guest.cookies, "whoever only looks gets none"
    added = send(guest, "/cart/items", movieId=AMELIE, quantity=2, next=f"/films/{AMELIE}")
    cookies = added.headers.get_list("set-cookie")
    cart = next(cookie for cookie in cookies if cookie.startswith(f"{COOKIE}="))
    assert {"HttpOnly", "SameSite=lax", "Path=/", f"Max-Age={int(LIFETIME.total_seconds())}"} <= set(cart.split("; "))
    assert "Amélie is in your cart, 2 of it." in followed(guest, added, "/cart")
    put(guest, SHAWSHANK)
    assert guest.cookies[UNITS] == "3"
    page = look(guest, "/cart")
    assert "3 copies of 2 films" in text_of(page)
    assert "Your cart comes along" in text_of(page)
    send(guest, f"/cart/items/{AMELIE}", quantity=5)
    assert guest.cookies[UNITS] == "6"
    assert form_of(look(guest, "/cart"), f"/cart/items/{AMELIE}") == {"quantity": "5"}
    over = send(guest, "/cart/items", movieId=AMELIE, quantity=6)
    assert over.status_code == 400
    assert "must not bring the line over 10" in text_of(over)
    send(guest, f"/cart/items/{SHAWSHANK}/remove")
    send(guest, "/cart/clear")
    assert guest.cookies[UNITS] == "0"
    assert "Nothing in it yet" in text_of(look(guest, "/cart"))
    token = guest.cookies[COOKIE]
    assert token not in str(fetch(store.url, "SELECT * FROM guest_cart"))


def test_the_api_s_cart_needs_a_session_as_ever(guest: httpx.Client) -> None:
    put(guest, AMELIE)
    error_of(guest.get(CART), 401, "UNAUTHORIZED")


def test_signing_in_merges_and_goes_on_to_the_checkout(store: Store, guest: httpx.Client) -> None:
    person = open_account(store.url)
    with visitor(store.client) as before:
        sign_in(before, person)
        put_in_cart(before, AMELIE, 7)
        put_in_cart(before, BATMAN_BEGINS, 2)
    put(guest, SHAWSHANK, 2)
    put(guest, AMELIE, 5)
    asked = guest.get("/checkout")
    assert asked.headers["location"] == "/sign-in?next=%2Fcheckout"
    old = guest.cookies[COOKIE]
    entered = sign_in(guest, person, asked.headers["location"])
    told = followed(guest, entered, "/checkout")
    assert (
        "What you chose before is in your cart: The Shawshank Redemption and Amélie. "
        "2 of Amélie did not fit: a cart holds 10 of a film at most." in told
    )
    assert lines_of(store, person) == [(AMELIE, 10), (BATMAN_BEGINS, 2), (SHAWSHANK, 2)]
    assert COOKIE not in guest.cookies
    assert UNITS not in guest.cookies
    with another(store, old) as replayed:
        assert "Nothing in it yet" in text_of(look(replayed, "/cart"))
        sign_in(replayed, person)
    assert lines_of(store, person) == [(AMELIE, 10), (BATMAN_BEGINS, 2), (SHAWSHANK, 2)]


def test_registering_merges_too(guest: httpx.Client) -> None:
    put(guest, SHAWSHANK, 2)
    person = {"firstName": "Nina", "lastName": "New", "email": "guest.cart@example.com", "password": PASSWORD}
    opened = send(guest, "/register", **{**form_of(guest.get("/register"), "/register"), **person})
    told = followed(guest, opened, "/checkout")
    assert "What you chose before is in your cart: The Shawshank Redemption." in told
    assert data_of(guest.get(CART))["itemCount"] == 2


def test_two_sign_ins_at_once_merge_once(store: Store, guest: httpx.Client) -> None:
    put(guest, SHAWSHANK, 3)
    people = [open_account(store.url) for _ in range(4)]
    form = form_of(guest.get("/sign-in"), "/sign-in")
    cookie = guest.cookies[COOKIE]

    def enter(number: int) -> httpx.Response:
        with another(store, cookie) as client:
            return send(client, "/sign-in", **{**form, "email": people[number].email, "password": PASSWORD})

    assert {response.status_code for response in at_once(4, enter)} == {303}
    assert [line for person in people for line in lines_of(store, person)] == [(SHAWSHANK, 3)]


def test_a_cart_that_is_full_takes_what_fits(store: Store, guest: httpx.Client) -> None:
    person = open_account(store.url)
    fetch(
        store.url,
        """
        WITH used AS (INSERT INTO film_in_use SELECT 'gone' || n FROM generate_series(1, 499) n RETURNING film_id)
        INSERT INTO cart_line (account_id, film_id, quantity, price) SELECT %s, film_id, 1, 1 FROM used
        """,
        person.id,
    )
    put(guest, AMELIE)
    put(guest, SHAWSHANK, 2)
    told = followed(guest, sign_in(guest, person), "/checkout")
    assert "is in your cart: Amélie. 2 of The Shawshank Redemption did not fit" in told
    assert len(lines_of(store, person)) == 500


@pytest.mark.parametrize(
    ("lines", "notice"),
    [
        ([], ""),
        (["Heat"], "What you chose before is in your cart: Heat."),
        (["Heat", "Alien", "Big"], "What you chose before is in your cart: Heat, Alien and Big."),
        (["Heat", "Alien", "Big", "Up", "Her"], "What you chose before is in your cart: Heat, Alien, Big and 2 more."),
        (["x" * 300], f"What you chose before is in your cart: {'x' * 49}…."),
    ],
)
def test_few_of_many_are_named(lines: list[str], notice: str) -> None:
    assert merge_notice([MergedLine(title, quantity=2, left_out=0) for title in lines]) == notice


def test_what_did_not_fit_at_all_is_not_said_to_be_in_the_cart() -> None:
    lines = [MergedLine(title, quantity=2, left_out=2) for title in ("Heat", "Alien", "Big", "Up")]
    reason = "2 of Heat, 2 of Alien, 2 of Big and 1 more did not fit: a cart holds 10 of a film at most."
    assert merge_notice(lines) == reason


# --- nobody else's, and no longer than it lasts -------------------------------------------------------


@pytest.mark.parametrize("change", ["x", "", "é", "x" * 5000, "cut", "turned", "of another shop"])
def test_a_cookie_that_is_not_ours_is_an_empty_cart(store: Store, guest: httpx.Client, change: str) -> None:
    put(guest, AMELIE)
    cookie = guest.cookies[COOKIE]
    body, _, digest = cookie.partition(".")
    forged = {"cut": cookie[:-3], "turned": f"{digest}.{body}", "of another shop": f"{body}.{'A' * 22}"}
    with visitor(store.client) as other:
        other.headers["cookie"] = f"{COOKIE}={forged.get(change, change)}".encode().decode("latin-1")
        assert "Nothing in it yet" in text_of(look(other, "/cart"))
        assert send(other, "/cart/items", movieId=SHAWSHANK).status_code == 303
    assert "1 copy of 1 film" in text_of(look(guest, "/cart"))


def test_visitors_have_carts_of_their_own(store: Store, guest: httpx.Client) -> None:
    put(guest, AMELIE)
    with visitor(store.client) as other:
        put(other, SHAWSHANK)
        assert "Amélie" not in look(other, "/cart").text
        assert other.cookies[COOKIE] != guest.cookies[COOKIE]
    assert "Shawshank" not in look(guest, "/cart").text


def test_other_sites_change_no_cart_and_begin_none(guest: httpx.Client) -> None:
    put(guest, AMELIE)
    for path in ("/cart/items", f"/cart/items/{AMELIE}", f"/cart/items/{AMELIE}/remove", "/cart/clear"):
        foreign = guest.post(
            path,
            data={"movieId": SHAWSHANK, "quantity": "9"},
            headers={"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
        )
        assert (foreign.status_code, foreign.headers.get("set-cookie")) == (403, None)
    assert "1 copy of 1 film" in text_of(look(guest, "/cart"))


def client_of(shop: LocalShop) -> httpx.Client:
    return httpx.Client(transport=shop, base_url="http://127.0.0.1")


def test_it_lasts_thirty_days_from_the_last_change_and_is_swept(start_shop: StartShop) -> None:
    clock = MovedClock()
    shop = start_shop(clock=clock)
    client = client_of(shop)
    put(client, AMELIE)
    clock.move(days=29)
    put(client, SHAWSHANK)
    tidy = shop.component("guest_carts").tidy
    clock.move(days=29)
    shop.run(tidy(shop.component("database")))
    assert "2 copies of 2 films" in text_of(look(client, "/cart"))
    clock.move(days=1, seconds=5)
    assert "Nothing in it yet" in text_of(look(client, "/cart"))
    shop.run(tidy(shop.component("database")))
    assert fetch(shop.url, "SELECT (SELECT count(*) FROM guest_cart), count(*) FROM cart_line") == [(0, 0)]


def test_an_address_begins_only_so_many(start_shop: StartShop) -> None:
    shop = start_shop(clock=MovedClock())
    answers = [send(client_of(shop), "/cart/items", movieId=AMELIE) for _ in range(GUEST_CART.at_once + 1)]
    assert [answer.status_code for answer in answers] == [303] * GUEST_CART.at_once + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "please wait" in answers[-1].text
    assert fetch(shop.url, "SELECT count(*) FROM guest_cart") == [(GUEST_CART.at_once,)]


# --- public pages stay public -------------------------------------------------------------------------


def test_public_pages_are_the_same_with_a_cart(store: Store, guest: httpx.Client) -> None:
    put(guest, AMELIE)
    with visitor(store.client) as other:
        for path in ("/", "/films", f"/films/{AMELIE}"):
            mine, others = guest.get(path), other.get(path)
            assert mine.headers["cache-control"] == others.headers["cache-control"] == "public, no-cache"
            assert (mine.content, mine.headers["etag"]) == (others.content, others.headers["etag"])
            assert re.search(r'href="/cart"[^>]* data-guest', mine.text)
