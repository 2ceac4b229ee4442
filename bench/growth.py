"""The same questions to catalogues of 1,000 to 700,000 films, asked in turn: reads must not grow with them.

A page is a look-up in indexes, which grow by one level where films grow a hundredfold: twice the time is the limit.
A search collects what matches, so it does grow, until there are so many that it walks their order instead: four times.
"""

import asyncio
import statistics
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack

from bench import catalogues
from bench.in_process import in_process
from bench.request_mix import RequestMix
from bench.results import Limit, Point, Row, Rows, middle_half
from bench.timing import Times, interleaved, timed_requests

from filmer.settings import Settings

WARM = 150
EACH = 40
FLAT, SEARCHED = 2, 4
LIMITS = {
    "films, any page of any order": FLAT,
    "films by letter": FLAT,
    "a film": FLAT,
    "a star": FLAT,
    "films of a genre": FLAT,
    "home, as a page": FLAT,
    "a film, as a page": FLAT,
    "search, a realistic mix": SEARCHED,
    "suggestions": SEARCHED,
}


def rows(scale: str) -> Rows:
    names = [name for name in catalogues.FILMS if scale != "small" or name != "films-700000"]
    with ExitStack() as stack:
        settings = [stack.enter_context(catalogues.running(name)) for name in names]
        totals, times = asyncio.run(_timed(settings, catalogues.ROUNDS[scale]))
    for what, limit in LIMITS.items():
        yield _row(what, totals, [times[f"{what} {place}"] for place in range(len(names))], limit)


async def _timed(settings: list[Settings], rounds: int) -> tuple[list[int], dict[str, Times]]:
    async with AsyncExitStack() as stack:
        shops = [await stack.enter_async_context(in_process(one)) for one in settings]
        visits = [await RequestMix.of(shop) for shop in shops]
        kinds: list[dict[str, Callable[[], str]]] = [one.kinds() for one in visits]
        asks = {
            f"{what} {place}": timed_requests(shop, kinds[place][what])
            for what in LIMITS
            for place, shop in enumerate(shops)
        }
        times = await interleaved(asks, rounds=rounds, each=EACH, warm=WARM)
        return [one.total for one in visits], times


def _row(what: str, totals: list[int], times: list[Times], limit: float) -> Row:
    medians = [statistics.median(times_of_size.medians) for times_of_size in times]
    ratio = max(medians) / min(medians)
    worst = [
        max(times_of_size) / min(times_of_size)
        for times_of_size in zip(*(times_of_size.medians for times_of_size in times), strict=True)
    ]
    return Row(
        f"{what}: median in {', '.join(f'{total:,}' for total in totals)} films",
        f"{', '.join(f'{median:.1f}' for median in medians)} ms",
        f"{min(medians):.1f} ms: the fastest of them",
        ratio,
        [Limit(ratio, limit, "times")],
        spread=middle_half(worst),
        rounds={f"{total:,} films": times_of_size.medians for total, times_of_size in zip(totals, times, strict=True)},
        curve=[
            Point(total, times_of_size.median, times_of_size.late)
            for total, times_of_size in zip(totals, times, strict=True)
        ],
    )
