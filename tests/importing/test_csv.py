"""``filmer import csv``: an owner's own catalogue."""

import csv
import io
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import import_films
from tests.importing.datasets import execute, fetch, filmer, films, genre_ids, intact, version

from filmer.importing import own
from filmer.importing.arrival import Arrival, ImportFailed, Report

WHOLE = {
    "id": "tt0111161",
    "title": "The Shawshank Redemption",
    "original_title": "Die Verurteilten",
    "year": "1994",
    "release_date": "1994-09-23",
    "runtime_minutes": "142",
    "directors": "Frank Darabont | Ann Other",
    "genres": "Drama|Crime",
    "stars": "Tim Robbins (1958) [nm0000209] | Bob Gunton | Élodie (1901) | Morgan Freeman [nm0000151]",
    "rating": "9.3",
    "votes": "2500000",
    "popularity": "120.5",
    "tmdb_id": "278",
    "price": "4.99",
    "overview": 'Two men, "in" a prison',
}


def table(*rows: Mapping[str, str], columns: tuple[str, ...] = tuple(WHOLE)) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write(path: Path, *rows: Mapping[str, str]) -> Path:
    path.write_text(table(*rows), "utf-8")
    return path


def read(text: str) -> tuple[Arrival, Report]:
    report = Report(keep_all=True)
    return own.read_rows(io.StringIO(text, newline=""), "films.csv", report), report


def film(number: int, title: str = "", **more: str) -> dict[str, str]:
    return {"id": f"f{number}", "title": title or f"Film {number}", **more}


def test_every_column_arrives(database_url: str, tmp_path: Path) -> None:
    report = import_films(database_url, write(tmp_path / "films.csv", WHOLE, film(2)))
    assert (dict(report.bad), report.warnings, report.rows) == ({}, [], {"films.csv": 2})
    found = films(database_url)
    whole = found["tt0111161"]
    assert (whole.title, whole.original_title) == ("The Shawshank Redemption", "Die Verurteilten")
    assert (whole.year, whole.runtime, whole.rating, whole.votes) == (1994, 142, 9.3, 2500000)
    assert (whole.director, whole.genres) == ("Frank Darabont, Ann Other", ["Crime", "Drama"])
    assert [(name, born) for _, name, born in whole.cast] == [
        ("Tim Robbins", 1958), ("Bob Gunton", None), ("Élodie", 1901), ("Morgan Freeman", None),
    ]  # fmt: skip
    assert (whole.cast[0][0], whole.cast[3][0]) == ("nm0000209", "nm0000151")
    assert (whole.price, whole.tmdb_id, whole.overview) == (Decimal("4.99"), 278, 'Two men, "in" a prison')
    rest = "SELECT (release_date, popularity)::text FROM catalogue.film WHERE id = 'tt0111161'"
    assert fetch(database_url, rest) == "(1994-09-23,120.5)"
    assert found["f2"][1:8] == (None, None, None, None, [], None, None)
    assert found["f2"][8:] == ([], None, None, None)


def test_films_are_added_and_brought_up_to_date(database_url: str, tmp_path: Path) -> None:
    stars = {"stars": "Ann [nm1] | Bob [nm2]", "genres": "Drama", "directors": "Cem"}
    import_films(database_url, write(tmp_path / "1.csv", film(1, price="2.50", **stars), film(2, **stars)))
    before, drama = films(database_url), genre_ids(database_url)["Drama"]
    import_films(
        database_url,
        write(tmp_path / "2.csv", film(1, "Film one", genres="Drama|War"), film(3)),
        keep_others=True,
    )
    after = films(database_url)
    assert after.keys() == {"f1", "f2", "f3"}
    assert after["f2"] == before["f2"]
    assert (after["f1"].title, after["f1"].genres, after["f1"].cast) == ("Film one", ["Drama", "War"], [])
    assert after["f1"].price == Decimal("2.50")  # what is not said stays
    assert (genre_ids(database_url)["Drama"], version(database_url)) == (drama, 2)
    import_films(database_url, write(tmp_path / "3.csv", film(1, price="0.00")), keep_others=True)
    assert films(database_url)["f1"].price == 0


def test_the_command_line_adds_and_replaces(database_url: str, tmp_path: Path) -> None:
    given = filmer(database_url, "import", "csv", write(tmp_path / "1.csv", film(1), film(2)))
    assert given.stdout == "2 films and 0 stars are in the catalogue.\n", given.stderr
    given = filmer(database_url, "import", "csv", write(tmp_path / "2.csv", film(3), film(4, year="soon")))
    assert given.stdout == "3 films and 0 stars are in the catalogue.\n", given.stderr
    assert "2.csv, line 3: year is not an integer: 'f4,Film 4,,soon,,,,,,,,,,,'" in given.stderr
    execute(database_url, "INSERT INTO film_in_use VALUES ('f2')")
    given = filmer(database_url, "import", "csv", tmp_path / "2.csv", "--replace")
    assert given.returncode == 0, given.stderr
    assert films(database_url).keys() == {"f2", "f3"}
    assert version(database_url) == 3
    assert str(tmp_path / "2.csv") in filmer(database_url, "catalogue").stdout


BAD: dict[str, tuple[dict[str, str], str]] = {
    "no title": ({"title": ""}, "title"),
    "a title of blanks": ({"title": " \t "}, "title"),
    "an id of 11 characters": ({"id": "x" * 11}, "id"),
    "an id with a space": ({"id": "a b"}, "id"),
    "an id with a slash": ({"id": "a/b"}, "id"),
    "the id of the row before": ({"id": "f1"}, "twice"),
    "U+0000": ({"overview": "a\0b"}, "U+0000"),
    "a year of letters": ({"year": "MCMXC"}, "year"),
    "a year too far": ({"year": "10000"}, "year"),
    "a year below 0": ({"year": "-1"}, "year"),
    "half a year": ({"year": "1990.5"}, "year"),
    "a year with an underscore": ({"year": "1_990"}, "year"),
    "a year in other digits": ({"year": "१९९०"}, "year"),
    "a year without end": ({"year": "9" * 5000}, "year"),
    "no such day": ({"release_date": "2023-02-29"}, "release_date"),
    "another order of day": ({"release_date": "23.02.2023"}, "release_date"),
    "no dashes": ({"release_date": "20230223"}, "release_date"),
    "a week": ({"release_date": "2023-W08-1"}, "release_date"),
    "a runtime of 0": ({"runtime_minutes": "0"}, "runtime_minutes"),
    "a rating over 10": ({"rating": "10.01"}, "rating"),
    "a rating that is no number": ({"rating": "nan"}, "rating"),
    "a rating with a comma": ({"rating": "9,3"}, "rating"),
    "votes below 0": ({"votes": "-1"}, "votes"),
    "votes without end": ({"votes": "2147483648"}, "votes"),
    "popularity without end": ({"popularity": "inf"}, "popularity"),
    "a TMDB id of 0": ({"tmdb_id": "0"}, "tmdb_id"),
    "a price below 0": ({"price": "-0.01"}, "price"),
    "a price of three decimals": ({"price": "1.999"}, "price"),
    "a price of a million": ({"price": "1000000"}, "price"),
    "a price in dollars": ({"price": "$5"}, "price"),
    "a price that is no number": ({"price": "NaN"}, "price"),
    "a genre without end": ({"genres": "x" * 101}, "genre"),
    "a star's open bracket": ({"stars": "Ann [nm1"}, "star"),
    "a star's id without end": ({"stars": "Ann [nm123456789]"}, "star"),
    "a star's id with a slash": ({"stars": "Ann [nm/1]"}, "star"),
    "a nameless star": ({"stars": "Ann | [nm1]"}, "star"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_told_with_its_line_and_reason(name: str) -> None:
    changed, word = BAD[name]
    arrival, report = read(table(film(1), {**film(2), **changed}, film(3)))
    assert [one.id for one in arrival.films] == ["f1", "f3"]
    (bad,) = report.every
    assert (bad.file, bad.line) == ("films.csv", 3)
    assert word in bad.kind
    assert dict(report.bad) == {bad.kind: 1}
    assert (changed.get("title", "Film 2") or "f2").strip()[:100] in bad.text


@pytest.mark.parametrize(("cells", "word"), [("f2,Film 2,1990,more", "more fields")])
def test_a_row_with_more_fields_than_columns_is_told(cells: str, word: str) -> None:
    arrival, report = read(f"id,title,year\nf1,Film 1,1990\n{cells}\nf3,Film 3\n")
    assert [one.id for one in arrival.films] == ["f1", "f3"]
    assert [(bad.line, word in bad.kind) for bad in report.every] == [(3, True)]


def test_bad_rows_that_would_break_the_database_do_not(database_url: str, tmp_path: Path) -> None:
    rows = [{**film(number), **changed} for number, (changed, _) in enumerate(BAD.values(), start=2)]
    report = import_films(database_url, write(tmp_path / "films.csv", film(1), *rows))
    assert len(report.every) == len(BAD)
    assert films(database_url).keys() == {"f1"}


def test_when_every_row_is_bad_it_is_told_why_and_nothing_changes(database_url: str, tmp_path: Path) -> None:
    import_films(database_url, write(tmp_path / "before.csv", film(1)))
    before = intact(database_url)
    path = write(tmp_path / "films.csv", film(2, year="soon"), film(3, rating="high"))
    for arguments in ([], ["--replace"]):
        given = filmer(database_url, "import", "csv", path, *arguments)
        assert given.returncode == 1
        assert "year is not an integer" in given.stderr
        assert "rating is not a number" in given.stderr
        assert intact(database_url) == before


def test_ids_are_made_of_title_and_year_and_stay(database_url: str, tmp_path: Path) -> None:
    rows = [{"title": "Same"}, {"title": "Same", "year": "1990"}, {"title": "Other", "stars": "Ann|Ann (1950)"}]
    import_films(database_url, write(tmp_path / "1.csv", *rows))
    before = films(database_url)
    assert len(before) == 3
    assert all(len(identifier) <= 10 for identifier in before)
    assert len({star for one in before.values() for star in one.cast}) == 2
    import_films(database_url, write(tmp_path / "2.csv", *reversed(rows)), keep_others=True)
    assert films(database_url) == before


def test_made_ids_do_not_meet() -> None:
    """A hundred thousand films and stars without ids: nobody is taken for another."""
    count = 100_000
    arrival, report = read(table(*({"title": f"T{at}", "stars": f"S{at}"} for at in range(count))))
    assert not report.bad
    assert (len(arrival.films), len(arrival.stars)) == (count, count)


def test_columns_may_stand_in_any_order_and_unknown_ones_are_told(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "films.csv"
    path.write_text("\ufeffcolour,year,title,[/b]\nred,1990,Film,x\n", "utf-8")
    given = filmer(database_url, "import", "csv", path)
    assert (given.returncode, "Traceback" in given.stderr) == (0, False), given.stderr
    assert "colour, [/b]" in given.stderr
    assert [(one.title, one.year) for one in films(database_url).values()] == [("Film", 1990)]


def test_a_person_is_billed_once_and_a_name_may_have_brackets() -> None:
    arrival, _ = read(table({"title": "Film", "stars": "Ann [nm1] | Sam (Jr.) (1950) | Ann [nm1]", "genres": "A|A"}))
    (one,) = arrival.films
    assert [arrival.stars[place].name for place in one.cast] == ["Ann", "Sam (Jr.)"]
    assert one.genres == ("A",)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "title"),
        (b"id;title\n1;Film\n", "title"),
        (b"name,year\nFilm,1990\n", "title"),
        (b"title\nFilm\nFilm\xe9\n", "UTF-8"),
        ("title\nFilm\n".encode("utf-16"), "UTF-8"),
        (b'title\nFilm\n"never closed\n', "line"),
        (b"title\nFilm\n" + b"x" * 100_001 + b"\n", "line 3"),
        (b"PK\x03\x04\x14\x00", "title"),
    ],
)
def test_a_file_that_is_no_table_is_refused(database_url: str, tmp_path: Path, content: bytes, word: str) -> None:
    import_films(database_url, write(tmp_path / "before.csv", film(1)))
    before = intact(database_url)
    path = tmp_path / "films.csv"
    path.write_bytes(content)
    with pytest.raises(ImportFailed, match=word):
        import_films(database_url, path)
    assert intact(database_url) == before


def test_a_file_that_is_not_there_is_refused(database_url: str, tmp_path: Path) -> None:
    given = filmer(database_url, "import", "csv", tmp_path / "none.csv")
    assert (given.returncode, "Traceback" in given.stderr) == (1, False)
    assert "none.csv" in given.stderr


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"rating": "7.25"}, ("rating", 7.2)),
        ({"rating": "10"}, ("rating", 10.0)),
        ({"price": "0"}, ("price", Decimal(0))),
        ({"price": "999999.99"}, ("price", Decimal("999999.99"))),
        ({"year": "0"}, ("year", 0)),
        ({"year": " 1990 "}, ("year", 1990)),
        ({"release_date": "2024-02-29"}, ("release_date", date(2024, 2, 29))),
        ({"votes": "2147483647"}, ("votes", 2147483647)),
        ({"title": "  Two   words "}, ("title", "Two words")),
        ({"overview": "on two\nlines"}, ("overview", "on two lines")),
    ],
)
def test_values_at_their_bounds_are_taken(given: dict[str, str], expected: tuple[str, Any]) -> None:
    arrival, report = read(table({**film(1), **given}))
    assert not report.bad
    assert getattr(arrival.films[0], expected[0]) == expected[1]
