"""CSV as spreadsheets of all countries write it: separators, encodings, decimal commas, headers, messages."""

import codecs
import io
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from tests import commands
from tests.importing.csv_files import read, write
from tests.importing.datasets import filmer, films

from filmer.commands.terminal import confirm, shown
from filmer.importing import owner_films
from filmer.importing.data_set import DataSet, ImportFailed, Report
from filmer.store.embedded import Engines

ROWS = 'title{0}year{0}price{0}genres\nZwei Fähren{0}1988{0}"{1}"{0}Drama | Krieg\n'


def read_bytes(path: Path, content: bytes, **options: str) -> tuple[DataSet, Report]:
    path.write_bytes(content)
    report = Report(list_all=True)
    return owner_films.read_csv(
        path, report, separator=options.get("separator"), encoding=options.get("encoding")
    ), report


def facts(data_set: DataSet) -> list[tuple[str, int | None, Decimal | None, tuple[str, ...]]]:
    return [(film.title, film.year, film.price, film.genres) for film in data_set.films]


FERRIES = [("Zwei Fähren", 1988, Decimal("2.50"), ("Drama", "Krieg"))]


@pytest.mark.parametrize(
    ("start", "separator", "price", "formats"),
    [
        ("", ",", "2.50", ["separated by `,`"]),
        ("", ";", "2,50", ["separated by `;`", "with decimal commas"]),
        ("", ";", "2.50", ["separated by `;`"]),
        ("", "\t", "2,50", ["separated by tabs", "with decimal commas"]),
        ("sep=;\r\n", ";", "2,50", ["separated by `;`", "with decimal commas"]),
        ('"sep=,"\n', ",", "2.50", ["separated by `,`"]),
        ("SEP=\t\n", "\t", "2.50", ["separated by tabs"]),
        ("sep=^\n", "^", "2,50", ["separated by `^`", "with decimal commas"]),
        ("\n ; ;\n", ";", "2.50", ["separated by `;`"]),
    ],
)
def test_the_header_tells_the_separator(start: str, separator: str, price: str, formats: list[str]) -> None:
    data_set, report = read(start + ROWS.format(separator, price))
    assert (facts(data_set), report.bad, report.warnings) == (FERRIES, {}, [])
    assert report.formats == {"films.csv": formats}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_an_encoding_is_seen(tmp_path: Path, encoding: str, separator: str) -> None:
    text = ROWS.format(separator, "2.50").replace("\n", "\r\n")
    data_set, report = read_bytes(tmp_path / "films.csv", text.encode(encoding))
    assert (facts(data_set), report.bad) == (FERRIES, {})
    assert any("Windows-1252" in text and "Zwei Fähren" in text for text in report.warnings) == (encoding == "cp1252")
    assert report.formats["films.csv"][1:] == ([] if encoding.startswith("utf-8") else [f"in {encoding}"])


def test_big_endian_utf_16_with_a_mark(tmp_path: Path) -> None:
    content = codecs.BOM_UTF16_BE + ROWS.format("\t", "2,50").encode("utf-16-be")
    assert facts(read_bytes(tmp_path / "films.csv", content)[0]) == FERRIES


def test_what_the_owner_says_holds(tmp_path: Path) -> None:
    content = ROWS.format(";", "2.50").replace("ä", "ł").encode("cp1250")
    data_set, report = read_bytes(tmp_path / "films.csv", content, encoding="cp1250")
    assert (data_set.films[0].title, report.warnings) == ("Zwei Fłhren", [])
    data_set, _ = read_bytes(tmp_path / "films.csv", b"title:year\nAlien; a film, and more:1979\n", separator=":")
    assert [(film.title, film.year) for film in data_set.films] == [("Alien; a film, and more", 1979)]


def test_bytes_that_are_no_text_lose_their_row_only(tmp_path: Path) -> None:
    rows = ["title,year", "Amélie,2001", "B\udce9d,2002", "Lone \ud800,2003", "Fine,2004"]
    data_set, report = read_bytes(
        tmp_path / "films.csv", "\n".join(rows[:3] + rows[4:]).encode("utf-8", "surrogateescape")
    )
    assert [film.title for film in data_set.films] == ["Amélie", "Fine"]
    assert [(bad.line, bad.kind, bad.text) for bad in report.bad_rows] == [
        (3, "text that is not in the encoding", "B\ufffdd,2002")
    ]
    data_set, report = read_bytes(
        tmp_path / "films.csv", "\n".join(rows[:2] + rows[3:]).encode("utf-16", "surrogatepass")
    )
    assert [film.title for film in data_set.films] == ["Amélie", "Fine"]
    assert [bad.line for bad in report.bad_rows] == [3]
    data_set, report = read_bytes(tmp_path / "films.csv", b"title\nZwei F\xe4hren\nNo \x81 letter\n")
    assert ([film.title for film in data_set.films], [bad.line for bad in report.bad_rows]) == (["Zwei Fähren"], [3])


def test_whoever_sits_at_a_terminal_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "films.csv"
    path.write_bytes(b"title\nFine\nZwei F\xe4hren\n")
    questions: list[str] = []

    def response(question: str) -> bool:
        questions.append(question)
        return len(questions) == 1

    report = Report()
    assert owner_films.read_csv(path, report, confirm=response).films[1].title == "Zwei Fähren"
    assert report.warnings == []
    assert "Read as Windows-1252, which Excel writes, line 3 is:\nZwei Fähren" in questions[0]
    with pytest.raises(ImportFailed, match="--encoding"):
        owner_films.read_csv(path, Report(), confirm=response)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "expected"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False), ("", None)]
)
def test_a_question_on_a_terminal(monkeypatch: pytest.MonkeyPatch, typed: str, *, expected: bool | None) -> None:
    shown_on = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(sys, "stderr", shown_on)
    assert confirm("Is \x1b[31m this\nright?") is expected
    assert shown_on.getvalue() == "Is \\x1b[31m this\nright? [y/n] "
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert confirm("Is this right?") is None


def test_header_names_are_trimmed_and_compared_without_case() -> None:
    data_set, report = read("title, Year ,\u00a0PRICE,Original_Title,\nSpaced, 1990, 3.49, Other,\n")
    (film,) = data_set.films
    assert (film.year, film.price, film.original_title) == (1990, Decimal("3.49"), "Other")
    assert report.warnings == []


def test_rows_without_anything_in_them_are_no_rows() -> None:
    data_set, report = read("title,year\n,\n\nFine,1990\n , \n")
    assert ([film.title for film in data_set.films], report.rows, report.bad) == (["Fine"], {"films.csv": 1}, {})


def test_commas_in_lists_are_told_with_their_rows() -> None:
    rows = ['Commas,"War, Drama","A, B"', 'Fine,"War, civil | Drama",Ann', "Fine too,Drama,Ben"]
    data_set, report = read("title,genres,stars\n" + "\n".join(rows) + "\n")
    assert [film.genres for film in data_set.films] == [("War, Drama",), ("War, civil", "Drama"), ("Drama",)]
    assert [star.name for star in data_set.people] == ["A, B", "Ann", "Ben"]
    assert report.warnings == [
        f"films.csv, line 2: {column} with a comma and no |, read as one name; several names are separated by |. "
        f"The first: {rows[0]}"
        for column in ("genres", "stars")
    ]
    many = "".join(f'Film {at},"War, Drama"\n' for at in range(1, 1501))
    (warning,) = read("title,genres\n" + many)[1].warnings
    assert "lines 2, 3, 4," in warning
    assert " 21 and 1,480 more: " in warning


def test_a_star_with_two_names_is_told() -> None:
    data_set, report = read("title,stars\nOne,Ann [nm1]\nTwo,ANN [nm1]\nThree,Ben [nm1] | Cem\n")
    assert [star.name for star in data_set.people] == ["Ann", "Cem"]
    (warning,) = report.warnings
    assert "line 4: a star's id that has another name in an earlier row" in warning
    assert warning.endswith("The first: Three,Ben [nm1] | Cem")


def test_what_stands_below_no_name_is_told() -> None:
    data_set, report = read("title,,year\nFine,,1990\nNoted,a note,1991\n")
    assert [(film.title, film.year) for film in data_set.films] == [("Fine", 1990), ("Noted", 1991)]
    assert [text for text in report.warnings if "line 3: cells in a column without a name" in text]


def test_rows_are_shown_as_they_stood(database_url: str, tmp_path: Path) -> None:
    rows = [
        '"Quoted ""so""";x1;"2,50"',
        "It's\\here;x2;2,50;more",
        ":heart: [/b]\x1b[2J;x3;2,50",
        '"over\ntwo";x4;2,50',
    ]
    path = tmp_path / "films.csv"
    path.write_text("title;year;price\n" + "\n".join(rows) + "\nFine;1990;2,50\n", "utf-8")
    result = filmer(database_url, "import", "csv", path)
    assert result.returncode == 0, result.stderr
    assert f"films.csv, line 2: year is not an integer: {rows[0]}\n" in result.stderr
    assert f"films.csv, line 3: more fields than columns (separated by `;`): {rows[1]}\n" in result.stderr
    assert "films.csv, line 4: year is not an integer: :heart: [/b]\\x1b[2J;x3;2,50\n" in result.stderr
    assert 'films.csv, line 5: year is not an integer: "over\\ntwo";x4;2,50\n' in result.stderr
    tabs = tmp_path / "tabs.csv"
    tabs.write_text("title\tyear\nFine\t1990\nBad\tx\n", "utf-8")
    assert "tabs.csv, line 3: year is not an integer: Bad\tx\n" in filmer(database_url, "import", "csv", tabs).stderr


def test_one_is_one(database_url: str, engines: Engines, tmp_path: Path) -> None:
    result = filmer(database_url, "import", "csv", write(tmp_path / "one.csv", {"title": "One", "stars": "Ann"}))
    assert result.stdout == "1 film and 1 star are in the catalogue.\n"
    assert "1 row of one.csv, separated by `,`\n" in result.stderr
    doctor = commands.filmer("doctor", DATABASE_URL=database_url, REDIS_URL=engines.redis_url)
    assert "the catalogue has 1 film (version 1)" in doctor.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--separator", "::"),
        ("--separator", '"'),
        ("--separator", "|"),
        ("--encoding", "klingon"),
        ("--encoding", "hex"),
        ("--encoding", "rot13"),
    ],
)
def test_options_that_mean_nothing_are_refused(database_url: str, tmp_path: Path, option: str, value: str) -> None:
    result = filmer(database_url, "import", "csv", write(tmp_path / "films.csv", {"title": "One"}), option, value)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert f"{option} {value!r}" in result.stderr


def test_options_are_passed_on(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "films.csv"
    path.write_bytes("title;original_title\nAlien;Obcy: ósmy pasażer\n".encode("cp1250"))
    result = filmer(database_url, "import", "csv", path, "--encoding", "CP1250", "--separator", ";")
    assert result.returncode == 0, result.stderr
    assert [film.original_title for film in films(database_url).values()] == ["Obcy: ósmy pasażer"]
    path.write_text("title:original_title\nAlien:A\n", "utf-8")
    assert filmer(database_url, "import", "csv", path, "--separator", "tab").returncode == 1


def test_what_the_database_takes_in_no_text_is_no_end_of_an_import(database_url: str, tmp_path: Path) -> None:
    """In names of columns and files, which are stored with the report."""
    path = tmp_path / "fil\udce9ms.csv"
    path.write_bytes(b"title,col\0our,b\xe9d\nFine,x,y\nAm\xc3\xa9lie,x,y\n")
    result = filmer(database_url, "import", "csv", path)
    assert result.returncode == 0, result.stderr
    assert "fil\ufffdms.csv: unknown columns, which were not read: col\ufffdour, b\ufffdd\n" in result.stderr
    assert len(films(database_url)) == 2


@pytest.mark.parametrize(
    "shown_as", [("a\x1bb", "a\\x1bb"), ("tab\tstays", "tab\tstays"), ("é 😀", "é 😀"), ("\u202e", "\\u202e")]
)
def test_text_of_others_is_no_order_to_a_terminal(shown_as: tuple[str, str]) -> None:
    assert shown(shown_as[0]) == shown_as[1]
