"""``filmer rental terms``: how long a film is rented, and how many copies there are."""

import pytest
from tests.commands import CommandResult, filmer
from tests.connections import fetch
from tests.rentals.conftest import PICKED_UP, RentalShop


def terms(rentals: RentalShop, *arguments: str, **settings: str) -> CommandResult:
    return filmer("rental", "terms", *arguments, DATABASE_URL=rentals.url, **settings)


def test_without_options_they_are_shown(rentals: RentalShop) -> None:
    rentals.buy(PICKED_UP, 2)
    shown = terms(rentals, PICKED_UP, FILMER_RENTAL_HOURS="24")
    assert shown.stdout == (
        "Amélie\n"
        "begins within  30 (default) days\n"
        "lasts          24 (default) hours\n"
        "copies         no limit; 0 out, 2 reserved\n"
    )
    assert fetch(rentals.url, "SELECT count(*) FROM rental_terms") == [(0,)]


def test_they_are_set_one_by_one_and_taken_back(rentals: RentalShop) -> None:
    assert terms(rentals, PICKED_UP, "--days", "7", "--copies", "3").returncode == 0
    rentals.buy(PICKED_UP, 2)
    shown = terms(rentals, PICKED_UP, "--hours", "12")
    assert shown.stdout.splitlines()[1:] == [
        "begins within  7 days",
        "lasts          12 hours",
        "copies         3, of which 1 free; 0 out, 2 reserved",
    ]
    assert fetch(rentals.url, "SELECT * FROM rental_terms") == [(PICKED_UP, 7, 12, 3)]
    assert terms(rentals, PICKED_UP, "--days", "default", "--copies", "default").returncode == 0
    assert fetch(rentals.url, "SELECT * FROM rental_terms") == [(PICKED_UP, None, 12, None)]


def test_one_copy_that_is_reserved_is_told_as_one(rentals: RentalShop) -> None:
    rentals.buy(PICKED_UP)
    failed = terms(rentals, PICKED_UP, "--copies", "0")
    assert "1 copy of Amélie is out or reserved: there can't be fewer" in failed.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("tt9999999",), "There is no film tt9999999"),
        (("tt9999999", "--days", "3"), "There is no film tt9999999"),
        ((PICKED_UP, "--days", "0"), "--days '0': expected a number from 1 to 3650"),
        ((PICKED_UP, "--hours", "x"), "--hours 'x': expected a number from 1 to 87600"),
        ((PICKED_UP, "--hours", "87601"), "--hours '87601': expected a number"),
        ((PICKED_UP, "--copies", "\u0661"), "expected a number from 0 to 1000000, or `default`"),
        ((PICKED_UP, "--copies", "1"), "2 copies of Amélie are out or reserved: there can't be fewer"),
    ],
)
def test_what_is_refused_changes_nothing(rentals: RentalShop, arguments: tuple[str, ...], reason: str) -> None:
    rentals.buy(PICKED_UP, 2)
    failed = terms(rentals, *arguments)
    assert failed.returncode == 1
    assert reason in failed.stderr
    assert fetch(rentals.url, "SELECT count(*) FROM rental_terms") == [(0,)]
