"""GET and POST /api/v1/library/progress (client-api.md)."""

from typing import Any

import pytest
from tests.connections import fetch
from tests.rentals.conftest import PICKED_UP, PROGRESS, WATCHED, RentalShop
from tests.responses import data_of, error_of, offences_of
from tests.shop.conftest import assert_not_cached
from tests.users import open_account


def saved(**instead: Any) -> dict[str, Any]:
    return {"movieId": WATCHED, "isSeries": False, "season": None, "episode": None, **instead}


def test_what_is_saved_is_given_back(rentals: RentalShop) -> None:
    rentals.buy()
    client = rentals.client()
    response = client.post(PROGRESS, json=saved(position=12.5, duration=8520))
    assert response.json() == {"success": True, "data": None}
    assert_not_cached(response)
    listed = client.get(PROGRESS)
    assert data_of(listed) == [saved(position=12.5, duration=8520)]
    assert_not_cached(listed)


def test_a_position_behind_the_end_is_the_end(rentals: RentalShop) -> None:
    """Players tell one when a film is over."""
    rentals.buy()
    client = rentals.client()
    assert client.post(PROGRESS, json=saved(position=8520.04, duration=8520)).status_code == 200
    assert data_of(client.get(PROGRESS)) == [saved(position=8520, duration=8520)]


def test_what_the_clients_send_is_enough(rentals: RentalShop) -> None:
    rentals.buy()
    client = rentals.client()
    assert (
        data_of(client.post(PROGRESS, json={"movieId": WATCHED, "isSeries": True, "season": 2, "episode": 3})) is None
    )
    assert data_of(client.get(PROGRESS)) == [saved(season=2, episode=3, position=None, duration=None)]


@pytest.mark.parametrize("sent", [{}, {"position": None, "duration": None}])
@pytest.mark.parametrize("episode", [{"season": None, "episode": None}, {"season": 2, "episode": 3}])
def test_what_says_nothing_of_the_place_keeps_it(
    rentals: RentalShop, episode: dict[str, Any], sent: dict[str, Any]
) -> None:
    rentals.buy()
    client = rentals.client()
    place = saved(**episode, position=600, duration=8520)
    assert data_of(client.post(PROGRESS, json=place)) is None
    assert data_of(client.post(PROGRESS, json={"movieId": WATCHED, "isSeries": False, **episode, **sent})) is None
    assert data_of(client.get(PROGRESS)) == [place]
    assert data_of(client.post(PROGRESS, json=saved(**episode, position=900))) is None
    assert data_of(client.get(PROGRESS)) == [place | {"position": 900}]


def test_the_place_in_another_episode_is_not_kept(rentals: RentalShop) -> None:
    rentals.buy()
    client = rentals.client()
    assert data_of(client.post(PROGRESS, json=saved(season=1, episode=1, position=600, duration=8520))) is None
    assert data_of(client.post(PROGRESS, json=saved(season=1, episode=2))) is None
    assert data_of(client.get(PROGRESS)) == [saved(season=1, episode=2, position=None, duration=None)]


def test_one_entry_a_film_the_one_watched_last_first(rentals: RentalShop) -> None:
    rentals.buy(WATCHED)
    rentals.buy(PICKED_UP)
    for film, position in ((WATCHED, 1), (PICKED_UP, 2), (WATCHED, 3)):
        rentals.clock.move(seconds=10)
        assert data_of(rentals.client().post(PROGRESS, json=saved(movieId=film, position=position))) is None
    listed = data_of(rentals.client().get(PROGRESS))
    assert [(entry["movieId"], entry["position"]) for entry in listed] == [(WATCHED, 3), (PICKED_UP, 2)]


def test_what_was_rented_is_enough(rentals: RentalShop) -> None:
    rentals.buy()
    rentals.begin()
    rentals.clock.move(days=3)
    assert data_of(rentals.client().post(PROGRESS, json=saved(position=5))) is None


@pytest.mark.parametrize("state", ["unpaid", "cancelled", "another's", "unknown"])
def test_what_never_was_rented_is_refused(rentals: RentalShop, state: str) -> None:
    rentals.buy()
    if state == "unpaid":
        fetch(rentals.url, "UPDATE rental SET state = 'unpaid', paid = NULL, start_by = NULL")
    if state == "cancelled":
        fetch(rentals.url, "UPDATE rental SET state = 'cancelled', ended = now()")
    client = rentals.client(open_account(rentals.url)) if state == "another's" else rentals.client()
    film = "tt9999999" if state == "unknown" else WATCHED
    error_of(client.post(PROGRESS, json=saved(movieId=film)), 403, "NO_ACCESS")
    assert fetch(rentals.url, "SELECT count(*) FROM progress") == [(0,)]
    assert data_of(client.get(PROGRESS)) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"isSeries": False}, "movieId"),
        ({"movieId": WATCHED}, "isSeries"),
        (saved(movieId="tt999999999"), "movieId"),
        (saved(isSeries="false"), "isSeries"),
        (saved(season=-1), "season"),
        (saved(episode=1.5), "episode"),
        (saved(position=-0.1), "position"),
        (saved(position="12"), "position"),
        (saved(duration=1e9), "duration"),
    ],
)
def test_what_is_wrong_is_named(rentals: RentalShop, body: dict[str, Any], field: str) -> None:
    assert list(offences_of(rentals.client().post(PROGRESS, json=body))) == [field]
