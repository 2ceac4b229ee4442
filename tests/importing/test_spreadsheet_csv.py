"""CSV for spreadsheets: any text comes back as it was, and none is a formula."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from filmer.importing import csv_table, spreadsheet_csv

# A file has no lone surrogates, and PostgreSQL has no NUL.
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
start = st.sampled_from(["", "=", "+", "-", "@", "\t", "\r", "'", "''=", '"', ",", "\r\n"])


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


@given(st.lists(st.lists(st.builds(str.__add__, start, text), min_size=2, max_size=4), max_size=8))
def test_any_text_comes_back_and_is_no_formula(table: list[list[str]]) -> None:
    cells = read(b"".join(spreadsheet_csv.rows(["a", "b"], table)))[1:]
    assert [[csv_table.plain(cell) for cell in row] for row in cells] == table
    assert not [cell for row in cells for cell in row if cell[:1] and cell[:1] in "=+-@\t\r"]


def test_numbers_and_times_are_written_plainly() -> None:
    row = (Decimal("-1234.50"), Decimal("1E+3"), -7, None, date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    content = b"".join(spreadsheet_csv.rows(["=x"], [row]))
    assert content == b"'=x\r\n-1234.50,1000,-7,,2026-01-02,2026-01-02T03:04:05Z\r\n"


def test_a_long_file_comes_in_parts_and_its_further_parts_have_no_header() -> None:
    parts = list(spreadsheet_csv.rows((), ([number, "x" * 100] for number in range(2_000))))
    assert len(parts) > 1
    assert all(part.endswith(b"\r\n") for part in parts)
    assert [row[0] for row in read(b"".join(parts))] == [str(number) for number in range(2_000)]
