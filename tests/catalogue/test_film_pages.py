"""The page of a film: /films/{id}."""

import asyncio
import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from tests.catalogue.film_pages import (
    AMELIE,
    BATMAN_BEGINS,
    DARK_KNIGHT,
    HOSTILE,
    PROLIFIC,
    FilmSite,
    Page,
    film_site,
    page,
    section,
)
from tests.community.conftest import FIGHT_CLUB, SHAWSHANK
from tests.conftest import ServeHere, import_films
from tests.current_edition import connect
from tests.sandbox import sandbox, shared_sandbox
from tests.server_processes import eventually
from tests.users import open_account, signed_in, token_of, visitor

from filmer.accounts.schemas import User
from filmer.catalogue import film_queries
from filmer.catalogue.schemas import FIRST_OWN, Film, Person
from filmer.formats import Formats
from filmer.store.postgres import Connection
from filmer.storefront import linked_data

__all__ = ["film_site", "sandbox", "shared_sandbox"]


@pytest.fixture
def person(film_site: FilmSite) -> User:
    return open_account(film_site.database_url)


@pytest.fixture
def browser(film_site: FilmSite, person: User) -> Iterator[httpx.Client]:
    """Somebody signed in."""
    with closing(signed_in(film_site.client, person)) as client:
        yield client


# --- a film -----------------------------------------------------------------------------------------


def test_a_film_shows_everything_the_catalogue_knows(film_site: FilmSite) -> None:
    found = page(film_site.client, f"/films/{AMELIE}")
    for known in (
        "Amélie", "Original title: Le fabuleux destin d'Amélie Poulain", "2001", "2 h 2 min", "Comedy", "Romance",
        "8.3", "760,000 votes", "Rent for $3.99", "Director Jean-Pierre Jeunet", "Released 25 April 2001",
        "Audrey Tautou born 1976", "Mathieu Kassovitz born 1967", "Rufus born 1942",
    ):  # fmt: skip
        assert known in found.plain
    director, *cast = found.links("/stars/")
    assert cast == ["/stars/nm0851582", "/stars/nm0440913", "/stars/nm0749363"]
    assert page(film_site.client, director).plain.count("Jean-Pierre Jeunet")
    assert len(found.links("/genres/")) == 2
    assert found.all("h1") == [{}]
    assert found.all("img", src=f"/posters/{AMELIE}") == [
        {
            "class": "poster",
            "src": f"/posters/{AMELIE}",
            "width": "300",
            "height": "450",
            "alt": "",
            "decoding": "async",
        }
    ]


def test_the_overview_is_the_shops_own(film_site: FilmSite) -> None:
    assert (
        page(film_site.client, "/films/tt0111161").meta("description")
        == "Two men in a prison keep hope alive for decades."
    )


def test_without_an_overview_the_description_is_made_of_the_facts(film_site: FilmSite) -> None:
    assert page(film_site.client, f"/films/{BATMAN_BEGINS}").meta("description") == (
        "Batman Begins: a film of 2005, directed by Christopher Nolan, "
        "with Christian Bale, Michael Caine, Morgan Freeman."
    )


def test_a_long_overview_is_cut_in_the_description_alone(film_site: FilmSite) -> None:
    found = page(film_site.client, "/films/wordy")
    description = found.meta("description") or ""
    assert description.endswith("long…")
    assert len(description) <= 300
    assert found.plain.count("long") == 400


def test_a_film_without_a_price_costs_the_default(film_site: FilmSite) -> None:
    assert "Rent for $4.99" in page(film_site.client, f"/films/{BATMAN_BEGINS}").plain


def test_a_film_with_nothing_but_a_title(film_site: FilmSite) -> None:
    found = page(film_site.client, "/films/bare")
    assert found.meta("og:title") == "Bare"
    assert found.meta("description") == "Bare: a film."
    assert found.described == {
        "@context": "https://schema.org",
        "@type": "Movie",
        "name": "Bare",
        "url": "/films/bare",
        "image": "/posters/bare",
    }
    main = found.plain.partition("Home Films")[2]
    assert "None" not in main
    assert not [word for word in ("Cast", "Director", "Released", "More", "Original title", "Rated") if word in main]
    assert "Rent for $4.99" in main


def test_forms_say_what_the_apis_ask_for_and_lead_back(film_site: FilmSite) -> None:
    found = page(film_site.client, "/films/tt0111161")
    forms = [has for has in found.all("form") if has.get("method") == "post"]
    assert [has["action"] for has in forms] == ["/cart/items", "/favorites", "/watchlist", "/seen", "/ratings"]
    # The page of a visitor who is not signed in is everybody's: it can't show what is in their cart, which is next.
    assert ["data-inline" in has for has in forms] == [False, True, True, True, True]
    hidden = [(has["name"], has["value"]) for has in found.all("input", type="hidden")]
    back = ("next", "/films/tt0111161")
    assert hidden == [("movieId", "tt0111161"), back, *[("movie_id", "278"), back] * 4]
    (quantity,) = found.all("input", name="quantity")
    assert (quantity["value"], quantity["min"], quantity["max"]) == ("1", "1", "10")
    radios = found.all("input", type="radio", name="rating")
    assert [float(has["value"] or "") for has in radios] == [half / 2 for half in range(1, 11)]
    labelled = {has["for"] for has in found.all("label")}
    assert {has["id"] for has in (*radios, quantity)} <= labelled


def test_a_film_tmdb_is_not_known_to_have_is_kept_under_a_number_of_the_shop_s(film_site: FilmSite) -> None:
    """contract §14.2"""
    found = page(film_site.client, "/films/tt0000012")
    numbers = {has["value"] or "" for has in found.all("input", name="movie_id")}
    assert len(numbers) == 1
    assert int(numbers.pop()) >= FIRST_OWN


def test_a_tmdb_id_that_was_found_later_is_as_good(film_site: FilmSite) -> None:
    with connect(film_site.database_url) as conn:
        conn.execute("INSERT INTO tmdb_link (film_id, tmdb_id, looked) VALUES ('linked', 4711, now())")
    found = page(film_site.client, "/films/linked")
    assert len(found.all("input", name="movie_id", value="4711")) == 4


def test_an_id_with_signs_in_it_stays_whole_in_addresses(film_site: FilmSite) -> None:
    found = page(film_site.client, "/films/odd%25%3C1")
    assert found.all("input", name="next")[0]["value"] == "/films/odd%25%3C1"
    assert found.all("input", name="movieId")[0]["value"] == "odd%<1"
    assert found.all("link", rel="canonical")[0]["href"] == "/films/odd%25%3C1"
    assert found.described["url"] == "/films/odd%25%3C1"


def test_other_films_share_most_of_the_cast_then_have_most_votes(film_site: FilmSite) -> None:
    """Bale, Caine and Freeman were in The Dark Knight; one of them each in the other two."""
    html = film_site.client.get(f"/films/{BATMAN_BEGINS}").text
    assert section(html, "alike").links("/films/") == [
        f"/films/{DARK_KNIGHT}", "/films/tt0111161", "/films/tt1375666"
    ]  # fmt: skip


def test_only_the_leading_five_bring_other_films(film_site: FilmSite) -> None:
    html = film_site.client.get("/films/six").text
    assert section(html, "alike").links("/films/") == ["/films/fifth"]
    assert "More with the same people" in html


def test_of_a_thousand_other_films_twelve_are_shown(film_site: FilmSite) -> None:
    """All of 2009's have been in with Side Kick of number % 7 too: those come first, most votes first."""
    html = film_site.client.get("/films/p999").text
    shared = [f"/films/p{number}" for number in range(PROLIFIC - 2, 0, -1) if number % 7 == 999 % 7]
    assert section(html, "alike").links("/films/") == shared[:12]


def test_a_directors_other_films_are_theirs_and_nobody_elses(film_site: FilmSite) -> None:
    html = film_site.client.get("/films/ann1").text
    found = section(html, "directed")
    assert found.links("/films/") == ["/films/ann2", "/films/tt0000004"]
    assert "More by Ann O'Hara" in found.plain


@pytest.mark.parametrize(("film", "other"), [("cyr1", "cyr2"), ("ang1", "ang2"), ("ang2", None), ("lo1", None)])
def test_a_director_is_found_in_any_script(film_site: FilmSite, film: str, other: str | None) -> None:
    """The first of several is asked for; not one whose name is a letter or two."""
    html = film_site.client.get(f"/films/{film}").text
    found = section(html, "directed").links("/films/") if 'id="directed"' in html else [None]
    assert found == [f"/films/{other}" if other else None]


@pytest.mark.parametrize("kind", ["film", "star"])
@pytest.mark.parametrize("identifier", ["tt9999999", "t" * 11, "%00", "%FF", "'", "..%2e", "%F0%9F%8E%AC" * 20])
def test_what_is_not_there_is_a_404_that_says_so(film_site: FilmSite, kind: str, identifier: str) -> None:
    answer = film_site.client.get(f"/{kind}s/{identifier}")
    assert answer.status_code == 404
    assert f"There is no {kind} " in answer.text
    assert answer.headers["cache-control"] == "no-store"


# --- what programs read -------------------------------------------------------------------------------


def test_a_film_describes_itself_to_programs(film_site: FilmSite) -> None:
    found = page(film_site.client, f"/films/{AMELIE}")
    assert found.described == {
        "@context": "https://schema.org",
        "@type": "Movie",
        "name": "Amélie",
        "alternateName": "Le fabuleux destin d'Amélie Poulain",
        "url": f"/films/{AMELIE}",
        "image": f"/posters/{AMELIE}",
        "datePublished": "2001-04-25",
        "duration": "PT122M",
        "genre": ["Comedy", "Romance"],
        "director": [{"@type": "Person", "name": "Jean-Pierre Jeunet", "url": found.links("/stars/")[0]}],
        "actor": [
            {"@type": "Person", "name": "Audrey Tautou", "url": "/stars/nm0851582"},
            {"@type": "Person", "name": "Mathieu Kassovitz", "url": "/stars/nm0440913"},
            {"@type": "Person", "name": "Rufus", "url": "/stars/nm0749363"},
        ],
        "aggregateRating": {
            "@type": "AggregateRating", "ratingValue": 8.3, "ratingCount": 760000, "bestRating": 10, "worstRating": 0,
        },
    }  # fmt: skip
    assert found.meta("og:type") == "video.movie"
    assert found.meta("og:title") == "Amélie (2001)"
    assert (found.meta("og:url"), found.meta("og:image")) == (None, f"/posters/{AMELIE}/preview")
    assert found.meta("og:image:alt") == "The poster of Amélie (2001)"


def test_with_a_public_address_everything_is_told_with_it(film_site: FilmSite, serve_here: ServeHere) -> None:
    origin = "https://films.example"
    client = serve_here(film_site.database_url, FILMER_PUBLIC_URL=origin).client
    film = page(client, f"/films/{AMELIE}")
    address = f"{origin}/films/{AMELIE}"
    assert film.all("link", rel="canonical")[0]["href"] == film.meta("og:url") == film.described["url"] == address
    assert film.described["image"] == f"{origin}/posters/{AMELIE}"
    assert film.meta("og:image") == f"{origin}/posters/{AMELIE}/preview"
    preview = client.get(f"/posters/{AMELIE}/preview")
    assert (preview.status_code, preview.headers["content-type"]) == (200, "image/png"), "few programs take an SVG"
    assert film.described["actor"][0]["url"] == f"{origin}/stars/nm0851582"
    star = page(client, "/stars/nm0851582")
    assert star.all("link", rel="canonical")[0]["href"] == star.meta("og:url") == f"{origin}/stars/nm0851582"
    for other in (star, page(client, "/")):
        picture = other.meta("og:image") or ""
        assert picture.startswith(f"{origin}/static/icon-512.png?v=")
        assert client.get(picture.removeprefix(origin)).headers["content-type"] == "image/png"


def bare_film(**known: Any) -> Film:
    nothing: dict[str, Any] = dict.fromkeys(Film.__struct_fields__)
    return Film(**(nothing | {"no": 1, "id": "f1", "title": "F", "genres": [], "star_nos": []} | known))


@pytest.mark.parametrize(
    ("currency", "code"), [("EUR ", "EUR"), ("USD", "USD"), ("$", None), ("€", None), ("Fr.", None)]
)
def test_a_price_is_told_to_programs_where_its_currency_has_a_code(currency: str, code: str | None) -> None:
    told = Formats("en-GB", currency).code
    data = linked_data.describe_film(bare_film(), [], Decimal("4.5"), origin="", currency=told)
    offer = data.get("offers", {})
    assert (offer.get("price"), offer.get("priceCurrency")) == (("4.50", code) if code else (None, None))


@pytest.mark.parametrize(("rating", "votes"), [(None, 10), (7.5, None), (7.5, 0)])
def test_no_rating_is_told_to_programs_that_nobody_gave(rating: float | None, votes: int | None) -> None:
    data = linked_data.describe_film(bare_film(rating=rating, votes=votes), [], Decimal(1), origin="", currency=None)
    assert "aggregateRating" not in data


def test_hostile_text_is_text_everywhere(film_site: FilmSite) -> None:
    found = page(film_site.client, "/films/hostile")
    assert not [script for script in found.scripts if "alert" in script and not script.startswith("{")]
    assert len([script for script in found.scripts if script]) == 1
    described = found.described
    assert described["name"] == described["description"] == described["genre"][0] == HOSTILE
    assert described["actor"][0]["name"] == described["director"][0]["name"] == HOSTILE
    assert found.meta("og:title") == f"{HOSTILE} (2001)"
    assert found.meta("og:description") == HOSTILE
    assert found.plain.count(HOSTILE) >= 6
    (star,) = found.links("/stars/")
    person = page(film_site.client, star)
    assert len([script for script in person.scripts if script]) == 1
    assert person.described["name"] == HOSTILE
    assert person.meta("og:title") == HOSTILE
    assert not re.search(r" (on\w+|style)=", film_site.client.get(star).text)


# --- for everybody, and for somebody ---------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/films/tt0111161", "/stars/nm0000151"])
def test_the_page_is_the_same_for_all_who_are_not_signed_in(film_site: FilmSite, path: str) -> None:
    first = film_site.client.get(path)
    assert first.headers["cache-control"] == "public, no-cache"
    assert "default-src 'none'" in first.headers["content-security-policy"]
    with closing(visitor(film_site.client)) as other:
        again = other.get(path, headers={"host": "elsewhere.example", "cookie": "seen=1", "accept-language": "de"})
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert "set-cookie" not in again.headers
    known = film_site.client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    head = film_site.client.head(path)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])
    with film_site.client.stream("GET", path, headers={"accept-encoding": "gzip"}) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(b"".join(packed.iter_raw())) == first.content


def add_to_shelf(film_site: FilmSite, person: User, movie_id: int, rating: float | None, *, favorite: bool) -> None:
    headers = {"authorization": f"Bearer {token_of(film_site.database_url, person)}"}
    if favorite:
        answer = film_site.client.post(
            f"/api/users/{person.id}/favorites", json={"movie_id": movie_id}, headers=headers
        )
        assert answer.status_code == 201, answer.text
    if rating is not None:
        asked = {"movie_id": movie_id, "rating": rating}
        assert film_site.client.post("/api/movies/ratings", json=asked, headers=headers).status_code == 201


def test_whoever_is_signed_in_sees_what_they_keep(film_site: FilmSite, person: User, browser: httpx.Client) -> None:
    assert page(browser, "/films/tt0111161").checked() == []
    add_to_shelf(film_site, person, SHAWSHANK, 4.5, favorite=True)
    answer = browser.get("/films/tt0111161")
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    found = Page(answer.text)
    assert found.checked() == ["4.5"]
    assert "You gave it 4.5 of 5." in found.plain
    (form,) = [has["action"] or "" for has in found.all("form") if (has["action"] or "").startswith("/favorites")]
    assert re.fullmatch(r"/favorites/[0-9]+/remove", form)
    assert "Remove from favourites" in found.plain


def test_nobody_sees_what_somebody_else_keeps(film_site: FilmSite, person: User, browser: httpx.Client) -> None:
    add_to_shelf(film_site, open_account(film_site.database_url), FIGHT_CLUB, 3, favorite=True)
    everybody = page(film_site.client, "/films/fight")
    for found in (everybody, page(browser, "/films/fight")):
        assert found.checked() == []
        assert "Add to favourites" in found.plain
        assert "You gave" not in found.plain
    add_to_shelf(film_site, person, FIGHT_CLUB, 2, favorite=False)
    own = page(browser, "/films/fight")
    assert (own.checked(), "Add to favourites" in own.plain) == (["2"], True)
    assert page(film_site.client, "/films/fight").tags == everybody.tags


def test_a_rating_of_nothing_is_a_rating(film_site: FilmSite, person: User, browser: httpx.Client) -> None:
    add_to_shelf(film_site, person, SHAWSHANK, 0, favorite=False)
    found = page(browser, "/films/tt0111161")
    assert found.checked() == []
    assert "You gave it 0 of 5." in found.plain


def test_a_page_is_of_one_edition(film_site: FilmSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import replaces the catalogue between two statements of a page: the page is of the edition before."""
    path = tmp_path / "renamed.csv"
    path.write_text("id,title\nrenamed,After\n", "utf-8")
    before = schema_of(film_site.database_url)
    imports: list[Future[object]] = []
    with ThreadPoolExecutor() as pool:

        def import_once() -> None:
            if not imports:
                imports.append(pool.submit(import_films, film_site.database_url, path, keep_others=True))
                assert eventually(lambda: schema_of(film_site.database_url) != before, 30)
                assert not wait(imports, timeout=1).done, "the edition before is dropped while the page reads it"

        between_statements(monkeypatch, import_once)
        assert "<h1>Before</h1>" in film_site.client.get("/films/renamed").text
        imports[0].result(30)
    assert "<h1>After</h1>" in film_site.client.get("/films/renamed").text


def test_a_page_whose_edition_is_dropped_meanwhile_is_read_again(
    film_site: FilmSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a process that is slow to leave an edition."""
    moved = 0

    def move_once() -> None:
        nonlocal moved
        moved += 1
        if moved == 1:
            schema = schema_of(film_site.database_url)
            with psycopg.connect(film_site.database_url) as conn:
                conn.execute(f"ALTER SCHEMA {schema} RENAME TO catalogue_99".encode())
                conn.execute("UPDATE edition SET schema = 'catalogue_99'")

    between_statements(monkeypatch, move_once)
    assert "<h1>Alone with her</h1>" in film_site.client.get("/films/alone?again").text
    assert moved == 2
    assert "<h1>Odd</h1>" in film_site.client.get("/films/odd%25%3C1").text


def between_statements(monkeypatch: pytest.MonkeyPatch, call: Callable[[], None]) -> None:
    """Calls it, in a thread, before the second statement of each page of a film."""
    select_people = film_queries.select_people

    async def call_and_select(conn: Connection, nos: Sequence[int]) -> list[Person]:
        await asyncio.to_thread(call)
        return await select_people(conn, nos)

    monkeypatch.setattr(film_queries, "select_people", call_and_select)


def schema_of(database_url: str) -> str:
    """Of the current edition."""
    with psycopg.connect(database_url) as conn:
        return str((conn.execute("SELECT schema FROM edition").fetchone() or ("",))[0])
