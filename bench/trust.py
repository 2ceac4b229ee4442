"""``make trust``: the promises at their full figures, one table; a row that is not reached says so.

Each promise (bench/promises.py) is proved by what ``make test`` runs small; here it gets its figures from the
environment. Some run at a time, those that measure times in quiet; what takes longest comes last. What has not ended
after an hour is stopped, and its row says so: two cores need three hours for all (MINUTES=180).

``make trust ARGS="1 6"`` proves those two. The last result of each row is kept in bench/out/trust.json;
``python -m bench.report trust`` brings them into docs/trust.md.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from bench.catalogues import OUT
from bench.machine import today
from bench.promises import PROMISES, Beside, Promise
from rich.console import Console
from rich.table import Table

STORED = OUT / "trust.json"
MINUTES = int(os.environ.get("MINUTES") or 60)
LONG = 11  # minutes; rows of more come after all others
PARALLEL: dict[Beside, int] = {"nothing": 1, "idle": 2, "anything": 2}  # in this order


class Result(msgspec.Struct):
    """One row. ``seconds`` it took."""

    number: int
    promise: str
    figure: str
    reached: str
    command: str
    fine: bool
    seconds: float
    at: str = ""  # when it ended


def main() -> None:
    wanted = {int(number) for number in sys.argv[1:]}
    promises = [promise for promise in PROMISES if not wanted or promise.number in wanted]
    if unknown := wanted - {promise.number for promise in promises}:
        raise SystemExit(f"there is no promise {', '.join(map(str, sorted(unknown)))}")
    begun = time.monotonic()
    deadline = begun + MINUTES * 60
    promises.sort(key=lambda promise: promise.minutes)
    rows: list[Result] = []
    for is_long in (False, True):
        for beside, count in PARALLEL.items():
            chosen = [
                promise for promise in promises if promise.beside == beside and (promise.minutes > LONG) == is_long
            ]
            with ThreadPoolExecutor(count) as pool:
                rows += pool.map(lambda promise: _prove(promise, deadline), chosen)
    rows.sort(key=lambda row: row.number)
    _show(rows, time.monotonic() - begun)
    raise SystemExit(0 if all(row.fine for row in rows) else 1)


def _prove(promise: Promise, deadline: float) -> Result:
    begun = time.monotonic()
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as figures_file:
        code, output = _run(
            _command(promise), promise.figures | {"FILMER_TRUST_FIGURES": figures_file.name}, deadline - begun
        )
        figures = figures_file.read().splitlines()
    closing = (output.strip().splitlines() or ["nothing was said"])[-1].strip("= ")
    if code:
        OUT.mkdir(exist_ok=True)
        (OUT / f"trust-{promise.number}.log").write_text(output, encoding="utf-8")
    reached = closing if code or not figures else "; ".join(figures)
    if code is None:
        reached = f"not ended when the {MINUTES} minutes were over"
    seconds = time.monotonic() - begun
    sys.stderr.write(f"{promise.number}. {promise.promise}: {reached} ({seconds:.0f} s)\n")  # the table comes last
    return Result(
        promise.number, promise.promise, promise.figure, reached, f"make trust ARGS={promise.number}",
        code == 0, round(seconds, 1), today(),
    )  # fmt: skip


def _command(promise: Promise) -> list[str]:
    if promise.module:
        return [sys.executable, "-m", promise.module]
    chosen = ["-k", promise.chosen] if promise.chosen else []
    return [sys.executable, "-m", "pytest", "-q", *chosen, "-o", "timeout=3600", *promise.tests]


def _run(command: Sequence[str], figures: dict[str, str], seconds: float) -> tuple[int | None, str]:
    """The exit code, None where it was stopped after so many seconds, and what was printed."""
    if seconds <= 0:
        return None, ""
    process = subprocess.Popen(
        command, env=os.environ | figures | {"CI": "true"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, cwd=Path(__file__).parent.parent, start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        output, _ = process.communicate()
        return None, output
    return process.returncode, output


def _show(rows: Sequence[Result], seconds: float) -> None:
    table = Table(title=f"what filmer promises, and what was reached ({seconds / 60:.0f} minutes)")
    for column in ("#", "promise", "figure", "reached", "s", "command"):
        table.add_column(column)
    for row in rows:
        reached = row.reached if row.fine else f"[red]NOT reached: {row.reached}"
        table.add_row(str(row.number), row.promise, row.figure, reached, f"{row.seconds:.0f}", row.command)
    Console(width=190).print(table)
    _store(rows)


def _store(rows: Sequence[Result]) -> None:
    OUT.mkdir(exist_ok=True)
    latest = {row.number: row for row in [*read_results(), *rows]}
    STORED.write_bytes(msgspec.json.format(msgspec.json.encode(sorted(latest.values(), key=lambda row: row.number))))


def read_results() -> list[Result]:
    """The last result of each promise that was ever tried here."""
    return msgspec.json.decode(STORED.read_bytes(), type=list[Result]) if STORED.exists() else []


if __name__ == "__main__":
    main()
