"""GET /api/users/{user_id}/favorites (community-api.txt; contract §7.5, §7.9)."""

import itertools
import random
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest
from tests.community.conftest import FIGHT_CLUB, GODFATHER, SHAWSHANK, ApiUser, Community, MakeCommunity
from tests.community.responses import (
    FAVORITE_FILM,
    NO_IDS,
    NOBODYS_IDS,
    assert_not_cached,
    community_error_of,
    community_offences_of,
    failing,
    own_language,
)
from tests.conftest import import_films
from tests.connections import fetch
from tests.sandbox import Sandbox

WITHOUT_DATE = 77771  # TMDB's sandbox gives its release date as ""
SORTS, ORDERS = ("release_date", "rating"), ("asc", "desc")


class Favourite(NamedTuple):
    movie_id: int
    released: date | None
    rating: float | None
    created: datetime


def drawn() -> list[Favourite]:
    """Every mixture of known and missing values, of equal and different ones; in no order."""
    days = [None, date(1931, 1, 30), date(1994, 9, 23), date(2024, 2, 29)]
    ratings = [None, 0.0, 2.5, 5.0]
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds) for seconds in (0, 0.25, 86_400)]
    cells = list(itertools.product(days, ratings, [*moments, moments[0]]))
    random.Random(7).shuffle(cells)
    return [Favourite(2_000_000 + number, *cell) for number, cell in enumerate(cells)]


def put(url: str, account_id: int, favourites: list[Favourite]) -> None:
    """Straight into the tables, in this order."""
    with psycopg.connect(url) as conn:
        conn.execute("INSERT INTO shelf VALUES (%s, gen_random_uuid())", [account_id])
        for favourite in favourites:
            conn.execute(
                "INSERT INTO tmdb_film VALUES (%s, 'Film', %s, NULL, NULL, NULL, now()) ON CONFLICT DO NOTHING",
                [favourite.movie_id, favourite.released],
            )
            keys = [account_id, favourite.movie_id]
            conn.execute(
                "INSERT INTO favorite (account_id, movie_id, created) VALUES (%s, %s, %s)", [*keys, favourite.created]
            )
            if favourite.rating is not None:
                rating = (
                    "INSERT INTO rating (account_id, movie_id, rating, created, updated) VALUES (%s,%s,%s,now(),now())"
                )
                conn.execute(rating, [*keys, favourite.rating])


def sorted_by(favourites: list[Favourite], sort: str, order: str) -> list[int]:
    """contract §7.5 in plain Python: missing values last in both orders, then newest favourite first."""

    def value(favourite: Favourite) -> Any:
        return favourite.released if sort == "release_date" else favourite.rating

    newest_first = [
        favourite for _, favourite in sorted(enumerate(favourites), key=lambda it: (it[1].created, it[0]), reverse=True)
    ]
    known = [favourite for favourite in newest_first if value(favourite) is not None]
    missing = [favourite for favourite in newest_first if value(favourite) is None]
    known.sort(key=value, reverse=order == "desc")  # keeps the order of equals, reversed or not
    return [favourite.movie_id for favourite in [*known, *missing]]


def until(ask: Callable[[], httpx.Response], is_it: Callable[[httpx.Response], bool]) -> httpx.Response:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        response = ask()
        assert response.status_code == 200, response.text
        if is_it(response):
            return response
        time.sleep(0.02)
    raise AssertionError(f"never: {response.headers} {response.text}")


def test_it_is_as_the_spec_prints_it(user: ApiUser, sandbox: Sandbox) -> None:
    favorite = user.favorite(SHAWSHANK)
    user.rate(SHAWSHANK, 4)
    response = user.client.get(user.favorites)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert_not_cached(response)
    body = response.json()
    assert list(body) == ["favorites"]
    [film] = body["favorites"]
    assert list(film) == FAVORITE_FILM
    with httpx.Client(trust_env=False, verify=False) as client:
        tmdb_film = client.get(f"{sandbox.url}/movie/{SHAWSHANK}?api_key=any").json()
    details = {name: tmdb_film[name] for name in ("title", "release_date", "overview", "popularity", "vote_average")}
    assert film == favorite | details | {"user_rating": 4}
    assert '"user_rating":4,' in response.text


def test_nothing_kept_is_an_empty_list(user: ApiUser) -> None:
    """contract §1.2"""
    response = user.client.get(user.favorites)
    assert (response.status_code, response.content) == (200, b'{"favorites":[]}')
    assert_not_cached(response)
    assert (response.headers["x-cache"], response.headers["age"]) == ("miss", "0")


def test_what_is_missing_is_null(user: ApiUser) -> None:
    """contract §1.2: no rating of one's own, no date at TMDB's"""
    user.favorite(WITHOUT_DATE)
    [film] = user.listed()
    assert list(film) == FAVORITE_FILM
    assert (film["title"], film["release_date"], film["user_rating"]) == ("Touki Bouki", None, None)


def test_a_film_no_copy_is_left_of_has_the_catalogue_s_title_and_date(make_community: MakeCommunity) -> None:
    """The catalogue knows it by its TMDB id, or by the answer of /find."""
    community = make_community()
    import_films(community.database_url)
    link = "INSERT INTO tmdb_link (film_id, tmdb_id, looked) VALUES ('tt0000012', %s, now())"
    fetch(community.database_url, link, GODFATHER)
    user = community.user()
    fetch(community.database_url, "INSERT INTO shelf VALUES (%s, gen_random_uuid())", user.person.id)
    favorite = "INSERT INTO favorite (account_id, movie_id, created) VALUES (%s, %s, now())"
    for movie_id in (SHAWSHANK, GODFATHER, FIGHT_CLUB):
        fetch(community.database_url, favorite, user.person.id, movie_id)
    named = fetch(community.database_url, "SELECT id, title FROM film WHERE id IN ('tt0000012', 'tt0111161')")
    title = dict(named)
    expected = {SHAWSHANK: title["tt0111161"], GODFATHER: title["tt0000012"], FIGHT_CLUB: ""}
    assert {film["movie_id"]: film["title"] for film in user.listed()} == expected


def test_somebody_else_s_rating_is_not_shown(community: Community, user: ApiUser) -> None:
    community.user().rate(SHAWSHANK, 1)
    user.favorite(SHAWSHANK)
    assert user.listed()[0]["user_rating"] is None


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("order", ORDERS)
def test_every_cell_of_the_orders_against_plain_python(
    community: Community, user: ApiUser, sort: str, order: str
) -> None:
    favourites = drawn()
    put(community.database_url, user.person.id, favourites)
    expected = sorted_by(favourites, sort, order)
    assert len(set(expected)) == 64
    for _ in range(2):  # put together, and from the cache
        assert [film["movie_id"] for film in user.listed(sort=sort, order=order)] == expected
    if sort == "release_date":
        assert [film["movie_id"] for film in user.listed(order=order)] == expected
    if order == "desc":
        assert [film["movie_id"] for film in user.listed(sort=sort)] == expected


def test_by_release_date_newest_first_by_default(user: ApiUser) -> None:
    for movie_id in (WITHOUT_DATE, GODFATHER, FIGHT_CLUB, SHAWSHANK):
        user.favorite(movie_id)
    assert [film["movie_id"] for film in user.listed()] == [FIGHT_CLUB, SHAWSHANK, GODFATHER, WITHOUT_DATE]
    assert user.listed() == user.listed(sort="release_date", order="desc", page="7", limit="1")


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("sort=title", ["sort"]),
        ("sort=Rating", ["sort"]),
        ("sort=", ["sort"]),
        ("sort=rating%20", ["sort"]),
        ("sort=rating&sort=rating", ["sort"]),
        ("order=up", ["order"]),
        ("order=ASC", ["order"]),
        ("order=", ["order"]),
        ("order=asc&order=desc", ["order"]),
        ("order=%00", ["order"]),
        ("sort=x&order=y", ["sort", "order"]),
    ],
)
def test_unknown_sorts_and_orders_are_400(user: ApiUser, query: str, fields: list[str]) -> None:
    """contract §7.5, §1.3"""
    assert sorted(community_offences_of(user.client.get(f"{user.favorites}?{query}"))) == sorted(fields)


def test_an_admin_sees_another_s_and_others_do_not(community: Community, user: ApiUser) -> None:
    """contract §7.1; with the ratings of whose favourites they are"""
    user.favorite(SHAWSHANK)
    user.rate(SHAWSHANK, 2.5)
    admin = community.user("admin")
    admin.rate(SHAWSHANK, 5)
    assert admin.client.get(user.favorites).json()["favorites"] == user.listed()
    assert admin.listed() == []
    community_error_of(community.user().client.get(user.favorites), 403, "INSUFFICIENT_PERMISSIONS")


@pytest.mark.parametrize("user_id", NOBODYS_IDS)
def test_of_nobody_is_404_to_an_admin(community: Community, user_id: str) -> None:
    response = community.user("admin").client.get(f"/api/users/{user_id}/favorites")
    community_error_of(response, 404, "USER_NOT_FOUND")


@pytest.mark.parametrize("user_id", NO_IDS)
def test_an_id_of_nobody_s_is_400_to_an_admin(community: Community, user_id: str) -> None:
    response = community.user("admin").client.get(f"/api/users/{user_id}/favorites")
    assert list(community_offences_of(response)) == ["user_id"]


def test_the_second_time_it_is_a_hit(user: ApiUser) -> None:
    user.favorite(SHAWSHANK)
    first, second = user.client.get(user.favorites), user.client.get(user.favorites)
    assert first.content == second.content
    assert second.headers["x-cache"] in {"hit", "stale"}
    assert second.headers["age"].isdigit()
    assert_not_cached(second)


def test_head_is_get_without_a_body(user: ApiUser) -> None:
    user.favorite(SHAWSHANK)
    got, head = user.client.get(user.favorites), user.client.head(user.favorites)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]
    assert_not_cached(head)


def test_no_answer_is_304(user: ApiUser) -> None:
    """contract §1.7: personal; nobody holds it already"""
    user.favorite(SHAWSHANK)
    assert user.client.get(user.favorites, headers={"If-None-Match": "*"}).status_code == 200


def test_details_come_from_postgresql_when_tmdb_and_the_cache_are_away(
    make_community: MakeCommunity, sandbox: Sandbox
) -> None:
    """contract §7.9: favourites never lose their details"""
    alone = {"REDIS_URL": "redis://127.0.0.1:1", "CACHE_DURATION_SECONDS": "1", "TMDB_DEADLINE_SECONDS": "1"}
    user = make_community(**alone).user()
    user.favorite(SHAWSHANK)
    listed = user.listed()
    with failing(sandbox):
        fetch_old = "UPDATE tmdb_film SET fetched = now() - interval '40 days'"
        url = make_community(**alone).database_url
        fetch(url, fetch_old)
        response = until(lambda: user.client.get(user.favorites), lambda one: int(one.headers["age"]) >= 40 * 86_400)
        assert response.headers["x-cache"] == "stale"
        assert response.json()["favorites"] == listed


def test_old_details_are_shown_at_once_and_brought_up_to_date_behind(
    make_community: MakeCommunity, sandbox: Sandbox
) -> None:
    """contract §7.9"""
    community = make_community(CACHE_DURATION_SECONDS="1", TMDB_LANGUAGE=own_language())
    user = community.user()
    statement = "INSERT INTO tmdb_film VALUES (%s, 'Old Title', NULL, NULL, NULL, NULL, now() - interval '1 hour')"
    fetch(community.database_url, statement, FIGHT_CLUB)
    fetch(community.database_url, "INSERT INTO shelf VALUES (%s, gen_random_uuid())", user.person.id)
    favorite = "INSERT INTO favorite (account_id, movie_id, created) VALUES (%s, %s, now())"
    fetch(community.database_url, favorite, user.person.id, FIGHT_CLUB)
    first = user.client.get(user.favorites)
    assert first.json()["favorites"][0]["title"] == "Old Title"
    assert first.headers["x-cache"] == "stale"
    assert int(first.headers["age"]) >= 3600
    new = until(
        lambda: user.client.get(user.favorites), lambda one: one.json()["favorites"][0]["title"] == "Fight Club"
    )
    assert int(new.headers["age"]) < 60
    assert sandbox.calls(f"/3/movie/{FIGHT_CLUB}") >= 1
