"""Never more copies out and reserved than there are; what can't be had is refused (contract §9.3, §9.5)."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import psycopg
import pytest
from tests.connections import fetch
from tests.rentals.conftest import CANCEL, PICKED_UP, WATCHED, RentalShop, rental_ids
from tests.responses import data_of, error_of
from tests.shop.conftest import CART, ITEMS, pay, put_in_cart, refused
from tests.users import open_account

from filmer.errors import Conflict
from filmer.rentals.sales import Sales
from filmer.store.postgres import Connection


def no_copy_left(response: httpx.Response, film_id: str = PICKED_UP) -> None:
    assert error_of(response, 409, "CONFLICT")["details"] == {"reason": "No copy left", "movieId": film_id}


def test_a_title_with_no_copy_left_cannot_be_put_into_a_cart(rentals: RentalShop) -> None:
    rentals.set_copies(2)
    client = rentals.client()
    no_copy_left(client.post(ITEMS, json={"movieId": PICKED_UP, "quantity": 3}))
    put_in_cart(client, PICKED_UP, 2)
    no_copy_left(client.post(ITEMS, json={"movieId": PICKED_UP}))
    assert data_of(client.get(CART))["itemCount"] == 2, "the cart stays"
    put_in_cart(client, WATCHED, 10)


def test_nor_the_quantity_raised(rentals: RentalShop) -> None:
    rentals.set_copies(2)
    client = rentals.client()
    put_in_cart(client, PICKED_UP)
    no_copy_left(client.put(f"{ITEMS}/{PICKED_UP}", json={"quantity": 3}))
    assert data_of(client.put(f"{ITEMS}/{PICKED_UP}", json={"quantity": 2}))["cart"]["itemCount"] == 2


def test_errors_of_the_specification_come_first(rentals: RentalShop) -> None:
    rentals.set_copies(0)
    client = rentals.client()
    error_of(client.post(ITEMS, json={"movieId": PICKED_UP, "quantity": 11}), 400, "VALIDATION_ERROR")
    error_of(client.put(f"{ITEMS}/{PICKED_UP}", json={"quantity": 1}), 404, "NOT_FOUND")
    error_of(client.post(ITEMS, json={"movieId": "tt9999999"}), 404, "NOT_FOUND")


def test_nor_bought(rentals: RentalShop) -> None:
    rentals.set_copies(1)
    slow = rentals.client()
    put_in_cart(slow, PICKED_UP)
    put_in_cart(slow, WATCHED)
    rentals.buy(PICKED_UP, person=open_account(rentals.url))
    no_copy_left(pay(slow))
    no_copy_left(pay(slow, lastName="Minor"))  # 409 comes before 402 (contract §6.1)
    assert data_of(slow.get(CART))["itemCount"] == 2
    assert data_of(slow.delete(f"{ITEMS}/{PICKED_UP}"))["cart"]["itemCount"] == 1
    refused(pay(slow, lastName="Minor"))
    assert data_of(pay(slow))["totalPrice"] == 4.99


def test_a_submit_that_is_repeated_gets_its_order_although_no_copy_is_left(rentals: RentalShop) -> None:
    rentals.set_copies(1)
    client = rentals.client()
    put_in_cart(client, PICKED_UP)
    first = pay(client, "key")
    assert data_of(first)
    assert pay(client, "key").content == first.content


def test_the_order_of_an_identical_submit_is_found_although_it_took_the_last_copy(
    rentals: RentalShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other has committed after this one looked for an order, and before it counted the copies."""
    rentals.set_copies(1)
    client, twin = rentals.client(), rentals.client()
    put_in_cart(client, PICKED_UP)
    count, twins = Sales.require_available, list[httpx.Response]()

    async def buy_first(sales: Sales, conn: Connection, wanted: Mapping[str, int]) -> None:
        if not twins:
            twins.append(httpx.Response(0))
            twins[0] = await asyncio.to_thread(pay, twin, "key")
        await count(sales, conn, wanted)

    monkeypatch.setattr(Sales, "require_available", buy_first)
    response = pay(client, "key")
    assert data_of(response)
    assert response.content == twins[0].content


@pytest.mark.parametrize("path", ["/cart/items", f"/cart/items/{PICKED_UP}"])
def test_a_page_says_that_no_copy_is_left_and_shows_the_cart(rentals: RentalShop, path: str) -> None:
    rentals.set_copies(1)
    client = rentals.client()
    put_in_cart(client, PICKED_UP)
    response = client.post(path, data={"movieId": PICKED_UP, "quantity": "2"})
    assert response.status_code == 409
    assert "No copy left" in response.text
    assert f"/cart/items/{PICKED_UP}" in response.text, "it is the cart"


def test_a_film_with_a_feature_needs_no_copy(rentals: RentalShop) -> None:
    rentals.set_copies(0, WATCHED)
    rentals.buy(WATCHED, 10)
    assert rentals.stock(WATCHED).reserved == 0


def test_what_frees_a_copy(rentals: RentalShop) -> None:
    """Cancelling, lapsing, taking back; not the end of the rental, as long as the copy is out."""
    rentals.set_copies(1)
    order = rentals.buy(PICKED_UP)
    assert (rentals.stock().reserved, rentals.stock().free) == (1, 0)
    assert data_of(rentals.client().post(CANCEL, json={"orderId": order}))
    assert rentals.stock().free == 1
    rentals.buy(PICKED_UP)
    rentals.clock.move(days=29, hours=23, minutes=59, seconds=59)
    assert rentals.stock().free == 0
    rentals.clock.move(seconds=1)
    assert rentals.stock().free == 1
    rentals.tidy()
    (rental,) = rental_ids(rentals.url, rentals.buy(PICKED_UP))
    rentals.counter("hand_out", rental)
    stock = rentals.stock()
    assert (stock.out, stock.reserved, stock.back) == (1, 0, rentals.clock.now() + timedelta(hours=48))
    rentals.clock.move(days=3)
    rentals.tidy()
    assert rentals.stock().free == 0
    rentals.counter("take_back", rental)
    assert rentals.stock().free == 1


def test_an_unpaid_order_has_its_copy_reserved(rentals: RentalShop) -> None:
    rentals.set_copies(1)
    rentals.buy(PICKED_UP)
    fetch(rentals.url, "UPDATE rental SET state = 'unpaid', paid = NULL, start_by = NULL")
    rentals.clock.move(days=60)
    no_copy_left(rentals.client().post(ITEMS, json={"movieId": PICKED_UP}))


def test_there_cannot_be_fewer_copies_than_are_out_and_reserved(rentals: RentalShop) -> None:
    order = rentals.buy(PICKED_UP, 3)
    rentals.counter("hand_out", rental_ids(rentals.url, order)[0])
    with pytest.raises(Conflict):
        rentals.set_copies(2)
    assert rentals.stock().copies is None
    rentals.set_copies(3)
    assert rentals.stock().free == 0
    rentals.set_copies(None)


def test_the_last_copy_goes_to_one_of_many(rentals: RentalShop) -> None:
    rentals.set_copies(3)
    clients = [rentals.client(open_account(rentals.url)) for _ in range(12)]
    for client in clients:
        put_in_cart(client, PICKED_UP)
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(pay, clients))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [409] * 9
    for answer in answers:
        if answer.status_code == 409:
            no_copy_left(answer)
    assert rentals.stock().free == 0


def test_two_carts_with_the_same_films_in_another_order_do_not_block_each_other(rentals: RentalShop) -> None:
    films = ("tt0000003", "tt0372784", PICKED_UP)
    for film in films:
        rentals.set_copies(8, film)
    clients = [rentals.client(open_account(rentals.url)) for _ in range(8)]
    for number, client in enumerate(clients):
        for film in films if number % 2 else reversed(films):
            put_in_cart(client, film)
    with ThreadPoolExecutor(len(clients)) as pool:
        assert [answer.status_code for answer in pool.map(pay, clients)] == [200] * 8


def test_a_limit_waits_for_sales_under_way_and_sales_for_it(rentals: RentalShop) -> None:
    """A film without a limit has no row that a sale could lock: the table is."""
    client = rentals.client()
    put_in_cart(client, PICKED_UP, 2)
    with ThreadPoolExecutor(2) as pool, psycopg.connect(rentals.url) as conn:
        conn.execute("LOCK TABLE rental_terms IN EXCLUSIVE MODE")  # as set_terms does
        paid = pool.submit(pay, client)
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'rental_terms'::regclass"
        with psycopg.connect(rentals.url, autocommit=True) as other:
            while other.execute(waiting).fetchone() != (1,):
                assert not paid.done()
        conn.execute("INSERT INTO rental_terms (film_id, copies) VALUES (%s, 1)", [PICKED_UP])
        conn.commit()
        no_copy_left(paid.result())
    assert rentals.stock().reserved == 0
