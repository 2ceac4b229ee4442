"""Opening hours, as owners type them and as schema.org takes them."""

import pytest

from filmer.office.opening_hours import read_hours, specifications

DASH = "\N{EN DASH}"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("10:00-18:00", "10:00-18:00"),
        (f"10{DASH}13, 14 to 18.30", "10:00-13:00, 14:00-18:30"),
        (" 9:30 - 12 ,14:00-24:00", "09:30-12:00, 14:00-24:00"),
        ("20:00-02:00", "20:00-02:00"),
        ("", ""),
        ("closed", ""),
        ("Closed ", ""),
    ],
)  # fmt: skip
def test_hours_are_understood(typed: str, kept: str) -> None:
    assert read_hours(typed) == kept.replace("-", DASH)
    assert read_hours(read_hours(typed)) == kept.replace("-", DASH)


@pytest.mark.parametrize(
    "typed",
    [
        "10", "10-", "ten to six", "1e1-12", "25:00-26:00", "10:60-11:00", "10:00-10:00", "10:00-12:00, 11:00-13:00",
        "24:00-25:00", "14:00-18:00, 10:00-12:00", "20:00-02:00, 03:00-04:00", "1-2,3-4,5-6,7-8,9-10", "<b>10</b>",
        "10:00-12:00 13:00-14:00", "\u0661\u0660-\u0661\u0662", "10:00-12:00,,", "9" * 500,
    ],
)  # fmt: skip
def test_what_are_no_hours_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        read_hours(typed)


def test_programs_are_told_each_span() -> None:
    told = specifications({"Monday": f"10:00{DASH}13:00, 14:00{DASH}24:00", "Sunday": ""})
    assert [(span["dayOfWeek"], span["opens"], span["closes"]) for span in told] == [
        ("https://schema.org/Monday", "10:00", "13:00"),
        ("https://schema.org/Monday", "14:00", "23:59"),
    ]
