"""IMDb's ids as numbers, compared with reading them one by one."""

import re

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filmer.importing.imdb_ids import NONE, parse_ids, title_id

NEARLY_AN_ID = st.from_regex(rb"\A[tn]?[tm][0-9/:a\x00\xb0\xff]{5,10}\Z")
IDS = st.integers(1, 99_999_999).map(lambda number: title_id(number).encode())


def number_of(text: bytes) -> int:
    match = re.fullmatch(rb"tt([0-9]{7}|[1-9][0-9]{7})", text)
    return int(match[1]) if match else NONE


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"tt0111161", 111_161),
        (b"tt0000000", 0),
        (b"tt10000001", 10_000_001),
        (b"tt99999999", 99_999_999),
        (b"tt01111611", NONE),
        (b"nm0111161", NONE),
        (b"tn0111161", NONE),
        (b"tt011116", NONE),
        (b"tt111111611", NONE),
        (b"tt011116:", NONE),
        (b"tt/111161", NONE),
        (b"tt01111\xb91", NONE),
        (b"", NONE),
    ],
)
def test_an_id_is_two_letters_and_seven_or_eight_digits(text: bytes, number: int) -> None:
    for column in ([text], [text, b"tt0000001"], [b"tt0000001", text]):
        assert parse_ids(pa.array(column, pa.binary()), b"tt")[column.index(text)] == number


@settings(deadline=None)
@given(st.lists(st.one_of(IDS, NEARLY_AN_ID, st.binary(max_size=11))), st.integers(0, 3))
@example([], 0)
@example([b"", b"tt"], 0)
@example([b"tt0111161", b"", b"t"], 1)
def test_a_column_has_the_number_of_each_of_its_ids(ids: list[bytes], first: int) -> None:
    """Columns that begin within another's bytes, too."""
    column = pa.array(ids, pa.binary())[first:]
    assert parse_ids(column, b"tt").tolist() == [number_of(text) for text in ids[first:]]
