"""Cold reads: the first of their kind after PostgreSQL and filmer were started anew, beside the same asked again.

Cold are PostgreSQL's buffers, its backends' own caches, filmer's connections and the templates of its pages. The
kernel still has the files in its memory; nothing here empties that, as it would for all that runs on the machine.
"""

import asyncio
import random
import statistics
from collections.abc import Callable

from bench import catalogues
from bench.in_process import TimedClient, in_process
from bench.request_mix import RequestMix
from bench.results import Row, Rows, middle_half
from bench.timing import require_ok

from filmer.settings import Settings
from filmer.store.engines import connect

RESTARTS = {"small": 4, "default": 9, "full": 9}
KINDS = (
    "films, any page of any order", "a film", "a star", "search, a realistic mix", "suggestions", "home, as a page",
    "a film, as a page",
)  # fmt: skip

Asked = dict[str, float]


def rows(scale: str) -> Rows:
    order = random.Random(1)
    with catalogues.running(scale) as settings:
        draws = asyncio.run(_draws(settings))
    first: list[Asked] = []
    again: list[Asked] = []
    starts = set()
    for _ in range(RESTARTS[scale]):
        drawn = {what: draws[what]() for what in order.sample(KINDS, len(KINDS))}
        with catalogues.running(scale) as settings:
            starts.add(_started(settings))
            cold, warm = asyncio.run(_asked(settings, drawn))
        first.append(cold)
        again.append(warm)
    if len(starts) < RESTARTS[scale]:
        raise RuntimeError("PostgreSQL went on running for somebody else: it can't be started anew")
    for what in KINDS:
        yield _row(what, [times[what] for times in first], [times[what] for times in again])


async def _draws(settings: Settings) -> dict[str, Callable[[], str]]:
    async with in_process(settings) as filmer:
        return (await RequestMix.of(filmer)).kinds()


async def _asked(settings: Settings, drawn: dict[str, str]) -> tuple[Asked, Asked]:
    async with in_process(settings) as filmer:
        cold = await _once(filmer, drawn)
        await _once(filmer, drawn)
        return cold, await _once(filmer, drawn)


async def _once(filmer: TimedClient, drawn: dict[str, str]) -> Asked:
    return {what: require_ok(address, await filmer.get(address)).milliseconds for what, address in drawn.items()}


def _started(settings: Settings) -> object:
    with connect(settings) as conn:
        row = conn.execute("SELECT pg_postmaster_start_time()").fetchone()
        return row and row[0]


def _row(what: str, first: list[float], again: list[float]) -> Row:
    ratios = [cold / warm for cold, warm in zip(first, again, strict=True)]
    return Row(
        f"{what}, first after a restart: median, most",
        f"{statistics.median(first):.1f} ms, {max(first):.0f} ms",
        f"{statistics.median(again):.1f} ms: the same again",
        statistics.median(ratios),
        spread=f"{middle_half(first, '.1f')} ms",
        rounds={"first": first, "again": again},
    )
