"""A bar chart as numbers for its SVG: one bar a day, on a scale that ends at a round amount."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import msgspec
from markupsafe import Markup

from filmer.office.takings_queries import Day

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, BOTTOM, TOP = 16, 64, 26, 12  # room for labels: the amounts are right of the bars
GAP = 0.25  # between bars, as a share of a bar's slot
LINES = 4
MONTH = 31


class Bar(msgspec.Struct, frozen=True):
    x: float
    y: float
    width: float
    height: float
    day: Day

    @property
    def box(self) -> Markup:
        """Its attributes: written at once, as a year has 365 bars."""
        return Markup(f'x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}"')  # noqa: S704 - numbers


class Line(msgspec.Struct, frozen=True):
    y: float
    amount: Decimal


class Label(msgspec.Struct, frozen=True):
    x: float
    day: date


class Chart(msgspec.Struct, frozen=True):
    """In units of its view box."""

    width: int
    height: int
    right: int  # where the bars end and the amounts begin
    bars: list[Bar]
    lines: list[Line]
    labels: list[Label]


def chart_of(days: Sequence[Day]) -> Chart:
    """A day on which more was refunded than sold has no bar. Labels: of a month's days one a week, of others six."""
    every = 7 if len(days) <= MONTH else -(-len(days) // 6)
    top = round_above(max((day.takings for day in days), default=Decimal(0)))
    room, floor = HEIGHT - TOP - BOTTOM, HEIGHT - BOTTOM
    slot = (WIDTH - LEFT - RIGHT) / max(1, len(days))

    def height(amount: Decimal) -> float:
        return round(float(max(amount, Decimal(0)) / top) * room, 1)

    width = round(slot * (1 - GAP), 1)
    bars = [
        Bar(round(LEFT + slot * (index + GAP / 2), 1), floor - height(day.takings), width, height(day.takings), day)
        for index, day in enumerate(days)
    ]
    lines = [Line(y=floor - height(top * step / LINES), amount=top * step / LINES) for step in range(LINES + 1)]
    labels = [
        Label(x=round(LEFT + slot * (index + 0.5), 1), day=day.day)
        for index, day in enumerate(days)
        if (len(days) - 1 - index) % every == 0
    ]
    return Chart(WIDTH, HEIGHT, WIDTH - RIGHT, bars, lines, labels)


def round_above(amount: Decimal) -> Decimal:
    """The next of 10, 20, 50, 100, 200, 500, … that is not below."""
    unit = Decimal(10)
    while True:
        for step in (1, 2, 5):
            if unit * step >= amount:
                return unit * step
        unit *= 10
