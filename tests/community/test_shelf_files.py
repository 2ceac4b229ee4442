"""Files that people bring for their shelves are read as the sites export them; damaged and huge ones are refused."""

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.community import shelf_exports as exports
from tests.community.shelf_exports import boxd, packed, table, trakt_film

from filmer.community import shelf_files
from filmer.community.shelf_files import Shelf, ShelfFile, ShelfRow, read_shelves
from filmer.importing.data_set import ImportFailed

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = datetime(2023, 5, 6, tzinfo=UTC)


def read(content: str | bytes, name: str = "file.csv", chosen: Shelf | None = None) -> ShelfFile:
    raw = content.encode() if isinstance(content, str) else content
    return read_shelves(io.BytesIO(raw), name, chosen, NOW)


def refused(content: str | bytes, name: str = "file.csv", chosen: Shelf | None = None) -> str:
    with pytest.raises(ImportFailed) as failure:
        read(content, name, chosen)
    return str(failure.value)


def only(content: str | bytes, name: str = "file.csv", chosen: Shelf | None = None) -> ShelfRow:
    (row,) = read(content, name, chosen).rows
    return row


def said(row: ShelfRow) -> dict[str, Any]:
    """What a row says, but for where it stands."""
    names = [name for name in row.__struct_fields__ if name not in {"file", "line", "outcome", "detail"}]
    return {name: value for name in names if (value := getattr(row, name))}


@pytest.mark.parametrize("folder", ["", "letterboxd-mary-2026-01-01/"])
def test_letterboxds_export(folder: str) -> None:
    found = read(exports.letterboxd(folder), "letterboxd-mary.zip")
    assert [(row.file, row.line, said(row)) for row in found.rows] == [
        ("ratings.csv", 2, {"title": "The Shawshank Redemption", "year": 1994, "rating": Decimal("4.5"), "rated": DAY}),
        ("watched.csv", 2, {"title": "The Shawshank Redemption", "year": 1994, "seen": DAY}),
        ("watched.csv", 3, {"title": "Inception", "year": 2010, "seen": DAY}),
        ("diary.csv", 2, {"title": "Inception", "year": 2010, "seen": DAY, "seen_on": date(2023, 5, 5), "rated": DAY}),
        ("likes/films.csv", 2, {"title": "Amélie", "year": 2001, "favorite": DAY}),
        ("watchlist.csv", 2, {"title": "Das Boot", "year": 1981, "watchlist": DAY}),
    ]
    assert found.left_out == [
        "comments.csv", "deleted/diary.csv", "likes/reviews.csv", "lists/best.csv", "orphaned/watchlist.csv",
        "profile.csv", "reviews.csv",
    ]  # fmt: skip


def test_a_file_of_letterboxds_alone() -> None:
    diary = table(exports.DIARY, [boxd("Inception", 2010, Rating=3.5, Watched_Date="2023-05-05")])
    assert said(only(diary, "diary (1).csv"))["rating"] == Decimal("3.5")
    watched = table(exports.WATCHED, [boxd("Inception", 2010)])
    for name, shelf in (("watched.csv", "seen"), ("watchlist.csv", "watchlist"), ("films.csv", "favorite")):
        assert said(only(watched, name)) == {"title": "Inception", "year": 2010, shelf: DAY}
    assert "does not say what its films are" in refused(watched, "mine.csv")
    assert said(only(watched, "mine.csv", "seen"))["seen"] == DAY


def test_letterboxds_import_format() -> None:
    header = ("imdbID", "tmdbID", "Title", "Year", "Rating10", "WatchedDate")
    film = {"imdbID": "tt1375666", "tmdbID": 27205, "Title": "Inception", "Year": 2010}
    row = only(table(header, [film | {"Rating10": 7, "WatchedDate": "2023-05-06"}]))
    assert said(row) == {
        "title": "Inception", "year": 2010, "film_id": "tt1375666", "movie_id": 27205, "rating": Decimal("3.5"),
        "seen": DAY, "seen_on": date(2023, 5, 6),
    }  # fmt: skip


IMDB_FILM = {"Const": "tt0211915", "Title": "Amélie", "Original Title": "Le fabuleux destin", "Year": 2001,
    "Genres": "Comedy, Romance", "IMDb Rating": 8.3, "Num Votes": "812,345", "Release Date": "2001-04-25",
}  # fmt: skip


def test_imdbs_ratings() -> None:
    ratings = table(exports.IMDB_RATINGS, [IMDB_FILM | {"Your Rating": 7, "Date Rated": "2023-05-06"}])
    assert said(only(ratings, "b1946ac9-2492.csv")) == {
        "title": "Amélie", "year": 2001, "film_id": "tt0211915", "rating": Decimal("3.5"), "rated": DAY,
    }  # fmt: skip


def test_imdbs_lists() -> None:
    listed = IMDB_FILM | {"Position": 1, "Created": "2023-05-06", "Modified": "2023-05-07"}
    rows = [listed, listed | {"Your Rating": 10, "Date Rated": "2023-05-06"}]
    first, second = read(table(exports.IMDB_LIST, rows), "WATCHLIST.csv").rows
    assert said(first) == {"title": "Amélie", "year": 2001, "film_id": "tt0211915", "watchlist": DAY}
    assert (second.rating, second.rated, second.watchlist) == (Decimal(5), DAY, DAY)
    assert "Say which" in refused(table(exports.IMDB_LIST, rows), "b1946ac9-2492.csv")
    assert read(table(exports.IMDB_LIST, rows), "b1946ac9-2492.csv", "favorite").rows[0].favorite == DAY


def test_imdbs_files_of_former_years_in_their_encoding() -> None:
    film = {"position": 1, "const": "tt0211915", "created": "Sat May  6 00:00:00 2023", "Title": "Amélie",
        "Title type": "Feature Film", "You rated": 9, "Year": 2001,
    }  # fmt: skip
    content = table(exports.IMDB_UNTIL_2017, [film], quoted=True).encode("cp1252")
    assert said(only(content, "ratings.csv")) == {
        "title": "Amélie", "year": 2001, "film_id": "tt0211915", "rating": Decimal("4.5"), "rated": DAY,
    }  # fmt: skip
    assert only(content, "WATCHLIST.csv").watchlist == DAY


@pytest.mark.parametrize("folder", ["", "mary/"])
def test_trakts_export(folder: str) -> None:
    found = read(exports.trakt(folder), "trakt.zip")
    at = datetime(2023, 5, 6, 20, 15, 30, tzinfo=UTC)
    boot = {"title": "Das Boot", "year": 1981, "movie_id": 387}
    amelie = {"title": "Amélie", "year": 2001, "film_id": "tt0211915", "movie_id": 194}
    inception = {"title": "Inception", "year": 2010, "film_id": "tt1375666", "movie_id": 27205}
    shawshank = {"title": "The Shawshank Redemption", "year": 1994, "film_id": "tt0111161", "movie_id": 278}
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    assert [said(row) for row in found.rows] == [
        amelie | {"favorite": at},
        boot | {"watchlist": at},
        shawshank | {"rating": Decimal("3.5"), "rated": at},
        inception | {"seen": long_ago, "seen_on": long_ago.date()},
        inception | {"seen": at, "seen_on": at.date()},
    ]
    assert found.left_out == ["collection-movies.json", "user-profile.json", "2 rows about series"]
    chosen = read(exports.trakt(folder), "trakt.zip", "favorite").rows
    assert sum(row.favorite is not None for row in chosen) == 2  # the collection as well, as somebody said so


def test_rows_that_cant_be_read_are_reported_and_the_others_taken() -> None:
    rows = [
        boxd("Inception", 2010, Rating=4.5), boxd("Inception", 2010, Rating=5.5), boxd("Inception", 2010, Rating=4.2),
        boxd("Inception", "MMX", Rating=4), boxd("", 2010, Rating=4), boxd("Inception", 2010),
    ]  # fmt: skip
    content = table(exports.RATINGS, rows).encode() + b"2023-05-06,Inc\0eption,2010,,4\n2023,a,2010,,4,5,6\n"
    found = read(content, "ratings.csv").rows
    assert [(row.line, row.outcome, row.detail) for row in found] == [
        (2, "waiting", ""),
        (3, "bad", "a rating of 5.5, which is not one from 0 to 5 in halves"),
        (4, "bad", "a rating of 4.2, which is not one from 0 to 5 in halves"),
        (5, "bad", "MMX is no year"),
        (6, "bad", "no title"),
        (7, "bad", "there is no rating"),
        (8, "bad", "a character U+0000"),
        (9, "bad", "more fields than columns (separated by `,`)"),
    ]
    eleven = table(
        exports.IMDB_RATINGS, [IMDB_FILM | {"Your Rating": 11}, IMDB_FILM | {"Const": "nm01", "Your Rating": 1}]
    )
    assert [row.detail for row in read(eleven).rows] == [
        "a rating of 11, which is not one from 1 to 10", "an id that is not IMDb's",
    ]  # fmt: skip
    entries = [{"rated_at": "x", "rating": 7, "movie": trakt_film("A", 2000, None, None)}, {"movie": 4}, "?"]
    first, second, third = read(json.dumps(entries), "ratings-movies.json").rows
    assert (first.rating, first.rated) == (Decimal("3.5"), None)  # an odd date is no reason to lose a rating
    assert (second.outcome, third.outcome, second.line, third.line) == ("bad", "bad", 2, 3)


def test_nothing_is_dated_in_the_future() -> None:
    row = only(table(exports.RATINGS, [boxd("Inception", 2010, "2999-01-01", Rating=4)]), "ratings.csv")
    assert row.rated == NOW


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_any_encoding(encoding: str) -> None:
    content = table(exports.WATCHED, [boxd("Amélie", 2001)]).encode(encoding)
    assert only(content, "watched.csv").title == "Amélie"
    films = json.dumps([{"watched_at": "2023-05-06", "movie": trakt_film("Amélie", 2001, None, 1)}], ensure_ascii=False)
    if encoding != "cp1252":  # JSON is Unicode
        assert only(films.encode(encoding), "history.json").title == "Amélie"


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        ("a,b\n1,2\n", "x.csv", "none of the files that can be read here"),
        ("", "x.csv", "none of the files"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "x.png", "none of the files"),
        (b"\x1f\x8b\x08\0", "x.gz", "compressed with gzip"),
        (packed({"readme.txt": "x"}), "x.zip", "none of the files"),
        (packed({"ratings.csv": packed({"a": "b"})}), "x.zip", "a ZIP inside another"),
        (exports.letterboxd()[:-40], "x.zip", "damaged"),
        (b"PK\x03\x04" + b"\0" * 400, "x.zip", "damaged"),
        (exports.letterboxd().replace(b"Shawshank", b"Shawsha\xff\xff"), "x.zip", ""),
        ("[{]", "x.json", "damaged"),
        ("[" * 100_000, "x.json", "damaged"),
        ('{"films": 3}', "x.json", "none of the files"),
        ("[]", "x.json", "has no films"),
        ('Date,Name,Year,Letterboxd URI\n2020-01-01,"open', "watched.csv", "unexpected end of data"),
    ],
)  # fmt: skip
def test_what_is_no_such_file_is_refused_with_a_sentence(content: str | bytes, name: str, reason: str) -> None:
    if reason:
        assert reason in refused(content, name)
    else:
        assert read(content, name).rows  # compressed, so that nothing was replaced


def test_what_is_huge_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """With small bounds, as large ones take seconds."""
    assert (shelf_files.MAX_ROWS, shelf_files.MAX_UNPACKED, shelf_files.MAX_JSON) == (100_000, 100 * 2**20, 16 * 2**20)
    for name, bound in (("MAX_ROWS", 50), ("MAX_UNPACKED", 2**20), ("MAX_JSON", 2**20)):
        monkeypatch.setattr(shelf_files, name, bound)
    assert "unpacks to too much: 1 MiB are read at most" in refused(packed({"ratings.csv": b"\n" * 2**21}), "bomb.zip")
    two = {"ratings.csv": b"Date,Name,Year,Letterboxd URI,Rating\n" + b"\n" * 700_000, "watched.csv": b"\n" * 700_000}
    assert "unpacks to too much" in refused(packed(two), "bomb.zip")
    rows = [boxd("Inception", 2010)] * 50
    assert len(read(table(exports.WATCHED, rows), "watched.csv").rows) == 50
    assert "50 rows are read at most" in refused(table(exports.WATCHED, [*rows, rows[0]]), "watched.csv")
    assert "1 MiB of JSON" in refused(b"[" + b" " * 2**20, "history.json")


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["ratings.csv", "x.zip", "history.json"]))
def test_any_bytes_are_read_or_refused(content: bytes, name: str) -> None:
    try:
        rows = read(content, name).rows
    except ImportFailed:
        return
    for row in rows:
        json.dumps(row.title).encode()
        row.title.encode()
