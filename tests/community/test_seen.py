"""Films seen: POST, GET and DELETE /api/users/{user_id}/seen (contract §7.1, §7.7, §14)."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from tests.community.conftest import FIGHT_CLUB, GODFATHER, SHAWSHANK, ApiUser, Community
from tests.community.responses import FAVORITE_FILM, assert_not_cached, community_error_of, community_offences_of, gone
from tests.users import signed_in


def seen(user: ApiUser) -> str:
    return f"/api/users/{user.person.id}/seen"


def test_a_film_is_seen_on_a_day_and_again_on_another(user: ApiUser) -> None:
    first = user.client.post(seen(user), json={"movie_id": SHAWSHANK})
    assert first.status_code == 201
    assert list(first.json()) == ["id", "movie_id", "created_at", "seen_on"]
    assert first.json()["seen_on"] is None
    assert_not_cached(first)
    for day in ("1900-01-01", "2024-02-29"):
        response = user.client.post(seen(user), json={"movie_id": SHAWSHANK, "seen_on": day})
        assert (response.status_code, response.json()) == (200, first.json() | {"seen_on": day})
    for body in ({"movie_id": SHAWSHANK}, {"movie_id": SHAWSHANK, "seen_on": None}):
        assert user.client.post(seen(user), json=body).json()["seen_on"] == "2024-02-29", "no day is lost"
    (film,) = user.client.get(seen(user)).json()["seen"]
    assert list(film) == [*FAVORITE_FILM, "seen_on"]
    assert (film["title"], film["seen_on"]) == ("The Shawshank Redemption", "2024-02-29")
    assert user.listed() == []
    gone(user.client.delete(f"{seen(user)}/{film['id']}"))
    community_error_of(user.client.delete(f"{seen(user)}/{film['id']}"), 404, "NOT_FOUND")
    assert user.client.get(seen(user)).json() == {"seen": []}


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("2024-02-30", "must be a date as 2024-01-31"),
        ("1899-12-31", "must not be before 1900-01-01"),
        ("24-01-31", "must be a date as 2024-01-31"),
        ("2024-01-31T00:00:00Z", "must be a date as 2024-01-31"),
        ("\u0662024-01-31", "must be a date as 2024-01-31"),
        ("", "must be a date as 2024-01-31"),
        ("9999-12-31", "must not be in the future"),
        (20240131, "must be a string"),
    ],
)
def test_a_day_that_is_none_is_400(user: ApiUser, day: object, reason: str) -> None:
    response = user.client.post(seen(user), json={"movie_id": SHAWSHANK, "seen_on": day})
    assert community_offences_of(response) == {"seen_on": reason}
    assert user.client.get(seen(user)).json() == {"seen": []}


def test_it_may_be_tomorrow_already_where_one_is(user: ApiUser) -> None:
    now = datetime.now(UTC)
    body = {"movie_id": SHAWSHANK, "seen_on": str((now + timedelta(days=1)).date())}
    assert user.client.post(seen(user), json=body).status_code == 201
    body["seen_on"] = str((now + timedelta(days=3)).date())
    assert community_offences_of(user.client.post(seen(user), json=body)) == {"seen_on": "must not be in the future"}


def test_the_last_seen_is_first_and_those_without_a_day_come_last(user: ApiUser) -> None:
    for movie_id, day in ((GODFATHER, None), (FIGHT_CLUB, "2001-01-01"), (SHAWSHANK, "2002-01-01")):
        user.client.post(seen(user), json={"movie_id": movie_id, "seen_on": day})
    for order, expected in (("desc", [SHAWSHANK, FIGHT_CLUB, GODFATHER]), ("asc", [FIGHT_CLUB, SHAWSHANK, GODFATHER])):
        films = user.client.get(seen(user), params={"order": order}).json()["seen"]
        assert [film["movie_id"] for film in films] == expected


def test_the_page_and_the_film_s_form(community: Community, user: ApiUser) -> None:
    with closing(signed_in(community.server, user.person)) as client:
        form = {"movie_id": str(SHAWSHANK), "next": "/films/tt0111161", "seen_on": ""}
        assert client.post("/seen", data=form).headers["location"] == "/films/tt0111161"
        film = client.get("/films/tt0111161").text
        assert "The Shawshank Redemption is among the films you have seen." in film
        assert "Not seen" in film
        client.post("/seen", data=form | {"seen_on": "2024-01-31"})
        assert 'value="2024-01-31"' in client.get("/films/tt0111161").text
        assert '<time datetime="2024-01-31">' in client.get("/seen").text
        assert client.post("/seen", data=form | {"seen_on": "2024-02-30"}).status_code == 400
        (entry,) = user.client.get(seen(user)).json()["seen"]
        assert client.post(f"/seen/{entry['id']}/remove").headers["location"] == "/seen"
        assert "No films seen yet" in client.get("/seen").text
