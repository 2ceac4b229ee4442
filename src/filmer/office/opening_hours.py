"""When the shop is open: of each day some spans, as an owner types them and as schema.org takes them."""

import re

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MAX_SPANS = 4
_SPAN = re.compile(
    r"([0-9]{1,2})(?:[:.]([0-9]{2}))?\s*(?:-|\N{EN DASH}|to)\s*([0-9]{1,2})(?:[:.]([0-9]{2}))?", re.ASCII
)
_EXAMPLE = "must be times such as 10:00-18:00, with commas between several, or nothing where it is closed"
_A_DAY = 24 * 60


def read_hours(text: str) -> str:
    """``10-13, 14 to 18.30`` with all its digits and a dash; "" for a day without. Raises ValueError."""
    if text.strip().lower() in {"", "closed"}:
        return ""
    spans: list[str] = []
    end = -1
    for part in text.split(","):
        match = _SPAN.fullmatch(part.strip().lower())
        start, stop = (_minute(match[1], match[2]), _minute(match[3], match[4])) if match else (_A_DAY, _A_DAY)
        if start >= _A_DAY or stop > _A_DAY or start == stop or len(spans) == MAX_SPANS:
            raise ValueError(_EXAMPLE)
        if start <= end:
            raise ValueError("must be in the order of the day, and no time twice")
        end = stop if stop > start else _A_DAY + stop  # past midnight: nothing may follow
        spans.append(f"{_clock(start)}\N{EN DASH}{_clock(stop)}")
    return ", ".join(spans)


def specifications(hours: dict[str, str]) -> list[dict[str, str]]:
    """``hours``: by day. As schema.org's OpeningHoursSpecification."""
    return [
        {
            "@type": "OpeningHoursSpecification",
            "dayOfWeek": f"https://schema.org/{day}",
            "opens": span[:5],
            "closes": span[-5:].replace("24:00", "23:59"),
        }
        for day in DAYS
        for span in filter(None, hours.get(day, "").split(", "))
    ]


def _minute(hour: str, minute: str | None) -> int:
    return int(hour) * 60 + int(minute or 0) if int(minute or 0) < 60 else _A_DAY + 1  # noqa: PLR2004 - an hour


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
