"""Films without a TMDB id: numbers of the shop's own, and what becomes of them when TMDB's come (contract §14.2)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bench.sql_recording import recording
from tests.community.conftest import RATINGS, SHAWSHANK, UNKNOWN, ApiUser, Community, MakeCommunity
from tests.community.responses import FAVORITE_FILM, community_error_of, failing, own_language
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.connections import fetch, in_database
from tests.sandbox import Sandbox
from tests.server_processes import eventually

from filmer.catalogue.schemas import FIRST_OWN
from filmer.community.queries import select_entries
from filmer.store.postgres import Connection

HOME, WOLF = "tt0000012", "tt0000002"  # of films.csv, without TMDB ids
SHELVES = ("favorites", "watchlist", "seen")
# A film without a TMDB id for each shelf, and the id that it gets later.
TWINS = {"favorites": ("tt0000014", 7014), "watchlist": ("tt0000015", 7015), "seen": ("tt0000016", 7016)}


@pytest.fixture(scope="module")
def keyless(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[Community]:
    """A shop that has no credential for TMDB. Each test has a film of its own there."""
    url = make_database(films=True)
    running = Community(url, serve_here(url, CACHE_DURATION_SECONDS="0").client)
    yield running
    running.close()


def numbers(url: str) -> dict[str, int]:
    return dict(fetch(url, "SELECT film_id, number FROM film_number"))


def shelf(user: ApiUser, name: str) -> str:
    return f"/api/users/{user.person.id}/{name}"


def kept(user: ApiUser, name: str) -> list[tuple[int, str]]:
    (films,) = user.client.get(shelf(user, name)).json().values()
    return [(film["movie_id"], film["title"]) for film in films]


def link(url: str, film_id: str, tmdb_id: int) -> None:
    fetch(url, "INSERT INTO tmdb_link (film_id, tmdb_id, looked) VALUES (%s, %s, now())", film_id, tmdb_id)


def test_every_film_without_a_tmdb_id_has_one_for_good(database_url: str, tmp_path: Path) -> None:
    """Imports keep them, give new films new ones, and burn none of the sequence's values."""
    import_films(database_url)
    first = numbers(database_url)
    without = fetch(database_url, "SELECT id FROM film WHERE tmdb_id IS NULL ORDER BY no")
    assert list(first) == [film_id for (film_id,) in without]
    assert list(first.values()) == [FIRST_OWN + place for place in range(len(without))]
    other = tmp_path / "other.csv"
    other.write_text("id,title\ntt9000001,Another Film\n")
    import_films(database_url, other)
    import_films(database_url)
    assert numbers(database_url) == first | {"tt9000001": FIRST_OWN + len(without)}


def test_the_migration_numbers_the_current_edition(make_database: MakeDatabase) -> None:
    """A database of the version before gets them with the table."""
    from filmer.store.migrate import migrate, migrations

    url = make_database(films=True)
    with psycopg.connect(url, autocommit=True) as conn:
        for table in ("film_number", "watchlist_film", "seen_film"):
            conn.execute(f"DROP TABLE {table}")
        later = [migration.number for migration in migrations() if migration.name >= "0026"]
        conn.execute("DELETE FROM migration WHERE number = ANY (%s)", [later[:1]])
        list(migrate(conn))
    without = fetch(url, "SELECT id FROM film WHERE tmdb_id IS NULL ORDER BY no")
    assert list(numbers(url).items()) == [(film_id, FIRST_OWN + at) for at, (film_id,) in enumerate(without)]


def test_a_film_is_kept_and_rated_without_tmdb(keyless: Community) -> None:
    """With its own number, or with a TMDB id that the catalogue knows; the catalogue tells the details."""
    user, number = keyless.user(), numbers(keyless.database_url)[WOLF]
    for movie_id in (number, SHAWSHANK):
        user.favorite(movie_id)
    user.rate(number, 3.5)
    wolf, shawshank = sorted(user.listed(), key=lambda film: -film["movie_id"])
    assert list(wolf) == FAVORITE_FILM
    told = ("movie_id", "title", "release_date", "overview", "popularity", "vote_average", "user_rating")
    assert [wolf[name] for name in told] == [number, "100% Wolf", "2020-05-29", None, None, 5.8, 3.5]
    assert [shawshank[name] for name in told] == [
        SHAWSHANK, "The Shawshank Redemption", "1994-09-23", "Two men in a prison keep hope alive for decades.", 120.5,
        9.3, None,
    ]  # fmt: skip
    in_use = {film_id for (film_id,) in fetch(keyless.database_url, "SELECT film_id FROM film_in_use")}
    assert {WOLF, "tt0111161"} <= in_use


@pytest.mark.parametrize("name", SHELVES)
def test_numbers_nobody_knows(keyless: Community, name: str) -> None:
    """One of the shop's own that no film has is none; of another only TMDB could tell, which nobody may ask here."""
    user = keyless.user()
    for movie_id in (FIRST_OWN + 1000, 2**31 - 1):
        community_error_of(user.client.post(shelf(user, name), json={"movie_id": movie_id}), 404, "MOVIE_NOT_FOUND")
    community_error_of(user.client.post(shelf(user, name), json={"movie_id": UNKNOWN}), 503, "EXTERNAL_API_ERROR")
    assert kept(user, name) == []


def test_tmdb_is_never_asked_for_numbers_of_the_shop_s_own(make_community: MakeCommunity, sandbox: Sandbox) -> None:
    community = make_community(TMDB_LANGUAGE=own_language(), CACHE_DURATION_SECONDS="0")
    import_films(community.database_url)
    user, number = community.user(), numbers(community.database_url)[HOME]
    before = len(sandbox.requests())
    user.favorite(number)
    user.rate(number, 4)
    assert kept(user, "favorites") == [(number, "Home")]
    response = user.client.post(RATINGS, json={"movie_id": FIRST_OWN + 1000, "rating": 4})
    community_error_of(response, 404, "MOVIE_NOT_FOUND")
    assert len(sandbox.requests()) == before


def test_a_film_of_the_catalogue_is_kept_while_tmdb_is_away_and_told_of_once_it_is_back(
    make_community: MakeCommunity, sandbox: Sandbox
) -> None:
    own = {"TMDB_LANGUAGE": own_language(), "TMDB_DEADLINE_SECONDS": "1"}
    community = make_community(**own)
    import_films(community.database_url)
    user = community.user()
    with failing(sandbox):
        user.favorite(SHAWSHANK)
        assert user.listed()[0]["overview"] == "Two men in a prison keep hope alive for decades."
    after = make_community(**own).user()
    after.favorite(SHAWSHANK)
    # TMDB's details come at once, or later where it took longer than anybody is kept waiting.
    assert eventually(lambda: after.listed()[0]["overview"] != "Two men in a prison keep hope alive for decades.")


@pytest.mark.parametrize("name", SHELVES)
def test_both_numbers_mean_the_film_once_tmdb_s_is_known(keyless: Community, name: str) -> None:
    film, tmdb_id = TWINS[name]
    url, user = keyless.database_url, keyless.user()
    number, [(title,)] = numbers(url)[film], fetch(url, "SELECT title FROM film WHERE id = %s", film)
    address = shelf(user, name)
    first = user.client.post(address, json={"movie_id": number})
    assert first.status_code == 201
    rated = user.rate(number, 2)
    link(url, film, tmdb_id)
    again = user.client.post(address, json={"movie_id": tmdb_id})
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    response = user.client.post(RATINGS, json={"movie_id": tmdb_id, "rating": 5})
    assert (response.status_code, response.json()["id"]) == (200, rated["id"])
    assert [film["user_rating"] for film in user.client.get(address).json()[name]] == [5]
    assert kept(user, name) == [(number, title)]
    assert user.client.delete(f"{address}/{first.json()['id']}").status_code == 204
    assert user.client.post(address, json={"movie_id": tmdb_id}).status_code == 201
    assert user.client.post(address, json={"movie_id": number}).status_code == 200


def test_kept_twice_before_anybody_knew_is_listed_once_and_goes_at_once(keyless: Community) -> None:
    film, tmdb_id = "tt0000003", 7003
    url, user = keyless.database_url, keyless.user()
    number = numbers(url)[film]
    favorite = user.favorite(number)
    first, second = (
        fetch(url, f"INSERT INTO {table} VALUES (DEFAULT, %s, %s, {values}) RETURNING id", user.person.id, tmdb_id)
        for table, values in (("favorite", "now()"), ("rating", "1, now(), now()"))
    )
    user.rate(number, 4.5)
    link(url, film, tmdb_id)
    assert [(film["id"], film["user_rating"]) for film in user.listed()] == [(favorite["id"], 4.5)]
    assert user.client.delete(f"{user.favorites}/{favorite['id']}").status_code == 204
    assert user.client.delete(f"{RATINGS}/{second[0][0]}").status_code == 204
    assert user.listed() == []
    for table in ("favorite", "rating"):
        assert fetch(url, f"SELECT FROM {table} WHERE account_id = %s", user.person.id) == []
    assert first


def test_32_at_once_under_both_numbers_are_one(keyless: Community) -> None:
    url, user = keyless.database_url, keyless.user()
    number, tmdb_id = numbers(url)["tt0000004"], 7004
    link(url, "tt0000004", tmdb_id)
    choices = [number, tmdb_id] * 16

    def send(movie_id: int) -> Any:
        return user.client.post(user.favorites, json={"movie_id": movie_id})

    with ThreadPoolExecutor(32) as threads:
        responses = list(threads.map(send, choices))
    assert sorted(response.status_code for response in responses) == [200] * 31 + [201]
    assert fetch(url, "SELECT count(*) FROM favorite WHERE account_id = %s", user.person.id) == [(1,)]


def test_a_hidden_film_can_not_be_kept_and_is_still_named(keyless: Community) -> None:
    url, user = keyless.database_url, keyless.user()
    number = numbers(url)[HOME]
    user.favorite(number)
    fetch(
        url,
        """
        INSERT INTO film_edit (film_id, imported, hidden, edit, changed)
        VALUES (%s, '{"id": "tt0000012", "title": "Home"}', true, 1, now())
        """,
        HOME,
    )
    fetch(url, "DELETE FROM film WHERE id = %s", HOME)
    assert kept(user, "favorites") == [(number, "Home")]
    other = keyless.user()
    community_error_of(other.client.post(other.favorites, json={"movie_id": number}), 404, "MOVIE_NOT_FOUND")


def test_a_films_numbers_are_found_once_for_each_film_of_a_list(make_database: MakeDatabase) -> None:
    """PostgreSQL would do it wherever they are used, which took most of the time of a list."""

    async def plan(conn: Connection) -> str:
        with recording() as sent:
            await select_entries(conn, "favorite", 1, sort="created_at", order="desc")
        cursor = await conn.execute(b"EXPLAIN " + sent[0].query, sent[0].parameters)
        return "\n".join(row[0] for row in await cursor.fetchall())

    assert in_database(make_database(), plan).count("Recursive Union") == 1
