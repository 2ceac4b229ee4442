"""The table of ``make trust``: no promise is missing, and each test it names exists and takes its figures."""

import importlib.util
import re
from pathlib import Path

import pytest
from bench.promises import PROMISES, Promise

ROOT = Path(__file__).parent.parent


def test_no_promise_is_missing() -> None:
    assert [promise.number for promise in PROMISES] == [*range(1, 37), 38, 39, 40]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.number)
def test_what_proves_it_is_there(promise: Promise) -> None:
    assert bool(promise.tests) != bool(promise.module)
    if promise.module:
        assert importlib.util.find_spec(promise.module) is not None
    assert [path for path in promise.tests if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("promise", [promise for promise in PROMISES if promise.beside != "anything"])
def test_what_needs_the_machine_to_itself_is_no_part_of_make_test(promise: Promise) -> None:
    for path in promise.tests:
        assert re.search(r"^pytestmark = .*pytest\.mark\.proof", (ROOT / path).read_text("utf-8"), re.MULTILINE), path


def test_its_figures_are_read() -> None:
    read = "".join(file.read_text(encoding="utf-8") for file in (*ROOT.glob("tests/**/*.py"), *ROOT.glob("bench/*.py")))
    figures = {figure for promise in PROMISES for figure in promise.figures}
    assert {figure for figure in figures if f'environ.get("{figure}"' not in read} == set()
