"""For you, on the home page: films from one's own shelves, each with its reason, and never what single people like."""

import html
import re
from collections.abc import Iterator
from contextlib import closing

import httpx
import psycopg
import pytest
from tests.community.conftest import ApiUser, Community
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.search_index import wait_for_index
from tests.shop.conftest import buy
from tests.users import put_card, session_of

from filmer.community.recommendation_queries import MIN_PEOPLE
from filmer.community.recommendations import PER_SEED, SIZE, Because, _varied

HEADER = "id,title,year,directors,genres,stars,rating,votes,tmdb_id"
FILMS = [
    "tt1,Liked,2000,Ann Director,Drama,Ida Lead [nm1],7,900,1",
    "tt2,Near by Director,1950,Ann Director,Comedy,Eve Other [nm2],7,500,2",
    "tt3,Near by Star,1951,X Nobody,Comedy,Ida Lead [nm1],7,400,3",
    "tt4,Liked by Others,1930,Z Nobody,Western,Lou Fourth [nm4],7,200,4",
    "tt5,Nothing Shared,1931,W Nobody,Western,Mo Fifth [nm5],7,9999,5",
]
LIKED, BY_DIRECTOR, BY_STAR, BY_OTHERS, UNRELATED = range(1, 6)  # TMDB's ids


@pytest.fixture(scope="module")
def shop(
    make_database: MakeDatabase, serve_here: ServeHere, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Community]:
    path = tmp_path_factory.mktemp("liked") / "films.csv"
    path.write_text("\n".join([HEADER, *FILMS, ""]), "utf-8")
    url = make_database()
    import_films(url, path)
    running = Community(url, wait_for_index(serve_here(url).client))
    yield running
    running.close()


@pytest.fixture(autouse=True)
def _empty_shelves(shop: Community) -> None:
    with psycopg.connect(shop.database_url) as conn:
        conn.execute("TRUNCATE favorite, rating, seen_film, watchlist_film")


def put(shop: Community, person: ApiUser, table: str, *movie_ids: int, **columns: object) -> None:
    """Rows of the person's shelves, with a new version of them, as a write makes it."""
    names = "".join(f", {name}" for name in columns)
    values = ", %s" * len(columns)
    with psycopg.connect(shop.database_url) as conn:
        conn.execute(
            "INSERT INTO shelf VALUES (%s, gen_random_uuid())"
            " ON CONFLICT (account_id) DO UPDATE SET version = excluded.version",
            [person.person.id],
        )
        for movie_id in movie_ids:
            statement = f"INSERT INTO {table} (account_id, movie_id, created{names}) VALUES (%s, %s, now(){values})"
            conn.execute(statement.encode(), [person.person.id, movie_id, *columns.values()])


def like(shop: Community, person: ApiUser, *movie_ids: int) -> None:
    put(shop, person, "favorite", *movie_ids)


def for_you(shop: Community, person: ApiUser) -> dict[str, str]:
    """The films of the section with their reasons."""
    cookies = session_of(shop.database_url, person.person)
    with closing(httpx.Client(base_url=shop.server.base_url, cookies=cookies, trust_env=False)) as client:
        page = client.get("/").text
    assert f"{person.person.first_name}" in page
    section = re.search(r'<h2 id="for-you">(.*?)</section>', page, re.DOTALL)
    if section is None:
        return {}
    found = re.findall(r'href="/films/(\w+)".*?class="film-reason">(.*?)</p>', section[1], re.DOTALL)
    return {film_id: html.unescape(re.sub("<[^>]*>", "", reason)) for film_id, reason in found}


def others_like(shop: Community, people: int, *movie_ids: int) -> None:
    for _ in range(people):
        like(shop, shop.user(), *movie_ids)


def test_films_near_to_a_liked_one_with_the_reason(shop: Community) -> None:
    person = shop.user()
    assert for_you(shop, person) == {}
    like(shop, person, LIKED)
    assert for_you(shop, person) == {"tt2": "Because you liked Liked", "tt3": "Because you liked Liked"}


@pytest.mark.parametrize(
    ("table", "columns"),
    [("rating", {"rating": 1, "updated": "2026-01-01"}), ("seen_film", {}), ("watchlist_film", {}), ("favorite", {})],
)
def test_what_is_on_a_shelf_is_not_recommended(shop: Community, table: str, columns: dict[str, object]) -> None:
    person = shop.user()
    like(shop, person, LIKED)
    assert "tt2" in for_you(shop, person)
    put(shop, person, table, BY_DIRECTOR, **columns)
    assert "tt2" not in for_you(shop, person), "seen at once"


def test_what_one_has_rented_is_not_recommended(shop: Community) -> None:
    person = shop.user()
    like(shop, person, LIKED)
    assert "tt2" in for_you(shop, person)
    put_card(shop.database_url)
    cookies = session_of(shop.database_url, person.person)
    with closing(httpx.Client(base_url=shop.server.base_url, cookies=cookies, trust_env=False)) as client:
        buy(client, "tt2", 1)
    assert set(for_you(shop, person)) == {"tt3"}


def test_what_is_rated_low_is_not_liked(shop: Community) -> None:
    person = shop.user()
    put(shop, person, "favorite", LIKED)
    put(shop, person, "rating", LIKED, rating=3, updated="2026-01-01")
    assert for_you(shop, person) == {}, "stars say more than a favourite"


def test_what_enough_others_like(shop: Community) -> None:
    person = shop.user()
    like(shop, person, LIKED)
    others_like(shop, MIN_PEOPLE, LIKED, BY_OTHERS)
    found = for_you(shop, person)
    assert found["tt4"] == "Others liked it who liked Liked"
    assert list(found) == ["tt4", "tt2", "tt3"]


def test_fewer_others_would_tell_of_single_people(shop: Community) -> None:
    """The person's own like does not make up for it, nor one who likes the one film without the other."""
    person = shop.user()
    like(shop, person, LIKED)
    others_like(shop, MIN_PEOPLE - 1, LIKED, BY_OTHERS)
    others_like(shop, 3, LIKED)
    others_like(shop, 3, BY_OTHERS)
    assert "tt4" not in for_you(shop, person)
    others_like(shop, 1, LIKED, BY_OTHERS)
    put(shop, person, "watchlist_film", UNRELATED)
    assert "tt4" in for_you(shop, person)


def test_nobody_else_sees_it(shop: Community) -> None:
    like(shop, shop.user(), LIKED)
    assert for_you(shop, shop.user()) == {}
    assert "for-you" not in shop.server.get("/").text


def test_a_film_of_the_shops_own_number_is_liked_like_any(shop: Community) -> None:
    person = shop.user()
    with psycopg.connect(shop.database_url) as conn:
        conn.execute("INSERT INTO film_number (film_id) VALUES ('tt1') ON CONFLICT DO NOTHING")
        row = conn.execute("SELECT number FROM film_number WHERE film_id = 'tt1'").fetchone()
    assert row
    like(shop, person, row[0])
    assert set(for_you(shop, person)) == {"tt2", "tt3"}


def test_no_liked_film_takes_all_places() -> None:
    found = [Because(no, "one", others=False) for no in range(40)] + [Because(99, "other", others=False)]
    varied = _varied(found)
    assert [because.no for because in varied[: PER_SEED + 1]] == [*range(PER_SEED), 99]
    assert len(varied) == SIZE
