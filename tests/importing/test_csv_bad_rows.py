"""Bad rows of an owner's file, and files that can't be read as a table of films."""

import codecs
from pathlib import Path

import pytest
from tests.conftest import import_films
from tests.importing.csv_files import film, read, table, write
from tests.importing.datasets import films, intact, letters

from filmer.importing.data_set import MAX_GENRES, MAX_TITLE, ImportFailed

BAD: dict[str, tuple[dict[str, str], str]] = {
    "no title": ({"title": ""}, "title"),
    "a title of blanks": ({"title": " \t "}, "title"),
    "a title without end": ({"title": "x" * 2401}, "2400 bytes"),
    "a title that only folding makes too long": ({"title": "ŉ" * 801}, "2400 bytes"),
    "genres without end": ({"genres": "|".join(f"Genre {at}" for at in range(51))}, "50 genres"),
    "a title of what can't be seen": ({"title": "\u200b\ufeff"}, "title"),
    "an id of 11 characters": ({"id": "x" * 11}, "an id that has not 1 to 10 characters"),
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
    "a title type of two words": ({"title_type": "tv movie"}, "title_type"),
    "a title type that is a number": ({"title_type": "1"}, "title_type"),
    "a title type without end": ({"title_type": "x" * 21}, "title_type"),
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
    "a price with an underscore": ({"price": "1_0"}, "price"),
    "a price in other digits": ({"price": "१"}, "price"),
    "a genre without end": ({"genres": "x" * 101}, "genre"),
    "a star's open bracket": ({"stars": "Ann [nm1"}, "star"),
    "a star's id without end": ({"stars": "Ann [nm123456789]"}, "star"),
    "a star's id with a slash": ({"stars": "Ann [nm/1]"}, "star"),
    "a star's id that browsers leave out": ({"stars": "Ann [..]"}, "a star with an id . or .., which browsers"),
    "a star's empty id": ({"stars": "Ann []"}, "a star with an id"),
    "a nameless star": ({"stars": "Ann | [nm1]"}, "star"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_told_with_its_line_and_reason(name: str) -> None:
    changed, word = BAD[name]
    data_set, report = read(table(film(1), {**film(2), **changed}, film(3)))
    assert [film.id for film in data_set.films] == ["f1", "f3"]
    (bad,) = report.bad_rows
    assert (bad.file, bad.line) == ("films.csv", 3)
    assert word in bad.kind
    assert dict(report.bad) == {bad.kind: 1}
    assert (changed.get("title", "Film 2") or "f2").strip()[:100] in bad.text


@pytest.mark.parametrize(("cells", "word"), [("f2,Film 2,1990,more", "more fields")])
def test_a_row_with_more_fields_than_columns_is_told(cells: str, word: str) -> None:
    data_set, report = read(f"id,title,year\nf1,Film 1,1990\n{cells}\nf3,Film 3\n")
    assert [film.id for film in data_set.films] == ["f1", "f3"]
    assert [(bad.line, word in bad.kind) for bad in report.bad_rows] == [(3, True)]


def test_bad_rows_that_would_break_the_database_do_not(database_url: str, tmp_path: Path) -> None:
    rows = [{**film(number), **changed} for number, (changed, _) in enumerate(BAD.values(), start=2)]
    report = import_films(database_url, write(tmp_path / "films.csv", film(1), *rows))
    assert len(report.bad_rows) == len(BAD)
    assert films(database_url).keys() == {"f1"}


@pytest.mark.parametrize("over", [{"title": letters(MAX_TITLE + 3)}, {"title": letters(99_999)}])
def test_a_title_is_as_long_as_the_index_holds(database_url: str, tmp_path: Path, over: dict[str, str]) -> None:
    genres = "|".join(f"Genre {at}" for at in range(MAX_GENRES))
    path = write(tmp_path / "films.csv", film(1, letters(MAX_TITLE), genres=genres), film(2, **over), film(3))
    report = import_films(database_url, path)
    assert [(bad.line, bad.kind) for bad in report.bad_rows] == [(3, "a title of over 2400 bytes")]
    stored_films = films(database_url)
    assert stored_films.keys() == {"f1", "f3"}
    assert (stored_films["f1"].title, len(stored_films["f1"].genres)) == (letters(MAX_TITLE), MAX_GENRES)


@pytest.mark.parametrize("column", ["original_title", "directors", "stars"])
def test_a_name_of_any_length_costs_its_row_and_no_more(database_url: str, tmp_path: Path, column: str) -> None:
    """In scripts without spaces each character begins a word: a long cell would not fit into the database."""
    rows = [film(1, **{column: "映" * 1000}), film(2, **{column: "映" * 1001}), film(3, **{column: "映" * 100_000})]
    report = import_films(database_url, write(tmp_path / "films.csv", *rows))
    assert [(bad.line, bad.kind) for bad in report.bad_rows] == [(n, "text of over 1000 characters") for n in (3, 4)]
    assert films(database_url).keys() == {"f1"}


def test_a_film_has_as_many_genres_as_the_index_holds(database_url: str, tmp_path: Path) -> None:
    genres = "|".join(f"Genre {at}" for at in range(1000))
    report = import_films(database_url, write(tmp_path / "films.csv", film(1), film(2, genres=genres)))
    assert [(bad.line, bad.kind) for bad in report.bad_rows] == [(3, "over 50 genres")]
    assert films(database_url).keys() == {"f1"}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"work,year\nFilm,1990\n", "separated by `,`, and its first row names: work, year"),
        (b"Werk;Jahr\nFilm;1990\n", "separated by `;`, and its first row names: Werk, Jahr"),
        (b"work\tyear\nFilm\t1990\n", "separated by tabs, and its first row names: work, year"),
        (b"Title,year, TITLE \nFilm,1990,x\n", "more than one column 'title'"),
        (b"title,colour,Colour\nFilm,x,y\n", "more than one column 'colour'"),
        (codecs.BOM_UTF16_LE + b"t\0i\0t\0l\0e\0\n\0x", "line 2"),
        (b'title\nFilm\n"never closed\n', "line 3"),
        (b"title\nFilm\n" + b"x" * 100_001 + b"\n", "line 3"),
        (b"PK\x03\x04\x14\x00", "can't be read as .xlsx or .ods"),
        (b"\x1f\x8b\x08\0", "compressed"),
        (bytes.fromhex("d0cf11e0a1b11ae1"), ".xls"),
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
