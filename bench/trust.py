"""``make trust``: the promises at their full figures, one table; a row that is not reached says so.

Each promise is proved by the tests that ``make test`` runs small; here they get their figures from the environment.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec
from bench import catalogues
from bench.in_process import in_process
from bench.visits import API
from rich.console import Console
from rich.table import Table

from filmer.settings import load_settings
from filmer.store.engines import engines

PAGES = 5_000
PAGE_LIMIT_MS = 50
SEARCHES = 10_000
KILLS = 60


class Proved(msgspec.Struct):
    number: int
    promise: str
    figure: str
    reached: str
    command: str
    fine: bool


def main() -> None:
    proofs: list[Callable[[], Proved]] = [_any_page_is_cheap, _search_means_what_it_says, _imports_are_all_or_nothing]
    table = Table(title="what filmer promises, and what was reached")
    for column in ("#", "promise", "figure", "reached", "command"):
        table.add_column(column)
    fine = True
    for proof in proofs:
        row = proof()
        fine &= row.fine
        reached = row.reached if row.fine else f"[red]NOT reached: {row.reached}"
        table.add_row(str(row.number), row.promise, row.figure, reached, row.command)
    Console(width=170).print(table)
    raise SystemExit(0 if fine else 1)


def _any_page_is_cheap() -> Proved:
    chosen = catalogues.scale()
    if not catalogues.data_dir(chosen).exists():
        catalogues.run_import(chosen)
    with engines(load_settings({}, data_dir=str(catalogues.data_dir(chosen)))) as settings:
        slowest, failures, total = asyncio.run(_ask_pages(settings))
    return Proved(
        26,
        "any page is cheap",
        f"pages up to 10³⁰: 0 5xx, ≤ {PAGE_LIMIT_MS} ms",
        f"{PAGES:,} pages of {total:,} films: {failures} failures, slowest {slowest:.1f} ms",
        f"SCALE={chosen} make trust",
        failures == 0 and slowest <= PAGE_LIMIT_MS,
    )


async def _ask_pages(settings: object) -> tuple[float, int, int]:
    draw = random.Random(26)
    slowest, failures = 0.0, 0
    async with in_process(settings) as filmer:  # type: ignore[arg-type]
        total = (await filmer.get(f"{API}/movies?size=1")).data["totalItems"]
        genres = [genre["id"] for genre in (await filmer.get(f"{API}/genres")).data["items"]]
        lists = [f"{API}/movies", f"{API}/stars", *[f"{API}/genres/{genre}/movies" for genre in genres]]
        for number in range(PAGES):
            page = draw.choice([draw.randint(1, total // 20 + 2), 2**31, 2**63, 10**30, draw.randint(1, 10**30)])
            answer = await filmer.get(f"{draw.choice(lists)}?page={page}&order={draw.choice(('asc', 'desc'))}")
            failures += answer.status != httpx.codes.OK
            if number > PAGES // 50:  # the first find cold pages of the database
                slowest = max(slowest, answer.milliseconds)
    return slowest, failures, total


def _search_means_what_it_says() -> Proved:
    tests = ["tests/catalogue/test_search_oracle.py", "tests/catalogue/test_lists_oracle.py"]
    fine, told, command = _pytest(tests, FILMER_TRUST_SEARCHES=str(SEARCHES))
    return Proved(27, "search means what it says", f"{SEARCHES:,} queries, 0 differences", told, command, fine)


def _imports_are_all_or_nothing() -> Proved:
    fine, told, command = _pytest(["tests/importing"], FILMER_TRUST_KILLS=str(KILLS))
    return Proved(28, "an import is all or nothing", f"killed {KILLS} times, damaged, browsed", told, command, fine)


def _pytest(tests: list[str], **figures: str) -> tuple[bool, str, str]:
    """Whether tests pass at their full figures, pytest's closing line, and the command."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-o", "timeout=1500", *tests]
    done = subprocess.run(
        command, env={**os.environ, **figures}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    last = (done.stdout.strip().splitlines() or ["pytest said nothing"])[-1]
    if done.returncode:
        sys.stderr.write(done.stdout)
    shown = " ".join([*(f"{name}={value}" for name, value in figures.items()), "pytest", *tests])
    return done.returncode == 0, f"{last.strip('= ')} ({time.monotonic() - begun:.0f} s)", shown


if __name__ == "__main__":
    main()
