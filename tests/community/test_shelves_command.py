"""``filmer shelves``: what the page of a user's films does, on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.commands import CommandResult, filmer
from tests.community import shelf_exports as exports
from tests.community.shelf_exports import boxd, table
from tests.conftest import MakeDatabase
from tests.users import open_account

USER, OTHER = "mary@films.example", "jane@films.example"
Run = Callable[..., CommandResult]


@pytest.fixture(scope="module")
def run(make_database: MakeDatabase) -> Run:
    url = make_database(films=True)
    open_account(url, email=USER)
    open_account(url, email=OTHER)
    return lambda *arguments: filmer("shelves", *arguments, DATABASE_URL=url)


def test_films_are_brought_and_taken_along(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    rows = [("Inception", 2010, 4.5), ("Home", 1990, 3), ("Nowhere to be found", 1999, 2), ("Das Boot", 1981, 9)]
    file.write_text(table(exports.RATINGS, [boxd(title, year, Rating=rating) for title, year, rating in rows]))
    result = run("import", file, "--user", USER)
    assert result.returncode == 0, result.stderr
    assert result.stdout == (
        "4 rows: 1 taken, 0 already there, 1 which of several?, 1 not in this shop: kept, 1 could not be read\n"
    )
    for line in (
        "ratings.csv, line 3: which of several?: Home (1990): tt0000012, tt0000013",
        "ratings.csv, line 4: not in this shop: kept: Nowhere to be found (1999)",
        "ratings.csv, line 5: a rating of 9, which is not one from 0 to 5 in halves",
    ):
        assert line in result.stderr
    taken = run("export", "--user", USER)
    assert [film["title"] for film in json.loads(taken.stdout)["films"]] == ["Inception"]
    assert run("export", "imdb-ratings.csv", "--user", USER).stdout.startswith("Const,Your Rating,Date Rated")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("import", "nothing.csv", "--user", USER), "nothing.csv can't be read: No such file or directory"),
        (("import", "{file}", "--user", USER), "does not say what its films are"),
        (("import", "{file}", "--user", "nobody@films.example"), "There is no user with the address nobody@films"),
        (("export", "passwords.csv", "--user", USER), "'passwords.csv' is not one of shelves.json, letterboxd.csv"),
    ],
)
def test_what_cant_be_done_is_said(run: Run, tmp_path: Path, arguments: tuple[str, ...], reason: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(table(exports.WATCHED, [boxd("Inception", 2010)]))
    result = run(*(str(file) if one == "{file}" else one for one in arguments))
    assert result.returncode == 1
    assert reason in result.stderr


def test_a_list_is_what_one_says_it_is(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(table(exports.WATCHED, [boxd("Das Boot", 1981)]))
    assert run("import", file, "--user", OTHER, "--as", "watchlist").stdout.startswith("1 row: 1 taken")
    assert "Das Boot" in run("export", "letterboxd-watchlist.csv", "--user", OTHER).stdout
