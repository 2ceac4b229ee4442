"""GET /api/movies/{movie_id}/ratings: what the shop's users think of a film, and never what one of them does."""

from typing import Any

import pytest
from tests.community.conftest import GODFATHER, RATINGS, SHAWSHANK, Community
from tests.community.responses import NO_IDS, NOBODYS_IDS, community_error_of, community_offences_of
from tests.connections import fetch

from filmer.catalogue.schemas import FIRST_OWN

NOTHING: dict[str, Any] = {"average": None, "count": None, "histogram": []}


def ratings(movie_id: object) -> str:
    return f"/api/movies/{movie_id}/ratings"


def test_the_average_is_told_from_three_on_and_at_once(community: Community) -> None:
    """Every rating shows in the next response (contract §7.7), the first ones in none."""
    users = [community.user() for _ in range(4)]
    for user, stars in zip(users[:2], (4.5, 5), strict=False):
        user.rate(SHAWSHANK, stars)
        assert community.server.get(ratings(SHAWSHANK)).json() == {"movie_id": SHAWSHANK, **NOTHING}
    third = users[2].rate(SHAWSHANK, 2.5)
    response = community.server.get(ratings(SHAWSHANK))
    counts = {4.5: 1, 5: 1, 2.5: 1}
    assert response.json() == {
        "movie_id": SHAWSHANK,
        "average": 4,
        "count": 3,
        "histogram": [{"rating": half / 2, "count": counts.get(half / 2, 0)} for half in range(11)],
    }
    assert '"average":4,' in response.text
    assert response.headers["cache-control"] == "public, no-cache"
    matching = {"If-None-Match": response.headers["etag"]}
    assert community.server.get(ratings(SHAWSHANK), headers=matching).status_code == 304
    users[3].rate(SHAWSHANK, 0)
    changed = community.server.get(ratings(SHAWSHANK), headers=matching)
    assert (changed.status_code, changed.json()["average"], changed.json()["count"]) == (200, 3, 4)
    film = community.server.get("/films/tt0111161").text
    assert "from 4 ratings" in film
    assert 'aria-label="5 stars: 1, 4.5 stars: 1, 2.5 stars: 1, 0 stars: 1"' in film
    for user in (users[2], users[3]):
        (own,) = fetch(community.database_url, "SELECT id FROM rating WHERE account_id = %s", user.person.id)
        assert user.client.delete(f"{RATINGS}/{own[0]}").status_code == 204
    assert third
    assert community.server.get(ratings(SHAWSHANK)).json() == {"movie_id": SHAWSHANK, **NOTHING}


def test_a_film_nobody_rated_has_none(community: Community) -> None:
    assert community.server.get(ratings(GODFATHER)).json() == {"movie_id": GODFATHER, **NOTHING}
    assert "What people here think" not in community.server.get("/films/tt0068646").text
    ((number,),) = fetch(community.database_url, "SELECT number FROM film_number WHERE film_id = 'tt0000012'")
    assert community.server.get(ratings(number)).json() == {"movie_id": number, **NOTHING}


@pytest.mark.parametrize("movie_id", NO_IDS)
def test_what_is_no_number_is_400(community: Community, movie_id: str) -> None:
    assert list(community_offences_of(community.server.get(ratings(movie_id)))) == ["movie_id"]


@pytest.mark.parametrize("movie_id", [*NOBODYS_IDS, str(FIRST_OWN + 1000)])
def test_a_number_of_the_shop_s_own_that_no_film_has_is_404(community: Community, movie_id: str) -> None:
    community_error_of(community.server.get(ratings(movie_id)), 404, "MOVIE_NOT_FOUND")
