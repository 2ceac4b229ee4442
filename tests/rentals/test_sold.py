"""Each unit sold is one rental, with the terms and the way of the moment it was sold (contract §9.1, §9.3)."""

from datetime import timedelta

import pytest
from tests.connections import fetch
from tests.in_process import MovedClock
from tests.rentals.conftest import PICKED_UP, WATCHED, RentalShop, add_feature, states
from tests.responses import data_of
from tests.shop.conftest import StartShop, pay, put_in_cart

from filmer.rentals.sales import CODE_LENGTH, CODE_LETTERS


def test_each_unit_is_a_rental_of_its_own(rentals: RentalShop) -> None:
    client = rentals.client()
    put_in_cart(client, WATCHED, 2)
    put_in_cart(client, PICKED_UP, 3)
    order = data_of(pay(client))["orderId"]
    stored = fetch(rentals.url, "SELECT film_id, way, place, unit, state, start_days, hours FROM rental ORDER BY id")
    assert stored == [
        *((WATCHED, "watch", 1, unit, "waiting", 30, 48) for unit in (1, 2)),
        *((PICKED_UP, "pick up", 2, unit, "waiting", 30, 48) for unit in (1, 2, 3)),
    ]
    now = rentals.clock.now()
    assert fetch(rentals.url, "SELECT DISTINCT order_id, account_id, paid, start_by FROM rental") == [
        (order, rentals.person.id, now, now + timedelta(days=30))
    ]


def test_an_order_with_something_to_pick_up_has_a_code_of_its_own(rentals: RentalShop) -> None:
    rentals.buy(WATCHED)
    orders = [rentals.buy(PICKED_UP) for _ in range(3)]
    codes = dict(fetch(rentals.url, "SELECT order_id, code FROM pickup"))
    assert list(codes) == orders
    assert len(set(codes.values())) == 3
    assert all(len(code) == CODE_LENGTH and set(code) <= set(CODE_LETTERS) for code in codes.values())


def test_terms_are_those_of_the_film_and_stay_as_they_were_at_the_sale(rentals: RentalShop) -> None:
    fetch(rentals.url, "INSERT INTO rental_terms (film_id, start_days, hours) VALUES (%s, 7, NULL)", WATCHED)
    rentals.buy(WATCHED)
    fetch(rentals.url, "UPDATE rental_terms SET start_days = 1, hours = 3")
    rentals.buy(WATCHED)
    assert fetch(rentals.url, "SELECT start_days, hours FROM rental ORDER BY id") == [(7, 48), (1, 3)]
    rentals.clock.move(days=6)
    assert rentals.begin().ends_at == rentals.clock.now() + timedelta(hours=48)


def test_the_way_stays_as_it_was_at_the_sale(rentals: RentalShop) -> None:
    rentals.buy(PICKED_UP)
    add_feature(rentals.url, PICKED_UP)
    rentals.buy(PICKED_UP)
    fetch(rentals.url, "DELETE FROM video")
    rentals.buy(PICKED_UP)
    assert fetch(rentals.url, "SELECT way FROM rental ORDER BY id") == [("pick up",), ("watch",), ("pick up",)]


def test_a_trailer_makes_no_difference(rentals: RentalShop) -> None:
    fetch(
        rentals.url,
        "INSERT INTO video (film_id, kind, location, added) VALUES (%s, 'trailer', 'a.webm', now())",
        PICKED_UP,
    )
    rentals.buy(PICKED_UP)
    assert fetch(rentals.url, "SELECT way FROM rental") == [("pick up",)]


@pytest.mark.parametrize("film_id", [WATCHED, PICKED_UP])
def test_what_is_still_to_be_paid_waits_from_payment_on(rentals: RentalShop, film_id: str) -> None:
    order = rentals.buy(film_id)
    fetch(rentals.url, "UPDATE rental SET state = 'unpaid', paid = NULL, start_by = NULL")
    assert not rentals.has_access(film_id)
    rentals.clock.move(days=2)
    sales = rentals.shop.component("sales")
    assert rentals.run(lambda conn: sales.mark_paid(conn, order))
    assert states(rentals.url) == ["waiting"]
    assert not rentals.run(lambda conn: sales.mark_paid(conn, order)), "it was paid already"
    assert rentals.has_access(film_id)
    rentals.clock.move(days=29, hours=23)
    assert rentals.has_access(film_id)


def test_a_taken_code_makes_no_order_fail(rentals: RentalShop, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter("A" * CODE_LENGTH * 2 + "B" * CODE_LENGTH)
    monkeypatch.setattr("filmer.rentals.sales.secrets.choice", lambda _: next(drawn))
    rentals.buy(PICKED_UP)
    rentals.buy(PICKED_UP)
    assert fetch(rentals.url, "SELECT code FROM pickup ORDER BY code") == [("A" * CODE_LENGTH,), ("B" * CODE_LENGTH,)]


def test_the_settings_are_the_terms_of_films_without_their_own(start_shop: StartShop, clock: MovedClock) -> None:
    shop = RentalShop(start_shop(clock=clock, rental_start_days=3, rental_hours=5), clock)
    shop.buy()
    assert fetch(shop.url, "SELECT start_days, hours FROM rental") == [(3, 5)]


def test_orders_of_a_process_of_the_version_before_get_their_rentals(rentals: RentalShop) -> None:
    """While processes are replaced one by one, one that knows no rentals may sell."""
    before, order = rentals.buy(), rentals.buy(PICKED_UP, 2)
    fetch(rentals.url, "DELETE FROM pickup")
    fetch(rentals.url, "DELETE FROM rental WHERE order_id = %s", order)
    rentals.tidy()
    assert states(rentals.url, order) == [], "it may be about to make them itself"
    rentals.clock.move(minutes=1)
    rentals.tidy()
    rentals.tidy()
    assert states(rentals.url, order) == ["waiting"] * 2
    assert states(rentals.url, before) == ["waiting"]
    assert fetch(rentals.url, "SELECT order_id FROM pickup") == [(order,)]
