"""The community's pages: popular films, favourites and ratings."""

import html
import re
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest
from tests.community.conftest import FIGHT_CLUB, GODFATHER, SHAWSHANK, UNKNOWN, ApiUser, Community, MakeCommunity
from tests.community.responses import own_language
from tests.sandbox import Sandbox
from tests.users import signed_in

FILM = "/films/tt0111161"
NOTICE = "This product uses the TMDB API but is not endorsed or certified by TMDB."
NOT_NOW = "Popular films are not to be had right now"


@pytest.fixture
def mary(community: Community, user: ApiUser) -> Iterator[httpx.Client]:
    """The user's browser."""
    with closing(signed_in(community.server, user.person)) as client:
        yield client


def titles(text: str) -> list[str]:
    headings = re.findall(r"<h2>(?:<a [^>]*>)?([^<]+)", text)
    return [html.unescape(title) for title in headings]


def notice(text: str) -> str:
    match = re.search(r'<p class="notice"[^>]*>([^<]*)', text)
    return html.unescape(match[1]) if match else ""


def post(client: httpx.Client, path: str, **fields: Any) -> httpx.Response:
    response = client.post(path, data=fields)
    assert response.headers["cache-control"] == "no-store"
    return response


def test_popular_films_in_tmdbs_order_with_those_of_the_shop_linked(community: Community) -> None:
    films = community.server.get("/api/movies/popular").json()["results"]
    response = community.server.get("/popular")
    assert response.status_code == 200
    assert titles(response.text) == [film["title"] for film in films]
    assert f'<h2><a href="{FILM}">The Shawshank Redemption</a></h2>' in response.text
    assert "Not in this shop" in response.text
    assert response.text.count('<span class="price">') == response.text.count('<h2><a href="/films/'), (
        "what is here has a price"
    )
    assert NOTICE in response.text
    assert response.headers["cache-control"] == "public, no-cache"
    second = community.server.get("/popular?page=2")
    assert titles(second.text)
    assert titles(second.text) != titles(response.text)
    assert 'href="/popular"' in second.text


@pytest.mark.parametrize("page", ["0", "501", "x", "-1", "1.0", "1&page=2"])
def test_a_page_there_is_not_is_400(community: Community, page: str) -> None:
    assert community.server.get(f"/popular?page={page}").status_code == 400


def test_without_tmdb_and_without_a_copy_the_page_says_so_and_is_not_kept(
    make_community: MakeCommunity, sandbox: Sandbox
) -> None:
    server = make_community(TMDB_LANGUAGE=own_language(), TMDB_DEADLINE_SECONDS="1").server
    sandbox.fail("503")
    response = server.get("/popular")
    assert response.status_code == 200
    assert NOT_NOW in response.text
    assert response.headers["cache-control"] == "no-store"
    sandbox.heal()
    deadline = time.monotonic() + 30  # TMDB is left alone for some seconds first
    while NOT_NOW in response.text and time.monotonic() < deadline:
        time.sleep(0.05)
        response = server.get("/popular")
    assert "The Shawshank Redemption" in titles(response.text)


def test_a_favourite_comes_and_goes(mary: httpx.Client, user: ApiUser) -> None:
    response = post(mary, "/favorites", movie_id=SHAWSHANK, next=FILM)
    assert (response.status_code, response.headers["location"]) == (303, FILM)
    listed = mary.get("/favorites")
    assert notice(listed.text) == "The Shawshank Redemption is among your favourites."
    assert titles(listed.text) == ["The Shawshank Redemption"]
    assert re.search(r'<span class="visually-hidden">Costs </span>\$4\.99<', listed.text)
    assert notice(mary.get("/favorites").text) == "", "shown once"
    assert [favorite["movie_id"] for favorite in user.listed()] == [SHAWSHANK]
    assert post(mary, "/favorites", movie_id=SHAWSHANK).headers["location"] == "/favorites"
    assert len(user.listed()) == 1

    path = f"/favorites/{user.listed()[0]['id']}/remove"
    assert path in mary.get("/favorites").text
    assert post(mary, path).headers["location"] == "/favorites"
    gone = mary.get("/favorites").text
    assert notice(gone) == "Taken out of your favourites."
    assert "No favourites yet" in gone
    post(mary, path)
    assert notice(mary.get("/favorites").text) == "This film was no favourite any more."


def test_favourites_are_sorted_as_the_api_sorts_them(mary: httpx.Client, user: ApiUser) -> None:
    for movie, rating in ((SHAWSHANK, 3.0), (FIGHT_CLUB, None), (GODFATHER, 4.5)):
        user.favorite(movie)
        if rating is not None:
            user.rate(movie, rating)
    for sort in ("release_date", "rating"):
        for order in ("asc", "desc"):
            expected = [favorite["title"] for favorite in user.listed(sort=sort, order=order)]
            text = mary.get("/favorites", params={"sort": sort, "order": order}).text
            assert titles(text) == expected
            assert f'href="/favorites?sort={sort}&amp;order={order}" aria-current="true"' in text
    assert mary.get("/favorites?sort=title").status_code == 400
    text = mary.get("/favorites").text
    assert '<option value="4.5" selected>' in text
    assert '<option value="" selected>none yet</option>' in text
    assert NOTICE in text


def test_a_film_is_rated_and_rated_again(mary: httpx.Client, user: ApiUser) -> None:
    response = post(mary, "/ratings", movie_id=FIGHT_CLUB, rating="4.5")
    assert (response.status_code, response.headers["location"]) == (303, "/ratings")
    assert notice(mary.get("/ratings").text) == "You gave Fight Club 4.5 of 5 stars."
    post(mary, "/ratings", movie_id=SHAWSHANK, rating="0")
    post(mary, "/ratings", movie_id=FIGHT_CLUB, rating="5", next="/favorites?sort=rating&order=asc")
    text = mary.get("/ratings").text
    assert notice(text) == "You gave Fight Club 5 of 5 stars."
    assert titles(text) == ["Fight Club", "The Shawshank Redemption"], "the latest first"
    assert re.findall(r'<option value="([\d.]+)" selected>', text) == ["5", "0"]
    user.favorite(FIGHT_CLUB)
    assert user.listed()[0]["user_rating"] == 5


@pytest.mark.parametrize("rating", ["", "5.5", "-0.5", "0.3", "five", "1e0", "NaN"])
def test_a_rating_that_is_none_changes_nothing(mary: httpx.Client, user: ApiUser, rating: str) -> None:
    user.rate(SHAWSHANK, 3)
    user.favorite(SHAWSHANK)
    assert post(mary, "/ratings", movie_id=SHAWSHANK, rating=rating).status_code == 400
    assert user.listed()[0]["user_rating"] == 3


@pytest.mark.parametrize("movie_id", ["", "x", "0", "-1", "1.5", "2147483648", "9" * 40])
@pytest.mark.parametrize("path", ["/favorites", "/ratings"])
def test_a_film_that_can_be_none_is_400(mary: httpx.Client, path: str, movie_id: str) -> None:
    assert post(mary, path, movie_id=movie_id, rating="4").status_code == 400


@pytest.mark.parametrize("path", ["/favorites", "/ratings"])
def test_a_film_tmdb_does_not_know_is_said_so(mary: httpx.Client, path: str) -> None:
    assert post(mary, path, movie_id=UNKNOWN, rating="4").status_code == 303
    assert notice(mary.get("/favorites").text) == "TheMovieDB does not know this film, so it can't be kept."


def test_with_tmdb_away_nothing_is_lost_and_what_is_new_is_said_to_wait(
    make_community: MakeCommunity, sandbox: Sandbox
) -> None:
    community = make_community(TMDB_LANGUAGE=own_language(), TMDB_DEADLINE_SECONDS="1")
    user = community.user()
    user.favorite(SHAWSHANK)
    sandbox.fail("503")
    with closing(signed_in(community.server, user.person)) as client:
        post(client, "/favorites", movie_id=FIGHT_CLUB)
        text = client.get("/favorites").text
        assert notice(text).startswith("TheMovieDB does not answer right now")
        assert titles(text) == ["The Shawshank Redemption"]
        post(client, "/ratings", movie_id=SHAWSHANK, rating="4")
        assert "4 of 5 stars" in notice(client.get("/ratings").text), "there is a copy of this film"


def test_somebody_elses_favourite_stays(community: Community, mary: httpx.Client) -> None:
    other_user = community.user()
    theirs = other_user.favorite(SHAWSHANK)["id"]
    assert post(mary, f"/favorites/{theirs}/remove").status_code == 303
    assert len(other_user.listed()) == 1


@pytest.mark.parametrize("favorite_id", ["0", "x", "9" * 30, "%00"])
def test_a_favourite_that_can_be_none_is_404(mary: httpx.Client, favorite_id: str) -> None:
    assert post(mary, f"/favorites/{favorite_id}/remove").status_code == 404


def test_nobody_is_sent_to_sign_in_and_back(community: Community) -> None:
    origin = str(community.server.base_url).rstrip("/")
    for path in ("/favorites", "/ratings"):
        response = community.server.post(
            path, data={"movie_id": SHAWSHANK, "rating": "4"}, headers={"referer": f"{origin}{FILM}"}
        )
        assert (response.status_code, response.headers["location"]) == (303, f"/sign-in?next={quote(FILM, safe='')}")


def test_what_tmdb_tells_is_text_and_nothing_else(community: Community, mary: httpx.Client, user: ApiUser) -> None:
    user.favorite(GODFATHER)
    mary.get("/favorites")
    hostile = "<script>alert('1')</script>\"&"
    with psycopg.connect(community.database_url) as conn:
        # As if TMDB had sent it later, so that what is fetched in the background does not take its place.
        stored = conn.execute(
            "UPDATE tmdb_film SET title = %s, overview = %s, fetched = now() + interval '1 minute' WHERE movie_id = %s",
            [hostile, hostile, GODFATHER],
        )
        assert stored.rowcount == 1
        conn.execute("UPDATE shelf SET version = gen_random_uuid()")
    try:
        text = mary.get("/favorites").text
        assert "<script>alert" not in text
        assert hostile in titles(text)
    finally:
        with psycopg.connect(community.database_url) as conn:
            conn.execute("DELETE FROM tmdb_film WHERE movie_id = %s", [GODFATHER])


@pytest.mark.parametrize("path", ["/favorites", "/ratings"])
def test_somewhere_else_is_not_gone_on_to(mary: httpx.Client, path: str) -> None:
    response = post(mary, path, movie_id=SHAWSHANK, rating="4", next="https://evil.example/")
    assert response.headers["location"] == path


def test_a_rating_is_taken_back(mary: httpx.Client, user: ApiUser) -> None:
    """From each page that shows one; another's can't be, nor one that is gone."""
    take_back = re.compile(r'formaction="(/ratings/\d+/remove)"')
    post(mary, "/favorites", movie_id=SHAWSHANK)
    path = ""
    for page in (FILM, "/ratings", "/favorites"):
        assert not take_back.search(mary.get(page).text)
        post(mary, "/ratings", movie_id=SHAWSHANK, rating="4.5")
        mary.get("/ratings")
        match = take_back.search(mary.get(page).text)
        assert match, page
        path = match[1]
        response = post(mary, path, next=page, movie_id=SHAWSHANK, rating="4.5")
        assert (response.status_code, response.headers["location"]) == (303, page)
        assert "Your rating is taken back." in mary.get("/ratings").text
        assert user.listed()[0]["user_rating"] is None
    post(mary, path)
    assert notice(mary.get("/ratings").text) == "This film was not rated any more."
