"""A run loads no file whose tests it would all leave out, and every other."""

import pytest
from tests.scheduling import is_left_out

NONE = "def test_it(): ..."
SOME = "@pytest.mark.proof\ndef test_it(): ..."
SOME_PARALLEL = "@pytest.mark.proof\n@pytest.mark.parallel\ndef test_it(): ..."
ALL = "pytestmark = pytest.mark.proof\n"
ALL_PARALLEL = "pytestmark = [\n    pytest.mark.proof,\n    pytest.mark.parallel,\n]\n"
TEST, PARALLEL, ALONE = "not proof", "proof and parallel", "proof and not parallel"


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        (NONE, {TEST}),
        (SOME, {TEST, ALONE}),
        (SOME_PARALLEL, {TEST, PARALLEL, ALONE}),
        (ALL, {ALONE}),
        (ALL + SOME_PARALLEL, {PARALLEL, ALONE}),
        (ALL_PARALLEL, {PARALLEL}),
        (ALL_PARALLEL + NONE, {PARALLEL}),
        ("pytestmark = pytest.mark.timeout(400)\n" + NONE, {TEST}),
    ],
)
def test_a_file_is_loaded_where_a_test_of_it_may_be_wanted(text: str, runs: set[str]) -> None:
    assert {wanted for wanted in (TEST, PARALLEL, ALONE) if not is_left_out(text, wanted)} == runs


@pytest.mark.parametrize("wanted", ["", "proof", "not parallel", "proof or parallel"])
def test_of_other_runs_nothing_is_known(wanted: str) -> None:
    assert not any(is_left_out(text, wanted) for text in (NONE, SOME, ALL, ALL_PARALLEL))
