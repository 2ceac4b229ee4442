"""``make bench``: its parts by name, a part that fails, verdicts on limits, and what goes into the documents."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from bench import __main__ as bench
from bench import checkouts, report
from bench.cart_users import PASSWORD, CartUsers
from bench.charts import draw
from bench.machine import Machine
from bench.promises import PROMISES
from bench.results import Limit, Point, Row, Rows, compared
from bench.results_table import Run
from bench.trust import Result
from tests.conftest import SECRET_KEY, MakeDatabase
from tests.users import hash_password

from filmer.settings import Settings

ROOT = Path(__file__).parents[1]
IN_SHORT, TABLE = (f"<!-- {name}: begin -->\nold\n<!-- {name}: end -->\n" for name in ("in short", "bench"))
MACHINE = Machine(2, "a processor", 4.0, "Linux", "3.11", "18", "0.1", 0.0)


def run_of(*rows: Row) -> Run:
    return Run("small", 60_000, "today", MACHINE, {row.part: 1.0 for row in rows}, list(rows))


def test_an_unknown_part_is_told_with_those_there_are() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "bench", "growth", "nonsense"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "no part nonsense" in result.stderr
    assert all(name in result.stderr for name in bench.PARTS)


def test_the_page_says_what_each_part_measures() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert [name for name in bench.PARTS if f"\n| `{name}` | " not in page] == []


def test_a_part_that_fails_keeps_its_rows_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(scale: str) -> Rows:
        yield Row(f"at {scale}", "1 ms")
        raise RuntimeError("the database is away\nand more")

    monkeypatch.setitem(bench.PARTS, "reads", rows)
    run = run_of()
    bench._measure(run, "reads")
    first, second = run.rows
    assert (first.what, first.part, first.failed) == ("at small", "reads", False)
    assert (second.part, second.verdict, second.figure) == ("reads", "FAILED", "the database is away")


@pytest.mark.parametrize(
    ("limit", "used", "text"),
    [
        (Limit(4, 5, "ms", "median"), 0.8, "median ≤ 5 ms"),
        (Limit(6, 5, "ms"), 1.2, "≤ 5 ms"),
        (Limit(1, 0.85, "of it", at_least=True), 0.85, "≥ 0.85 of it"),
        (Limit(0.3, 0.4, at_least=True), 4 / 3, "≥ 0.4"),
        (Limit(0, 0.4, at_least=True), float("inf"), "≥ 0.4"),
    ],
)
def test_limits(limit: Limit, used: float, text: str) -> None:
    assert limit.used == pytest.approx(used)
    assert limit.reached == (used <= 1)
    assert limit.text == text
    row = Row("what", "figure", limits=[Limit(1, 2), limit])
    assert row.verdict == ("reached" if used <= 1 else "NOT reached")
    row.holds_here = False
    assert row.verdict == "(at full scale)"


def test_rounds_are_compared_one_by_one() -> None:
    """The second round ran on a machine half as fast, for both."""
    row = compared("what", [80, 40, 85], [100, 50, 100], reference="constant", bound=0.85)
    assert row.ratio == pytest.approx(0.8)
    assert row.verdict == "NOT reached"
    assert row.rounds == {"filmer": [80, 40, 85], "reference": [100, 50, 100]}


def test_a_run_is_written_and_read_whole() -> None:
    run = run_of(Row("a film", "1 ms", limits=[Limit(1, 2)], curve=[Point(1_000, 1.0, 2.0)], part="reads"))
    assert msgspec.json.decode(msgspec.json.encode(run), type=Run) == run


def test_a_part_that_is_measured_again_replaces_its_rows_and_says_when() -> None:
    whole = run_of(Row("a film", "1 ms", part="reads"), Row("its SQL", "2 ms", part="sql"))
    again = msgspec.structs.replace(run_of(Row("all SQL", "3 ms", part="sql")), date="tomorrow", seconds={"sql": 4.0})
    merged = whole.with_parts_of(again)
    assert [(row.part, row.what) for row in merged.rows] == [("reads", "a film"), ("sql", "all SQL")]
    assert (merged.date, merged.seconds) == ("today", {"reads": 1.0, "sql": 4.0})
    text = report._markdown(merged)
    assert "### reads (1 s)\n" in text
    assert "### sql (4 s, measured again tomorrow)\n" in text


def test_pictures_are_whole_svg_and_show_what_is_over_the_limit(tmp_path: Path) -> None:
    curve = [Point(1_000, 1.0, 2.0), Point(700_000, 1.5, 4.0)]
    rows = [
        Row("a <film>: median", "1 ms", limits=[Limit(1, 2, "ms", "median")], curve=curve, part="growth"),
        Row("checkouts", "1", limits=[Limit(0.1, 0.4, at_least=True)], part="checkout"),
        Row("import", "1", limits=[Limit(9, 3)], holds_here=False, part="import"),
    ]
    limits, growth = draw(run_of(*rows), tmp_path)
    bars = [rect.get("class") for rect in ET.parse(limits).iter("{http://www.w3.org/2000/svg}rect")]
    assert bars == ["ground", "good", "bad"]
    assert len(list(ET.parse(growth).iter("{http://www.w3.org/2000/svg}polyline"))) == 2


def test_the_tables_go_between_the_markers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(
        Row("a | film", "1 ms", "2 ms: it", 0.5, [Limit(1, 2, "ms")], spread="1 to 2 ms", part="reads"),
        Row("suggestions, uncached: median, p99", "2 ms, 9 ms", part="reads"),
        Row("suggestions, uncached: median", "2 ms", "1 ms: the same SQL alone", 2, part="sql"),
    )
    page = tmp_path / "performance.md"
    (tmp_path / "images").mkdir()
    page.write_text(f"before\n{IN_SHORT}between\n{TABLE}after\n", encoding="utf-8")
    monkeypatch.setattr(report, "DOCS", tmp_path)
    monkeypatch.setattr(report, "read", lambda _: run)
    monkeypatch.setenv("SCALE", "small")
    monkeypatch.setattr("sys.argv", ["report"])
    report.main()
    report.main()  # again, with the same end
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- in short: begin -->\n| what you do |")
    assert text.endswith("<!-- bench: end -->\nafter\n")
    assert text.count("| type into the search box | 2 ms, 9 ms |  |  |\n<!-- in short: end -->\nbetween\n") == 1
    assert text.count("| a \\| film | 1 ms | 2 ms: it | 0.50 | ≤ 2 ms | reached | 1 to 2 ms |") == 1
    assert "old" not in text


def test_the_table_of_promises_names_those_without_a_result() -> None:
    reached = Result(1, "one cart gives one order", "", "500 rounds", "", fine=True, seconds=1, at="2026-11-29")
    missed = Result(2, "a crash loses and doubles nothing", "", "9 lost", "", fine=False, seconds=1, at="today")
    page = report.trust_table([missed, reached])
    assert report.trust_table([], page) == page, "what was measured on another machine stays"
    lines = page.splitlines()
    assert len(lines) == 2 + len(PROMISES)
    assert lines[2].endswith("| 500 rounds | 2026-11-29 |")
    assert lines[3].endswith("| **not:** 9 lost | today |")
    assert lines[4].endswith("| not measured yet |  |")


@pytest.mark.parametrize(
    ("page", "name"), [("performance.md", "in short"), ("performance.md", "bench"), ("trust.md", "trust")]
)
def test_the_pages_have_their_markers(page: str, name: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert report.replaced(text, name, "new") != text


def test_the_checkout_that_pgbench_sends_is_the_one_there_is(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    users = CartUsers(
        Settings(database_url=make_database(films=True), secret_key=SECRET_KEY), 2, hash_password(PASSWORD)
    )
    users.open()
    users.fill()
    script = tmp_path / "checkout.sql"
    script.write_text(checkouts._HEAD + asyncio.run(checkouts.checkout_script(users)), encoding="utf-8")
    users.fill()
    before = users.effect()
    monkeypatch.setattr(checkouts, "CLIENTS", 1)
    monkeypatch.setattr(checkouts, "EACH", 2)
    assert checkouts._pgbench(users, script) > 0
    checkouts._require_all_bought(users, before, carts=2)


def test_tests_can_run_without_the_plugins_that_are_installed() -> None:
    """So bench/mutants.py runs them, for promise 31: all plugins take longer to import than most tests to run."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-p", "pytest_timeout"]
    listed = subprocess.run(
        [*command, "tests/shop/test_turns.py"],
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 0, listed.stdout[-3000:]
    assert "tests/shop/test_turns.py::" in listed.stdout
