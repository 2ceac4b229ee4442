"""Reads by endpoint, JSON and pages, and searches by their kinds: in this process, without filmer's caches.

PostgreSQL's own are warm. ``cold_reads`` has reads while those are cold, ``cached_reads`` those from filmer's caches.
"""

import asyncio

from bench import catalogues
from bench.in_process import in_process
from bench.request_mix import SEARCHES, RequestMix
from bench.results import Limit, Row, Rows, middle_half
from bench.timing import Times, interleaved, timed_requests

from filmer.settings import Settings

WARM = 300
EACH = {"small": 60, "default": 110, "full": 200}
MEDIAN, LATE = 5, 20  # ms
PAGE_MEDIAN = 3  # ms


def rows(scale: str) -> Rows:
    with catalogues.running(scale) as settings:
        times = asyncio.run(_timed(settings, scale))
    for what, (median, late) in LIMITS.items():
        yield _row(what, times[what], [Limit(times[what].median, median, "ms", "median"),
                                       Limit(times[what].late, late, "ms", "p99")])  # fmt: skip
    for what in SEARCHES:
        yield _row(f"search: {what}", times[what], [])
    near, far = times["page 1"], times["far page"]
    yield Row(
        "films, page 30,000 or the last there is, uncached: median",
        f"{far.median:.2f} ms",
        f"{near.median:.2f} ms: page 1",
        far.median / near.median,
        spread=middle_half([far / near for far, near in zip(far.medians, near.medians, strict=True)]),
        rounds={"far": far.medians, "near": near.medians},
    )


def _row(what: str, times: Times, limits: list[Limit]) -> Row:
    return Row(
        f"{what}, uncached: median, p99",
        times.figure,
        limits=limits,
        spread=f"{middle_half(times.medians, '.1f')} ms",
        rounds={"medians": times.medians, "most": [max(times.all)]},
    )


LIMITS = {
    "films, first pages": (MEDIAN, LATE),
    "films, any page of any order": (MEDIAN, LATE),
    "films by letter": (MEDIAN, LATE),
    "a film": (MEDIAN, LATE),
    "a star": (MEDIAN, LATE),
    "stars, any page": (MEDIAN, LATE),
    "films of a genre": (MEDIAN, LATE),
    "search, a realistic mix": (10, 60),
    "suggestions": (5, 30),
    "home, as a page": (PAGE_MEDIAN, 40),
    "any page of all films, as a page": (PAGE_MEDIAN, 40),
    "a film, as a page": (PAGE_MEDIAN, 40),
    "a star, as a page": (PAGE_MEDIAN, 40),
    "search by a word, as a page": (PAGE_MEDIAN, 100),
}


async def _timed(settings: Settings, scale: str) -> dict[str, Times]:
    async with in_process(settings) as filmer:
        visits = await RequestMix.of(filmer)
        draws = {**visits.kinds(), **visits.searches()}
        draws = {what: draws[what] for what in (*LIMITS, *SEARCHES)}
        draws |= {"page 1": visits.page_one, "far page": visits.far_page}
        asks = {what: timed_requests(filmer, draw) for what, draw in draws.items()}
        return await interleaved(asks, rounds=catalogues.ROUNDS[scale], each=EACH[scale], warm=WARM)
