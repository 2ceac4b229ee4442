"""``filmer import csv``: an owner's own catalogue."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import import_films
from tests.connections import fetch_value
from tests.importing.csv_files import WHOLE, film, read, table, write
from tests.importing.datasets import execute, filmer, films, genre_ids, intact, version


def test_every_column_arrives(database_url: str, tmp_path: Path) -> None:
    report = import_films(database_url, write(tmp_path / "films.csv", WHOLE, film(2)))
    assert (dict(report.bad), report.warnings, report.rows) == ({}, [], {"films.csv": 2})
    stored_films = films(database_url)
    whole = stored_films["tt0111161"]
    assert (whole.title, whole.original_title) == ("The Shawshank Redemption", "Die Verurteilten")
    assert (whole.year, whole.runtime, whole.rating, whole.votes) == (1994, 142, 9.3, 2500000)
    assert (whole.director, whole.genres) == ("Frank Darabont, Ann Other", ["Crime", "Drama"])
    assert [(name, born) for _, name, born in whole.cast] == [
        ("Tim Robbins", 1958), ("Bob Gunton", None), ("Élodie", 1901), ("Morgan Freeman", None),
    ]  # fmt: skip
    assert (whole.cast[0][0], whole.cast[3][0]) == ("nm0000209", "nm0000151")
    assert (whole.price, whole.tmdb_id, whole.overview) == (Decimal("4.99"), 278, 'Two men, "in" a prison')
    rest = "SELECT (release_date, popularity, title_type)::text FROM film WHERE id = 'tt0111161'"
    assert fetch_value(database_url, rest) == "(1994-09-23,120.5,movie)"
    assert fetch_value(database_url, "SELECT title_type FROM film WHERE id = 'f2'") is None
    assert stored_films["f2"][1:8] == (None, None, None, None, [], None, None)
    assert stored_films["f2"][8:] == ([], None, None, None)


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
    assert after["f1"].price == Decimal("2.50")  # fields that the file leaves out keep their values
    assert (genre_ids(database_url)["Drama"], version(database_url)) == (drama, 2)
    import_films(database_url, write(tmp_path / "3.csv", film(1, price="0.00")), keep_others=True)
    assert films(database_url)["f1"].price == 0


def test_a_film_that_stays_keeps_its_title_type(database_url: str, tmp_path: Path) -> None:
    import_films(database_url, write(tmp_path / "1.csv", film(1, title_type="tvMovie"), film(2, title_type="movie")))
    import_films(database_url, write(tmp_path / "2.csv", film(2, title_type="video"), film(3)), keep_others=True)
    execute(database_url, "INSERT INTO film_in_use VALUES ('f1')")
    import_films(database_url, write(tmp_path / "3.csv", film(2)))
    types = {
        number: fetch_value(database_url, "SELECT title_type FROM film WHERE id = %s", f"f{number}")
        for number in (1, 2)
    }
    assert types == {1: "tvMovie", 2: None}  # an empty field means unknown


def test_the_command_line_adds_and_replaces(database_url: str, tmp_path: Path) -> None:
    result = filmer(database_url, "import", "csv", write(tmp_path / "1.csv", film(1), film(2)))
    assert result.stdout == "2 films and 0 stars are in the catalogue.\n", result.stderr
    result = filmer(database_url, "import", "csv", write(tmp_path / "2.csv", film(3), film(4, year="soon")))
    assert result.stdout == "3 films and 0 stars are in the catalogue.\n", result.stderr
    assert "2.csv, line 3: year is not an integer: f4,Film 4,,soon,,,,,,,,,,,,\n" in result.stderr
    execute(database_url, "INSERT INTO film_in_use VALUES ('f2')")
    result = filmer(database_url, "import", "csv", tmp_path / "2.csv", "--replace")
    assert result.returncode == 0, result.stderr
    assert films(database_url).keys() == {"f2", "f3"}
    assert version(database_url) == 3
    assert str(tmp_path / "2.csv") in filmer(database_url, "catalogue").stdout


def test_when_every_row_is_bad_it_is_told_why_and_nothing_changes(database_url: str, tmp_path: Path) -> None:
    import_films(database_url, write(tmp_path / "before.csv", film(1)))
    before = intact(database_url)
    path = write(tmp_path / "films.csv", film(2, year="soon"), film(3, rating="high"))
    for arguments in ([], ["--replace"]):
        result = filmer(database_url, "import", "csv", path, *arguments)
        assert result.returncode == 1
        assert "year is not an integer" in result.stderr
        assert "rating is not a number" in result.stderr
        assert intact(database_url) == before


def test_ids_are_made_of_title_and_year_and_stay(database_url: str, tmp_path: Path) -> None:
    rows = [{"title": "Same"}, {"title": "Same", "year": "1990"}, {"title": "Other", "stars": "Ann|Ann (1950)"}]
    import_films(database_url, write(tmp_path / "1.csv", *rows))
    before = films(database_url)
    assert len(before) == 3
    assert all(len(identifier) <= 10 for identifier in before)
    assert len({star for film in before.values() for star in film.cast}) == 2
    import_films(database_url, write(tmp_path / "2.csv", *reversed(rows)), keep_others=True)
    assert films(database_url) == before


@pytest.mark.proof
@pytest.mark.parallel
def test_made_ids_do_not_meet() -> None:
    """A hundred thousand films and stars without ids: nobody is taken for another."""
    count = 100_000
    data_set, report = read(table(*({"title": f"T{at}", "stars": f"S{at}"} for at in range(count))))
    assert not report.bad
    assert (len(data_set.films), len(data_set.people)) == (count, count)


def test_columns_may_stand_in_any_order_and_unknown_ones_are_told(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "films.csv"
    path.write_text("\ufeffcolour,year,title,[/b]\nred,1990,Film,x\n", "utf-8")
    result = filmer(database_url, "import", "csv", path)
    assert (result.returncode, "Traceback" in result.stderr) == (0, False), result.stderr
    assert "colour, [/b]" in result.stderr
    assert [(film.title, film.year) for film in films(database_url).values()] == [("Film", 1990)]


def test_a_person_is_billed_once_and_a_name_may_have_brackets() -> None:
    data_set, _ = read(table({"title": "Film", "stars": "Ann [nm1] | Sam (Jr.) (1950) | Ann [nm1]", "genres": "A|A"}))
    (film,) = data_set.films
    assert [data_set.people[place].name for place in film.cast] == ["Ann", "Sam (Jr.)"]
    assert film.genres == ("A",)


def test_a_file_that_is_not_there_is_refused(database_url: str, tmp_path: Path) -> None:
    result = filmer(database_url, "import", "csv", tmp_path / "none.csv")
    assert (result.returncode, "Traceback" in result.stderr) == (1, False)
    assert "none.csv" in result.stderr


@pytest.mark.parametrize(
    ("cells", "expected"),
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
def test_values_at_their_bounds_are_taken(cells: dict[str, str], expected: tuple[str, Any]) -> None:
    data_set, report = read(table({**film(1), **cells}))
    assert not report.bad
    assert getattr(data_set.films[0], expected[0]) == expected[1]


def test_films_have_a_certificate_a_country_and_a_language(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "films.csv"
    path.write_text(
        "id,title,certificate,country,language\na,A,FSK 12,Österreich,Deutsch\n"
        f"b,B,{'x' * 21},,\nc,C,,{'x' * 101},\nd,D,,,\n",
        "utf-8",
    )
    report = import_films(database_url, path)
    assert set(report.bad) == {"certificate has over 20 characters", "country has over 100 characters"}
    said = "SELECT (certificate, country, language)::text FROM film WHERE id = %s"
    assert fetch_value(database_url, said, "a") == '("FSK 12",Österreich,Deutsch)'
    assert fetch_value(database_url, said, "d") == "(,,)"
    import_films(database_url, write(tmp_path / "other.csv", film(1)), keep_others=True)
    assert fetch_value(database_url, said, "a") == '("FSK 12",Österreich,Deutsch)', "films that stay keep them"
