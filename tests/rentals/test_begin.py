"""A rental waits, runs, is over: the clock moved across every boundary; it begins once (contract §9.1, §9.2)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.connections import fetch
from tests.rentals.conftest import PICKED_UP, WATCHED, RentalShop, add_feature, states
from tests.users import open_account

from filmer.errors import NoAccess

SECOND = timedelta(seconds=1)


def test_it_runs_for_48_hours_from_its_beginning(rentals: RentalShop) -> None:
    rentals.buy()
    rentals.clock.move(days=10)
    begun = rentals.begin()
    assert (begun.state, begun.began) == ("running", rentals.clock.now())
    assert begun.ends_at == rentals.clock.now() + timedelta(hours=48)
    rentals.clock.move(hours=47, minutes=59, seconds=59)
    assert rentals.has_access()
    assert rentals.begin() == begun
    rentals.clock.move(seconds=1)
    assert not rentals.has_access()
    with pytest.raises(NoAccess):
        rentals.begin()


def test_it_lapses_when_it_does_not_begin_within_30_days(rentals: RentalShop) -> None:
    rentals.buy()
    rentals.buy()
    rentals.clock.move(days=29, hours=23, minutes=59, seconds=59)
    assert rentals.has_access()
    assert rentals.begin().ends_at == rentals.clock.now() + timedelta(hours=48)
    rentals.clock.move(seconds=1)
    assert rentals.has_access(), "what began in time runs on"
    rentals.clock.move(hours=48)
    assert not rentals.has_access(), "the other one has lapsed"
    with pytest.raises(NoAccess):
        rentals.begin()


@pytest.mark.parametrize(("begins", "left"), [(False, timedelta(days=30)), (True, timedelta(hours=48))])
def test_what_is_over_is_written_down(rentals: RentalShop, *, begins: bool, left: timedelta) -> None:
    rentals.buy()
    if begins:
        rentals.begin()
    end = rentals.clock.now() + left
    rentals.clock.move(seconds=(left - SECOND).total_seconds())
    rentals.tidy()
    assert states(rentals.url) == ["running" if begins else "waiting"]
    rentals.clock.move(seconds=61)
    rentals.tidy()
    rentals.tidy()
    assert fetch(rentals.url, "SELECT state, ended FROM rental") == [("over", end)]


def test_the_running_one_is_used_then_the_oldest_that_waits(rentals: RentalShop) -> None:
    for _ in range(2):
        rentals.buy()
    first = rentals.begin()
    assert states(rentals.url) == ["running", "waiting"]
    assert rentals.begin() == first
    rentals.clock.move(hours=48)
    second = rentals.begin()
    assert second.id > first.id
    assert rentals.begin() == second


def test_nobody_begins_what_is_another_s_or_picked_up(rentals: RentalShop) -> None:
    rentals.buy(WATCHED)
    rentals.buy(PICKED_UP)
    add_feature(rentals.url, PICKED_UP)  # too late for what was sold
    with pytest.raises(NoAccess):
        rentals.begin(WATCHED, open_account(rentals.url, role="admin"))
    with pytest.raises(NoAccess):
        rentals.begin(PICKED_UP)
    assert states(rentals.url) == ["waiting"] * 2


def test_nothing_unpaid_or_cancelled_begins(rentals: RentalShop) -> None:
    rentals.buy()
    rentals.buy()
    fetch(rentals.url, "UPDATE rental SET state = 'unpaid', paid = NULL, start_by = NULL WHERE id = 1")
    fetch(rentals.url, "UPDATE rental SET state = 'cancelled', ended = now() WHERE id = 2")
    assert not rentals.has_access()
    with pytest.raises(NoAccess):
        rentals.begin()


@pytest.mark.parametrize("bought", [1, 3])
def test_however_many_begin_it_at_once_it_begins_once(rentals: RentalShop, bought: int) -> None:
    """Each on a connection of its own; a lock holds all up until the last has come."""
    for _ in range(bought):
        rentals.buy()
    with ThreadPoolExecutor(16) as pool:
        begun = list(pool.map(lambda _: rentals.begin(), range(32)))
    assert len({rental.id for rental in begun}) == 1
    assert states(rentals.url) == ["running"] + ["waiting"] * (bought - 1)
