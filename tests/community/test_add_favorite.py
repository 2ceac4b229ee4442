"""POST /api/users/{user_id}/favorites (community-api.txt; contract §7.1, §7.3, §7.8)."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.community.conftest import (
    FIGHT_CLUB,
    GODFATHER,
    SHAWSHANK,
    UNKNOWN,
    ApiUser,
    Community,
    MakeCommunity,
    favorites_of,
)
from tests.community.responses import (
    FAVORITE,
    NO_IDS,
    NOBODYS_IDS,
    NOT_INTEGERS,
    community_error_of,
    community_offences_of,
    failing,
    own_language,
    record_of,
    send,
)
from tests.conftest import import_films
from tests.connections import fetch
from tests.sandbox import Sandbox

SHAWSHANK_HERE, HOME_HERE = "tt0111161", "tt0000012"  # in the catalogue of films.csv; Home has no TMDB id there
AMELIE = 194


def rows_of(community: Community, user: ApiUser) -> list[tuple[int, int]]:
    statement = "SELECT id, movie_id FROM favorite WHERE account_id = %s ORDER BY id"
    return fetch(community.database_url, statement, user.person.id)


def test_a_new_one_is_201_and_as_the_spec_prints_it(community: Community, user: ApiUser) -> None:
    response = user.client.post(user.favorites, json={"movie_id": SHAWSHANK})
    favorite = record_of(response, 201, FAVORITE)
    assert favorite["movie_id"] == SHAWSHANK
    assert rows_of(community, user) == [(favorite["id"], SHAWSHANK)]
    assert user.listed()[0]["created_at"] == favorite["created_at"]


def test_again_is_200_with_the_record_there_is(community: Community, user: ApiUser) -> None:
    """contract §7.3"""
    first = user.client.post(user.favorites, json={"movie_id": SHAWSHANK})
    fetch(community.database_url, "UPDATE favorite SET created = created - interval '1 day'")
    again = [user.client.post(user.favorites, json={"movie_id": SHAWSHANK}) for _ in range(2)]
    expected = first.json() | {"created_at": user.listed()[0]["created_at"]}
    assert expected["created_at"] != first.json()["created_at"]
    assert [record_of(response, 200, FAVORITE) for response in again] == [expected] * 2
    assert len(rows_of(community, user)) == 1


def test_32_at_once_are_one_favourite(community: Community, user: ApiUser) -> None:
    with ThreadPoolExecutor(32) as threads:
        sent = [threads.submit(user.client.post, user.favorites, json={"movie_id": GODFATHER}) for _ in range(32)]
        responses = [future.result() for future in sent]
    assert sorted(response.status_code for response in responses) == [200] * 31 + [201]
    assert len({response.content for response in responses}) == 1
    assert rows_of(community, user) == [(responses[0].json()["id"], GODFATHER)]


def test_many_people_may_favour_one_film(community: Community, user: ApiUser) -> None:
    other_user = community.user()
    assert user.favorite(SHAWSHANK)["id"] != other_user.favorite(SHAWSHANK)["id"]
    assert len(user.listed()) == len(other_user.listed()) == 1


def test_a_film_that_tmdb_does_not_know_is_404_and_nothing_is_stored(community: Community, user: ApiUser) -> None:
    """contract §7.8: TMDB's code 34, and its code 6 for an id no film could have"""
    for _ in range(2):
        response = user.client.post(user.favorites, json={"movie_id": UNKNOWN})
        assert community_error_of(response, 404, "MOVIE_NOT_FOUND")["details"] == {}
    assert rows_of(community, user) == []
    assert fetch(community.database_url, "SELECT FROM shelf WHERE account_id = %s", user.person.id) == []
    assert fetch(community.database_url, "SELECT FROM tmdb_film WHERE movie_id = %s", UNKNOWN) == []


@pytest.mark.parametrize("text", NOT_INTEGERS)
def test_what_is_no_integer_is_400(user: ApiUser, text: str) -> None:
    """contract §1.3"""
    response = send(user.client, "POST", user.favorites, f'{{"movie_id":{text}}}')
    assert community_offences_of(response) == {"movie_id": "must be an integer"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0", "must be at least 1"),
        ("-0", "must be at least 1"),
        ("-278", "must be at least 1"),
        (str(2**31), "must be at most 2147483647"),
        (str(2**63), "must be at most 2147483647"),
        ("9" * 5000, "must be at most 2147483647"),
    ],
)
def test_numbers_that_no_film_has_are_400(user: ApiUser, text: str, reason: str) -> None:
    """contract §1.3: out of range of its column"""
    response = send(user.client, "POST", user.favorites, f'{{"movie_id":{text}}}')
    assert community_offences_of(response) == {"movie_id": reason}


def test_the_greatest_number_is_only_unknown(user: ApiUser) -> None:
    response = user.client.post(user.favorites, json={"movie_id": 2**31 - 1})
    community_error_of(response, 404, "MOVIE_NOT_FOUND")


def test_the_film_must_be_named_once(user: ApiUser) -> None:
    assert community_offences_of(send(user.client, "POST", user.favorites, "{}")) == {"movie_id": "is required"}
    wrong_name = user.client.post(user.favorites, json={"movieId": SHAWSHANK})
    assert community_offences_of(wrong_name) == {"movie_id": "is required"}
    twice = send(user.client, "POST", user.favorites, '{"movie_id":278,"movie_id":278}')
    assert community_offences_of(twice) == {"movie_id": "must be given only once"}


def test_unknown_fields_are_ignored(community: Community, user: ApiUser) -> None:
    """contract §1.3: nor can anybody say whose favourite it is, or since when"""
    other_user = community.user()
    extra = {
        "id": 5,
        "user_id": other_user.person.id,
        "account_id": other_user.person.id,
        "created_at": "2001-01-01T00:00:00Z",
    }
    response = user.client.post(user.favorites, json={"movie_id": SHAWSHANK, "rating": 9, **extra})
    favorite = record_of(response, 201, FAVORITE)
    assert not favorite["created_at"].startswith("2001")
    assert rows_of(community, other_user) == []


def test_an_admin_adds_for_another(community: Community, user: ApiUser) -> None:
    """contract §7.1"""
    admin = community.user("admin")
    favorite = record_of(admin.client.post(user.favorites, json={"movie_id": SHAWSHANK}), 201, FAVORITE)
    assert record_of(user.client.post(user.favorites, json={"movie_id": SHAWSHANK}), 200, FAVORITE) == favorite
    assert rows_of(community, user) == [(favorite["id"], SHAWSHANK)]
    assert rows_of(community, admin) == []


@pytest.mark.parametrize("user_id", NOBODYS_IDS)
def test_for_nobody_is_404_to_an_admin(community: Community, user_id: str) -> None:
    admin = community.user("admin")
    response = admin.client.post(f"/api/users/{user_id}/favorites", json={"movie_id": SHAWSHANK})
    community_error_of(response, 404, "USER_NOT_FOUND")


@pytest.mark.parametrize("user_id", NO_IDS)
def test_an_id_of_nobody_s_is_400_to_an_admin_and_403_to_others(
    community: Community, user: ApiUser, user_id: str
) -> None:
    address = f"/api/users/{user_id}/favorites"
    response = community.user("admin").client.post(address, json={"movie_id": SHAWSHANK})
    assert list(community_offences_of(response)) == ["user_id"]
    community_error_of(user.client.post(address, json={"movie_id": SHAWSHANK}), 403, "INSUFFICIENT_PERMISSIONS")


def test_every_offence_is_told(community: Community) -> None:
    """contract §1.5"""
    response = community.user("admin").client.post("/api/users/abc/favorites", json={"movie_id": 0})
    assert community_offences_of(response) == {"user_id": "must be an integer", "movie_id": "must be at least 1"}


def test_zeros_before_an_id_mean_nothing(user: ApiUser) -> None:
    user.favorite(SHAWSHANK)
    response = user.client.post(f"/api/users/0{user.person.id}/favorites", json={"movie_id": SHAWSHANK})
    record_of(response, 200, FAVORITE)


def test_a_favourite_is_answered_without_tmdb_where_there_is_a_copy(
    make_community: MakeCommunity, sandbox: Sandbox
) -> None:
    """contract §7.9: that of PostgreSQL, as there is no Valkey here; without a copy it is 503 and nothing is stored."""
    alone = {"REDIS_URL": "redis://127.0.0.1:1", "TMDB_DEADLINE_SECONDS": "1"}
    first = make_community(**alone)
    user = first.user()
    favorite = user.favorite(SHAWSHANK)
    second = make_community(**alone)
    other_user = second.user()
    with failing(sandbox):
        assert record_of(user.client.post(user.favorites, json={"movie_id": SHAWSHANK}), 200, FAVORITE) == favorite
        record_of(other_user.client.post(other_user.favorites, json={"movie_id": SHAWSHANK}), 201, FAVORITE)
        response = other_user.client.post(other_user.favorites, json={"movie_id": FIGHT_CLUB})
    assert community_error_of(response, 503, "EXTERNAL_API_ERROR")["details"] == {}
    assert [movie_id for _, movie_id in rows_of(second, other_user)] == [SHAWSHANK]
    assert fetch(second.database_url, "SELECT movie_id FROM tmdb_film") == [(SHAWSHANK,)]


def test_films_of_the_catalogue_survive_an_import_that_lacks_them(
    make_community: MakeCommunity, tmp_path: Path
) -> None:
    """Favourited or rated, known by their TMDB id or by /find; a film that only TMDB has is none of the shop's."""
    community = make_community(TMDB_LANGUAGE=own_language())
    import_films(community.database_url)
    link = "INSERT INTO tmdb_link (film_id, tmdb_id, looked) VALUES (%s, %s, now())"
    fetch(community.database_url, link, HOME_HERE, GODFATHER)
    user = community.user()
    user.favorite(SHAWSHANK)
    user.favorite(GODFATHER)
    user.favorite(FIGHT_CLUB)
    user.rate(AMELIE, 5)
    in_use = fetch(community.database_url, "SELECT film_id FROM film_in_use ORDER BY 1")
    assert in_use == [(HOME_HERE,), (SHAWSHANK_HERE,), ("tt0211915",)]
    other = tmp_path / "other.csv"
    other.write_text("id,title\ntt9000001,Another Film\n")
    import_films(community.database_url, other)
    film_ids = fetch(community.database_url, "SELECT id FROM film ORDER BY 1")
    assert film_ids == [*in_use, ("tt9000001",)]
    assert community.server.get(f"/api/v1/movies/{SHAWSHANK_HERE}").status_code == 200
    assert {film["movie_id"] for film in user.listed()} == {SHAWSHANK, GODFATHER, FIGHT_CLUB}


def test_the_address_of_another_user_is_403(community: Community, user: ApiUser) -> None:
    other_user = community.user()
    for address in (other_user.favorites, favorites_of(community.user("admin").person)):
        response = user.client.post(address, json={"movie_id": SHAWSHANK})
        assert community_error_of(response, 403, "INSUFFICIENT_PERMISSIONS")["details"] == {}
    assert rows_of(community, other_user) == []
