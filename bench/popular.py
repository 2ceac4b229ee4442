"""Popular films in turn with a constant answer: while TMDB is well, and once all copies are stale without it."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from bench import catalogues
from bench.load_generator import in_turn
from bench.results import Limit, Row, Rows, compared, middle_half
from bench.server import constant, serving, wait_for

from filmer.tmdb.sandbox.child import start_child

SECONDS = 1.5
FRESH_SECONDS = 10  # so that copies are stale soon after TMDB is gone
WARM_LIMIT, DOWN_LIMIT = 0.85, 0.95
POPULAR = "/api/movies/popular"


def rows(scale: str) -> Rows:
    rounds = catalogues.ROUNDS[scale]
    with _sandbox() as tmdb:
        settings = {
            "TMDB_BASE_URL": f"{tmdb}/3", "TMDB_API_KEY": "bench", "CACHE_DURATION_SECONDS": str(FRESH_SECONDS),
        }  # fmt: skip
        with serving(scale, workers=1, **settings) as address:
            url = address + POPULAR
            with constant(wait_for(url)) as reference:
                urls = {"ours": url, "theirs": reference}
                well = in_turn(urls, rounds=rounds, seconds=SECONDS)
                httpx.post(f"{tmdb}/faults", json={"fault": "black-hole"}, trust_env=False)
                _wait_until(url, "stale")
                down = in_turn(urls, rounds=rounds, seconds=SECONDS)
    yield compared(
        "popular films, warm", well["ours"], well["theirs"], reference="a constant answer like it", bound=WARM_LIMIT
    )
    yield _down(well, down)


def _down(well: dict[str, list[float]], down: dict[str, list[float]]) -> Row:
    """Each as a share of the constant answer of its own rounds: the machine may have changed in between."""
    before = [ours / theirs for ours, theirs in zip(well["ours"], well["theirs"], strict=True)]
    after = [ours / theirs for ours, theirs in zip(down["ours"], down["theirs"], strict=True)]
    ratio = statistics.median(after) / statistics.median(before)
    return Row(
        "popular films, TMDB black-holed, copies stale",
        f"{statistics.median(down['ours']):,.0f} a second, {statistics.median(after):.2f} of a constant answer",
        f"{statistics.median(well['ours']):,.0f}, {statistics.median(before):.2f}: while TMDB is well",
        ratio,
        [Limit(ratio, DOWN_LIMIT, "of it", at_least=True)],
        spread=middle_half([share / statistics.median(before) for share in after]),
        rounds={"filmer": after, "reference": before},
    )


@contextmanager
def _sandbox() -> Iterator[str]:
    child = start_child(0)
    with child.process:
        try:
            wait_for(f"{child.address}/health")
            yield child.address
        finally:
            child.process.kill()


def _wait_until(url: str, state: str) -> None:
    deadline = time.monotonic() + 60
    while httpx.get(url, trust_env=False).headers["x-cache"] != state:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{url} does not get {state}")
        time.sleep(0.1)
