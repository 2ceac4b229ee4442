"""A signed-in cart, read in this process; nothing personal is ever cached."""

import asyncio
import itertools

from bench import catalogues
from bench.cart_users import LINES, CartUsers, cart_users
from bench.in_process import in_process
from bench.request_mix import API
from bench.results import Limit, Row, Rows, middle_half
from bench.timing import Times, interleaved, require_ok

ACCOUNTS = 200
EACH = 100
MEDIAN_LIMIT = 2.0  # ms


def rows(scale: str) -> Rows:
    with catalogues.running(scale) as settings, cart_users(settings, ACCOUNTS) as users:
        users.fill()
        times = asyncio.run(_timed(users, catalogues.ROUNDS[scale]))
    yield Row(
        f"a signed-in cart of {LINES} films: median, p99",
        times.figure,
        limits=[Limit(times.median, MEDIAN_LIMIT, "ms", "median")],
        spread=f"{middle_half(times.medians, '.2f')} ms",
        rounds={"medians": times.medians, "most": [max(times.all)]},
    )


async def _timed(users: CartUsers, rounds: int) -> Times:
    turns = itertools.cycle(range(1, ACCOUNTS + 1))
    async with in_process(users.settings) as filmer:

        async def ask() -> float:
            response = require_ok("cart", await filmer.get(f"{API}/cart", cookie=users.cookie(next(turns))))
            if len(response.data["items"]) != LINES:
                raise RuntimeError(f"cart: {response.body!r}")
            return response.milliseconds

        return (await interleaved({"cart": ask}, rounds=rounds, each=EACH, warm=EACH))["cart"]
