"""The watchlist: POST, GET and DELETE /api/users/{user_id}/watchlist (contract §7.1, §7.7, §14)."""

from contextlib import closing

from tests.community.conftest import FIGHT_CLUB, GODFATHER, SHAWSHANK, ApiUser, Community
from tests.community.responses import (
    FAVORITE,
    FAVORITE_FILM,
    assert_not_cached,
    community_error_of,
    community_offences_of,
    gone,
    record_of,
)
from tests.users import signed_in


def watchlist(user: ApiUser) -> str:
    return f"/api/users/{user.person.id}/watchlist"


def test_a_film_comes_and_goes_apart_from_favourites(user: ApiUser) -> None:
    address = watchlist(user)
    user.favorite(GODFATHER)
    added = record_of(user.client.post(address, json={"movie_id": SHAWSHANK}), 201, FAVORITE)
    assert record_of(user.client.post(address, json={"movie_id": SHAWSHANK}), 200, FAVORITE) == added
    user.rate(SHAWSHANK, 4)
    response = user.client.get(address)
    assert_not_cached(response)
    (film,) = response.json()["watchlist"]
    assert list(film) == FAVORITE_FILM
    assert (film["id"], film["title"], film["user_rating"]) == (added["id"], "The Shawshank Redemption", 4)
    assert [film["movie_id"] for film in user.listed()] == [GODFATHER]
    gone(user.client.delete(f"{address}/{added['id']}"))
    assert user.client.get(address).json() == {"watchlist": []}
    community_error_of(user.client.delete(f"{address}/{added['id']}"), 404, "NOT_FOUND")


def test_the_last_added_is_first_by_default(user: ApiUser) -> None:
    for movie_id in (GODFATHER, FIGHT_CLUB, SHAWSHANK):
        user.client.post(watchlist(user), json={"movie_id": movie_id})
    orders = {
        "": [SHAWSHANK, FIGHT_CLUB, GODFATHER],
        "?order=asc": [GODFATHER, FIGHT_CLUB, SHAWSHANK],
        "?sort=release_date": [FIGHT_CLUB, SHAWSHANK, GODFATHER],
    }
    for query, expected in orders.items():
        films = user.client.get(watchlist(user) + query).json()["watchlist"]
        assert [film["movie_id"] for film in films] == expected, query
    assert list(community_offences_of(user.client.get(f"{watchlist(user)}?sort=seen_on"))) == ["sort"]
    assert list(community_offences_of(user.client.post(watchlist(user), json={"movie_id": 0}))) == ["movie_id"]


def test_the_page_and_the_film_s_buttons(community: Community, user: ApiUser) -> None:
    with closing(signed_in(community.server, user.person)) as client:
        assert "Nothing on your watchlist yet" in client.get("/watchlist").text
        form = {"movie_id": str(SHAWSHANK), "next": "/films/tt0111161"}
        response = client.post("/watchlist", data=form)
        assert (response.status_code, response.headers["location"]) == (303, "/films/tt0111161")
        film = client.get("/films/tt0111161").text
        assert "The Shawshank Redemption is on your watchlist." in film
        assert "Remove from watchlist" in film
        assert "Add to favourites" in film
        text = client.get("/watchlist").text
        (entry,) = user.client.get(watchlist(user)).json()["watchlist"]
        path = f"/watchlist/{entry['id']}/remove"
        assert f'action="{path}"' in text
        assert client.post(path).headers["location"] == "/watchlist"
        assert "Taken off your watchlist." in client.get("/watchlist").text
        client.post(path)
        assert "was not on your watchlist any more" in client.get("/watchlist").text
