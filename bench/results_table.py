"""The rows of ``make bench``: printed as a table, written as JSON, read again."""

from pathlib import Path

import msgspec
from bench import catalogues
from bench.machine import Machine
from bench.results import Row
from rich.console import Console
from rich.table import Table

HEADINGS = ("what", "figure", "reference in the same run", "ratio", "limit", "", "half of the rounds")
_COLOURS = {"NOT reached": "[red]", "FAILED": "[red]", "reached": "[green]"}


class Run(msgspec.Struct):
    """One run of the bench. ``seconds``: of each part. ``later``: when parts were measured that were measured again."""

    scale: str
    titles: int
    date: str
    machine: Machine
    seconds: dict[str, float]
    rows: list[Row]
    later: dict[str, str] = {}

    @property
    def heading(self) -> str:
        machine = self.machine
        return (
            f"filmer {machine.filmer}, scale {self.scale} ({self.titles:,} titles), {self.date}: {machine.cores} cores "
            f"({machine.processor}), {machine.memory_gib:g} GiB, Python {machine.python}, "
            f"PostgreSQL {machine.postgresql}"
        )

    def with_parts_of(self, newer: "Run") -> "Run":
        """The same run, with what the newer one measured in place of its own."""
        rows = {part: [row for row in self.rows if row.part == part] for part in self.seconds}
        rows |= {part: [row for row in newer.rows if row.part == part] for part in newer.seconds}
        return msgspec.structs.replace(
            self,
            seconds=self.seconds | newer.seconds,
            rows=[row for part in rows.values() for row in part],
            later=self.later | dict.fromkeys(newer.seconds, newer.date),
        )


def cells(row: Row) -> list[str]:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return [row.what, row.figure, row.reference, ratio, row.limit, row.verdict, row.spread]


def show(run: Run) -> None:
    table = Table(title=run.heading, title_justify="left")
    for heading in HEADINGS:
        table.add_column(heading)
    part = ""
    for row in run.rows:
        if row.part != part:
            part = row.part
            table.add_section()
            table.add_row(f"[bold]{part}[/] ({run.seconds[part]:.0f} s)")
        *before, verdict, spread = cells(row)
        table.add_row(*before, _COLOURS.get(verdict, "") + verdict, spread)
    Console(width=190).print(table)
    Console().print(f"{sum(run.seconds.values()) / 60:.1f} minutes in all")


def stored(scale: str) -> Path:
    """Where the last whole run of a scale is kept."""
    return catalogues.OUT / f"bench-{scale}.json"


def write(run: Run) -> None:
    stored(run.scale).write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")


def read(scale: str) -> Run:
    path = stored(scale)
    if not path.exists():
        raise SystemExit(f"there is no {path.name} yet: SCALE={scale} make bench")
    return msgspec.json.decode(path.read_bytes(), type=Run)
