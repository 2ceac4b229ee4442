"""What the parts of the bench return: rows of figures, each with its limits and its reference."""

import statistics
from collections.abc import Callable, Iterator, Sequence

import msgspec


class Limit(msgspec.Struct, frozen=True):
    """A figure and its bound, in the same unit. ``of``: which figure of the row."""

    figure: float
    bound: float
    unit: str = ""
    of: str = ""
    at_least: bool = False

    @property
    def reached(self) -> bool:
        return self.used <= 1

    @property
    def used(self) -> float:
        """How much of what is allowed is used up; 1 is the limit itself."""
        if self.at_least:
            return self.bound / self.figure if self.figure else float("inf")
        return self.figure / self.bound

    @property
    def text(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return " ".join(part for part in (self.of, sign, f"{self.bound:,.4g}", self.unit) if part)


class Point(msgspec.Struct, frozen=True):
    """Of a curve of growth; milliseconds."""

    films: int
    median: float
    late: float


class Row(msgspec.Struct):
    """One line of the table. ``reference``: measured in the same run; ``ratio``: the figure to it.

    ``holds_here``: whether the limits are meant for this scale. ``rounds``: the raw figures by what they are of.
    """

    what: str
    figure: str
    reference: str = ""
    ratio: float | None = None
    limits: list[Limit] = []
    holds_here: bool = True
    spread: str = ""
    rounds: dict[str, list[float]] = {}
    curve: list[Point] = []
    part: str = ""
    failed: bool = False

    @property
    def verdict(self) -> str:
        if self.failed:
            return "FAILED"
        if not self.limits:
            return ""
        if not self.holds_here:
            return "(at full scale)"
        return "reached" if all(limit.reached for limit in self.limits) else "NOT reached"

    @property
    def limit(self) -> str:
        return ", ".join(limit.text for limit in self.limits)


Rows = Iterator[Row]
Part = Callable[[str], Rows]  # of the scale


def late(times: Sequence[float]) -> float:
    """The 99th percentile."""
    return sorted(times)[int(len(times) * 0.99)]


def middle_half(values: Sequence[float], shape: str = ".2f") -> str:
    """The two quartiles between which half of the rounds lie."""
    if len(values) < 2:
        return ""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{low:{shape}} to {high:{shape}}"


def compared(
    what: str, ours: Sequence[float], theirs: Sequence[float], *, reference: str, bound: float | None = None
) -> Row:
    """Requests per second of interleaved rounds: as many as ours, the share of what theirs does."""
    ratios = [mine / its for mine, its in zip(ours, theirs, strict=True)]
    ratio = statistics.median(ratios)
    return Row(
        what,
        f"{statistics.median(ours):,.0f} a second",
        f"{statistics.median(theirs):,.0f} a second: {reference}",
        ratio,
        [] if bound is None else [Limit(ratio, bound, "of it", at_least=True)],
        spread=middle_half(ratios),
        rounds={"filmer": list(ours), "reference": list(theirs)},
    )
