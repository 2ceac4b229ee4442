"""``make bench``: figures of this machine, each beside a limit or a reference measured in the same run.

SCALE=small, default or full (the size of IMDb). Prints a table and writes bench/out/bench-<scale>.json.
"""

import asyncio
import statistics
from collections.abc import Callable

import httpx
from bench import catalogues
from bench.community import community_rows
from bench.in_process import InProcess, in_process
from bench.kept import cached_rows
from bench.shop import shop_rows
from bench.table import Row, console, show
from bench.visits import Visits
from rich.progress import track

from filmer.settings import load_settings
from filmer.store.engines import engines

WARM = 300  # addresses asked before the counted ones, so that the database's pages are in memory
COUNTED = {"small": 400, "default": 800, "full": 2000}


def main() -> None:
    chosen = catalogues.scale()
    rows = [*_import(chosen)]
    settings = load_settings({}, data_dir=str(catalogues.data_dir(chosen)))
    with engines(settings) as running:
        rows += asyncio.run(_uncached(chosen, running))
    rows += cached_rows(chosen)
    rows += shop_rows(chosen)
    rows += community_rows(chosen)
    show(chosen, rows)


def _import(chosen: str) -> list[Row]:
    console.print(f"importing {catalogues.TITLES[chosen]:,} titles …")
    done = catalogues.run_import(chosen)
    ratio = done.seconds / done.gzip_seconds
    return [
        Row("import, as a ratio to gzip -dc", f"{ratio:.2f} ({done.seconds:.1f} s / {done.gzip_seconds:.1f} s)", "≤ 3",
            ratio <= 3 if chosen == "full" else None),
        Row("import, peak memory of the process", f"{done.peak_mib:,.0f} MiB", "≤ 1,536 MiB", done.peak_mib <= 1536),
    ]  # fmt: skip


async def _uncached(chosen: str, settings: object) -> list[Row]:
    count = COUNTED[chosen]
    async with in_process(settings) as filmer:  # type: ignore[arg-type]
        visits = await Visits.of(filmer)
        pages = [
            ("films, first pages", visits.first_pages, 5, 20),
            ("films, any page of any order", visits.any_page, 5, 20),
            ("films by letter", visits.letter, 5, 20),
            ("a film", visits.film, 5, 20),
            ("a star", visits.star, 5, 20),
            ("stars, any page", visits.stars, 5, 20),
            ("films of a genre", visits.genre, 5, 20),
            ("search, a realistic mix", visits.search, 10, 60),
            ("suggestions", visits.suggestions, 5, 30),
            ("home, as a page", visits.home, 10, 40),
            ("any page of all films, as a page", visits.browsing, 10, 40),
            ("a film, as a page", visits.film_page, 10, 40),
            ("a star, as a page", visits.star_page, 10, 40),
            ("search by a word, as a page", visits.search_page, 15, 100),
        ]
        return [
            await _timed(filmer, what, draw, count, median=median, p99=p99)
            for what, draw, median, p99 in track(pages, description="asking, uncached …", console=console)
        ]


async def _timed(
    filmer: InProcess, what: str, draw: Callable[[], str], count: int, *, median: float, p99: float
) -> Row:
    for _ in range(WARM):
        await filmer.get(draw())
    times = []
    for _ in range(count):
        answer = await filmer.get(draw())
        if answer.status != httpx.codes.OK:
            raise SystemExit(f"{what}: {answer.status} {answer.body[:200]!r}")
        times.append(answer.milliseconds)
    times.sort()
    middle, late = statistics.median(times), times[int(len(times) * 0.99)]
    return Row(
        f"{what}, uncached: median, p99",
        f"{middle:.1f} ms, {late:.1f} ms",
        f"≤ {median:g} ms, ≤ {p99:g} ms",
        middle <= median and late <= p99,
        f"most {times[-1]:.0f} ms",
    )


if __name__ == "__main__":
    main()
