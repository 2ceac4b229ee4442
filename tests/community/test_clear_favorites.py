"""DELETE /api/admin/users/{userId}/favorites (community-api.txt; contract §7.1, §7.4)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.community.conftest import FIGHT_CLUB, GODFATHER, SHAWSHANK, ApiUser, Community
from tests.community.responses import NO_IDS, NOBODYS_IDS, community_error_of, community_offences_of, gone


@pytest.fixture
def admin(community: Community) -> ApiUser:
    return community.user("admin")


def door(user: ApiUser) -> str:
    return f"/api/admin/users/{user.person.id}/favorites"


def test_all_favourites_of_one_user_are_gone(community: Community, user: ApiUser, admin: ApiUser) -> None:
    other_user = community.user()
    for movie_id in (SHAWSHANK, GODFATHER, FIGHT_CLUB):
        user.favorite(movie_id)
        other_user.favorite(movie_id)
        admin.favorite(movie_id)
    gone(admin.client.delete(door(user)))
    assert user.listed() == []
    assert len(other_user.listed()) == len(admin.listed()) == 3


def test_for_one_who_has_none_it_is_204(user: ApiUser, admin: ApiUser) -> None:
    """contract §7.4: also for a user who never had a favourite"""
    gone(admin.client.delete(door(user)))
    user.favorite(SHAWSHANK)
    gone(admin.client.delete(door(user)))
    gone(admin.client.delete(door(user)))
    assert user.listed() == []


def test_ratings_stay(user: ApiUser, admin: ApiUser) -> None:
    user.rate(SHAWSHANK, 4)
    user.favorite(SHAWSHANK)
    gone(admin.client.delete(door(user)))
    user.favorite(SHAWSHANK)
    assert [film["user_rating"] for film in user.listed()] == [4]


def test_an_admin_clears_their_own(admin: ApiUser) -> None:
    admin.favorite(SHAWSHANK)
    gone(admin.client.delete(door(admin)))
    assert admin.listed() == []


def test_who_is_no_admin_is_403_also_at_their_own(community: Community, user: ApiUser) -> None:
    other_user = community.user()
    other_user.favorite(SHAWSHANK)
    user.favorite(SHAWSHANK)
    for whose in (user, other_user):
        response = user.client.delete(door(whose))
        assert community_error_of(response, 403, "INSUFFICIENT_PERMISSIONS")["details"] == {}
    assert len(user.listed()) == len(other_user.listed()) == 1


@pytest.mark.parametrize("user_id", NOBODYS_IDS)
def test_for_nobody_is_404(admin: ApiUser, user: ApiUser, user_id: str) -> None:
    """contract §7.4"""
    address = f"/api/admin/users/{user_id}/favorites"
    assert community_error_of(admin.client.delete(address), 404, "USER_NOT_FOUND")["details"] == {}
    community_error_of(user.client.delete(address), 403, "INSUFFICIENT_PERMISSIONS")


@pytest.mark.parametrize("user_id", NO_IDS)
def test_what_is_no_id_is_400_to_an_admin_and_403_to_others(admin: ApiUser, user: ApiUser, user_id: str) -> None:
    """The field has the name that community-api.txt gives it here."""
    address = f"/api/admin/users/{user_id}/favorites"
    assert list(community_offences_of(admin.client.delete(address))) == ["userId"]
    community_error_of(user.client.delete(address), 403, "INSUFFICIENT_PERMISSIONS")


def test_while_favourites_are_added_at_once_none_is_half_there(user: ApiUser, admin: ApiUser) -> None:
    with ThreadPoolExecutor(8) as threads:
        added = [threads.submit(user.favorite, movie_id) for movie_id in (SHAWSHANK, GODFATHER, FIGHT_CLUB) * 4]
        cleared = [threads.submit(admin.client.delete, door(user)) for _ in range(6)]
        assert {future.result().status_code for future in cleared} == {204}
        ids = {future.result()["id"] for future in added}
    assert {film["id"] for film in user.listed()} <= ids
    gone(admin.client.delete(door(user)))
    assert user.listed() == []
