"""GET /api/v1/library, and /library/{movieId}/access (client-api.md; contract §9.2)."""

from datetime import timedelta

from tests.connections import fetch
from tests.rentals.conftest import LIBRARY, PICKED_UP, WATCHED, RentalShop
from tests.responses import data_of, error_of
from tests.shop.conftest import BATMAN_BEGINS, DARK_KNIGHT, assert_not_cached
from tests.users import open_account

from filmer.clock import timestamp


def test_the_answer_is_as_client_api_prints_it(rentals: RentalShop) -> None:
    rentals.buy()
    bought = rentals.clock.now()
    response = rentals.client().get(LIBRARY)
    assert data_of(response) == {
        "items": [
            {
                "movieId": WATCHED,
                "title": "The Shawshank Redemption",
                "year": 1994,
                "titleType": None,
                "lastPurchasedAt": timestamp(bought),
                "state": "waiting",
                "startBy": timestamp(bought + timedelta(days=30)),
                "endsAt": None,
            }
        ]
    }
    assert_not_cached(response)


def test_nothing_was_rented_yet(rentals: RentalShop) -> None:
    assert data_of(rentals.client().get(LIBRARY)) == {"items": []}


def test_one_entry_a_film_the_one_bought_last_first(rentals: RentalShop) -> None:
    for film in (WATCHED, PICKED_UP, DARK_KNIGHT, WATCHED):
        rentals.buy(film, 2)
        rentals.clock.move(hours=1)
    items = data_of(rentals.client().get(LIBRARY))["items"]
    assert [item["movieId"] for item in items] == [WATCHED, DARK_KNIGHT, PICKED_UP]
    assert items[0]["lastPurchasedAt"] == timestamp(rentals.clock.now() - timedelta(hours=1))


def test_its_state_is_of_the_rental_that_gives_access_or_of_the_last(rentals: RentalShop) -> None:
    def shown() -> tuple[str, str, str | None]:
        (item,) = data_of(rentals.client().get(LIBRARY))["items"]
        return item["state"], item["startBy"], item["endsAt"]

    start = rentals.clock.now()
    rentals.buy()
    rentals.clock.move(hours=1)
    rentals.buy()
    assert shown() == ("waiting", timestamp(start + timedelta(days=30)), None)
    begun = rentals.begin()
    assert begun.ends_at
    assert shown() == ("running", timestamp(start + timedelta(days=30)), timestamp(begun.ends_at))
    rentals.clock.move(hours=48)
    second = timestamp(start + timedelta(days=30, hours=1))
    assert shown() == ("waiting", second, None)
    rentals.clock.move(days=30)
    assert shown() == ("over", second, None)
    rentals.tidy()
    assert shown() == ("over", second, None)


def test_what_is_unpaid_or_cancelled_is_not_in_it(rentals: RentalShop) -> None:
    rentals.buy(WATCHED)
    rentals.buy(BATMAN_BEGINS)
    fetch(rentals.url, "UPDATE rental SET state = 'unpaid', paid = NULL, start_by = NULL WHERE id = 1")
    fetch(rentals.url, "UPDATE rental SET state = 'cancelled', ended = now() WHERE id = 2")
    assert data_of(rentals.client().get(LIBRARY)) == {"items": []}


def test_access_to_what_waits_or_runs(rentals: RentalShop) -> None:
    rentals.buy(WATCHED)
    rentals.buy(PICKED_UP)
    for film in (WATCHED, PICKED_UP):
        response = rentals.client().get(f"{LIBRARY}/{film}/access")
        assert data_of(response) == {"movieId": film, "hasAccess": True, "titleType": None, "isSeries": False}
        assert_not_cached(response)
    stranger = open_account(rentals.url, role="admin")
    assert not rentals.has_access(WATCHED, stranger), "a role gives no access to films"


def test_there_is_no_access_to_an_unknown_movie(rentals: RentalShop) -> None:
    response = rentals.client().get(f"{LIBRARY}/tt9999999/access")
    assert data_of(response) == {"movieId": "tt9999999", "hasAccess": False, "titleType": None, "isSeries": False}


def test_an_id_that_no_movie_can_have(rentals: RentalShop) -> None:
    """contract §2.5"""
    for path in ("access", "stream"):
        error_of(rentals.client().get(f"{LIBRARY}/tt999999999/{path}"), 404, "NOT_FOUND")


def test_types_and_series_are_those_of_the_catalogue(rentals: RentalShop) -> None:
    rentals.buy()
    try:
        fetch(rentals.url, "UPDATE film SET title_type = 'tvMiniSeries' WHERE id = %s", WATCHED)
        access = data_of(rentals.client().get(f"{LIBRARY}/{WATCHED}/access"))
        assert (access["titleType"], access["isSeries"]) == ("tvMiniSeries", True)
        assert data_of(rentals.client().get(LIBRARY))["items"][0]["titleType"] == "tvMiniSeries"
    finally:
        fetch(rentals.url, "UPDATE film SET title_type = NULL")
