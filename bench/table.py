"""The rows of ``make bench``, printed as a table and written as JSON."""

import json
import os
from pathlib import Path

import msgspec
from bench import catalogues
from rich.console import Console
from rich.table import Table

console = Console(stderr=True)


class Row(msgspec.Struct):
    """One figure. ``limit`` is what it is held against, ``spread`` how much it moved between rounds."""

    what: str
    figure: str
    limit: str
    reached: bool | None  # None: the limit is not for this scale
    spread: str = ""


def show(chosen: str, rows: list[Row]) -> None:
    table = Table(title=f"filmer, {catalogues.TITLES[chosen]:,} titles, {os.cpu_count()} cores")
    for column in ("what", "figure", "limit", "", "spread"):
        table.add_column(column)
    for row in rows:
        verdict = {True: "reached", False: "[red]NOT reached", None: "(at full scale)"}[row.reached]
        table.add_row(row.what, row.figure, row.limit, verdict, row.spread)
    Console(width=150).print(table)
    out = Path(catalogues.OUT / f"bench-{chosen}.json")
    out.write_text(json.dumps([msgspec.to_builtins(row) for row in rows], indent=1, ensure_ascii=False) + "\n")
    console.print(f"written to {out.relative_to(Path.cwd()) if out.is_relative_to(Path.cwd()) else out}")
