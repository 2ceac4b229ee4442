"""Counts in texts have the right grammatical number."""

import pytest

from filmer.backup.archive import Manifest, TableDigest
from filmer.clock import SystemClock
from filmer.commands.link import _summary
from filmer.plurals import counted
from filmer.tmdb.links import LinkReport


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "0 films"), (1, "1 film"), (2, "2 films"), (1000, "1,000 films"), (-1, "-1 films")]
)
def test_a_number_of_things(number: int, expected: str) -> None:
    assert counted(number, "film") == expected


def test_a_plural_of_its_own() -> None:
    assert [counted(number, "person", "people") for number in (1, 2)] == ["1 person", "2 people"]


def test_the_close_of_linking() -> None:
    report = LinkReport()
    report.linked = report.without_imdb_id = 1
    assert _summary(report).startswith("Linked 1 film. None is left to look up.\n1 film has no IMDb id")
    report.linked = report.without_imdb_id = 2
    assert _summary(report).startswith("Linked 2 films. None is left to look up.\n2 films have no IMDb id")


def test_the_size_of_a_backup() -> None:
    def size(*rows: int) -> str:
        tables = [TableDigest(f"t{at}", count, "") for at, count in enumerate(rows)]
        now = SystemClock().now()
        return Manifest(filmer="", postgresql="", made=now, migrations={}, secret_key=None, tables=tables).size

    assert (size(1), size(1000, 1)) == ("1 row in 1 table", "1,001 rows in 2 tables")
