"""What is not there, and what may not be done with what is, in the envelope of this API (contract §1.4)."""

import pytest
from tests.community.conftest import POPULAR, RATINGS, SHAWSHANK, ApiUser, Community
from tests.community.responses import assert_not_cached, community_error_of
from tests.connections import fetch
from tests.responses import error_of

METHODS = {"GET", "POST", "PUT", "DELETE", "PATCH", "BREW"}
ALLOWED = {
    POPULAR: {"GET"},
    RATINGS: {"POST"},
    f"{RATINGS}/1": {"PUT", "DELETE"},
    "/api/users/1/favorites": {"GET", "POST"},
    "/api/users/1/favorites/1": {"DELETE"},
    "/api/users/1/watchlist": {"GET", "POST"},
    "/api/users/1/watchlist/1": {"DELETE"},
    "/api/users/1/seen": {"GET", "POST"},
    "/api/users/1/seen/1": {"DELETE"},
    "/api/movies/1/ratings": {"GET"},
    "/api/admin/users/1/favorites": {"DELETE"},
}


@pytest.mark.parametrize("address", ALLOWED)
def test_other_methods_are_405_and_say_which_there_are(community: Community, user: ApiUser, address: str) -> None:
    """With a token, without, and whatever comes with it."""
    allowed = ALLOWED[address]
    for method in METHODS - allowed:
        for client in (community.server, user.client):
            response = client.request(method, address, json={"movie_id": SHAWSHANK, "rating": 9})
            community_error_of(response, 405, "METHOD_NOT_ALLOWED")
            methods = {name.strip() for name in response.headers["allow"].split(",")}
            assert allowed <= methods <= allowed | {"HEAD", "OPTIONS"}


@pytest.mark.parametrize("address", ALLOWED)
def test_head_is_there_where_get_is(community: Community, user: ApiUser, address: str) -> None:
    response = user.client.head(address)
    assert response.content == b""
    is_allowed = (
        address in (POPULAR, "/api/movies/1/ratings") or f"/users/{user.person.id}/" in address
    )  # whoever is first has the id 1
    assert response.status_code == (405 if "GET" not in ALLOWED[address] else 200 if is_allowed else 403)
    assert community.server.head(address).status_code in {200, 401, 405}


@pytest.mark.parametrize(
    "address",
    [
        "/api/",
        "/api/movies",
        "/api/movies/278",
        "/api/movies/popular/1",
        "/api/movies/ratings/1/2",
        "/api/users",
        "/api/users/1",
        "/api/users/1/ratings",
        "/api/users//favorites",
        "/api/users/1/favorites/1/2",
        "/api/users/1%2F2/favorites/x/y",
        "/api/admin",
        "/api/admin/users/1",
        "/api/admin/users/1/favorites/1",
        "/api/v2/movies",
        "/api/v1x/movies",
        "/api/%00",
        "/api/%FF",
    ],
)
def test_an_unknown_path_is_404_in_this_envelope(community: Community, user: ApiUser, address: str) -> None:
    for client in (community.server, user.client):
        for method in ("GET", "POST", "DELETE"):
            response = client.request(method, address)
            assert community_error_of(response, 404, "NOT_FOUND")["details"] == {}


def test_the_shop_s_paths_keep_the_shop_s_envelope(community: Community, user: ApiUser) -> None:
    error_of(user.client.get("/api/v1/movies/popular/x"), 404, "NOT_FOUND")
    error_of(user.client.get("/api/v1/cart"), 401, "UNAUTHORIZED")  # a bearer's token is no session
    error_of(community.server.get("/api/v1/users/1/favorites"), 404, "NOT_FOUND")


def test_what_fails_inside_is_500_and_tells_a_request_id_and_nothing_else(community: Community) -> None:
    """contract §1.4"""
    user = community.user()
    fetch(community.database_url, "ALTER TABLE favorite RENAME TO favorite_away")
    try:
        response = user.client.get(user.favorites, headers={"X-Request-Id": "of-this-test"})
        added = user.client.post(user.favorites, json={"movie_id": SHAWSHANK})
    finally:
        fetch(community.database_url, "ALTER TABLE favorite_away RENAME TO favorite")
    assert community_error_of(response, 500, "INTERNAL_ERROR")["details"] == {"requestId": "of-this-test"}
    assert "favorite" not in response.text
    assert community_error_of(added, 500, "INTERNAL_ERROR")["details"] == {"requestId": added.headers["x-request-id"]}
    assert_not_cached(user.client.get(user.favorites))


def test_an_address_without_end_is_refused(user: ApiUser) -> None:
    response = user.client.get(f"{user.favorites}?{'x' * 9000}")
    community_error_of(response, 414, "VALIDATION_ERROR")
