"""Bad lines of IMDb's files: counted by kind, the first of each kind shown, all other lines imported."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.connections import fetch_value
from tests.importing.datasets import ImdbFiles, filmer, films, import_imdb, letters, line, nm, tt

from filmer.importing import imdb
from filmer.importing.data_set import MAX_GENRES, MAX_TITLE, DataSet, ImportFailed, Report
from filmer.importing.progress import Progress

LONG = "x" * 1001
TITLE = ("movie", "Bad", "Bad", 0, 1999, None, 90, "Drama")


def title(identifier: str | bytes = "tt0000002", **changed: str | bytes) -> bytes:
    """A line of title.basics that is valid except for what is changed."""
    values = dict(zip(["kind", "title", "original", "adult", "year", "end", "runtime", "genres"], TITLE, strict=True))
    return line(identifier, *{**values, **changed}.values())


# The file, a bad line of it, and a word of the reason that is reported.
BAD = {
    "too few fields": ("title.basics", b"tt0000002\tmovie\tBad", "few"),
    "too few fields, not UTF-8": ("title.basics", b"tt0000002\tmovie\tB\xff\xfed", "few"),
    "too few fields, U+0000": ("title.basics", b"tt0000002\tmovie\tB\0d", "few"),
    "too many fields": ("title.basics", title() + b"\tmore", "many"),
    "no digits in the id": ("title.basics", title("ttBad"), "id"),
    "six digits": ("title.basics", title("tt000002"), "id"),
    "nine digits": ("title.basics", title("tt123456789"), "id"),
    "eight digits, the first of them 0": ("title.basics", title("tt00000002"), "id"),
    "a person's id": ("title.basics", title("nm0000002"), "id"),
    "other digits": ("title.basics", title("tt१११११११"), "id"),
    "U+0000 in the id": ("title.basics", title(b"tt000000\0"), "id"),
    "no id": ("title.basics", title(""), "id"),
    "not UTF-8": ("title.basics", title(title=b"B\xe9d"), "UTF-8"),
    "a surrogate": ("title.basics", title(title=b"B\xed\xa0\x80d"), "UTF-8"),
    "not UTF-8 in the original title": ("title.basics", title(original=b"B\xe9d"), "UTF-8"),
    "not UTF-8 in a genre": ("title.basics", title(genres=b"Dr\xe9ma"), "UTF-8"),
    "U+0000 in the title": ("title.basics", title(title="B\0d"), "U+0000"),
    "U+0000 in the original title": ("title.basics", title(original="B\0d"), "U+0000"),
    "U+0000 in a genre": ("title.basics", title(genres="Dr\0ma"), ""),
    "no title": ("title.basics", title(title=""), "title"),
    "a title of blanks": ("title.basics", title(title=" \u3000 "), "title"),
    "a null title": ("title.basics", title(title=b"\\N"), "title"),
    "a title of accents alone": ("title.basics", title(title="\u0301"), "title"),
    "a title of what can't be seen": ("title.basics", title(title="\u200b\ufeff"), "title"),
    "a title without end": ("title.basics", title(title=LONG, original=LONG), "1000"),
    "a title of many bytes": ("title.basics", title(title="\u6771" * 801), "2400 bytes"),
    "genres without end": ("title.basics", title(genres=",".join(f"G{at}" for at in range(51))), "50 genres"),
    "a title given twice": ("title.basics", title("tt0000001", title="Again"), "twice"),
    "a year of letters": ("title.basics", title(year="MCMXC"), "year"),
    "a year too far": ("title.basics", title(year="10000"), "year"),
    "a year before all": ("title.basics", title(year="-1"), "year"),
    "no year at all": ("title.basics", title(year=""), "year"),
    "a year in other digits": ("title.basics", title(year="१९९९"), "year"),
    "neither adult nor not": ("title.basics", title(adult="2"), "isAdult"),
    "a runtime of letters": ("title.basics", title(runtime="long"), ""),
    "a runtime without end": ("title.basics", title(runtime="99999999999"), ""),
    "a genre without a name": ("title.basics", title(genres="Drama,,Action"), "genre"),
    "a genre without end": ("title.basics", title(genres="x" * 101), "genre"),
    "a rating of letters": ("title.ratings", line(tt(1), "good", 5), "rating"),
    "a rating over 10": ("title.ratings", line(tt(1), "10.1", 5), "rating"),
    "a rating under 0": ("title.ratings", line(tt(1), "-0.1", 5), "rating"),
    "a rating that is no number": ("title.ratings", line(tt(1), "nan", 5), "rating"),
    "a null rating": ("title.ratings", line(tt(1), None, 5), "rating"),
    "a rating that is not UTF-8": ("title.ratings", line(tt(1), b"\xff", 5), "rating"),
    "votes of letters": ("title.ratings", line(tt(1), "5.0", "many"), "rating"),
    "votes under 0": ("title.ratings", line(tt(1), "5.0", -1), "rating"),
    "votes without end": ("title.ratings", line(tt(1), "5.0", 2**31), "rating"),
    "the rating of no id": ("title.ratings", line("1", "5.0", 5), "rating"),
    "too few fields of a rating": ("title.ratings", line(tt(1), "5.0"), "few"),
    "a director's bad id": ("title.crew", line(tt(1), "nm1", None), "id"),
    "a director that is not UTF-8": ("title.crew", line(tt(1), b"nm\xff\xff", None), "id"),
    "too many fields of a crew": ("title.crew", line(tt(1), nm(1), None, None), "many"),
    "a star's bad id": ("title.principals", line(tt(1), 3, "nmBad", "actor", None, None), "id"),
    "a star whose id is not UTF-8": ("title.principals", line(tt(1), 3, b"nm\xff", "actor", 0, 0), "id"),
    "a place of letters": ("title.principals", line(tt(1), "first", nm(3), "actor", None, None), ""),
    "a place that is null": ("title.principals", line(tt(1), None, nm(3), "actor", None, None), ""),
    "too few fields of a credit": ("title.principals", line(tt(1), 3, nm(3), "actor"), "few"),
    "a nameless star": ("name.basics", line(nm(3), "", 1950, None, None, None), "name"),
    "a star's null name": ("name.basics", line(nm(3), None, 1950, None, None, None), "name"),
    "a name that is not UTF-8": ("name.basics", line(nm(3), b"B\xe9d", 1950, None, None, None), "UTF-8"),
    "U+0000 in a name": ("name.basics", line(nm(3), "B\0d", 1950, None, None, None), "U+0000"),
    "a name without end": ("name.basics", line(nm(3), LONG, 1950, None, None, None), "1000"),
    "a birth year of letters": ("name.basics", line(nm(3), "Bad", "BC", None, None, None), "year"),
    "a birth year too far": ("name.basics", line(nm(3), "Bad", "19500", None, None, None), "year"),
    "too many fields of a name": ("name.basics", line(nm(3), "Bad", 1950, None, None, None, None), "many"),
}  # fmt: skip


def good() -> ImdbFiles:
    """One film with one star; a second star is billed, but not named."""
    data = ImdbFiles()
    data.film(1, "Good", original="Gut", year=2000, genres="Drama", cast=(1, 3))
    data.person(1, "Star")
    return data


def with_bad(table: str, *bad: bytes) -> ImdbFiles:
    """Bad lines among good ones: the rating and the director come after them."""
    data = good()
    data.lines[table] += bad
    data.add("title.basics", "tt0000009", "movie", "Last", "Last", 0, None, None, None, None)
    data.add("title.ratings", tt(9), "9.9", 99)
    data.add("title.crew", tt(9), nm(1), None)
    data.credit(9, 1, 1, "actor")
    data.person(9, "Nobody's")
    return data


def read(folder: Path) -> tuple[DataSet, Report]:
    report = Report()
    return imdb.read_imdb(folder, imdb.TitleFilter(), report, Progress(quiet=True)), report


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_counted_and_shown_and_all_others_are_taken(tmp_path: Path, name: str) -> None:
    table, bad, word = BAD[name]
    data_set, report = read(with_bad(table, bad, bad).write(tmp_path))
    assert list(report.bad.values()) == [2], report
    (kind,) = report.bad
    first = report.first[kind]
    assert word in kind
    assert (first.kind, first.file) == (kind, f"{table}.tsv")
    marks = [field for field in bad.decode(errors="replace").split("\t") if field not in {"\\N", "movie"}]
    assert any(mark[:150] in first.text for mark in marks)
    films_by_id = {film.id: film for film in data_set.films}
    assert sorted(films_by_id) == [tt(1), tt(9)]
    assert (films_by_id[tt(1)].title, films_by_id[tt(1)].rating, films_by_id[tt(1)].directors) == ("Good", None, None)
    assert (films_by_id[tt(9)].rating, films_by_id[tt(9)].directors) == (9.9, "Star")
    for film in films_by_id.values():
        assert [data_set.people[place].name for place in film.cast] == ["Star"]


def test_no_bad_line_keeps_the_others_out_of_the_catalogue(database_url: str, tmp_path: Path) -> None:
    """All of them at once."""
    data = with_bad("title.basics")
    for table, bad, _ in BAD.values():
        data.lines[table].insert(2, bad)
    report = import_imdb(database_url, data.write(tmp_path))
    assert sum(report.bad.values()) == len(BAD)
    stored_films = films(database_url)
    assert sorted(stored_films) == [tt(1), tt(9)]
    assert (stored_films[tt(9)].rating, stored_films[tt(9)].director) == (9.9, "Star")
    assert stored_films[tt(1)].cast == stored_films[tt(9)].cast == [("nm0000001", "Star", None)]
    assert fetch_value(database_url, "SELECT report -> 'bad' FROM import_run") == dict(report.bad)


def test_a_title_is_as_long_as_the_index_holds(database_url: str, tmp_path: Path) -> None:
    data = good()
    data.film(2, letters(MAX_TITLE), genres=",".join(f"Genre {at}" for at in range(MAX_GENRES)))
    data.film(3, letters(MAX_TITLE + 3))
    data.film(4, letters(3000))
    report = import_imdb(database_url, data.write(tmp_path))
    assert dict(report.bad) == {"a title of over 2400 bytes": 2}
    assert letters(MAX_TITLE + 3)[:50] in report.first["a title of over 2400 bytes"].text
    stored_films = films(database_url)
    assert sorted(stored_films) == [tt(1), tt(2)]
    assert (stored_films[tt(2)].title, len(stored_films[tt(2)].genres)) == (letters(MAX_TITLE), MAX_GENRES)


def test_every_kind_has_a_count_and_a_first_line_of_its_own(database_url: str, tmp_path: Path) -> None:
    data = good()
    for at, year in enumerate(["first", "second", "third"], start=2):
        data.film(at, f"Year {year}", year=year)
    data.lines["title.basics"] += [b"tt0000005", b"tt0000006\tmovie"]
    data.lines["name.basics"] += [b"nm0000007\tshort"]
    result = filmer(database_url, "import", "imdb", data.write(tmp_path))
    assert result.returncode == 0, result.stderr
    stderr = " ".join(result.stderr.split())
    assert "3 a year that is not" in stderr
    assert "3 too few fields; the first, in title.basics.tsv" in stderr
    assert ("Year first" in stderr, "Year second" in stderr) == (True, False)
    assert ("tt0000005" in stderr, "tt0000006" in stderr) == (True, False)
    bad_lines = fetch_value(database_url, "SELECT report -> 'bad' FROM import_run")
    assert sorted(bad_lines.values()) == [3, 3]


def test_a_bad_line_shows_no_more_than_fits(tmp_path: Path) -> None:
    _, report = read(with_bad("title.basics", b"tt0000002\t" + b"y" * 10**6).write(tmp_path))
    assert len(report.first["too few fields"].text) <= 200


def test_an_empty_line_is_a_bad_line(tmp_path: Path) -> None:
    _, report = read(with_bad("title.basics", b"").write(tmp_path))
    assert sum(report.bad.values()) == 1


def test_a_file_cut_in_a_line_loses_that_line_only(tmp_path: Path) -> None:
    data = with_bad("title.basics", b"tt0000002\tmovie\tCut o")
    data.lines["title.basics"][-2:] = reversed(data.lines["title.basics"][-2:])
    path = data.write(tmp_path) / "title.basics.tsv"
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    data_set, report = read(tmp_path)
    assert dict(report.bad) == {"too few fields": 1}
    assert "Cut o" in report.first["too few fields"].text
    assert [film.id for film in data_set.films] == [tt(1), tt(9)]


def drop_header(lines: list[bytes]) -> None:
    del lines[0]


def other_header(lines: list[bytes]) -> None:
    lines[0] = b"\t".join(b"c%d" % at for at in range(lines[0].count(b"\t") + 1))


def other_file(lines: list[bytes]) -> None:
    lines[:] = [b"titleId\tordering\ttitle", b"tt0000001\t1\tAn alias"]


def no_line(lines: list[bytes]) -> None:
    lines.clear()


@pytest.mark.parametrize("table", good().lines)
@pytest.mark.parametrize("damage", [drop_header, other_header, other_file, no_line])
def test_a_file_without_its_header_is_refused_by_name(
    tmp_path: Path, table: str, damage: Callable[[list[bytes]], None]
) -> None:
    data = with_bad(table)
    damage(data.lines[table])
    with pytest.raises(ImportFailed, match=table):
        read(data.write(tmp_path))
