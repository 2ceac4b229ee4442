"""What is on somebody's shelves can be taken along: all of it in JSON, which brought again changes nothing."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.community.test_shelf_import import SHELVES, Collector, rated, shop
from tests.current_edition import connect

from filmer.community.shelf_export import EXPORTS, export
from filmer.community.shelf_files import OwnFilm

__all__ = ["shop"]

TMDB_ALONE = 550  # a film that TMDB has told of, and that is not in the catalogue
DAY = datetime(2023, 5, 6, tzinfo=UTC)
moments = st.integers(0, 10**9).map(
    lambda seconds: datetime(1990, 1, 1, 0, 0, 0, 123456, UTC) + timedelta(seconds=seconds)
)
kept = st.fixed_dictionaries(
    {},
    optional={
        "favorite": moments.map(lambda at: (at,)),
        "watchlist_film": moments.map(lambda at: (at,)),
        "seen_film": st.tuples(moments, st.none() | st.dates(date(1900, 1, 1), date(2020, 1, 1))),
        "rating": st.tuples(moments, moments, st.integers(0, 10).map(lambda step: step / 2)),
    },
)


@pytest.fixture(scope="module")
def numbers(shop: tuple[str, httpx.Client]) -> list[int]:
    """Of films: by TMDB's ids, by the shop's own, and one that TMDB alone knows."""
    with connect(shop[0]) as conn:
        conn.execute(
            "INSERT INTO tmdb_film VALUES (%s, '=Fight Club', '1999-10-15', NULL, NULL, NULL, now())", [TMDB_ALONE]
        )
        rows = conn.execute(
            "SELECT tmdb_id FROM film WHERE tmdb_id IS NOT NULL "
            " UNION SELECT number FROM film_number JOIN film ON id = film_id WHERE tmdb_id IS NULL ORDER BY 1"
        ).fetchall()
    return [TMDB_ALONE, *(row[0] for row in rows[:3]), *(row[0] for row in rows[-6:])]


@pytest.fixture
def mary(shop: tuple[str, httpx.Client]) -> Iterator[Collector]:
    collector = Collector(*shop)
    yield collector
    collector.client.close()


def put(collector: Collector, films: dict[int, dict[str, tuple[Any, ...]]]) -> None:
    columns = {"rating": "created, updated, rating", "seen_film": "created, seen_on"}
    with psycopg.connect(collector.url) as conn:
        for table in SHELVES:
            conn.execute(f"DELETE FROM {table} WHERE account_id = %s".encode(), [collector.person.id])
            named = columns.get(table, "created")
            places = ", ".join(["%s"] * (3 + named.count(",")))
            for number, film in films.items():
                if table in film:
                    conn.execute(
                        f"INSERT INTO {table} (account_id, movie_id, {named}) VALUES ({places})".encode(),
                        [collector.person.id, number, *film[table]],
                    )


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_taken_along_and_brought_again_is_the_same(
    data: st.DataObject, mary: Collector, shop: tuple[str, httpx.Client], numbers: list[int]
) -> None:
    """Into the account itself, and into an empty one."""
    put(mary, {number: data.draw(kept) for number in numbers})
    before, taken = mary.shelves(), mary.client.get("/shelves/export/shelves.json").content
    if b"movie_id" not in taken:
        return
    report = mary.bring(taken, "shelves.json")
    assert {outcome for _, outcome in mary.outcomes(report)} == {"already there"}
    assert mary.shelves() == before
    other = Collector(*shop)
    try:
        report = other.bring(taken, "shelves.json")
        assert {outcome for _, outcome in other.outcomes(report)} == {"taken"}
        assert other.shelves() == before
        assert other.client.get("/shelves/export/shelves.json").content == taken
    finally:
        other.client.close()


def test_a_film_under_its_other_number_is_no_second_one(mary: Collector, shop: tuple[str, httpx.Client]) -> None:
    """Whoever kept it before it had a TMDB id keeps it once (contract §14.2)."""
    with connect(shop[0]) as conn:
        conn.execute("INSERT INTO film_number (film_id) VALUES ('tt1375666') ON CONFLICT DO NOTHING")
        row = conn.execute("SELECT number FROM film_number WHERE film_id = 'tt1375666'").fetchone()
    assert row
    put(mary, {row[0]: {"rating": (DAY, DAY, 2.0)}})
    report = mary.bring(rated(("Inception", 2010, 4.5), date="2024-01-01"))
    assert mary.outcomes(report) == [("Inception", "taken")]
    assert mary.ratings() == {row[0]: 4.5}


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


SHELF = [
    OwnFilm(
        "Inception", 2010, "tt1375666", 27205, rating=Decimal("4.5"), rated=DAY, seen=DAY, seen_on=date(2023, 5, 5)
    ),
    OwnFilm('=HYPERLINK("x")', 2001, "own1", 1_000_000_000, seen=DAY, watchlist=DAY),
    OwnFilm("Das Boot", 1981, "tt0082096", 387, watchlist=DAY, favorite=DAY),
    OwnFilm("Zero", 1977, "tt0000014", 1_000_000_001, rating=Decimal(0), rated=DAY),
]


def test_letterboxds_import_format() -> None:
    assert rows_of(export("letterboxd.csv", SHELF)) == [
        {"imdbID": "tt1375666", "tmdbID": "27205", "Title": "Inception", "Year": "2010", "Rating": "4.5",
         "WatchedDate": "2023-05-05"},
        {"imdbID": "", "tmdbID": "", "Title": "'=HYPERLINK(\"x\")", "Year": "2001", "Rating": "", "WatchedDate": ""},
        {"imdbID": "tt0000014", "tmdbID": "", "Title": "Zero", "Year": "1977", "Rating": "", "WatchedDate": ""},
    ]  # fmt: skip
    assert [row["imdbID"] for row in rows_of(export("letterboxd-watchlist.csv", SHELF))] == ["", "tt0082096"]


def test_imdbs_formats() -> None:
    (row,) = rows_of(export("imdb-ratings.csv", SHELF))
    assert row == {
        "Const": "tt1375666", "Your Rating": "9", "Date Rated": "2023-05-06", "Title": "Inception",
        "URL": "https://www.imdb.com/title/tt1375666/", "Year": "2010",
    }  # fmt: skip
    (row,) = rows_of(export("imdb-watchlist.csv", SHELF))
    assert (row["Position"], row["Const"], row["Created"]) == ("1", "tt0082096", "2023-05-06")


@pytest.mark.parametrize("kind", EXPORTS)
def test_each_export_can_be_brought_again(mary: Collector, kind: str) -> None:
    report = mary.bring(export(kind, SHELF), kind)
    assert "could not be read" not in {outcome for _, outcome in mary.outcomes(report)}
    shelves = mary.shelves()
    if kind in {"shelves.json", "letterboxd.csv", "imdb-ratings.csv"}:
        assert mary.ratings()[27205] == 4.5
    if kind in {"shelves.json", "letterboxd-watchlist.csv", "imdb-watchlist.csv"}:
        assert [row[0] for row in shelves["watchlist_film"]] == [387]


def test_an_unknown_export_is_not_found(mary: Collector) -> None:
    assert mary.client.get("/shelves/export/passwords.csv").status_code == 404
