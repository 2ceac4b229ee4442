"""What is measured of the shop: checkouts, the cart, logins."""

import asyncio
import statistics

from bench import catalogues
from bench.checkouts import CARTS, checkout_script, checkouts
from bench.in_process import InProcess, in_process
from bench.login import cost, stalls
from bench.shoppers import LINES, Shoppers, shoppers
from bench.table import Row
from bench.visits import API

from filmer.settings import load_settings
from filmer.store.engines import engines

READS = 600
CART_LIMIT = 2.0  # ms


def shop_rows(chosen: str) -> list[Row]:
    settings = load_settings({}, data_dir=str(catalogues.data_dir(chosen)))
    with engines(settings) as running, shoppers(running, CARTS) as those:
        those.fill(2)
        text = asyncio.run(checkout_script(those))
        those.fill()
        rows = asyncio.run(_alone(those))
        rows += stalls(chosen, those)
        return [checkouts(chosen, those, text), *rows]


async def _alone(those: Shoppers) -> list[Row]:
    """What is timed in this process, one request after another."""
    async with in_process(those.settings) as filmer:
        return [await _cart(filmer, those), await cost(filmer, those)]


async def _cart(filmer: InProcess, those: Shoppers) -> Row:
    times = []
    for number in range(READS + 100):
        answer = await filmer.get(f"{API}/cart", cookie=those.cookie(number % those.count + 1))
        if answer.status != 200 or len(answer.data["items"]) != LINES:
            raise SystemExit(f"cart: {answer.status} {answer.body!r}")
        times.append(answer.milliseconds)
    times = sorted(times[100:])
    middle, late = statistics.median(times), times[int(len(times) * 0.99)]
    return Row(
        f"a signed-in cart of {LINES} films: median",
        f"{middle:.1f} ms (p99 {late:.1f} ms)",
        f"≤ {CART_LIMIT:g} ms",
        middle <= CART_LIMIT,
        f"most {times[-1]:.0f} ms",
    )
