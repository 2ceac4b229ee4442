"""The catalogue's list pages: home, browsing, search, genres, people. What the API lists is what they must show."""

import contextlib
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from tests.answers import data_of, ids_of
from tests.catalogue.conftest import Catalogue
from tests.conftest import MakeDatabase, Serve, import_films
from tests.people import open_account, signed_in
from tests.sandbox import Sandbox

SIZE = 24
NOTICE = "This product uses the TMDB API but is not endorsed or certified by TMDB."
HOSTILE = "<script>alert(1)</script>\"'&"
PAGES = ["/", "/films", "/films?startsWith=b", "/genres", "/stars", "/search", "/search?query=batman"]


class Page(HTMLParser):
    """What stands in a page."""

    def __init__(self, answer: httpx.Response, status: int = 200) -> None:
        super().__init__()
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        self.films: list[str] = []  # ids of the films in grids
        self.links: dict[str, str] = {}  # addresses by their text
        self.addresses: list[str] = []  # all of them
        self.current: list[str] = []  # texts of links that say "here we are"
        self.fields: dict[str, str] = {}
        self.chosen: dict[str, str] = {}  # by select
        self.meta: dict[str, str] = {}
        self.canonical = ""
        self.scripts = 0
        self.is_open = False  # the details
        self._texts: list[tuple[str, list[str]]] = [("", [])]
        self._by_tag: dict[str, list[str]] = {}
        self._link: dict[str, str] = {}
        self._select = ""
        self.feed(answer.text)
        self.text = " ".join(" ".join(self._texts[0][1]).split())

    def of(self, tag: str) -> list[str]:
        """The texts of all elements of this tag."""
        return self._by_tag.get(tag, [])

    @property
    def h1(self) -> str:
        (found,) = self.of("h1")
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._link = told
            self.addresses.append(told["href"])
        elif tag == "img" and told.get("class") == "poster":
            self.films.append(self._link["href"].removeprefix("/films/"))
        elif tag == "input":
            self.fields[told["name"]] = told.get("value", "")
        elif tag == "select":
            self._select = told["name"]
        elif tag == "option" and ("selected" in told or self._select not in self.chosen):
            self.chosen[self._select] = told["value"]
        elif tag == "meta" and "name" in told:
            self.meta[told["name"]] = told["content"]
        elif tag == "link" and told.get("rel") == "canonical":
            self.canonical = told["href"]
        elif tag == "script":
            self.scripts += 1
        elif tag == "details":
            self.is_open = "open" in told
        if tag in {"a", "h1", "h2", "title", "tr", "li", "p"}:
            self._texts.append((tag, []))

    def handle_endtag(self, tag: str) -> None:
        if self._texts[-1][0] != tag:
            return
        text = " ".join("".join(self._texts.pop()[1]).split())
        self._texts[-1][1].append(f" {text} ")
        self._by_tag.setdefault(tag, []).append(text)
        if tag == "a":
            self.links.setdefault(text, self._link["href"])
            if "aria-current" in self._link:
                self.current.append(text)

    def handle_data(self, data: str) -> None:
        self._texts[-1][1].append(data)


def look(client: httpx.Client, address: str, status: int = 200) -> Page:
    return Page(client.get(address), status)


def parameters(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address).query)


@pytest.fixture(scope="module")
def empty(make_database: MakeDatabase, serve: Serve) -> httpx.Client:
    return serve(make_database()).client


@pytest.fixture(scope="module")
def tmdb() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def database(make_database: MakeDatabase) -> str:
    url = make_database()
    import_films(url)
    return url


@pytest.fixture
def genres(shop: httpx.Client) -> dict[str, int]:
    return {genre["name"]: genre["id"] for genre in data_of(shop.get("/api/v1/genres"))["items"]}


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


def test_a_page_shows_who_is_signed_in_and_nobody_keeps_that(database: str, serve: Serve) -> None:
    server = serve(database).client
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


def with_tmdb(serve: Serve, database: str, tmdb: Sandbox, **environment: str) -> httpx.Client:
    """A shop that keeps no answers; under another language it has no copies of what another one asked."""
    settings = {"TMDB_BASE_URL": tmdb.url, "TMDB_API_KEY": "sandbox", "CACHE_DURATION_SECONDS": "0"}
    return serve(database, **settings, **environment).client


def test_home_does_not_wait_for_popular_films_and_shows_them_once_they_are_there(
    database: str, serve: Serve, tmdb: Sandbox
) -> None:
    tmdb.fail("latency", path="/3/movie/popular", times=1, seconds=2)
    client = with_tmdb(serve, database, tmdb)
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


def test_home_does_without_tmdb_while_it_fails(database: str, serve: Serve, tmdb: Sandbox) -> None:
    tmdb.fail("401", path="/3/movie/popular")
    client = with_tmdb(serve, database, tmdb, TMDB_LANGUAGE="en-NZ")
    for _ in range(2):
        answer = client.get("/")
        assert "Popular now" not in Page(answer).of("h2")
        assert len(Page(answer).films) == 24
        assert answer.headers["cache-control"] == "no-store"
    tmdb.heal()


# --- browsing ------------------------------------------------------------------------------------------


def test_all_films_are_there_page_by_page(catalogue: Catalogue) -> None:
    address, seen = "/films", list[str]()
    for _ in range(3):
        page = look(catalogue.client, address)
        seen += page.films
        address = page.links["Next"]
    assert seen == ids_of(catalogue.client.get("/api/v1/movies?size=72"))
    assert "6,500 films" in page.text
    assert parameters(address) == {"page": ["4"]}
    assert parameters(page.links["Previous"]) == {"page": ["2"]}


@pytest.mark.parametrize("sort", ["title", "year", "rating"])
@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("letter", ["", "b", "É", "*"])
def test_letters_and_orders_are_the_apis(shop: httpx.Client, sort: str, order: str, letter: str) -> None:
    query = f"sortBy={sort}&order={order}" + (f"&startsWith={quote(letter)}" if letter else "")
    page = look(shop, f"/films?{query}")
    assert page.films == ids_of(shop.get(f"/api/v1/movies?{query}&size=24"))
    assert [text for text in page.current if len(text) == 1] == (
        [{"b": "B", "É": "E"}[letter]] if letter in "bÉ" and letter else []
    )
    assert ("* (beyond A to Z)" in page.current) == (letter == "*")


def test_the_order_links_keep_the_letter_and_the_letters_keep_the_order(shop: httpx.Client) -> None:
    page = look(shop, "/films?startsWith=b&sortBy=year&order=desc")
    assert "Newest first" in page.current
    assert parameters(page.links["Best rated first"]) == {
        "startsWith": ["B"], "sortBy": ["rating"], "order": ["desc"],
    }  # fmt: skip
    assert parameters(page.links["Z"]) == {"startsWith": ["Z"], "sortBy": ["year"], "order": ["desc"]}
    assert page.links["Show all films"] == "/films"


@pytest.mark.parametrize("query", ["genreId={drama}", "genreId={drama}&yearFrom=2000", "yearFrom=1980&yearTo=1990"])
@pytest.mark.parametrize("letter", ["", "&startsWith=b"])
def test_genre_and_years_hold_and_a_letter_beside_them_does_not(
    shop: httpx.Client, genres: dict[str, int], query: str, letter: str
) -> None:
    query = query.format(drama=genres["Drama"])
    page = look(shop, f"/films?{query}{letter}")
    assert page.films == ids_of(shop.get(f"/api/v1/search/movies?{query}&size=24"))
    assert "B" not in page.current
    assert page.h1 != "All films"
    assert parameters(page.links["B"]) == {"startsWith": ["B"]}
    assert "startsWith" not in page.canonical
    assert page.fields.get("startsWith") is None
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    assert page.chosen["genreId"] == asked.get("genreId", "")
    assert (page.fields["yearFrom"], page.fields["yearTo"]) == (asked.get("yearFrom", ""), asked.get("yearTo", ""))


@pytest.mark.parametrize(
    ("query", "heading"),
    [
        ("", "All films"),
        ("genreId={drama}", "Films: Drama"),
        ("genreId={drama}&yearFrom=1990&yearTo=1999", "Films: Drama, 1990 to 1999"),
        ("yearFrom=1990", "Films: from 1990 on"),
        ("yearTo=1990", "Films: up to 1990"),
        ("yearFrom=1990&yearTo=1990", "Films: 1990"),
        ("startsWith=b&yearTo=1990", "Films: up to 1990"),
        ("startsWith=b", "Titles that begin with B"),
        ("startsWith=*", "Titles beyond A to Z"),
        ("genreId=99999", "Films: a genre that no film has"),
    ],
)
def test_the_page_says_which_films_it_shows(
    shop: httpx.Client, genres: dict[str, int], query: str, heading: str
) -> None:
    page = look(shop, f"/films?{query.format(drama=genres['Drama'])}")
    assert page.h1 == heading
    assert page.of("title") == [f"{heading} · filmer"]


def test_the_form_keeps_the_order_and_its_blanks_ask_nothing(shop: httpx.Client, genres: dict[str, int]) -> None:
    drama = genres["Drama"]
    page = look(shop, f"/films?genreId={drama}&yearFrom=&yearTo=&sortBy=rating&order=desc&utm_source=a")
    assert page.films == ids_of(shop.get(f"/api/v1/genres/{drama}/movies?sortBy=rating&order=desc"))
    assert (page.fields["sortBy"], page.fields["order"]) == ("rating", "desc")
    assert parameters(page.canonical) == {"sortBy": ["rating"], "order": ["desc"], "genreId": [str(drama)]}


def test_pages_of_a_filter_keep_it(catalogue: Catalogue) -> None:
    genre = next(iter(catalogue.genres))
    first = look(catalogue.client, f"/films?genreId={genre}&yearFrom=1950&sortBy=rating&order=desc")
    second = look(catalogue.client, first.links["Next"])
    wanted = f"/api/v1/search/movies?genreId={genre}&yearFrom=1950&sortBy=rating&order=desc&size=48"
    assert first.films + second.films == ids_of(catalogue.client.get(wanted))


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("yearFrom=x", "yearFrom", "must be a whole number"),
        ("yearTo=10000", "yearTo", "must be at most 9999"),
        ("genreId=0", "genreId", "must be at least 1"),
        ("yearFrom=2001&yearTo=2000", "yearFrom", "must not be after the year it goes up to"),
    ],
)
@pytest.mark.parametrize("path", ["/films", "/search"])
def test_what_is_wrong_stands_beside_its_field(
    shop: httpx.Client, path: str, query: str, field: str, reason: str
) -> None:
    answer = shop.get(f"{path}?{query}&sortBy=year")
    page = Page(answer, 400)
    assert f'id="{field}-error">This {reason}.<' in answer.text
    assert f'aria-describedby="{field}-error"' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert page.films == []
    for name, values in parse_qs(query).items():
        assert page.fields.get(name, values[0]) == values[0]


def test_a_letter_or_filter_that_nothing_fits_leads_on(shop: httpx.Client) -> None:
    for query in ("startsWith=q", "yearFrom=2024", "genreId=99999"):
        page = look(shop, f"/films?{query}")
        assert page.films == []
        assert "0 films" in page.text
        assert page.links["All films"] == "/films"


# --- search --------------------------------------------------------------------------------------------


def test_a_search_that_asks_nothing_invites(shop: httpx.Client) -> None:
    for query in ("", "?query=", "?query=+&title=+&genreId=&sortBy=relevance&order=asc"):
        page = look(shop, f"/search{query}")
        assert page.h1 == "Search"
        assert page.films == []
        assert page.is_open
        assert "No film found" not in page.text
        assert any(text.startswith("Drama") for text in page.links)


@pytest.mark.parametrize(
    ("query", "api"),
    [
        ("query=batman", "query=batman&sortBy=relevance"),
        ("query=batman&sortBy=title", "query=batman"),
        ("query=batman&sortBy=rating&order=desc", "query=batman&sortBy=rating&order=desc"),
        ("title=batman", "title=batman"),
        ("title=batman&sortBy=relevance", "title=batman"),
        ("director=nolan&star=bale", "director=nolan&star=bale"),
        ("query=nolan&yearFrom=2006&yearTo=2010", "query=nolan&yearFrom=2006&yearTo=2010&sortBy=relevance"),
        ("year=2005&order=desc", "year=2005&order=desc"),
        ("query=nolan+batm", "query=nolan+batm&sortBy=relevance"),
    ],
)
def test_a_search_finds_what_the_api_finds(shop: httpx.Client, query: str, api: str) -> None:
    page = look(shop, f"/search?{query}")
    expected = ids_of(shop.get(f"/api/v1/search/movies?{api}&size=24"))
    assert page.films == expected
    assert f"{len(expected)} film" in page.text
    assert page.meta["robots"] == "noindex"


def test_the_box_and_the_form_show_what_was_searched(shop: httpx.Client, genres: dict[str, int]) -> None:
    drama = genres["Drama"]
    answer = shop.get(f"/search?query=nolan&title=batman&genreId={drama}&yearFrom=2000&sortBy=year&order=desc")
    page = Page(answer)
    assert answer.text.count('name="query" value="nolan"') == 2
    assert (page.fields["title"], page.fields["yearFrom"]) == ("batman", "2000")
    assert page.chosen == {"genreId": str(drama), "sortBy": "year", "order": "desc"}
    assert "1 film for “nolan”, title “batman”, Drama, from 2000 on" in page.text
    assert page.is_open
    assert not look(shop, "/search?query=nolan").is_open


def test_people_of_the_name_come_first(catalogue: Catalogue) -> None:
    page = look(catalogue.client, "/search?query=Zo%C3%AB")
    stars = data_of(catalogue.client.get("/api/v1/stars?name=zoe&size=5"))
    assert stars["totalItems"] > 5
    shown = [address for address in page.addresses if address.startswith("/stars/")]
    assert shown == [f"/stars/{star['id']}" for star in stars["items"]]
    assert page.of("h2")[:2] == ["People", "Films"]
    more = page.links[f"All {stars['totalItems']:,} of this name"]
    assert look(catalogue.client, more).h1 == "People named “Zoë”"
    for other in ("&page=2", "&year=1990"):
        assert "People" not in look(catalogue.client, f"/search?query=Zo%C3%AB{other}").of("h2")


def test_pages_of_a_search_keep_it(catalogue: Catalogue) -> None:
    first = look(catalogue.client, "/search?query=batman&title=&yearFrom=1950&page=1")
    second = look(catalogue.client, first.links["Next"])
    wanted = "/api/v1/search/movies?query=batman&yearFrom=1950&sortBy=relevance&size=48"
    assert first.films + second.films == ids_of(catalogue.client.get(wanted))
    assert parameters(first.links["Next"]) == {"query": ["batman"], "yearFrom": ["1950"], "page": ["2"]}


@pytest.mark.parametrize("query", ["query=zzzz", "query=!!!", "query=batman&year=1900", "director=zzzz"])
def test_nothing_found_helps(shop: httpx.Client, query: str) -> None:
    page = look(shop, f"/search?{query}")
    assert "No film found" in page.of("h2")
    assert "0 films" in page.text
    assert any(text.startswith("Drama") for text in page.links)
    if "year" in query:
        assert look(shop, page.links["Search without the filters"]).films


@pytest.mark.parametrize("query", ["query=%00", "query=%FF", "query=a&query=b", "title=a&title=b"])
def test_text_that_is_none_is_told(shop: httpx.Client, query: str) -> None:
    answer = shop.get(f"/search?{query}")
    assert Page(answer, 400).films == []
    assert f'id="{query.partition("=")[0]}-error"' in answer.text


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


@pytest.mark.parametrize("query", ["", "sortBy=birthYear&order=desc", "name=zo%C3%AB", "name=nolan&sortBy=birthYear"])
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
