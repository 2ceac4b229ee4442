"""DELETE /api/movies/ratings/{id} (contract §7.1, §7.4, §7.11)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.community.conftest import GODFATHER, RATINGS, SHAWSHANK, ApiUser, Community
from tests.community.responses import (
    NO_IDS,
    NOBODYS_IDS,
    RATING,
    community_error_of,
    community_offences_of,
    failing,
    gone,
    record_of,
)
from tests.community.test_rate import rows_of
from tests.connections import fetch
from tests.sandbox import Sandbox


def test_it_is_204_and_gone_and_nothing_else_is(community: Community, user: ApiUser) -> None:
    """Its film stays in use, as that of a favourite does that was removed."""
    first, second = user.rate(SHAWSHANK, 4.5), user.rate(GODFATHER, 2)
    user.favorite(SHAWSHANK)
    in_use = "SELECT film_id FROM film_in_use ORDER BY 1"
    before = fetch(community.database_url, in_use)
    assert before
    gone(user.client.delete(f"{RATINGS}/{first['id']}"))
    assert rows_of(community, user) == [(second["id"], GODFATHER, 2)]
    assert [(film["movie_id"], film["user_rating"]) for film in user.listed()] == [(SHAWSHANK, None)]
    assert fetch(community.database_url, in_use) == before


def test_again_is_404_and_so_is_changing_it(user: ApiUser) -> None:
    address = f"{RATINGS}/{user.rate(SHAWSHANK, 4)['id']}"
    gone(user.client.delete(address))
    for _ in range(2):
        assert community_error_of(user.client.delete(address), 404, "RATING_NOT_FOUND")["details"] == {}
    community_error_of(user.client.put(address, json={"rating": 5}), 404, "RATING_NOT_FOUND")


def test_the_film_can_be_rated_again(community: Community, user: ApiUser) -> None:
    first = user.rate(SHAWSHANK, 4)
    gone(user.client.delete(f"{RATINGS}/{first['id']}"))
    again = record_of(user.client.post(RATINGS, json={"movie_id": SHAWSHANK, "rating": 1}), 201, RATING)
    assert again["id"] > first["id"]
    assert rows_of(community, user) == [(again["id"], SHAWSHANK, 1)]


def test_16_at_once_remove_it_once(user: ApiUser) -> None:
    address = f"{RATINGS}/{user.rate(SHAWSHANK, 4)['id']}"
    with ThreadPoolExecutor(16) as threads:
        sent = [threads.submit(user.client.delete, address) for _ in range(16)]
        assert sorted(future.result().status_code for future in sent) == [204, *[404] * 15]


@pytest.mark.parametrize("role", ["customer", "admin"])
def test_somebody_else_s_is_404_as_if_there_were_none(community: Community, user: ApiUser, role: str) -> None:
    """contract §7.4: to an admin too"""
    address = f"{RATINGS}/{user.rate(SHAWSHANK, 2)['id']}"
    other_user = community.user("admin" if role == "admin" else "customer")
    other_user.rate(SHAWSHANK, 5)
    response, nothing = other_user.client.delete(address), other_user.client.delete(f"{RATINGS}/{2**31 - 1}")
    assert community_error_of(response, 404, "RATING_NOT_FOUND") == community_error_of(nothing, 404, "RATING_NOT_FOUND")
    assert rows_of(community, user)[0][2] == 2
    assert rows_of(community, other_user)[0][2] == 5


@pytest.mark.parametrize("rating_id", NO_IDS)
def test_what_is_no_id_is_400(user: ApiUser, rating_id: str) -> None:
    assert list(community_offences_of(user.client.delete(f"{RATINGS}/{rating_id}"))) == ["id"]


@pytest.mark.parametrize("rating_id", NOBODYS_IDS)
def test_an_id_of_nothing_is_404(user: ApiUser, rating_id: str) -> None:
    community_error_of(user.client.delete(f"{RATINGS}/{rating_id}"), 404, "RATING_NOT_FOUND")


def test_the_film_s_number_is_not_the_rating_s(community: Community, user: ApiUser) -> None:
    fetch(community.database_url, "ALTER TABLE rating ALTER COLUMN id RESTART WITH 1000001")
    rating = user.rate(SHAWSHANK, 4)
    community_error_of(user.client.delete(f"{RATINGS}/{SHAWSHANK}"), 404, "RATING_NOT_FOUND")
    assert rows_of(community, user) == [(rating["id"], SHAWSHANK, 4)]


def test_tmdb_is_not_asked(user: ApiUser, sandbox: Sandbox) -> None:
    address = f"{RATINGS}/{user.rate(SHAWSHANK, 1)['id']}"
    with failing(sandbox):
        gone(user.client.delete(address))
