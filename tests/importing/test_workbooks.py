"""``filmer import csv`` of workbooks: .xlsx and .ods, with cells of every type."""

import io
import re
import zipfile
from collections.abc import Callable
from datetime import date, time
from pathlib import Path

import pytest
from tests.importing.datasets import filmer, films
from tests.importing.workbooks import Cell, Sheets, ods, xlsx

from filmer.importing import owner_films
from filmer.importing.data_set import DataSet, ImportFailed, Report

Make = Callable[[Sheets], bytes]
kinds = pytest.mark.parametrize(("make", "suffix"), [(xlsx, "xlsx"), (ods, "ods")])

HEADER = (" Title", "YEAR", "rating", "price", "votes", "release_date", "id", "stars", "genres", "overview")
SHEETS: Sheets = {
    "Notes": [["What we have", 1.0], [None, "title"]],
    "Our films": [
        [],
        [None, None],
        HEADER,
        ["Zwei Fähren", 1988.0, 8.1, 2.5, 1250.0, date(1988, 3, 4), "f1", "Ann (1950)|Ben", "Drama|War", '"2"\nlines'],
        [],
        [1917.0, 2019.0, 7, 0.1 + 0.2, 2147483647.0, None, 12.0],
        [True, None, None, 3.4900000000000002],
        [None, None, None, None, None, None, None, None, None, None],
        ["Last", "1999", "9.5", "3.49", "10", "1999-01-02"],
    ],
    "Other films": [["title"], ["Not read"]],
}  # fmt: skip


def read(path: Path, content: bytes) -> tuple[DataSet, Report]:
    path.write_bytes(content)
    report = Report(list_all=True)
    return owner_films.read_csv(path, report), report


@kinds
def test_the_first_sheet_with_a_title_is_read(tmp_path: Path, make: Make, suffix: str) -> None:
    data_set, report = read(tmp_path / f"films.{suffix}", make(SHEETS))
    first, number, truth, last = data_set.films
    assert (first.title, first.year, first.rating, first.votes, first.id) == ("Zwei Fähren", 1988, 8.1, 1250, "f1")
    assert (str(first.price), first.release_date, first.overview) == ("2.5", date(1988, 3, 4), '"2" lines')
    assert (first.genres, [data_set.people[at].name for at in first.cast]) == (("Drama", "War"), ["Ann", "Ben"])
    assert (number.title, number.year, number.id, number.votes) == ("1917", 2019, "12", 2147483647)
    assert (truth.title, str(truth.price)) == ("TRUE", "3.49")
    assert (last.title, last.year, last.rating, last.release_date) == ("Last", 1999, 9.5, date(1999, 1, 2))
    assert str(number.price) == "0.3"
    assert (report.rows, report.bad, report.warnings) == ({f"films.{suffix}": 4}, {}, [])
    assert report.formats == {f"films.{suffix}": ["sheet 'Our films' of 3"]}


@kinds
def test_bad_rows_are_told_by_the_number_of_their_row(tmp_path: Path, make: Make, suffix: str) -> None:
    rows: list[list[Cell]] = [
        [],
        ["title", "year", "release_date", None, "genres"],
        ["Fine", 1990, date(2001, 2, 3), "a note", "War, Drama"],
        [],
        ["Half a year", 1990.5],
        [time(2, 22), 2016],
        [date(2011, 9, 11), 2006],
        ["No day", 1990, 36526],
        ["Far", 1990, None, None, None, "beyond the header"],
    ]
    data_set, report = read(tmp_path / f"films.{suffix}", make({"Films": rows}))
    assert [film.title for film in data_set.films] == ["Fine", "Far"]
    skipped_rows = [(bad.line, bad.kind, bad.text) for bad in report.bad_rows]
    as_text = "a title that the workbook stores as a date or time: format its cell as text"
    assert skipped_rows == [
        (5, "year is not an integer", "Half a year,1990.5"),
        (6, as_text, "02:22:00,2016"),
        (7, as_text, "2011-09-11,2006"),
        (8, "release_date is not YYYY-MM-DD", "No day,1990,36526"),
    ]
    nameless, comma = sorted(report.warnings, key=lambda text: "comma" in text)
    assert "lines 3, 9: cells in a column without a name, which were not read" in nameless
    assert "line 3: genres with a comma and no |" in comma


@kinds
def test_the_command_says_which_sheet_it_read(database_url: str, tmp_path: Path, make: Make, suffix: str) -> None:
    path = tmp_path / f"films.{suffix}"
    path.write_bytes(make(SHEETS))
    result = filmer(database_url, "import", "csv", path)
    assert result.stdout == "4 films and 2 stars are in the catalogue.\n", result.stderr
    assert f"4 rows of films.{suffix}, sheet 'Our films' of 3\n" in result.stderr
    assert films(database_url)["f1"].title == "Zwei Fähren"


@kinds
def test_a_workbook_without_a_title_is_refused_with_what_it_has(tmp_path: Path, make: Make, suffix: str) -> None:
    with pytest.raises(ImportFailed, match=r"'Eins': Werk, Jahr; 'Zwei': nothing"):
        read(tmp_path / f"films.{suffix}", make({"Eins": [["Werk", "Jahr"]], "Zwei": []}))


@kinds
def test_a_damaged_workbook_is_refused(tmp_path: Path, make: Make, suffix: str) -> None:
    whole = make(SHEETS)
    for damaged in (whole[: len(whole) // 2], whole[:-30], whole[:200] + bytes(300) + whole[500:]):
        with pytest.raises(ImportFailed, match="Nothing was changed"):
            read(tmp_path / f"films.{suffix}", damaged)


def packed(**files: bytes) -> bytes:
    """A workbook with further files in it; or, without the workbook's, another kind of archive."""
    written = io.BytesIO(xlsx(FINE) if "word/document.xml" not in files else b"")
    with zipfile.ZipFile(written, "a") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


FINE: Sheets = {"Films": [["title"], ["Fine"]]}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("letter.docx", packed(**{"word/document.xml": b"<w:document/>"}), "can't be read as .xlsx or .ods"),
        ("password.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000), "or has a password"),
        ("picture and workbook.xlsx", PNG + xlsx(FINE), "no column 'title'"),
        (
            "page.xls",
            b"<html><script>alert(1)</script><table><tr><td>title</td></tr></table></html>",
            "no column 'title'",
        ),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "no column 'title'"),
        ("packed.gz", b"\x1f\x8b" + bytes(100), "compressed with gzip"),
    ],
)
def test_what_is_something_else_is_refused_with_a_sentence(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    with pytest.raises(ImportFailed, match=re.escape(reason)) as refused:
        read(tmp_path / name, content)
    assert len(str(refused.value)) < 2000


@pytest.mark.parametrize("name", ["macros.xlsm", "films.csv", "films.exe"])
def test_of_a_workbook_with_macros_the_cells_are_read_whatever_its_name(tmp_path: Path, name: str) -> None:
    data_set, _ = read(tmp_path / name, packed(**{"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0" + bytes(2000)}))
    assert [film.title for film in data_set.films] == ["Fine"]


def test_a_thousand_columns_are_told_in_a_few_words(tmp_path: Path) -> None:
    header: list[Cell] = ["title", *(f"c{at}" for at in range(1000))]
    data_set, report = read(tmp_path / "wide.ods", ods({"Films": [header, ["Fine"]]}))
    assert [film.title for film in data_set.films] == ["Fine"]
    assert report.warnings[0].endswith("c18, c19 and 980 more")
