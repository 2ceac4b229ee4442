"""At the counter: found, handed out, taken back, written off, overdue (contract §9.1, §9.3)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.connections import fetch
from tests.rentals.conftest import PICKED_UP, WATCHED, RentalShop, add_feature, rental_ids, states
from tests.responses import data_of
from tests.shop.conftest import UNDER_SCORE
from tests.shop.test_turns import until
from tests.users import open_account

from filmer.audit.log import command_line
from filmer.errors import InvalidOperation
from filmer.rentals.terms import is_feature_needed


def only_id(rentals: RentalShop, film_id: str = PICKED_UP) -> int:
    (rental,) = rental_ids(rentals.url, rentals.buy(film_id))
    return rental


def test_handing_out_begins_the_rental(rentals: RentalShop) -> None:
    rental = only_id(rentals)
    rentals.clock.move(days=2)
    handed = rentals.counter("hand_out", rental)
    assert (handed.state, handed.began, handed.is_out) == ("running", rentals.clock.now(), True)
    assert handed.ends_at == rentals.clock.now() + timedelta(hours=48)


@pytest.mark.parametrize("what", ["twice", "unpaid", "cancelled", "lapsed", "watched", "unknown"])
def test_what_is_not_handed_out(rentals: RentalShop, what: str) -> None:
    rental = only_id(rentals, WATCHED if what == "watched" else PICKED_UP)
    if what == "twice":
        rentals.counter("hand_out", rental)
    if what == "unpaid":
        fetch(rentals.url, "UPDATE rental SET state = 'unpaid', paid = NULL, start_by = NULL")
    if what == "cancelled":
        fetch(rentals.url, "UPDATE rental SET state = 'cancelled', ended = now()")
    if what == "lapsed":
        rentals.clock.move(days=30)
    before = states(rentals.url)
    with pytest.raises(InvalidOperation):
        rentals.counter("hand_out", rental + (what == "unknown"))
    assert states(rentals.url) == before


def test_a_rental_that_lapses_while_a_sale_holds_its_film_is_not_handed_out(rentals: RentalShop) -> None:
    """The sale has promised the copy to somebody else by then."""
    rentals.set_copies(1)
    rental = only_id(rentals)
    with psycopg.connect(rentals.url) as sale, ThreadPoolExecutor(1) as counter:
        sale.execute("SELECT FROM rental_terms FOR UPDATE")
        handed = counter.submit(rentals.counter, "hand_out", rental)
        until(rentals.shop, "SELECT 1 FROM pg_locks WHERE NOT granted")
        rentals.clock.move(days=30)
        sale.commit()
        with pytest.raises(InvalidOperation):
            handed.result(20)


def test_handed_out_once_however_many_do_it_at_once(rentals: RentalShop) -> None:
    rental = only_id(rentals)

    def hand_out(_: int) -> Any:
        try:
            return rentals.counter("hand_out", rental)
        except InvalidOperation:
            return None

    with ThreadPoolExecutor(16) as pool:
        assert len([handed for handed in pool.map(hand_out, range(32)) if handed]) == 1


def test_taking_back_ends_the_rental(rentals: RentalShop) -> None:
    rental = only_id(rentals)
    with pytest.raises(InvalidOperation):
        rentals.counter("take_back", rental)
    rentals.counter("hand_out", rental)
    rentals.clock.move(hours=5)
    back = rentals.counter("take_back", rental)
    assert (back.state, back.returned, back.ended, back.is_out) == ("over", *[rentals.clock.now()] * 2, False)
    for action in ("take_back", "write_off", "hand_out"):
        with pytest.raises(InvalidOperation):
            rentals.counter(action, rental)


@pytest.mark.parametrize("is_tidied", [False, True])
def test_a_copy_that_comes_back_late_was_over_before(rentals: RentalShop, *, is_tidied: bool) -> None:
    rental = only_id(rentals)
    due = rentals.counter("hand_out", rental).ends_at
    rentals.clock.move(days=9)
    if is_tidied:
        rentals.tidy()
    back = rentals.counter("take_back", rental)
    assert (back.state, back.ended, back.returned) == ("over", due, rentals.clock.now())


def test_a_copy_written_off_is_one_less(rentals: RentalShop) -> None:
    rentals.set_copies(2)
    rental = only_id(rentals)
    with pytest.raises(InvalidOperation):
        rentals.counter("write_off", rental)
    assert rentals.stock().copies == 2
    rentals.counter("hand_out", rental)
    lost = rentals.counter("write_off", rental)
    assert (lost.state, lost.lost, lost.is_out) == ("over", rentals.clock.now(), False)
    stock = rentals.stock()
    assert (stock.copies, stock.out, stock.reserved, stock.free) == (1, 0, 0, 1)


def test_without_a_limit_nothing_is_counted_when_a_copy_is_lost(rentals: RentalShop) -> None:
    rental = only_id(rentals)
    rentals.counter("hand_out", rental)
    rentals.counter("write_off", rental)
    assert rentals.stock().copies is None


def test_a_cancelled_copy_that_is_out_stays_out_until_it_is_taken_back(rentals: RentalShop) -> None:
    rentals.set_copies(1)
    order = rentals.buy(PICKED_UP)
    (rental,) = rental_ids(rentals.url, order)
    rentals.counter("hand_out", rental)
    cancelling = rentals.shop.component("cancelling")
    rentals.run(lambda conn: cancelling.cancel(conn, order, "broken", by=None, actor=command_line()))
    assert (rentals.stock().out, rentals.stock().free) == (1, 0)
    assert [row.rental.id for row in rentals.counter("find", "Major")] == [rental]
    back = rentals.counter("take_back", rental)
    assert (back.state, rentals.stock().free) == ("cancelled", 1)


def test_found_by_code_name_address_or_title(rentals: RentalShop) -> None:
    order = rentals.buy(PICKED_UP)
    (rental,) = rental_ids(rentals.url, order)
    other = open_account(rentals.url, email="zoe@films.example")
    fetch(rentals.url, "UPDATE account SET first_name = 'Zoë', last_name = 'Ørsted' WHERE id = %s", other.id)
    rentals.buy(UNDER_SCORE, person=other)
    fetch(rentals.url, "UPDATE pickup SET code = 'A1B0C2D3' WHERE order_id = %s", order)

    def found(text: str) -> list[int]:
        return [row.rental.account_id for row in rentals.counter("find", text)]

    for text in (
        "A1B0C2D3",
        "a1b0-c2d3",
        " aLbO c2d3 ",
        "a1b0\t\u2013\u00a0c2d3",
        "Amélie",
        "amel",
        rentals.person.email,
    ):
        assert found(text) == [rentals.person.id], text
    for text in (
        "zoë",
        "Zoë Ørs",
        "ørsted zoë",
        "zoe ors",
        "Ørsted, Zoë",
        "orsted,zoe",
        "zoe@films.example",
        "under_s",
    ):
        assert found(text) == [other.id], text
    for text in ("A1B0C2D", "nobody", "under%s"):
        assert found(text) == [], text
    (row,) = rentals.counter("find", "A1B0C2D3")
    assert (row.code, row.title, row.year, row.rental.id) == ("A1B0C2D3", "Amélie", 2001, rental)
    assert (row.first_name, row.last_name, row.email) == ("Mary", "Major", rentals.person.email)


def test_only_what_waits_or_is_out_is_found(rentals: RentalShop) -> None:
    waits, unpaid, lapsed, back = (only_id(rentals) for _ in range(4))
    rentals.buy(WATCHED)
    fetch(rentals.url, "UPDATE rental SET state = 'unpaid', paid = NULL, start_by = NULL WHERE id = %s", unpaid)
    fetch(rentals.url, "UPDATE rental SET start_by = now() - interval '1 year' WHERE id = %s", lapsed)
    rentals.counter("hand_out", back)
    assert [row.rental.id for row in rentals.counter("find", "Major")] == [back, waits]
    rentals.counter("take_back", back)
    assert [row.rental.id for row in rentals.counter("find", "Major")] == [waits]


def test_overdue_is_what_should_be_back(rentals: RentalShop) -> None:
    late, later, back = (only_id(rentals) for _ in range(3))
    only_id(rentals)
    rentals.counter("hand_out", late)
    rentals.clock.move(hours=1)
    rentals.counter("hand_out", later)
    rentals.counter("hand_out", back)
    rentals.counter("take_back", back)
    rentals.clock.move(hours=46, minutes=59, seconds=59)
    assert rentals.counter("overdue") == []
    rentals.clock.move(seconds=1)
    assert [row.rental.id for row in rentals.counter("overdue")] == [late]
    rentals.clock.move(hours=1)
    rentals.tidy()
    assert [row.rental.id for row in rentals.counter("overdue")] == [late, later]


def test_what_is_picked_up_can_be_cancelled_until_it_is_handed_out(rentals: RentalShop) -> None:
    orders = [rentals.buy(PICKED_UP) for _ in range(2)]
    rentals.counter("hand_out", rental_ids(rentals.url, orders[0])[0])
    answers = [rentals.client().post("/api/v1/orders/cancel", json={"orderId": order}) for order in orders]
    assert answers[0].json()["error"]["code"] == "INVALID_OPERATION"
    assert data_of(answers[1])["newStatus"] == "CANCELLED"


def test_the_last_feature_is_needed_while_somebody_may_watch(rentals: RentalShop) -> None:
    def is_needed(film_id: str = WATCHED) -> bool:
        async def work(conn: Any) -> bool:
            async with conn.transaction():
                return await is_feature_needed(conn, film_id, now=rentals.clock.now())

        return bool(rentals.run(work))

    assert not is_needed()
    rentals.buy()
    add_feature(rentals.url, PICKED_UP)
    assert is_needed()
    assert not is_needed(PICKED_UP)
    rentals.begin()
    rentals.clock.move(hours=47)
    assert is_needed()
    rentals.clock.move(hours=1)
    assert not is_needed()
