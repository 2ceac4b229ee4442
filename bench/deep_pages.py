"""Promise 26, any page is cheap: pages up to 10³⁰ of a measured catalogue (SCALE as in ``make bench``)."""

import asyncio
import random

import httpx
from bench import catalogues
from bench.in_process import in_process
from bench.request_mix import API
from tests.figures import record_figure

from filmer.settings import Settings, load_settings
from filmer.store.engines import engines

PAGES = 5_000
LIMIT_MS = 50


def main() -> None:
    scale = catalogues.scale()
    catalogues.prepare(scale)
    with engines(load_settings({}, data_dir=str(catalogues.data_dir(scale)))) as settings:
        slowest, failures, total = asyncio.run(_ask_pages(settings))
    summary = f"{PAGES:,} pages of {total:,} films: {failures} failures, slowest {slowest:.1f} ms"
    record_figure(summary)
    print(summary)
    raise SystemExit(0 if failures == 0 and slowest <= LIMIT_MS else 1)


async def _ask_pages(settings: Settings) -> tuple[float, int, int]:
    draw = random.Random(26)
    slowest, failures = 0.0, 0
    async with in_process(settings) as filmer:
        total = (await filmer.get(f"{API}/movies?size=1")).data["totalItems"]
        genres = [genre["id"] for genre in (await filmer.get(f"{API}/genres")).data["items"]]
        lists = [f"{API}/movies", f"{API}/stars", *[f"{API}/genres/{genre}/movies" for genre in genres]]
        for number in range(PAGES):
            page = draw.choice([draw.randint(1, total // 20 + 2), 2**31, 2**63, 10**30, draw.randint(1, 10**30)])
            response = await filmer.get(f"{draw.choice(lists)}?page={page}&order={draw.choice(('asc', 'desc'))}")
            failures += response.status != httpx.codes.OK
            if number > PAGES // 50:  # the first find cold pages of the database
                slowest = max(slowest, response.milliseconds)
    return slowest, failures, total


if __name__ == "__main__":
    main()
