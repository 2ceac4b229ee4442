"""``make trust``: the promises at their full figures, one table; a row that is not reached says so.

Each promise is proved by the tests that ``make test`` runs small; here they get their figures from the environment.
``make trust ARGS="1 6"`` proves those two.
"""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
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


class Promise(msgspec.Struct, frozen=True):
    """``tests`` prove it with these figures in their environment; ``processes`` of pytest, 1 where time is measured."""

    number: int
    promise: str
    figure: str
    tests: list[str]
    figures: dict[str, str] = {}
    processes: int = 2


PROMISES = [
    Promise(
        1,
        "one cart gives one order",
        "64 submits at once, 500 rounds: 0 duplicates",
        ["tests/shop/test_one_order.py"],
        {"FILMER_TRUST_ROUNDS": "500"},
        processes=1,
    ),
    Promise(
        2,
        "a crash loses and doubles nothing",
        "10 000 checkouts: 0 lost, doubled, partial",
        ["tests/shop/test_crashes.py"],
        {"FILMER_TRUST_CRASH_CHECKOUTS": "10000", "PYTEST_ADDOPTS": "-k killed"},
    ),
    Promise(3, "all or nothing, wherever it breaks", "every point clean", ["tests/shop/test_all_or_nothing.py"]),
    Promise(
        4,
        "acknowledged means durable",
        "1 000 orders, 0 missing",
        ["tests/shop/test_crashes.py"],
        {"FILMER_TRUST_DURABLE_ORDERS": "1000", "PYTEST_ADDOPTS": "-k 'acknowledged or through or waives'"},
    ),
    Promise(
        5,
        "you pay what you saw",
        "5 000 sequences, 0 cents",
        ["tests/shop/test_paid_as_seen.py"],
        {"SEQUENCES": "5000"},
    ),
    Promise(
        6,
        "cart and orders behave like one copy",
        "1 000 histories of 50 operations; 5 bugs caught",
        ["tests/shop/test_like_one_copy.py", "tests/shop/test_histories.py"],
        {"FILMER_TRUST_HISTORIES": "1000", "FILMER_TRUST_OPERATIONS": "50"},
    ),
    Promise(
        7,
        "nobody sees another's things",
        "all cells, 0 leaks",
        ["tests/shop/test_nobody_elses.py", "tests/community/test_nobody_elses.py"],
    ),
    Promise(
        8,
        "no secret at rest or in a log",
        "0 hits",
        ["tests/shop/test_no_secrets.py", "tests/community/test_no_secrets.py"],
    ),
    Promise(
        11, "sessions end when they should", "29:59 lives, 30:01 is dead", ["tests/accounts/test_session_times.py"]
    ),
    Promise(12, "other sites can't act for you", "all cells", ["tests/http/test_cross_site.py"]),
    Promise(
        13,
        "no telling who has an account",
        "2 times 1 000 logins: AUC ≤ 0.55",
        ["tests/accounts/test_no_telling.py"],
        {"LOGINS": "1000"},
        processes=1,
    ),
    Promise(
        14,
        "guessing is slowed",
        "10 000 tries: no more than documented",
        ["tests/accounts/test_guessing.py"],
        {"GUESSES": "10000"},
    ),
    Promise(
        15,
        "TMDB down: nobody notices on warm pages",
        "10 minutes, 300 req/s: 100 % 200, p99 as before, bounded calls",
        ["tests/community/test_tmdb_down.py"],
        {"FILMER_TRUST_OUTAGE_SECONDS": "600", "FILMER_TRUST_OUTAGE_RATE": "300"},
        processes=1,
    ),
    Promise(
        16,
        "one question, one call",
        "1 000 cold requests, 4 workers: 1 call; ≤ 1 a worker without Valkey",
        ["tests/tmdb/test_one_call.py"],
        {
            "FILMER_TRUST_ONE_CALL_REQUESTS": "1000",
            "FILMER_TRUST_ONE_CALL_WORKERS": "4",
            "FILMER_TRUST_TMDB_DEADLINE": "15",
        },
        processes=1,
    ),
    Promise(
        17,
        "retries as specified",
        "4 calls; waits ≥ 1, 2, 4 s, each ≤ 5 s; Retry-After kept",
        ["tests/tmdb/test_retries.py"],
    ),
    Promise(
        18,
        "a cold failure is bounded",
        "503 within the deadline; size capped; good copies stand",
        ["tests/tmdb/test_cold_failures.py"],
        {"FILMER_TRUST_TMDB_DEADLINE": "15"},
        processes=1,
    ),
    Promise(
        19,
        "the cache is optional",
        "8 harms: 0 wrong answers, 0 mixed-up users; p99 + ≤ 60 ms",
        ["tests/community/test_cache_optional.py"],
        {"FILMER_TRUST_CACHE_SECONDS": "30"},
        processes=1,
    ),
    Promise(
        21,
        "a caller who hangs up breaks nothing",
        "5 000: 0 half-states, 0 leaked connections",
        ["tests/shop/test_hang_ups.py"],
        {"FILMER_TRUST_HANG_UPS": "5000"},
        processes=1,
    ),
    Promise(
        27,
        "search means what it says",
        "10 000 queries, 0 differences",
        ["tests/catalogue/test_search_oracle.py", "tests/catalogue/test_lists_oracle.py"],
        {"FILMER_TRUST_SEARCHES": "10000"},
    ),
    Promise(
        28,
        "an import is all or nothing",
        "killed 60 times, damaged, browsed",
        ["tests/importing"],
        {"FILMER_TRUST_KILLS": "60"},
    ),
]


class Proved(msgspec.Struct):
    number: int
    promise: str
    figure: str
    reached: str
    command: str
    fine: bool


def main() -> None:
    wanted = {int(number) for number in sys.argv[1:]}
    table = Table(title="what filmer promises, and what was reached")
    for column in ("#", "promise", "figure", "reached", "command"):
        table.add_column(column)
    fine = True
    promises = {one.number: one for one in PROMISES}
    for number in sorted({26, *promises}):
        if wanted and number not in wanted:
            continue
        row = _any_page_is_cheap() if number == 26 else _prove(promises[number])
        fine &= row.fine
        reached = row.reached if row.fine else f"[red]NOT reached: {row.reached}"
        table.add_row(str(row.number), row.promise, row.figure, reached, row.command)
        sys.stderr.write(f"{number}. {row.promise}: {row.reached}\n")  # the table comes at the very end
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
        f"SCALE={chosen} make trust ARGS=26",
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


def _prove(promise: Promise) -> Proved:
    """The tests at their full figures; ``reached``: what they tell, else pytest's closing line."""
    begun = time.monotonic()
    distribution = ["-n", "2"] if promise.processes > 1 else []
    command = [sys.executable, "-m", "pytest", "-q", *distribution, "-o", "timeout=3600", *promise.tests]
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as told:
        done = subprocess.run(
            command, env={**os.environ, **promise.figures, "FILMER_TRUST_TOLD": told.name}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent,
        )  # fmt: skip
        figures = told.read().splitlines()
    closing = (done.stdout.strip().splitlines() or ["pytest said nothing"])[-1].strip("= ")
    if done.returncode:
        sys.stderr.write(done.stdout)
    reached = "; ".join(figures) if figures and not done.returncode else closing
    return Proved(
        promise.number,
        promise.promise,
        promise.figure,
        f"{reached} ({time.monotonic() - begun:.0f} s)",
        f"make trust ARGS={promise.number}",
        done.returncode == 0,
    )


if __name__ == "__main__":
    main()
