"""DELETE /api/users/{user_id}/favorites/{id} (community-api.txt; contract §7.1, §7.4)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.community.conftest import FIGHT_CLUB, GODFATHER, SHAWSHANK, ApiUser, Community
from tests.community.responses import (
    FAVORITE,
    NO_IDS,
    NOBODYS_IDS,
    community_error_of,
    community_offences_of,
    gone,
    record_of,
)
from tests.connections import fetch


def test_it_is_204_and_gone(user: ApiUser) -> None:
    first, second = user.favorite(SHAWSHANK), user.favorite(GODFATHER)
    gone(user.client.delete(f"{user.favorites}/{first['id']}"))
    assert [film["id"] for film in user.listed()] == [second["id"]]


def test_again_is_404(user: ApiUser) -> None:
    address = f"{user.favorites}/{user.favorite(SHAWSHANK)['id']}"
    gone(user.client.delete(address))
    for _ in range(2):
        response = user.client.delete(address)
        assert community_error_of(response, 404, "FAVORITE_NOT_FOUND")["details"] == {}


def test_16_at_once_remove_it_once(user: ApiUser) -> None:
    address = f"{user.favorites}/{user.favorite(SHAWSHANK)['id']}"
    with ThreadPoolExecutor(16) as threads:
        responses = list(threads.map(user.client.delete, [address] * 16))
    assert sorted(response.status_code for response in responses) == [204] + [404] * 15


def test_added_again_it_is_a_new_one(user: ApiUser) -> None:
    first = user.favorite(SHAWSHANK)
    gone(user.client.delete(f"{user.favorites}/{first['id']}"))
    again = record_of(user.client.post(user.favorites, json={"movie_id": SHAWSHANK}), 201, FAVORITE)
    assert again["id"] > first["id"]
    assert len(user.listed()) == 1


def test_its_rating_stays(user: ApiUser) -> None:
    user.rate(SHAWSHANK, 4.5)
    gone(user.client.delete(f"{user.favorites}/{user.favorite(SHAWSHANK)['id']}"))
    user.favorite(SHAWSHANK)
    assert user.listed()[0]["user_rating"] == 4.5


def test_the_film_s_number_is_not_the_favourite_s(user: ApiUser) -> None:
    favorite = user.favorite(FIGHT_CLUB)
    assert favorite["id"] != FIGHT_CLUB
    community_error_of(user.client.delete(f"{user.favorites}/{FIGHT_CLUB}"), 404, "FAVORITE_NOT_FOUND")
    assert len(user.listed()) == 1


def test_somebody_else_s_is_404_under_one_s_own_address_and_403_under_theirs(
    community: Community, user: ApiUser
) -> None:
    """contract §7.4, §7.1"""
    other_user = community.user()
    theirs = other_user.favorite(SHAWSHANK)["id"]
    community_error_of(user.client.delete(f"{user.favorites}/{theirs}"), 404, "FAVORITE_NOT_FOUND")
    community_error_of(user.client.delete(f"{other_user.favorites}/{theirs}"), 403, "INSUFFICIENT_PERMISSIONS")
    assert [film["id"] for film in other_user.listed()] == [theirs]


def test_an_admin_removes_for_another_under_that_one_s_address(community: Community, user: ApiUser) -> None:
    admin, other = community.user("admin"), community.user()
    favorite = user.favorite(SHAWSHANK)["id"]
    for wrong in (admin.favorites, other.favorites):
        community_error_of(admin.client.delete(f"{wrong}/{favorite}"), 404, "FAVORITE_NOT_FOUND")
    assert len(user.listed()) == 1
    gone(admin.client.delete(f"{user.favorites}/{favorite}"))
    assert user.listed() == []


@pytest.mark.parametrize("favorite_id", NO_IDS)
def test_what_is_no_id_is_400(user: ApiUser, favorite_id: str) -> None:
    """contract §1.3"""
    assert list(community_offences_of(user.client.delete(f"{user.favorites}/{favorite_id}"))) == ["id"]


@pytest.mark.parametrize("favorite_id", NOBODYS_IDS)
def test_an_id_of_nothing_is_404(user: ApiUser, favorite_id: str) -> None:
    community_error_of(user.client.delete(f"{user.favorites}/{favorite_id}"), 404, "FAVORITE_NOT_FOUND")


@pytest.mark.parametrize("user_id", NOBODYS_IDS)
def test_of_nobody_s_is_404_to_an_admin(community: Community, user_id: str) -> None:
    response = community.user("admin").client.delete(f"/api/users/{user_id}/favorites/1")
    community_error_of(response, 404, "USER_NOT_FOUND")


def test_every_offence_is_told(community: Community) -> None:
    """contract §1.5"""
    response = community.user("admin").client.delete("/api/users/abc/favorites/0")
    assert community_offences_of(response) == {"user_id": "must be an integer", "id": "must be at least 1"}


def test_the_copy_of_its_film_stays_for_others(community: Community, user: ApiUser) -> None:
    other_user = community.user()
    other_user.favorite(GODFATHER)
    gone(user.client.delete(f"{user.favorites}/{user.favorite(GODFATHER)['id']}"))
    assert fetch(community.database_url, "SELECT title FROM tmdb_film WHERE movie_id = %s", GODFATHER)
    assert other_user.listed()[0]["title"] == "The Godfather"
