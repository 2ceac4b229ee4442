"""POST /api/movies/ratings (community-api.txt; contract §7.2, §7.3, §7.8)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.community.conftest import (
    FIGHT_CLUB,
    GODFATHER,
    RATINGS,
    SHAWSHANK,
    UNKNOWN,
    ApiUser,
    Community,
    MakeCommunity,
)
from tests.community.responses import (
    NOT_INTEGERS,
    NOT_NUMBERS,
    RATING,
    community_error_of,
    community_offences_of,
    failing,
    record_of,
    send,
)
from tests.connections import fetch
from tests.sandbox import Sandbox

# What may be sent, and how it is printed: whole ones whole.
GOOD = [
    ("0", "0"), ("-0", "0"), ("-0.0", "0"), ("0.5", "0.5"), ("1", "1"), ("1.0", "1"), ("1.5", "1.5"), ("2", "2"),
    ("2.50", "2.5"), ("3", "3"), ("35e-1", "3.5"), ("4", "4"), ("0.4E1", "4"), ("4.5", "4.5"), ("5", "5"),
    ("5.000", "5"),
]  # fmt: skip
OUT_OF_RANGE = ["-1", "-0.5", "-0.001", "5.5", "5.1", "6", "5.001", "9" * 5000, "-1e400", "1e400", str(2**63)]
BETWEEN_STEPS = ["0.1", "0.25", "4.3", "4.75", "4.999", "1e-300", "0.50001"]


def rows_of(community: Community, user: ApiUser) -> list[tuple[int, int, float]]:
    statement = "SELECT id, movie_id, rating::float FROM rating WHERE account_id = %s ORDER BY id"
    return fetch(community.database_url, statement, user.person.id)


def test_a_new_one_is_201_and_as_the_spec_prints_it(community: Community, user: ApiUser) -> None:
    response = user.client.post(RATINGS, json={"movie_id": SHAWSHANK, "rating": 4})
    rating = record_of(response, 201, RATING)
    assert (rating["movie_id"], rating["rating"]) == (SHAWSHANK, 4)
    assert rows_of(community, user) == [(rating["id"], SHAWSHANK, 4)]


@pytest.mark.parametrize(("sent", "printed"), GOOD)
def test_numbers_from_0_to_5_in_steps_of_a_half(user: ApiUser, sent: str, printed: str) -> None:
    """contract §7.2"""
    response = send(user.client, "POST", RATINGS, f'{{"movie_id":{SHAWSHANK},"rating":{sent}}}')
    assert record_of(response, 201, RATING)["rating"] == float(printed)
    assert f'"rating":{printed},' in response.text
    user.favorite(SHAWSHANK)
    assert f'"user_rating":{printed},' in user.client.get(user.favorites).text


@pytest.mark.parametrize("sent", OUT_OF_RANGE)
def test_numbers_out_of_range_are_invalid_rating(community: Community, user: ApiUser, sent: str) -> None:
    """contract §7.2"""
    response = send(user.client, "POST", RATINGS, f'{{"movie_id":{SHAWSHANK},"rating":{sent}}}')
    expected = "must be at least 0" if sent.startswith("-") else "must be at most 5"
    assert community_offences_of(response, "INVALID_RATING") == {"rating": expected}
    assert rows_of(community, user) == []


@pytest.mark.parametrize("sent", BETWEEN_STEPS)
def test_other_steps_are_400(community: Community, user: ApiUser, sent: str) -> None:
    """contract §7.2"""
    response = send(user.client, "POST", RATINGS, f'{{"movie_id":{SHAWSHANK},"rating":{sent}}}')
    assert community_offences_of(response) == {"rating": "must be in steps of 0.5"}
    assert rows_of(community, user) == []


@pytest.mark.parametrize("sent", NOT_NUMBERS)
def test_what_is_no_number_is_400(user: ApiUser, sent: str) -> None:
    """contract §7.2: not INVALID_RATING"""
    response = send(user.client, "POST", RATINGS, f'{{"movie_id":{SHAWSHANK},"rating":{sent}}}')
    assert community_offences_of(response) == {"rating": "must be a number"}


@pytest.mark.parametrize("sent", NOT_INTEGERS)
def test_films_are_named_by_integers(user: ApiUser, sent: str) -> None:
    response = send(user.client, "POST", RATINGS, f'{{"movie_id":{sent},"rating":4}}')
    assert community_offences_of(response) == {"movie_id": "must be an integer"}


@pytest.mark.parametrize(("sent", "reason"), [("0", "at least 1"), ("-5", "at least 1"), (str(2**31), "at most")])
def test_numbers_that_no_film_has_are_400(user: ApiUser, sent: str, reason: str) -> None:
    response = send(user.client, "POST", RATINGS, f'{{"movie_id":{sent},"rating":4}}')
    assert reason in community_offences_of(response)["movie_id"]


def test_both_are_needed_and_every_offence_is_told(user: ApiUser) -> None:
    """contract §1.5: with another offence beside it, a rating out of range is no INVALID_RATING."""
    required = "is required"
    assert community_offences_of(user.client.post(RATINGS, json={})) == {"movie_id": required, "rating": required}
    assert community_offences_of(user.client.post(RATINGS, json={"movie_id": SHAWSHANK})) == {"rating": required}
    assert community_offences_of(user.client.post(RATINGS, json={"rating": 4})) == {"movie_id": required}
    both = community_offences_of(user.client.post(RATINGS, json={"movie_id": "x", "rating": 9}))
    assert both == {"movie_id": "must be an integer", "rating": "must be at most 5"}
    twice = send(user.client, "POST", RATINGS, '{"movie_id":278,"rating":1,"rating":5}')
    assert community_offences_of(twice) == {"rating": "must be given only once"}


def test_again_is_200_with_the_same_id_and_the_new_rating(community: Community, user: ApiUser) -> None:
    """contract §7.3"""
    user.rate(SHAWSHANK, 4)
    change = "UPDATE rating SET created = created - interval '1 day' RETURNING to_char(created, 'YYYY-MM-DD')"
    days = {day for (day,) in fetch(community.database_url, change)}
    first = rows_of(community, user)[0][0]
    for rating in (1.5, 1.5, 5):
        again = record_of(user.client.post(RATINGS, json={"movie_id": SHAWSHANK, "rating": rating}), 200, RATING)
        assert (again["id"], again["rating"]) == (first, rating)
        assert again["created_at"][:10] in days
    assert rows_of(community, user) == [(first, SHAWSHANK, 5)]


def test_32_at_once_are_one_rating(community: Community, user: ApiUser) -> None:
    ratings = [number % 11 / 2 for number in range(32)]
    with ThreadPoolExecutor(32) as threads:
        sent = [
            threads.submit(user.client.post, RATINGS, json={"movie_id": GODFATHER, "rating": rating})
            for rating in ratings
        ]
        responses = [future.result() for future in sent]
    assert sorted(response.status_code for response in responses) == [200] * 31 + [201]
    assert [response.json()["rating"] for response in responses] == ratings
    assert len({(response.json()["id"], response.json()["created_at"]) for response in responses}) == 1
    [(rating_id, movie_id, rating)] = rows_of(community, user)
    assert (rating_id, movie_id) == (responses[0].json()["id"], GODFATHER)
    assert rating in ratings


def test_a_film_that_tmdb_does_not_know_is_404_and_nothing_is_stored(community: Community, user: ApiUser) -> None:
    """contract §7.8"""
    for _ in range(2):
        response = user.client.post(RATINGS, json={"movie_id": UNKNOWN, "rating": 4})
        assert community_error_of(response, 404, "MOVIE_NOT_FOUND")["details"] == {}
    assert rows_of(community, user) == []
    assert fetch(community.database_url, "SELECT FROM tmdb_film WHERE movie_id = %s", UNKNOWN) == []


def test_a_rating_is_its_sender_s_whatever_the_body_says(community: Community, user: ApiUser) -> None:
    """contract §1.3"""
    other_user = community.user()
    extra = {
        "id": 1,
        "user_id": other_user.person.id,
        "account_id": other_user.person.id,
        "created_at": "2001-01-01T00:00:00Z",
    }
    response = user.client.post(RATINGS, json={"movie_id": SHAWSHANK, "rating": 4, **extra})
    assert not record_of(response, 201, RATING)["created_at"].startswith("2001")
    assert rows_of(community, other_user) == []
    assert len(rows_of(community, user)) == 1


def test_admins_rate_for_themselves(community: Community) -> None:
    admin = community.user("admin")
    admin.rate(SHAWSHANK, 3)
    assert [(movie_id, rating) for _, movie_id, rating in rows_of(community, admin)] == [(SHAWSHANK, 3)]


def test_a_rating_is_no_favourite(user: ApiUser) -> None:
    user.rate(SHAWSHANK, 5)
    assert user.listed() == []


def test_a_rated_film_can_be_rated_again_without_tmdb(make_community: MakeCommunity, sandbox: Sandbox) -> None:
    """contract §7.9: its copy is in PostgreSQL; there is no Valkey here. Without a copy: 503, nothing stored."""
    alone = {"REDIS_URL": "redis://127.0.0.1:1", "TMDB_DEADLINE_SECONDS": "1"}
    user = make_community(**alone).user()
    first = user.rate(SHAWSHANK, 4)
    second = make_community(**alone)
    other_user = second.user()
    with failing(sandbox):
        assert user.rate(SHAWSHANK, 5) == first | {"rating": 5}
        assert other_user.rate(SHAWSHANK, 2)["rating"] == 2
        response = other_user.client.post(RATINGS, json={"movie_id": FIGHT_CLUB, "rating": 4})
    assert community_error_of(response, 503, "EXTERNAL_API_ERROR")["details"] == {}
    assert [movie_id for _, movie_id, _ in rows_of(second, other_user)] == [SHAWSHANK]
