"""The pages of cart and orders. Those of the checkout: tests/shop/test_checkout_pages.py."""

import itertools
from collections.abc import Iterator

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere
from tests.connections import fetch
from tests.current_edition import pricing
from tests.responses import data_of
from tests.shop.conftest import (
    AMELIE,
    BATMAN_BEGINS,
    CART,
    DARK_KNIGHT,
    SHAWSHANK,
    UNDER_SCORE,
    SignIn,
    Store,
    buy,
    open_store,
    put_in_cart,
)
from tests.shop.forms import followed, form_of, has_form, look, put, send, text_of
from tests.users import visitor

PAGES = ["/cart", "/checkout", "/orders", "/orders/1"]
FORMS = ["/cart/items", f"/cart/items/{AMELIE}", f"/cart/items/{AMELIE}/remove", "/cart/clear", "/checkout"]


@pytest.fixture(scope="module")
def store(make_database: MakeDatabase, serve_here: ServeHere) -> Store:
    """This module's own: it changes prices and titles."""
    url = open_store(make_database)
    return Store(url, serve_here(url))


@pytest.fixture
def stranger(store: Store) -> Iterator[httpx.Client]:
    with visitor(store.client) as client:
        yield client


# --- the cart -----------------------------------------------------------------------------------------


def test_what_lies_in_it(customer: httpx.Client) -> None:
    put(customer, SHAWSHANK, 2)
    put(customer, AMELIE)
    page = look(customer, "/cart")
    text = text_of(page)
    for expected in (
        "3 copies of 2 films",
        "The Shawshank Redemption",
        "1994",
        "$4.99 each",
        "$9.98",
        "Amélie",
        "$13.97",
    ):
        assert expected in text
    assert f'<a href="/films/{SHAWSHANK}">The Shawshank Redemption</a>' in page.text
    assert f'src="/posters/{AMELIE}"' in page.text
    assert form_of(page, f"/cart/items/{SHAWSHANK}") == {"quantity": "2"}
    assert 'href="/checkout"' in page.text
    assert "now" not in text.lower(), "no price has changed"


def test_nothing_in_it(customer: httpx.Client) -> None:
    page = look(customer, "/cart")
    assert "Nothing in it yet" in text_of(page)
    assert 'href="/films"' in page.text
    assert not has_form(page, "/cart/clear")


def test_adding_leads_to_the_cart_or_back_and_is_told_once(customer: httpx.Client) -> None:
    added = send(customer, "/cart/items", movieId=AMELIE, quantity="")
    assert added.status_code == 400
    added = send(customer, "/cart/items", movieId=AMELIE)
    assert "Amélie is in your cart." in followed(customer, added, "/cart")
    assert "Amélie is in your cart." not in text_of(look(customer, "/cart"))
    again = send(customer, "/cart/items", movieId=AMELIE, quantity=2, next="/orders?page=1")
    assert "Amélie is in your cart, 3 of it." in followed(customer, again, "/orders?page=1")
    elsewhere = send(customer, "/cart/items", movieId=AMELIE, next="//evil.example/")
    assert elsewhere.headers["location"] == "/cart"


@pytest.mark.parametrize(
    ("fields", "status", "expected"),
    [
        ({"movieId": AMELIE, "quantity": "4"}, 400, "must not bring the line over 10; the cart has 7 already"),
        ({"movieId": AMELIE, "quantity": "11"}, 400, "the quantity must be at most 10"),
        ({"movieId": AMELIE, "quantity": "0"}, 400, "the quantity must be at least 1"),
        ({"movieId": AMELIE, "quantity": "<b>"}, 400, "the quantity must be an integer"),
        ({"movieId": "tt9999999", "quantity": "1"}, 404, "This film is not in the catalogue"),
        ({"movieId": "tt99999999999", "quantity": "1"}, 400, "This film can't be added"),
        ({"quantity": "1"}, 400, "This film can't be added"),
    ],
)
def test_what_can_not_be_added_is_said_and_changes_nothing(
    customer: httpx.Client, fields: dict[str, str], status: int, expected: str
) -> None:
    put(customer, AMELIE, 7)
    response = send(customer, "/cart/items", **fields)
    assert response.status_code == status
    assert response.headers["cache-control"] == "no-store"
    assert expected in text_of(response)
    assert form_of(response, f"/cart/items/{AMELIE}") == {"quantity": "7"}
    assert data_of(customer.get(CART))["itemCount"] == 7


def test_a_full_cart(store: Store, customer: httpx.Client) -> None:
    put(customer, AMELIE)
    account = fetch(store.url, "SELECT account_id FROM cart_line ORDER BY place DESC LIMIT 1")[0][0]
    fetch(
        store.url,
        """
        WITH made AS (
            INSERT INTO film (
                SELECT (jsonb_populate_record(f, jsonb_build_object('id', 'full' || n, 'no', -n))).*
                FROM film f, generate_series(1, 499) n WHERE f.id = %s
            ) RETURNING id
        ), used AS (INSERT INTO film_in_use (SELECT id FROM made) RETURNING film_id)
        INSERT INTO cart_line (account_id, film_id, quantity, price) SELECT %s, film_id, 1, 1 FROM used
        """,
        AMELIE,
        account,
    )
    response = send(customer, "/cart/items", movieId=SHAWSHANK)
    assert response.status_code == 400
    assert "a cart holds at most 500 titles" in text_of(response)
    checkout = look(customer, "/checkout")
    assert len(form_of(checkout, "/checkout")["seen"]) < 20_000


def test_changing_taking_out_and_emptying(customer: httpx.Client) -> None:
    for film in (AMELIE, SHAWSHANK, BATMAN_BEGINS):
        put(customer, film)
    changed = send(customer, f"/cart/items/{AMELIE}", quantity="4")
    assert "Amélie: 4 in your cart." in followed(customer, changed, "/cart")
    wrong = send(customer, f"/cart/items/{AMELIE}", quantity="11")
    assert wrong.status_code == 400
    assert "the quantity must be at most 10" in text_of(wrong)
    assert form_of(wrong, f"/cart/items/{AMELIE}") == {"quantity": "4"}
    removed = send(customer, f"/cart/items/{AMELIE}/remove")
    assert "Taken out of your cart." in followed(customer, removed, "/cart")
    assert not has_form(look(customer, "/cart"), f"/cart/items/{AMELIE}")
    for film, action in itertools.product((AMELIE, "x" * 40), ("", "/remove")):  # taken out in another tab
        late = send(customer, f"/cart/items/{film}{action}", quantity="1")
        assert "not in your cart any more" in followed(customer, late, "/cart")
    cleared = send(customer, "/cart/clear")
    assert "Your cart is empty now." in followed(customer, cleared, "/cart")
    assert data_of(customer.get(CART))["items"] == []


def test_a_changed_price_is_told_even_if_a_form_was_sent_between(store: Store, customer: httpx.Client) -> None:
    put(customer, DARK_KNIGHT)
    assert "$5.99 each" in text_of(look(customer, "/cart"))
    fetch(store.url, pricing("7.49"), DARK_KNIGHT)
    try:
        put(customer, DARK_KNIGHT)
        assert send(customer, f"/cart/items/{DARK_KNIGHT}", quantity=3).status_code == 303
        put(customer, AMELIE)
        assert send(customer, f"/cart/items/{AMELIE}/remove").status_code == 303
        text = text_of(look(customer, "/cart"))
        assert "The price was $5.99, it is now $7.49." in text
        assert "$22.47" in text
        assert "The price was" not in text_of(look(customer, "/cart")), "told already"
    finally:
        fetch(store.url, pricing("5.99"), DARK_KNIGHT)


# --- orders -------------------------------------------------------------------------------------------


def test_an_order_tells_all_of_it(customer: httpx.Client) -> None:
    put_in_cart(customer, UNDER_SCORE, 2)
    number = buy(customer, AMELIE, 2)
    page = look(customer, f"/orders/{number}")
    text = text_of(page)
    for expected in (
        f"Order {number}",
        "Mary Major",
        "Amélie (2001)",
        "$3.99",
        "$7.98",
        "$9.98",
        "$17.96",
        "Under_score",
    ):
        assert expected in text
    sales = data_of(customer.get(f"/api/v1/orders/{number}"))["items"]
    assert all(f"Sale {sale['saleId']}" in text for sale in sales)
    assert "<time datetime=" in page.text


def test_orders_are_listed_newest_first_by_twenty(customer: httpx.Client) -> None:
    assert "No orders yet" in text_of(look(customer, "/orders"))
    numbers = [buy(customer, AMELIE, 1 + n % 3) for n in range(21)]
    first, second = look(customer, "/orders"), look(customer, "/orders?page=2")
    places = [first.text.index(f'href="/orders/{number}"') for number in reversed(numbers[1:])]
    assert places == sorted(places)
    assert f'href="/orders/{numbers[0]}"' not in first.text
    assert f'href="/orders/{numbers[0]}"' in second.text
    assert '<a rel="next" href="/orders?page=2">' in first.text
    assert "21 orders" in text_of(first)
    assert "No orders on this page" in text_of(look(customer, "/orders?page=9"))
    assert customer.get("/orders?page=0").status_code == 400


def test_whose_order_it_is(sign_in: SignIn) -> None:
    number = buy(sign_in())
    other_user = sign_in()
    theirs = other_user.get(f"/orders/{number}")
    assert theirs.status_code == 403
    assert theirs.headers["content-type"] == "text/html; charset=utf-8"
    assert str(number) not in theirs.text
    assert "Shawshank" not in theirs.text
    for unknown in (number + 1, 0, -1, 2**70, "x", "1.5"):
        assert other_user.get(f"/orders/{unknown}").status_code == 404


# --- every page and form ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/cart"])
def test_whoever_is_not_signed_in_signs_in_first(stranger: httpx.Client, path: str) -> None:
    for response in (stranger.get(path), stranger.head(path)):
        assert response.status_code == 303
        assert response.headers["location"] == f"/sign-in?next={path.replace('/', '%2F')}"
        assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", FORMS)
def test_a_form_of_nobodys_leads_to_the_sign_in_and_back_to_the_page(stranger: httpx.Client, path: str) -> None:
    """Their session ran out. Whoever never had one has a cart as well: tests/shop/test_guest_cart.py."""
    page = f"{stranger.base_url}/films/{AMELIE}"
    stranger.cookies.set("JSESSIONID", "A" * 43)
    response = stranger.post(path, data={"movieId": AMELIE}, headers={"referer": page})
    assert response.status_code == 303
    assert response.headers["location"] == f"/sign-in?next=%2Ffilms%2F{AMELIE}"


@pytest.mark.parametrize("path", FORMS)
def test_a_form_on_another_sites_page_does_nothing(customer: httpx.Client, path: str) -> None:
    put(customer, AMELIE, 3)
    fields = {"movieId": AMELIE, "quantity": "1"}
    response = customer.post(
        path, data=fields, headers={"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    )
    assert response.status_code == 403
    assert data_of(customer.get(CART))["itemCount"] == 3


@pytest.mark.parametrize("path", [*FORMS[:2], "/checkout"])
def test_what_is_no_form_is_refused(customer: httpx.Client, path: str) -> None:
    put(customer, AMELIE, 3)
    assert customer.post(path, json={"movieId": AMELIE, "quantity": 1}).status_code == 415
    assert data_of(customer.get(CART))["itemCount"] == 3


def test_headers_and_head(customer: httpx.Client) -> None:
    number = buy(customer)
    put(customer, AMELIE)
    for path in ("/cart", "/checkout", "/orders", f"/orders/{number}"):
        response = look(customer, path)
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "form-action 'self'" in policy
        assert "unsafe" not in policy
        assert "etag" not in response.headers
        head = customer.head(path)
        assert (head.status_code, head.content) == (200, b"")


def test_hostile_titles_are_text(store: Store, customer: httpx.Client) -> None:
    hostile = '"><script>alert(1)</script>&amp;'
    fetch(store.url, "UPDATE film SET title = %s WHERE id = %s", hostile, DARK_KNIGHT)
    try:
        added = send(customer, "/cart/items", movieId=DARK_KNIGHT)
        assert f"{hostile} is in your cart." in followed(customer, added, "/cart")
        pages = [look(customer, "/cart"), look(customer, "/checkout"), look(customer, f"/orders/{buy(customer)}")]
    finally:
        fetch(store.url, "UPDATE film SET title = 'The Dark Knight' WHERE id = %s", DARK_KNIGHT)
    for page in pages:
        assert hostile in text_of(page)
        assert "<script>alert" not in page.text
