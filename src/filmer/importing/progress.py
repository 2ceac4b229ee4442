"""Shows the progress of a command: bars with bytes, rows and time left on a terminal, elsewhere a line per step."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

Advance = Callable[..., None]


class Progress:
    """The steps of a command, shown on stderr."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet)
        self._bars = Bars(
            TextColumn("{task.description:<32}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[detail]:>34}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=False,
            disable=quiet or not sys.stderr.isatty(),
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    @contextmanager
    def step(self, name: str, total: int | None = None, *, unit: str = "rows") -> Iterator[Advance]:
        """Shows one step. Yields a function to call with how much is done (and rows read, if the unit is bytes)."""
        begun = time.monotonic()
        task = self._bars.add_task(name, total=total, detail="")

        def advance(done: int, rows: int | None = None) -> None:
            self._bars.update(task, completed=done, detail=_detail(done, total, rows, unit))

        yield advance
        self._bars.update(task, total=total or 1, completed=total or 1)
        if self._bars.disable and not self._console.quiet:
            self._console.print(f"{name}: done in {time.monotonic() - begun:.1f} s", highlight=False)

    def say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False)


def _detail(done: int, total: int | None, rows: int | None, unit: str) -> str:
    if unit == "bytes":
        return f"{done / 1e6:,.0f} of {(total or 0) / 1e6:,.0f} MB, {rows or 0:,} rows"
    return f"{done:,} of {total or 0:,} {unit}"
