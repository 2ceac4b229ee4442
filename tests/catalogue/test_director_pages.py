"""Directors are people: their pages, the links to them, and an edition that was imported before they were."""

from pathlib import Path

import httpx
import pytest
from tests.catalogue.film_pages import Page, page, section
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.current_edition import connect
from tests.responses import data_of

FILMS = """id,title,year,directors,stars,votes
both,Both,2003,Kim Roe,Kim Roe (1950) [kim] | Pat Poe [pat],10
acts,Only acts,2002,Lee Loe,Kim Roe (1950) [kim] | Pat Poe [pat],20
leads,Only directs,2001,Lee Loe | KIM ROE,Pat Poe [pat],40
other,Other,,Lee Loe,,80
names,Twins,2000,Sam Soe,Sam Soe [sam1] | Sam Soe [sam2],1
"""


@pytest.fixture
def database(make_database: MakeDatabase, tmp_path: Path) -> str:
    database_url = make_database()
    path = tmp_path / "films.csv"
    path.write_text(FILMS, "utf-8")
    import_films(database_url, path)
    return database_url


@pytest.fixture
def client(database: str, serve_here: ServeHere) -> httpx.Client:
    return serve_here(database).client


def director_of(client: httpx.Client, film: str) -> str:
    """The address of the first director of a film."""
    return page(client, f"/films/{film}").links("/stars/")[0]


def test_a_person_acts_and_directs(client: httpx.Client) -> None:
    html = client.get("/stars/kim").text
    assert section(html, "acting").links("/films/") == ["/films/both", "/films/acts"]
    assert section(html, "directing").links("/films/") == ["/films/both", "/films/leads"]
    assert "Films 3" in Page(html).plain, "a film counts once, whatever one does in it"
    assert Page(html).plain.index("Acting") < Page(html).plain.index("Directing")


def test_whoever_only_directs_has_a_page(client: httpx.Client) -> None:
    lee = director_of(client, "other")
    html = client.get(lee).text
    assert "<h1>Lee Loe</h1>" in html
    assert 'id="acting"' not in html
    assert section(html, "directing").links("/films/") == ["/films/acts", "/films/leads", "/films/other"]
    assert Page(html).described["url"] == lee
    assert "Years 2001\N{EN DASH}2002 Films 3" in Page(html).plain


def test_directors_are_linked_in_lists(client: httpx.Client) -> None:
    assert section(client.get("/stars/pat").text, "acting").links("/stars/") == [
        "/stars/kim", director_of(client, "other")
    ]  # fmt: skip


def test_often_with_counts_directors_once_a_film(client: httpx.Client) -> None:
    lee = director_of(client, "other")
    often = section(client.get("/stars/pat").text, "colleagues")
    assert often.links("/stars/") == ["/stars/kim", lee]
    assert "Kim Roe 3" in often.plain
    assert "Lee Loe 2" in often.plain
    assert section(client.get(lee).text, "colleagues").links("/stars/") == ["/stars/kim", "/stars/pat"]


def test_a_director_of_a_name_of_two_stars_is_neither(client: httpx.Client) -> None:
    assert director_of(client, "names") not in {"/stars/sam1", "/stars/sam2"}
    assert 'id="directing"' not in client.get("/stars/sam1").text


def test_a_search_shows_who_only_directs_beside_the_stars(client: httpx.Client) -> None:
    assert director_of(client, "other") in page(client, "/search?query=lee").links("/stars/")
    assert "/stars/kim" in page(client, "/search?query=kim").links("/stars/")


def test_programs_are_told_where_directors_are(client: httpx.Client) -> None:
    directors = page(client, "/films/leads").described["director"]
    assert directors[1] == {"@type": "Person", "name": "Kim Roe", "url": "/stars/kim"}


def test_the_api_stays_as_specified(client: httpx.Client) -> None:
    """Stars are those of the casts, in all totals, and a film's director is the text of the file."""
    assert data_of(client.get("/api/v1/stars"))["totalItems"] == 4
    assert data_of(client.get("/api/v1/stars?name=loe"))["totalItems"] == 0
    assert client.get(f"/api/v1{director_of(client, 'other')}").status_code == 404
    assert [film["id"] for film in data_of(client.get("/api/v1/stars/kim"))["movies"]] == ["both", "acts"]
    assert data_of(client.get("/api/v1/movies/leads"))["director"] == "Lee Loe, KIM ROE"


def test_an_edition_from_before_names_directors_without_links(database: str, serve_here: ServeHere) -> None:
    with connect(database) as conn:
        conn.execute("TRUNCATE director")
        conn.execute("UPDATE film SET director_nos = NULL")
    client = serve_here(database).client
    film = page(client, "/films/leads")
    assert "Directors Lee Loe, KIM ROE" in film.plain
    assert film.links("/stars/") == ["/stars/pat"]
    assert film.described["director"][0] == {"@type": "Person", "name": "Lee Loe"}
    html = client.get("/stars/kim").text
    assert section(html, "acting").links("/films/") == ["/films/both", "/films/acts"]
    assert "Lee Loe" in section(html, "acting").plain
    assert "/stars/kim</loc>" in client.get("/sitemaps/3.xml").text


def test_films_that_stay_keep_their_directors(client: httpx.Client, database: str, tmp_path: Path) -> None:
    before = {film: page(client, f"/films/{film}").links("/stars/") for film in ("both", "leads", "names", "other")}
    path = tmp_path / "more.csv"
    path.write_text("id,title,directors\nmore,More,Abe Able\n", "utf-8")
    import_films(database, path, keep_others=True)
    for film, links in before.items():
        assert page(client, f"/films/{film}?again").links("/stars/") == links
    assert "<h1>Abe Able</h1>" in client.get(director_of(client, "more")).text
