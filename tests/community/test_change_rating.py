"""PUT /api/movies/ratings/{id} (community-api.txt; contract §7.2, §7.4)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.community.conftest import RATINGS, SHAWSHANK, ApiUser, Community
from tests.community.responses import (
    NO_IDS,
    NOBODYS_IDS,
    NOT_NUMBERS,
    UPDATED_RATING,
    community_error_of,
    community_offences_of,
    failing,
    record_of,
    send,
)
from tests.community.test_rate import BETWEEN_STEPS, GOOD, OUT_OF_RANGE, rows_of
from tests.connections import fetch
from tests.sandbox import Sandbox


def address_of(user: ApiUser, rating: float = 2) -> str:
    """That of a rating of theirs."""
    return f"{RATINGS}/{user.rate(SHAWSHANK, rating)['id']}"


def test_the_answer_is_as_the_spec_prints_it(community: Community, user: ApiUser) -> None:
    address = address_of(user)
    rating = record_of(user.client.put(address, json={"rating": 5}), 200, UPDATED_RATING)
    assert rating["movie_id"] == SHAWSHANK
    assert address.endswith(f"/{rating['id']}")
    assert rows_of(community, user) == [(rating["id"], SHAWSHANK, 5)]


def test_when_it_was_updated_is_now_and_when_it_was_created_stays(community: Community, user: ApiUser) -> None:
    address = address_of(user)
    long_ago = "UPDATE rating SET created = '2001-02-03T04:05:06Z', updated = '2001-02-03T04:05:06Z' WHERE id = %s"
    fetch(community.database_url, long_ago, int(address.rpartition("/")[2]))
    assert not user.client.put(address, json={"rating": 5}).json()["updated_at"].startswith("2001")
    assert user.rate(SHAWSHANK, 4)["created_at"] == "2001-02-03T04:05:06Z"


@pytest.mark.parametrize(("sent", "printed"), GOOD)
def test_numbers_from_0_to_5_in_steps_of_a_half(user: ApiUser, sent: str, printed: str) -> None:
    """contract §7.2"""
    response = send(user.client, "PUT", address_of(user), f'{{"rating":{sent}}}')
    record_of(response, 200, UPDATED_RATING)
    assert f'"rating":{printed},' in response.text


@pytest.mark.parametrize("sent", OUT_OF_RANGE)
def test_numbers_out_of_range_are_invalid_rating(community: Community, user: ApiUser, sent: str) -> None:
    response = send(user.client, "PUT", address_of(user), f'{{"rating":{sent}}}')
    assert list(community_offences_of(response, "INVALID_RATING")) == ["rating"]
    assert rows_of(community, user)[0][2] == 2


@pytest.mark.parametrize("sent", [*BETWEEN_STEPS, *NOT_NUMBERS])
def test_other_steps_and_what_is_no_number_are_400(community: Community, user: ApiUser, sent: str) -> None:
    response = send(user.client, "PUT", address_of(user), f'{{"rating":{sent}}}')
    assert list(community_offences_of(response)) == ["rating"]
    assert rows_of(community, user)[0][2] == 2


def test_the_rating_is_needed_and_nothing_else_is_changed(community: Community, user: ApiUser) -> None:
    address = address_of(user)
    before = rows_of(community, user)
    assert community_offences_of(user.client.put(address, json={})) == {"rating": "is required"}
    assert rows_of(community, user) == before
    extra = {"id": 1, "movie_id": 550, "account_id": community.user().person.id, "updated_at": "2001-01-01T00:00:00Z"}
    response = user.client.put(address, json={"rating": 3, **extra})
    assert not record_of(response, 200, UPDATED_RATING)["updated_at"].startswith("2001")
    assert rows_of(community, user) == [(before[0][0], SHAWSHANK, 3)]


@pytest.mark.parametrize("role", ["customer", "admin"])
def test_somebody_else_s_is_404_as_if_there_were_none(community: Community, user: ApiUser, role: str) -> None:
    """contract §7.4: to an admin too"""
    address = address_of(user)
    other_user = community.user("admin" if role == "admin" else "customer")
    response = other_user.client.put(address, json={"rating": 5})
    nothing = other_user.client.put(f"{RATINGS}/{2**31 - 1}", json={"rating": 5})
    assert community_error_of(response, 404, "RATING_NOT_FOUND") == community_error_of(nothing, 404, "RATING_NOT_FOUND")
    assert rows_of(community, user)[0][2] == 2


@pytest.mark.parametrize("rating_id", NO_IDS)
def test_what_is_no_id_is_400(user: ApiUser, rating_id: str) -> None:
    response = user.client.put(f"{RATINGS}/{rating_id}", json={"rating": 5})
    assert list(community_offences_of(response)) == ["id"]
    both = user.client.put(f"{RATINGS}/{rating_id}", json={"rating": 9})
    assert list(community_offences_of(both)) == ["id", "rating"]


@pytest.mark.parametrize("rating_id", NOBODYS_IDS)
def test_an_id_of_nothing_is_404(user: ApiUser, rating_id: str) -> None:
    response = user.client.put(f"{RATINGS}/{rating_id}", json={"rating": 5})
    assert community_error_of(response, 404, "RATING_NOT_FOUND")["details"] == {}


def test_the_film_s_number_is_not_the_rating_s(user: ApiUser) -> None:
    address_of(user)
    community_error_of(user.client.put(f"{RATINGS}/{2**30 + SHAWSHANK}", json={"rating": 5}), 404, "RATING_NOT_FOUND")


def test_many_at_once_leave_one_of_them(community: Community, user: ApiUser) -> None:
    address = address_of(user)
    with ThreadPoolExecutor(16) as threads:
        sent = [threads.submit(user.client.put, address, json={"rating": half / 2}) for half in range(11)]
        assert [future.result().json()["rating"] for future in sent] == [half / 2 for half in range(11)]
    assert len(rows_of(community, user)) == 1


def test_tmdb_is_not_asked(user: ApiUser, sandbox: Sandbox) -> None:
    address = address_of(user)
    with failing(sandbox):
        record_of(user.client.put(address, json={"rating": 1}), 200, UPDATED_RATING)
