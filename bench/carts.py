"""A signed-in cart, read in this process; nothing personal is ever cached."""

import asyncio
import itertools

from bench import catalogues
from bench.cart_users import LINES, Shoppers, shoppers
from bench.in_process import in_process
from bench.request_mix import API
from bench.results import Limit, Row, Rows, half_of
from bench.timing import Times, fine, interleaved

ACCOUNTS = 200
EACH = 100
MEDIAN_LIMIT = 2.0  # ms


def rows(scale: str) -> Rows:
    with catalogues.running(scale) as settings, shoppers(settings, ACCOUNTS) as those:
        those.fill()
        times = asyncio.run(_timed(those, catalogues.ROUNDS[scale]))
    yield Row(
        f"a signed-in cart of {LINES} films: median, p99",
        times.figure,
        limits=[Limit(times.median, MEDIAN_LIMIT, "ms", "median")],
        spread=f"{half_of(times.medians, '.2f')} ms",
        rounds={"medians": times.medians, "most": [max(times.all)]},
    )


async def _timed(those: Shoppers, rounds: int) -> Times:
    turns = itertools.cycle(range(1, ACCOUNTS + 1))
    async with in_process(those.settings) as filmer:

        async def ask() -> float:
            response = fine("cart", await filmer.get(f"{API}/cart", cookie=those.cookie(next(turns))))
            if len(response.data["items"]) != LINES:
                raise RuntimeError(f"cart: {response.body!r}")
            return response.milliseconds

        return (await interleaved({"cart": ask}, rounds=rounds, each=EACH, warm=EACH))["cart"]
