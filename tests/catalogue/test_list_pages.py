"""What every list page has in common; home, genres and people. What the API lists is what they must show."""

import contextlib
from collections.abc import Iterator
from urllib.parse import parse_qs, quote

import httpx
import pytest
from tests.catalogue.conftest import Catalogue
from tests.catalogue.list_pages import HOSTILE, Page, look, parameters
from tests.catalogue.oracle import Star
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.current_edition import connect
from tests.responses import data_of, ids_of
from tests.sandbox import Sandbox
from tests.users import open_account, signed_in

NOTICE = "This product uses the TMDB API but is not endorsed or certified by TMDB."
PAGES = ["/", "/films", "/films?startsWith=b", "/genres", "/stars", "/search", "/search?query=batman"]


@pytest.fixture(scope="module")
def empty(make_database: MakeDatabase, serve_here: ServeHere) -> httpx.Client:
    return serve_here(make_database()).client


@pytest.fixture(scope="module")
def tmdb() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def database(make_database: MakeDatabase) -> str:
    return make_database(films=True)


# --- every page ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_public_compressed_and_revalidated(shop: httpx.Client, path: str) -> None:
    answer = shop.get(path)
    assert Page(answer).h1
    assert answer.headers["cache-control"] == "public, no-cache"
    assert answer.headers["vary"] == "Cookie, Accept-Encoding"
    assert answer.headers["content-encoding"] == "gzip"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    again = shop.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = shop.head(path)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", answer.headers["etag"])


def test_a_page_shows_who_is_signed_in_and_nobody_keeps_that(database: str, serve_here: ServeHere) -> None:
    server = serve_here(database).client
    with contextlib.closing(signed_in(server, open_account(database))) as client:
        for path in PAGES:
            answer = client.get(path)
            assert Page(answer).links["Mary"] == "/account"
            assert answer.headers["cache-control"] == "no-store"
            assert "etag" not in answer.headers
            assert "Mary" not in look(server, path).links


@pytest.mark.parametrize("path", [*PAGES, "/films?yearFrom=2000", "/stars?name=a"])
def test_an_empty_catalogue_is_told_to_its_owner(empty: httpx.Client, path: str) -> None:
    page = look(empty, path)
    assert page.films == []
    if path in {"/", "/films", "/genres", "/stars"}:
        assert "filmer import demo" in page.text


@pytest.mark.parametrize("path", ["/films?page=0", "/films?page=x", "/films?sortBy=votes", "/genres/1?order=up"])
def test_what_no_form_of_ours_sends_is_refused(shop: httpx.Client, path: str) -> None:
    assert look(shop, path, 400).meta["robots"] == "noindex"


@pytest.mark.parametrize("path", ["/films?page=99", "/films?startsWith=b&page=99", "/search?query=batman&page=99"])
def test_a_page_past_the_end_leads_back(shop: httpx.Client, path: str) -> None:
    page = look(shop, path)
    assert page.films == []
    assert "There is no page 99" in page.of("h2")
    assert look(shop, page.links["To its last page"]).films


@pytest.mark.parametrize(
    "path", ["/search?query=", "/search?title=", "/films?genreId=", "/films?yearFrom=", "/stars?name="]
)
def test_what_is_typed_stays_text(shop: httpx.Client, path: str) -> None:
    answer = shop.get(path + quote(HOSTILE))
    page = Page(answer, 400 if path.startswith("/films") else 200)
    assert page.scripts == look(shop, "/genres").scripts
    assert "<script>alert" not in answer.text
    if not path.startswith("/films?genreId"):
        assert HOSTILE in page.fields.values()


# --- home ----------------------------------------------------------------------------------------------


def test_home_shows_the_newest_and_the_best(shop: httpx.Client) -> None:
    page = look(shop, "/")
    newest, best = page.films[:12], page.films[12:]
    assert newest == ids_of(shop.get("/api/v1/movies?sortBy=year&order=desc&size=12"))
    assert best == ids_of(shop.get("/api/v1/movies?sortBy=rating&order=desc&size=12"))
    assert "24 films" in page.text
    assert page.links["Browse all films"] == "/films"
    assert page.canonical.endswith("/")


def test_home_leads_to_the_genres(shop: httpx.Client, genres: dict[str, int]) -> None:
    page = look(shop, "/")
    assert page.links["Drama 13 films"] == f"/genres/{genres['Drama']}"
    assert page.links["western 1 film"] == f"/genres/{genres['western']}"


def test_home_of_many_films_shows_the_newest_and_best_of_those_that_many_rated(catalogue: Catalogue) -> None:
    page = look(catalogue.client, "/")
    assert "films that most people have rated" in page.text
    films = {film: data_of(catalogue.client.get(f"/api/v1/movies/{film}")) for film in page.films}
    years = [films[film]["year"] for film in page.films[:12]]
    ratings = [films[film]["rating"] for film in page.films[12:]]
    assert years == sorted(years, reverse=True)
    assert ratings == sorted(ratings, reverse=True)
    thousandth = data_of(catalogue.client.get("/api/v1/movies?sortBy=rating&order=desc&size=1"))["items"][0]
    assert min(film["numVotes"] for film in films.values()) > 0
    assert ratings[0] <= thousandth["rating"]


def test_without_tmdb_home_shows_nothing_popular_and_is_kept(shop: httpx.Client) -> None:
    page = look(shop, "/")
    assert "Popular now" not in page.of("h2")
    assert NOTICE not in page.text


def with_tmdb(serve_here: ServeHere, database: str, tmdb: Sandbox, **environment: str) -> httpx.Client:
    """A shop that keeps no answers; under another language it has no copies of what another one asked."""
    settings = {"TMDB_BASE_URL": tmdb.url, "TMDB_API_KEY": "sandbox", "CACHE_DURATION_SECONDS": "0"}
    return serve_here(database, **settings, **environment).client


def test_home_does_not_wait_for_popular_films_and_shows_them_once_they_are_there(
    database: str, serve_here: ServeHere, tmdb: Sandbox
) -> None:
    tmdb.fail("latency", path="/3/movie/popular", times=1, seconds=2)
    client = with_tmdb(serve_here, database, tmdb)
    first = client.get("/")
    assert "Popular now" not in Page(first).of("h2")
    assert first.headers["cache-control"] == "no-store"
    popular = client.get("/api/movies/popular").json()["results"]  # which waits for what the page began
    answer = client.get("/")
    page = Page(answer)
    with_ids = {278: "tt0111161", 155: "tt0468569", 27205: "tt1375666", 194: "tt0211915", 129: "tt0245429"}
    with_ids |= {272: "tt0372784", 268: "tt0096895", 387: "tt0082096", 1949: "tt0000009", 422: "tt0000011"}
    here = [with_ids[film["id"]] for film in popular if film["id"] in with_ids]
    assert here
    assert page.of("h2")[0] == "Popular now"
    assert page.films == [*here, *page.films[-24:]]
    assert page.links["All popular films"] == "/popular"
    assert NOTICE in page.text
    assert answer.headers["cache-control"] == "public, no-cache"


def test_home_does_without_tmdb_while_it_fails(database: str, serve_here: ServeHere, tmdb: Sandbox) -> None:
    tmdb.fail("401", path="/3/movie/popular")
    client = with_tmdb(serve_here, database, tmdb, TMDB_LANGUAGE="en-NZ")
    for _ in range(2):
        answer = client.get("/")
        assert "Popular now" not in Page(answer).of("h2")
        assert len(Page(answer).films) == 24
        assert answer.headers["cache-control"] == "no-store"
    tmdb.heal()


# --- genres --------------------------------------------------------------------------------------------


def test_genres_are_told_with_their_numbers(catalogue: Catalogue) -> None:
    page = look(catalogue.client, "/genres")
    for genre, name in catalogue.genres.items():
        total = data_of(catalogue.client.get(f"/api/v1/genres/{genre}/movies"))["totalItems"]
        assert page.links[f"{name} {total:,} films"] == f"/genres/{genre}"


def test_a_genre_lists_its_films(catalogue: Catalogue) -> None:
    genre, name = next(iter(catalogue.genres.items()))
    first = look(catalogue.client, f"/genres/{genre}?sortBy=year&order=desc")
    second = look(catalogue.client, first.links["Next"])
    wanted = f"/api/v1/genres/{genre}/movies?sortBy=year&order=desc&size=48"
    assert first.films + second.films == ids_of(catalogue.client.get(wanted))
    assert first.h1 == name
    assert first.links["Genres"] == "/genres"
    assert first.canonical.endswith(f"/genres/{genre}?sortBy=year&order=desc")
    assert "Newest first" in first.current


@pytest.mark.parametrize("genre", ["0", "-1", "99999", "x", "01", "9" * 30, "1.5"])
def test_no_genre_of_this_number(shop: httpx.Client, genre: str) -> None:
    look(shop, f"/genres/{genre}", 404)


# --- people --------------------------------------------------------------------------------------------


def described(person: Star, films: int) -> str:
    """A row of the page."""
    return f"{' '.join(person.name.split())} {person.born or 'not known'} {films}"


@pytest.mark.parametrize("query", ["", "sortBy=known&order=desc", "name=zo%C3%AB", "name=an", "name=j"])
def test_the_best_known_people_come_first(catalogue: Catalogue, query: str) -> None:
    """contract §3.6, whichever way to the page search takes."""
    name = parse_qs(query).get("name", [""])[0]
    oracle = catalogue.oracle
    people = oracle.best_known(star for star in oracle.named(name) if oracle.plays[star.id])
    page = look(catalogue.client, f"/stars?{query}")
    second = look(catalogue.client, page.links["Next"])
    rows = [described(star, len(oracle.plays[star.id])) for star in people]
    assert page.of("tr")[1:] + second.of("tr")[1:] == rows[:48]
    assert "Best known first" in page.current
    assert parameters(page.links["Next"]) == {**({"name": [name]} if name else {}), "page": ["2"]}
    last = (len(rows) - 1) // 24
    assert look(catalogue.client, f"/stars?{query}&page={last + 1}").of("tr")[1:] == rows[last * 24 :]
    assert parameters(page.links["Name A to Z"])["sortBy"] == ["name"]


def test_a_catalogue_of_an_older_version_lists_people_by_name(database: str, serve_here: ServeHere) -> None:
    """It was imported before there was an order of who is known, and the next import brings it."""
    with connect(database) as conn:
        conn.execute("DELETE FROM listing WHERE list = 'stars' AND sort = 'known'")
        conn.execute("UPDATE star SET known_desc = NULL")
    client = serve_here(database, CACHE_DURATION_SECONDS="0").client
    for path, expected in (("/stars", ""), ("/stars?name=a", "name=a&"), ("/search?query=an", "name=an&")):
        page = look(client, path)
        stars = ids_of(client.get(f"/api/v1/stars?{expected}size=24"))
        shown = [address for address in page.addresses if address.startswith("/stars/")]
        assert shown == [f"/stars/{star}" for star in stars][: len(shown)]
        assert shown
        assert path.startswith("/search") or "Name A to Z" in page.current
    import_films(database)
    assert "Best known first" in look(client, "/stars").current


@pytest.mark.parametrize("query", ["sortBy=name", "sortBy=birthYear&order=desc", "name=nolan&sortBy=birthYear"])
def test_stars_are_the_apis(catalogue: Catalogue, query: str) -> None:
    page = look(catalogue.client, f"/stars?{query}")
    stars = data_of(catalogue.client.get(f"/api/v1/stars?{query}&size=24"))
    rows = [
        f"{' '.join(star['name'].split())} {star['birthYear'] or 'not known'} {star['movieCount']}"
        for star in stars["items"]
    ]
    assert page.of("tr")[1:] == rows
    assert f"{stars['totalItems']:,} people" in page.text
    asked = parse_qs(query)
    assert parameters(page.links["Next"]) == {**asked, "page": ["2"]}


def test_the_name_is_kept_and_can_be_dropped(shop: httpx.Client) -> None:
    page = look(shop, "/stars?name=freeman&sortBy=birthYear")
    assert (page.fields["name"], page.fields["sortBy"]) == ("freeman", "birthYear")
    assert page.links["Show everybody"] == "/stars"
    assert page.links["Morgan Freeman"] == "/stars/nm0000151"
    assert "Nobody of this name" in look(shop, "/stars?name=zzzz").of("h2")
    assert look(shop, "/stars?name=%20").h1 == "People"
