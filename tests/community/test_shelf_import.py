"""People bring their films along (contract §14): matched, never guessed, reported row by row, and nothing is lost."""

import csv
import io
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from typing import Any

import httpx
import psycopg
import pytest
from tests.community import shelf_exports as exports
from tests.community.conftest import tmdb_settings
from tests.community.shelf_exports import boxd, table
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.current_edition import connect
from tests.machine import at_most
from tests.sandbox import Sandbox
from tests.users import open_account, session_of, visitor

PAGE = "/shelves/import"
SHELVES = {
    "favorite": "movie_id, created", "watchlist_film": "movie_id, created", "seen_film": "movie_id, seen_on, created",
    "rating": "movie_id, rating::float, updated",
}  # fmt: skip


class Collector:
    """A browser of somebody's who brings films along."""

    def __init__(self, url: str, server: httpx.Client) -> None:
        self.url = url
        self.person = open_account(url)
        self.client = visitor(server)
        self.client.follow_redirects = True
        self.client.cookies.update(session_of(url, self.person))

    def send(self, content: bytes | str, name: str, **fields: str) -> httpx.Response:
        raw = content.encode() if isinstance(content, str) else content
        return self.client.post(PAGE, files={"file": (name, raw)}, data=fields)

    def bring(self, content: bytes | str, name: str = "ratings.csv", **fields: str) -> httpx.Response:
        """The report, once all rows were looked for."""
        response = self.send(content, name, **fields)
        until = time.monotonic() + 60
        while "data-progress" in response.text:
            assert time.monotonic() < until, response.text
            time.sleep(0.05)
            response = self.client.get(str(response.url))
        assert response.status_code == 200, text_of(response)
        return response

    def outcomes(self, report: httpx.Response) -> list[tuple[str, str]]:
        """Of each row: its title and what became of it."""
        rows = list(csv.reader(io.StringIO(self.client.get(f"{report.url}/report").text)))[1:]
        return [(row[2], row[4]) for row in rows]

    def shelves(self) -> dict[str, list[tuple[Any, ...]]]:
        with connect(self.url) as conn:
            return {
                name: conn.execute(
                    f"SELECT {columns} FROM {name} WHERE account_id = %s ORDER BY movie_id".encode(), [self.person.id]
                ).fetchall()
                for name, columns in SHELVES.items()
            }

    def ratings(self) -> dict[int, float]:
        return {row[0]: row[1] for row in self.shelves()["rating"]}

    def version(self) -> object:
        with psycopg.connect(self.url) as conn:
            row = conn.execute("SELECT version FROM shelf WHERE account_id = %s", [self.person.id]).fetchone()
            return row and row[0]


def text_of(response: httpx.Response) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", " ", response.text.partition("<main")[2])).split())


@pytest.fixture(scope="module")
def shop(make_database: MakeDatabase, serve_here: ServeHere, shared_sandbox: Sandbox) -> tuple[str, httpx.Client]:
    url = make_database(films=True)
    return url, serve_here(url, **tmdb_settings(shared_sandbox)).client


@pytest.fixture
def mary(shop: tuple[str, httpx.Client]) -> Iterator[Collector]:
    collector = Collector(*shop)
    yield collector
    collector.client.close()


def rated(*rows: tuple[str, int | str, float], date: str = "2023-05-06") -> str:
    """Letterboxd's file of ratings."""
    return table(exports.RATINGS, [boxd(title, year, date, Rating=rating) for title, year, rating in rows])


DAY = datetime(2023, 5, 6, tzinfo=UTC)


def test_letterboxds_export_comes_onto_the_shelves_and_a_second_time_changes_nothing(mary: Collector) -> None:
    report = mary.bring(exports.letterboxd(), "letterboxd.zip")
    assert [outcome for _, outcome in mary.outcomes(report)] == ["taken"] * 6
    expected = {
        "favorite": [(194, DAY)],
        "watchlist_film": [(387, DAY)],
        "seen_film": [(278, None, DAY), (27205, datetime(2023, 5, 5, tzinfo=UTC).date(), DAY)],
        "rating": [(278, 4.5, DAY)],
    }
    assert mary.shelves() == expected
    assert "Not read: comments.csv" in text_of(report)
    again = mary.bring(exports.letterboxd(), "letterboxd.zip")
    assert {outcome for _, outcome in mary.outcomes(again)} == {"already there"}
    assert mary.shelves() == expected
    assert mary.client.get("/ratings").text.count("The Shawshank Redemption") >= 1


def test_trakts_export_comes_onto_the_shelves(mary: Collector) -> None:
    report = mary.bring(exports.trakt(), "trakt.zip")
    assert {outcome for _, outcome in mary.outcomes(report)} == {"taken"}
    at = datetime(2023, 5, 6, 20, 15, 30, tzinfo=UTC)
    assert mary.shelves() == {
        "favorite": [(194, at)], "watchlist_film": [(387, at)], "rating": [(278, 3.5, at)],
        "seen_film": [(27205, at.date(), at)],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("title", "year", "outcome"),
    [
        ("Inception", 2010, "taken"),
        ("inception!", 2011, "taken"),  # a year off, as years of release differ by country
        ("Inception", 2013, "not in this shop: kept"),
        ("Amelie", 2001, "taken"),
        ("Le fabuleux destin d'Amélie Poulain", 2001, "taken"),  # the original title
        ("Shawshank Redemption", 1994, "taken"),  # without its article
        ("The Shawshenk Redemption", 1994, "taken"),  # misspelt
        ("Spidermans Day", 2002, "taken"),
        ("Home", 1990, "which of several?"),
        ("Inception", "", "which of several?"),  # it may be any film of that name
        ("Batman", 2005, "taken"),  # Batmän, and not Batman of 1989
        ("Citizen Kane", 1941, "not in this shop: kept"),
        ("Zero", 1978, "taken"),
    ],
)
def test_films_are_matched_by_title_and_year_and_never_guessed(
    mary: Collector, title: str, year: int | str, outcome: str
) -> None:
    report = mary.bring(rated((title, year, 4)))
    assert mary.outcomes(report) == [(title, outcome)]
    assert len(mary.ratings()) == (outcome == "taken")


def test_an_id_that_is_anothers_excludes_a_film_of_the_same_title(mary: Collector) -> None:
    film = {"Your Rating": 8, "Date Rated": "2023-05-06", "Title": "Inception", "Year": 2010}
    report = mary.bring(table(exports.IMDB_RATINGS, [film | {"Const": "tt9999999"}, film | {"Const": "tt1375666"}]))
    assert [outcome for _, outcome in mary.outcomes(report)] == ["not in this shop: kept", "taken"]
    assert mary.ratings() == {27205: 4.0}


def test_of_two_ratings_the_newer_one_stays(mary: Collector) -> None:
    mary.bring(rated(("Inception", 2010, 4), ("Das Boot", 1981, 3)))
    report = mary.bring(rated(("Inception", 2010, 1), date="2023-05-05"))
    assert mary.outcomes(report) == [("Inception", "already there")]
    undated = table(exports.RATINGS, [boxd("Inception", 2010, "", Rating=2)])
    assert mary.outcomes(mary.bring(undated)) == [("Inception", "already there")]
    assert mary.ratings() == {27205: 4.0, 387: 3.0}
    report = mary.bring(rated(("Inception", 2010, 5), date="2023-05-07"))
    assert mary.outcomes(report) == [("Inception", "taken")]
    assert mary.ratings() == {27205: 5.0, 387: 3.0}
    twice = rated(("Das Boot", 1981, 1)) + rated(("Das Boot", 1981, 2), date="2023-06-01").partition("\n")[2]
    assert [outcome for _, outcome in mary.outcomes(mary.bring(twice))] == ["already there", "taken"]
    assert mary.ratings()[387] == 2.0


def test_the_last_day_on_which_a_film_was_seen_stays(mary: Collector) -> None:
    def diary(day: str) -> str:
        return table(exports.DIARY, [boxd("Inception", 2010, Watched_Date=day)])

    mary.bring(table(exports.WATCHED, [boxd("Inception", 2010)]), "watched.csv")
    for day, last in (("2023-01-01", "2023-01-01"), ("2022-01-01", "2023-01-01"), ("2023-02-01", "2023-02-01")):
        mary.bring(diary(day), "diary.csv")
        assert str(mary.shelves()["seen_film"][0][1]) == last


def test_a_film_is_chosen_of_several(mary: Collector) -> None:
    report = mary.bring(rated(("Home", 1990, 4), ("Home", 1990, 3.5)))
    assert "Which of several? 2 to choose" in text_of(report)
    form = {"place": "1", "film": "tt0000013"}
    assert mary.client.post(f"{report.url}/choose", data=form).status_code == 200
    assert list(mary.ratings().values()) == [4.0]
    assert "nothing to choose" in mary.client.post(f"{report.url}/choose", data=form).text
    mary.client.post(f"{report.url}/choose", data={"place": "2", "film": "tt1375666"})  # was not offered
    assert list(mary.ratings().values()) == [4.0]
    mary.client.post(f"{report.url}/choose", data={"place": "2", "film": ""})
    assert [outcome for _, outcome in mary.outcomes(report)] == ["taken", "not in this shop: kept"]


def test_what_the_shop_lacks_is_kept_and_taken_when_the_film_comes(
    mary: Collector, shop: tuple[str, httpx.Client], tmp_path: Any
) -> None:
    report = mary.bring(rated(("The Godfather", 1972, 5), ("Nowhere to be found", 1999, 3)))
    assert [outcome for _, outcome in mary.outcomes(report)] == ["not in this shop: kept"] * 2
    mary.bring(rated(("The Godfather", 1972, 5)))  # kept once
    new = tmp_path / "new.csv"
    new.write_text("id,title,year,tmdb_id\ntt0068646,The Godfather,1972,238\n")
    import_films(shop[0], new, keep_others=True)
    again = mary.bring(rated(("Inception", 2010, 3)))  # which wakes the work up; else it begins within a minute
    until = time.monotonic() + 30
    while 238 not in mary.ratings():
        assert time.monotonic() < until
        time.sleep(0.05)
    assert mary.ratings() == {238: 5.0, 27205: 3.0}
    assert again.status_code == 200
    with psycopg.connect(shop[0]) as conn:
        kept = conn.execute(
            "SELECT title, outcome FROM shelf_import_row WHERE account_id = %s ORDER BY import_id, place",
            [mary.person.id],
        ).fetchall()
    assert kept == [("Nowhere to be found", "missing"), ("The Godfather", "taken"), ("Inception", "taken")]


def test_an_import_changes_the_version_of_the_shelf(mary: Collector) -> None:
    mary.bring(rated(("Inception", 2010, 3)))
    before = mary.version()
    mary.bring(rated(("Das Boot", 1981, 3)))
    assert before is not None
    assert mary.version() != before


def test_bad_rows_are_reported_with_line_and_reason(mary: Collector) -> None:
    page = text_of(mary.bring(rated(("Inception", 2010, 9), ("Das Boot", 1981, 3))))
    assert "Inception,2010" in page
    assert "ratings.csv 2 a rating of 9, which is not one from 0 to 5 in halves" in page
    assert mary.ratings() == {387: 3.0}


@pytest.mark.parametrize(
    ("content", "name", "status", "reason"),
    [
        (b"x,y\n1,2\n", "x.csv", 400, "none of the files that can be read here"),
        (b"", "ratings.csv", 400, "Please choose a file"),
        (b"PK\x03\x04nonsense", "x.zip", 400, "damaged"),
        (b"x" * (20 * 2**20 + 1), "x.csv", 413, "20 MiB"),
        (table(exports.WATCHED, [boxd("Inception", 2010)]).encode(), "mine.csv", 400, "not say what its films are"),
    ],
)  # fmt: skip
def test_what_cant_be_read_is_refused_with_a_sentence(
    mary: Collector, content: bytes, name: str, status: int, reason: str
) -> None:
    response = mary.send(content, name)
    assert response.status_code == status
    assert reason in text_of(response)


def test_nobody_sees_or_changes_what_somebody_else_brought(mary: Collector, shop: tuple[str, httpx.Client]) -> None:
    report = mary.bring(rated(("Home", 1990, 4), ("Inception", 2010, 4)))
    other = Collector(*shop)
    try:
        for path in ("", "/report"):
            assert other.client.get(f"{report.url}{path}").status_code == 404
        for path, form in (("/choose", {"place": "1", "film": "tt0000012"}), ("/remove", {})):
            assert other.client.post(f"{report.url}{path}", data=form).status_code == 404
        assert other.client.get("/shelves/export/shelves.json").json() == {"films": []}
        assert other.ratings() == {}
    finally:
        other.client.close()
    assert mary.client.get(str(report.url)).status_code == 200
    assert mary.client.post(f"{report.url}/remove").status_code == 200
    assert mary.client.get(str(report.url)).status_code == 404
    assert mary.ratings() == {27205: 4.0}


def test_strangers_and_other_sites_bring_nothing(mary: Collector, shop: tuple[str, httpx.Client]) -> None:
    stranger = visitor(shop[1])
    try:
        files = {"file": ("ratings.csv", rated(("Inception", 2010, 4)).encode())}
        for response in (
            stranger.get(PAGE),
            stranger.post(PAGE, files=files),
            stranger.get("/shelves/export/imdb.csv"),
        ):
            assert response.status_code == 303
            assert response.headers["location"].startswith("/sign-in")
    finally:
        stranger.close()
    crossing = mary.client.post(PAGE, files=files, headers={"Origin": "https://elsewhere.example"})
    assert crossing.status_code == 403
    assert mary.ratings() == {}


def test_thousands_of_films_that_the_shop_lacks_take_seconds(mary: Collector) -> None:
    """Each is looked for in every way there is."""
    rows = [(f"Nothing of the kind {number}", 1950 + number % 70, 3.5) for number in range(1_990)]
    begun = time.monotonic()
    report = mary.bring(rated(*rows, *[("Inception", 2010, 4)] * 10))
    at_most(20, since=begun)
    assert "2,000 rows" in text_of(report)
    assert mary.ratings() == {27205: 4.0}
