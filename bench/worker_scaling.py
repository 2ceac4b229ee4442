"""From one worker to two, beside the bare server's step from one to two.

Whoever asks takes a core as well: on two cores a second worker finds little room for what is cheap, whatever is asked.
So the bare server's own gain is what to compare with.
"""

import statistics
from collections.abc import Callable
from contextlib import ExitStack

from bench import catalogues
from bench.http_connections import answers_for, request
from bench.load_generator import requests_per_second
from bench.request_mix import API
from bench.results import Row, Rows, middle_half
from bench.server import constant, serving, wait_for

SECONDS = 1.5
CONNECTIONS = 16
PAGES = 400  # that differ: what is asked at once by several is computed once
LIST = f"{API}/movies?sortBy=rating&order=desc"


def rows(scale: str) -> Rows:
    rates: dict[str, list[float]] = {}
    with ExitStack() as stack:
        asks: dict[str, Callable[[], float]] = {}
        for workers in (1, 2):
            cached = stack.enter_context(serving(scale, workers=workers)) + LIST
            uncached = stack.enter_context(serving(scale, workers=workers, CACHE_DURATION_SECONDS="0"))
            bare = stack.enter_context(constant(wait_for(cached), workers=workers))
            asks |= {f"cached {workers}": _single_address(cached), f"constant {workers}": _single_address(bare)}
            asks[f"uncached {workers}"] = _many_addresses(uncached)
        for _ in range(catalogues.ROUNDS[scale]):
            for what, ask in asks.items():
                rates.setdefault(what, []).append(ask())
    gains = {what: _gains(rates, what) for what in ("cached", "uncached", "constant")}
    for what in ("cached", "uncached"):
        rate_of_one, rate_of_two = (statistics.median(rates[f"{what} {workers}"]) for workers in (1, 2))
        yield Row(
            f"{what} reads, 1 → 2 workers (whoever asks takes a core too)",
            f"{rate_of_one:,.0f} → {rate_of_two:,.0f} a second: {statistics.median(gains[what]):.2f} times",
            f"{statistics.median(gains['constant']):.2f} times: a constant answer, 1 → 2",
            statistics.median(gains[what]) / statistics.median(gains["constant"]),
            spread=f"{middle_half(gains[what])} times",
            rounds={name: rates[name] for name in rates if name.startswith((f"{what} ", "constant"))},
        )


def _single_address(url: str) -> Callable[[], float]:
    return lambda: requests_per_second(url, seconds=SECONDS)


def _many_addresses(address: str) -> Callable[[], float]:
    requests = [request("GET", f"{LIST}&page={page}") for page in range(1, PAGES + 1)]
    return lambda: len(answers_for(address, requests, connections=CONNECTIONS, seconds=SECONDS)) / SECONDS


def _gains(rates: dict[str, list[float]], what: str) -> list[float]:
    return [with_two / with_one for with_one, with_two in zip(rates[f"{what} 1"], rates[f"{what} 2"], strict=True)]
