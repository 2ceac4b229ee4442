"""``filmer import imdb``: what it imports from the files, and what it leaves out."""

from pathlib import Path

import pytest
from tests.connections import fetch_value
from tests.current_edition import connect
from tests.importing.datasets import HEADERS, Film, ImdbFiles, films, import_imdb, line, titles_of_all_kinds, tt

from filmer.importing.data_set import ImportFailed, Report
from filmer.importing.imdb import TitleFilter, read_imdb
from filmer.importing.progress import Progress

BOB, ANN = ("nm0000002", "Bob Birch", None), ("nm0000001", "Ann Ash", 1950)
ELODIE = ("nm0000003", "Élodie Çelik", 1901)
NOTHING = Film("", None, None, None, None, [], None, None, [], None, None, None)


def some_films() -> ImdbFiles:
    """Films that have all fields, and films that lack some."""
    data = ImdbFiles()
    for number, name, born in [(1, "Ann Ash", 1950), (2, "Bob Birch", None), (3, "Élodie Çelik", 1901)]:
        data.person(number, name, born)
    data.person(17000004, "津川 雅彦", 1940)
    data.film(
        7, "Whole", original="Ganz", year=1999, runtime=101, genres="Drama,Action", rated=(7.5, 1234),
        directors=(3, 1), cast=(2, 3, 1),
    )  # fmt: skip
    data.film(12345678, "Eight digits", cast=(17000004,), directors=(17000004,))
    data.film(8, "Bare")
    data.film(9, '"Unbalanced', original='"Un"bal"anced', genres="Drama", directors=(99, 2), cast=(98, 2))
    data.film(10, "Ôtôsan  ", year=2024, rated=("10", 999_999_999), genres="Action")
    data.film(11, "\" \\ ' {} , \\N", cast=(1,), rated=("0.0", 0))
    data.add("title.basics", "tt0000012", "movie", "Nothing known", None, 0, None, None, None, None)
    data.film(13, 'Quotes "', cast=(2, 1))
    data.credit(13, 3, 2, "actor")  # a second part
    data.credit(13, 4, 3, "writer")
    data.credit(13, 5, 3, "self")
    return data


SOME_FILMS = {
    "tt0000007": Film(
        "Whole", "Ganz", 1999, 101, "Élodie Çelik, Ann Ash", ["Action", "Drama"], 7.5, 1234,
        [BOB, ELODIE, ANN], None, None, None,
    ),
    "tt12345678": NOTHING._replace(
        title="Eight digits", director="津川 雅彦", cast=[("nm17000004", "津川 雅彦", 1940)]
    ),
    "tt0000008": NOTHING._replace(title="Bare"),
    "tt0000009": NOTHING._replace(
        title='"Unbalanced', original_title='"Un"bal"anced', genres=["Drama"], director="Bob Birch",
        cast=[BOB],
    ),
    "tt0000010": NOTHING._replace(title="Ôtôsan", year=2024, rating=10, votes=999_999_999, genres=["Action"]),
    "tt0000011": NOTHING._replace(
        title='" \\ \' {} , \\N', cast=[ANN], rating=0, votes=0
    ),
    "tt0000012": NOTHING._replace(title="Nothing known"),
    "tt0000013": NOTHING._replace(
        title='Quotes "', cast=[BOB, ANN]
    ),
}  # fmt: skip


@pytest.mark.parametrize("gz", [False, True])
def test_every_field_arrives_from_plain_and_from_gzipped_files(database_url: str, tmp_path: Path, *, gz: bool) -> None:
    report = import_imdb(database_url, some_films().write(tmp_path, gz=gz))
    assert films(database_url) == SOME_FILMS
    assert (dict(report.bad), report.warnings) == ({}, [])
    assert set(report.rows) == {f"{name}.tsv{'.gz' if gz else ''}" for name in HEADERS}
    assert sum(report.rows.values()) == sum(len(lines) - 1 for lines in some_films().lines.values())


def test_the_order_of_lines_does_not_matter(database_url: str, tmp_path: Path) -> None:
    data = some_films()
    for lines in data.lines.values():
        lines[1:] = reversed(lines[1:])
    import_imdb(database_url, data.write(tmp_path))
    assert films(database_url) == SOME_FILMS


def test_billing_order_is_a_number_not_text(database_url: str, tmp_path: Path) -> None:
    data = ImdbFiles()
    data.film(1, "Long cast")
    for star, ordering in [(1, 10), (2, 9), (3, 100), (4, 1)]:
        data.person(star, f"Star {star}")
        data.credit(1, ordering, star, "actor")
    import_imdb(database_url, data.write(tmp_path))
    assert [star[0] for star in films(database_url)[tt(1)].cast] == [
        "nm0000004", "nm0000002", "nm0000001", "nm0000003",
    ]  # fmt: skip


def test_windows_line_ends_and_a_missing_last_line_end_are_fine(database_url: str, tmp_path: Path) -> None:
    some_films().write(tmp_path)
    basics = tmp_path / "title.basics.tsv"
    basics.write_bytes(basics.read_bytes().replace(b"\n", b"\r\n"))
    names = tmp_path / "name.basics.tsv"
    names.write_bytes(names.read_bytes().removesuffix(b"\n"))
    assert dict(import_imdb(database_url, tmp_path).bad) == {}
    assert films(database_url) == SOME_FILMS


@pytest.mark.parametrize(
    ("wanted", "titles", "left"),
    [
        (TitleFilter(), [1, 2, 3, 4], [1, 2]),
        (TitleFilter(min_votes=100), [1, 4], [1, 2, 2]),
        (TitleFilter(min_votes=1), [1, 2, 4], [1, 1, 2]),
        (TitleFilter(types=("tvSeries", "short")), [5, 7], [5]),
        (TitleFilter(adult=True), [1, 2, 3, 4, 6], [2]),
        (TitleFilter(adult=True, types=("movie",), min_votes=100), [1, 6], [2, 3]),
    ],
)
def test_which_titles_are_taken(tmp_path: Path, wanted: TitleFilter, titles: list[int], left: list[int]) -> None:
    report = Report()
    data_set = read_imdb(titles_of_all_kinds().write(tmp_path), wanted, report, Progress(quiet=True))
    assert [film.id for film in data_set.films] == [tt(number) for number in titles]
    assert {film.title_type for film in data_set.films} <= set(wanted.types)
    assert sorted(count for count in report.skipped.values() if count) == left  # counted by reason
    assert not report.bad


def test_films_keep_their_title_types(database_url: str, tmp_path: Path) -> None:
    import_imdb(database_url, titles_of_all_kinds().write(tmp_path))
    stored = fetch_value(database_url, "SELECT array_agg((id, title_type)::text ORDER BY id) FROM film")
    assert stored == [f"({tt(number)},{'tvMovie' if number == 4 else 'movie'})" for number in (1, 2, 3, 4)]


@pytest.mark.parametrize("missing", sorted(HEADERS.keys() - {"title.basics"}))
def test_without_one_of_the_other_files_there_is_a_warning(database_url: str, tmp_path: Path, missing: str) -> None:
    report = import_imdb(database_url, some_films().write(tmp_path, without=[missing]))
    assert [missing in warning for warning in report.warnings] == [True]
    whole = SOME_FILMS["tt0000007"]
    lacks = {
        "title.ratings": whole._replace(rating=None, votes=None),
        "title.crew": whole,  # title.principals has the directors too
        "title.principals": whole._replace(cast=[]),
        "name.basics": whole._replace(cast=[], director=None),
    }
    assert films(database_url)["tt0000007"] == lacks[missing]


def test_directors_are_the_people_of_their_ids(database_url: str, tmp_path: Path) -> None:
    """Each once a film, in their order, whether or not they act; nobody whose name is not known."""
    data = ImdbFiles()
    data.person(1, "One", 1950)
    data.person(2, "Two")
    data.film(1, "Film", directors=(2, 1, 2, 404), cast=(1,))
    import_imdb(database_url, data.write(tmp_path))
    with connect(database_url) as conn:
        rows = conn.execute(
            "SELECT d.id, d.name, d.birth_year, d.is_star, s.id "
            " FROM film f, unnest(f.director_nos) WITH ORDINALITY u(no, at)"
            " JOIN director d USING (no) LEFT JOIN star s USING (no) ORDER BY u.at"
        ).fetchall()
        assert [row[0] for row in conn.execute("SELECT id FROM star").fetchall()] == ["nm0000001"]
    assert rows == [("nm0000002", "Two", None, False, None), ("nm0000001", "One", 1950, True, "nm0000001")]


def test_without_title_crew_directors_come_from_title_principals(database_url: str, tmp_path: Path) -> None:
    data = ImdbFiles()
    data.film(1, "Film", directors=(1, 2, 1, 404))
    data.person(2, "Two")
    data.person(1, "One")
    data.lines["title.principals"].append(line(tt(1), 1, "nm0000002", "producer", None, None))
    import_imdb(database_url, data.write(tmp_path, without=["title.crew"]))
    assert films(database_url)[tt(1)].director == "One, Two"
    assert films(database_url)[tt(1)].cast == []


def test_title_basics_alone_is_enough(database_url: str, tmp_path: Path) -> None:
    others = HEADERS.keys() - {"title.basics"}
    report = import_imdb(database_url, some_films().write(tmp_path, without=others))
    assert len(report.warnings) == len(others)
    assert films(database_url).keys() == SOME_FILMS.keys()


def test_title_basics_is_required(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match=r"title\.basics"):
        import_imdb(database_url, some_films().write(tmp_path, without=["title.basics"]))
    with pytest.raises(ImportFailed, match=r"title\.basics"):
        import_imdb(database_url, tmp_path / "no such folder")
