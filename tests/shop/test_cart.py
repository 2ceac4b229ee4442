"""GET /api/v1/cart (shop-api.md, "View Cart"; contract §5)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from tests.conftest import ServeHere
from tests.connections import fetch
from tests.current_edition import pricing
from tests.in_process import MovedClock
from tests.responses import data_of, error_of
from tests.shop.conftest import (
    AMELIE,
    BATMAN_BEGINS,
    CART,
    CHECKOUT,
    DARK_KNIGHT,
    ITEMS,
    ORDERS,
    SHAWSHANK,
    UNDER_SCORE,
    SignIn,
    StartShop,
    Store,
    assert_not_cached,
    put_in_cart,
)
from tests.users import open_account, visitor

LINE = ["movieId", "title", "year", "quantity", "price", "subtotal"]

# Every endpoint of this folder, with whatever its address needs.
ENDPOINTS = [
    ("GET", CART),
    ("DELETE", CART),
    ("POST", ITEMS),
    ("PUT", f"{ITEMS}/{SHAWSHANK}"),
    ("DELETE", f"{ITEMS}/{SHAWSHANK}"),
    ("POST", CHECKOUT),
    ("GET", ORDERS),
    ("GET", f"{ORDERS}/1"),
]


def test_the_cart_is_as_the_spec_prints_it(customer: httpx.Client) -> None:
    put_in_cart(customer)
    response = customer.get(CART)
    assert response.content == (
        b'{"success":true,"data":{"items":[{"movieId":"tt0111161","title":"The Shawshank Redemption","year":1994,'
        b'"quantity":1,"price":4.99,"subtotal":4.99}],"itemCount":1,"totalPrice":4.99}}'
    )
    assert_not_cached(response)


def test_an_empty_cart(customer: httpx.Client) -> None:
    response = customer.get(CART)
    assert response.content == b'{"success":true,"data":{"items":[],"itemCount":0,"totalPrice":0.00}}'
    assert_not_cached(response)


def test_units_and_money_add_up_in_decimal(customer: httpx.Client) -> None:
    """contract §1.1, §5.2: 3 x 4.99 + 7 x 5.99 + 10 x 3.99, two decimals everywhere."""
    for movie_id, quantity in ((SHAWSHANK, 3), (DARK_KNIGHT, 7), (AMELIE, 10)):
        put_in_cart(customer, movie_id, quantity)
    response = customer.get(CART)
    for money in (b'"subtotal":14.97}', b'"subtotal":41.93}', b'"subtotal":39.90}', b'"totalPrice":96.80}'):
        assert money in response.content
    data = data_of(response)
    assert all(list(line) == LINE for line in data["items"])
    assert data["itemCount"] == 20


def test_a_film_without_a_year_has_null(customer: httpx.Client) -> None:
    """contract §1.2"""
    put_in_cart(customer, UNDER_SCORE)
    assert data_of(customer.get(CART))["items"][0]["year"] is None


def test_lines_keep_the_order_they_were_added_in(customer: httpx.Client) -> None:
    """contract §5.2: neither another quantity nor more of the same moves a line"""
    for movie_id in (DARK_KNIGHT, AMELIE, BATMAN_BEGINS, SHAWSHANK):
        put_in_cart(customer, movie_id)
    put_in_cart(customer, DARK_KNIGHT)
    customer.put(f"{ITEMS}/{AMELIE}", json={"quantity": 9})
    customer.delete(f"{ITEMS}/{BATMAN_BEGINS}")
    put_in_cart(customer, BATMAN_BEGINS)
    listed = [line["movieId"] for line in data_of(customer.get(CART))["items"]]
    assert listed == [DARK_KNIGHT, AMELIE, SHAWSHANK, BATMAN_BEGINS]


@pytest.mark.parametrize(
    ("configured", "price", "twice"), [(None, b"4.99", b"9.98"), ("7.5", b"7.50", b"15.00"), ("0", b"0.00", b"0.00")]
)
def test_films_have_their_own_prices_or_the_default(
    store: Store, serve_here: ServeHere, sign_in: SignIn, configured: str | None, price: bytes, twice: bytes
) -> None:
    """contract §5.3, FILMER_DEFAULT_PRICE"""
    person = open_account(store.url)
    server = serve_here(store.url, **({"FILMER_DEFAULT_PRICE": configured} if configured else {}))
    client = sign_in(person, at=server.client)
    put_in_cart(client, BATMAN_BEGINS, 2)
    put_in_cart(client, DARK_KNIGHT)
    response = client.get(CART)
    assert b'"price":%b,"subtotal":%b' % (price, twice) in response.content
    assert b'"price":5.99' in response.content
    server.stop()


def test_the_dearest_cart_is_added_up_to_the_cent(start_shop: StartShop) -> None:
    """settings.MAX_PRICE, ten of each"""
    shop = start_shop()
    fetch(shop.url, pricing("999999.99", ""))
    client = shop.sign_in()
    for movie_id in (SHAWSHANK, DARK_KNIGHT, AMELIE):
        put_in_cart(client, movie_id, 10)
    assert b'"totalPrice":29999999.70}' in client.get(CART).content


def test_on_a_full_disk_the_cart_is_read_on_at_the_former_prices(start_shop: StartShop) -> None:
    """Promise 23. Neither a session's use, due after two minutes, nor the new price can be written."""
    clock = MovedClock()
    shop = start_shop(clock=clock)
    client = shop.sign_in()
    put_in_cart(client)
    begun = fetch(shop.url, "SELECT used FROM session")
    fetch(shop.url, pricing("1.50", ""))
    fetch(
        shop.url,
        """
        CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$
        """,
    )
    for table in ("session", "cart_line"):
        fetch(shop.url, f"CREATE TRIGGER full_disk BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION fill()")
    clock.ahead = timedelta(minutes=2)
    assert b'"totalPrice":4.99}' in client.get(CART).content
    for path in (ORDERS, "/api/v1/auth/session", "/cart", "/orders", "/account"):
        assert client.get(path).status_code == 200, path
    assert fetch(shop.url, "SELECT used FROM session") == begun
    fetch(shop.url, "DROP FUNCTION fill CASCADE")
    assert b'"totalPrice":1.50}' in client.get(CART).content
    assert fetch(shop.url, "SELECT used FROM session") > begun


def test_the_cart_survives_logout_restart_and_another_device(
    store: Store, serve_here: ServeHere, sign_in: SignIn
) -> None:
    """contract §5.1"""
    person = open_account(store.url)
    first = serve_here(store.url)
    phone = sign_in(person, at=first.client)
    put_in_cart(phone, AMELIE, 2)
    expected = phone.get(CART).content
    assert phone.post("/api/v1/auth/logout").status_code == 200
    error_of(phone.get(CART), 401, "UNAUTHORIZED")
    assert sign_in(person, at=first.client).get(CART).content == expected
    first.stop()
    second = serve_here(store.url)
    laptop = sign_in(person, at=second.client)
    assert laptop.get(CART).content == expected
    second.stop()
    desktop = sign_in(person)
    assert desktop.get(CART).content == expected


def test_two_devices_of_one_account_share_it_at_once(store: Store, sign_in: SignIn) -> None:
    person = open_account(store.url)
    phone, laptop = sign_in(person), sign_in(person)
    put_in_cart(phone, SHAWSHANK, 4)
    put_in_cart(laptop, SHAWSHANK, 6)
    assert phone.get(CART).content == laptop.get(CART).content
    assert data_of(phone.get(CART))["itemCount"] == 10


def test_carts_of_two_customers_have_nothing_to_do_with_each_other(sign_in: SignIn) -> None:
    first, second = sign_in(), sign_in()
    put_in_cart(first, SHAWSHANK, 2)
    put_in_cart(second, SHAWSHANK, 9)
    second.delete(CART)
    assert data_of(first.get(CART))["itemCount"] == 2


def test_ten_titles_added_at_once_are_all_there(store: Store, sign_in: SignIn) -> None:
    person = open_account(store.url)
    devices = [sign_in(person) for _ in range(5)]
    films = [SHAWSHANK, BATMAN_BEGINS, DARK_KNIGHT, AMELIE, UNDER_SCORE]
    with ThreadPoolExecutor(5) as threads:
        for _ in range(2):
            list(threads.map(put_in_cart, devices, films))
    data = data_of(devices[0].get(CART))
    assert sorted(line["movieId"] for line in data["items"]) == sorted(films)
    assert data["itemCount"] == 10


@pytest.mark.parametrize(("method", "address"), ENDPOINTS)
@pytest.mark.parametrize("cookie", [None, "JSESSIONID=stale", "JSESSIONID=", "JSESSIONID=%00; JSESSIONID=b"])
def test_without_a_session_everything_is_401(store: Store, method: str, address: str, cookie: str | None) -> None:
    """shop-api.md, "Protected Endpoints"; contract §6.1: before the body and the path are looked at"""
    with visitor(store.client) as nobody:
        headers = {"Cookie": cookie} if cookie else {}
        for body in (b"", b"{", b'{"quantity": 0}'):
            response = nobody.request(method, address, content=body, headers=headers)
            assert error_of(response, 401, "UNAUTHORIZED")["message"] == "Authentication required"
            assert_not_cached(response)
        response = nobody.request(method, f"{ORDERS}/x" if address.startswith(ORDERS + "/") else address + "?page=0")
        error_of(response, 401, "UNAUTHORIZED")


@pytest.mark.parametrize(("method", "address"), [endpoint for endpoint in ENDPOINTS if endpoint[0] == "GET"])
def test_head_is_get_without_a_body(customer: httpx.Client, method: str, address: str) -> None:
    put_in_cart(customer)
    head, got = customer.head(address), customer.request(method, address)
    assert head.status_code == got.status_code
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"]
    assert_not_cached(head)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        (CART, {"GET", "DELETE"}),
        (ITEMS, {"POST"}),
        (f"{ITEMS}/{SHAWSHANK}", {"PUT", "DELETE"}),
        (CHECKOUT, {"POST"}),
        (ORDERS, {"GET"}),
        (f"{ORDERS}/1", {"GET"}),
    ],
)
def test_other_methods_are_405_and_say_which_there_are(customer: httpx.Client, address: str, allowed: set[str]) -> None:
    """contract §1.4"""
    put_in_cart(customer)
    before = customer.get(CART).content
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "BREW"} - allowed:
        response = customer.request(method, address)
        error_of(response, 405, "METHOD_NOT_ALLOWED")
        methods = {name.strip() for name in response.headers["allow"].split(",")}
        assert allowed <= methods <= allowed | {"HEAD", "OPTIONS"}
        assert_not_cached(response)
    assert customer.get(CART).content == before


def test_unknown_query_parameters_mean_nothing(customer: httpx.Client) -> None:
    """contract §1.3"""
    put_in_cart(customer)
    assert customer.get(f"{CART}?page=0&x=%FF&x=").content == customer.get(CART).content
