"""The pictures of a run: how much of each limit is used up, and how reads grow with the catalogue."""

import math
from pathlib import Path

from bench.results import Limit, Row
from bench.results_table import Run
from bench.svg import Drawing

WIDTH = 860
LEFT, BAR, LINE = 430, 12, 22
MOST = 1.5  # of a limit; longer bars end there, with an arrow
PANEL, PANEL_HEIGHT, ACROSS = 260, 150, 3
FOOT = 30


def draw(run: Run, folder: Path) -> list[Path]:
    pictures = {"bench-limits.svg": _limits(run), "bench-growth.svg": _growth(run)}
    drawn = []
    for name, picture in pictures.items():
        if picture is not None:
            (folder / name).write_text(picture.svg, encoding="utf-8")
            drawn.append(folder / name)
    return drawn


def _limits(run: Run) -> Drawing | None:
    """A bar for each limit: 1 is the limit itself, shorter is better."""
    bars = [(row, limit) for row in run.rows if row.holds_here for limit in row.limits]
    if not bars:
        return None
    floor = 64 + LINE * len(bars)
    drawing = Drawing(WIDTH, floor + FOOT, "How much of each limit is used up", run.heading)
    room = WIDTH - LEFT - 60
    for share in (0, 0.5, 1):
        x = LEFT + room * share / MOST
        drawing.line(x, 56, x, floor, "limit" if share == 1 else "grid")
        drawing.text(x, floor + 16, "the limit" if share == 1 else f"{share:g}", "small", anchor="middle")
    for number, (row, limit) in enumerate(bars):
        _bar(drawing, 64 + LINE * number, _named(row, limit), limit, room)
    return drawing


def _bar(drawing: Drawing, y: float, name: str, limit: Limit, room: float) -> None:
    length = min(limit.used, MOST) / MOST * room
    drawing.text(LEFT - 10, y + BAR - 2, name, "label", anchor="end")
    drawing.rect(LEFT, y, max(length, 1), BAR, "good" if limit.reached else "bad")
    more = " →" if limit.used > MOST else ""
    drawing.text(LEFT + length + 6, y + BAR - 2, f"{limit.used:.2f}{more}", "small")


def _named(row: Row, limit: Limit) -> str:
    what = f"{row.part}: {row.what.partition(': ')[0]}"
    name = f"{what}: {limit.of}" if limit.of in {"median", "p99"} else what
    return name if len(name) <= 66 else f"{name[:65]}…"


def _growth(run: Run) -> Drawing | None:
    """A small panel for each kind of read: films on a logarithmic axis, milliseconds from 0 on."""
    grown = [row for row in run.rows if row.curve]
    if not grown:
        return None
    height = 64 + math.ceil(len(grown) / ACROSS) * (PANEL_HEIGHT + 44)
    drawing = Drawing(WIDTH, height, "Reads as the catalogue grows: median (thick) and p99, in ms", run.heading)
    for number, row in enumerate(grown):
        x = 20 + number % ACROSS * (PANEL + 20)
        y = 74 + number // ACROSS * (PANEL_HEIGHT + 44)
        _panel(drawing, x, y, row)
    return drawing


def _panel(drawing: Drawing, x: float, y: float, row: Row) -> None:
    top = _round_above(max(point.late for point in row.curve))
    first, last = (math.log(row.curve[at].films) for at in (0, -1))

    def place(films: int, milliseconds: float) -> tuple[float, float]:
        across = (math.log(films) - first) / ((last - first) or 1)
        return x + 26 + across * (PANEL - 40), y + PANEL_HEIGHT - milliseconds / top * (PANEL_HEIGHT - 24)

    drawing.text(x, y, row.what.partition(": ")[0], "label")
    for share in (0, 0.5, 1):
        height = y + PANEL_HEIGHT - share * (PANEL_HEIGHT - 24)
        drawing.line(x + 26, height, x + PANEL - 14, height, "grid")
        drawing.text(x + 22, height + 4, f"{top * share:g}", "small", anchor="end")
    drawing.curve([place(point.films, point.late) for point in row.curve], "thin")
    drawing.curve([place(point.films, point.median) for point in row.curve], "thick")
    for point in row.curve:
        at = place(point.films, point.median)
        drawing.dot(*at)
        drawing.text(at[0], y + PANEL_HEIGHT + 15, _short(point.films), "small", anchor="middle")


def _short(films: int) -> str:
    return f"{films / 1000:.0f} k"


def _round_above(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, … that is not below."""
    unit = 10.0 ** math.floor(math.log10(max(value, 0.01)))
    return next(unit * step for step in (1, 2, 5, 10) if unit * step >= value)
