"""Compares with Datasette over the same catalogue in SQLite: the same three queries, interleaved.

One process each, over the same few connections. Datasette serves an immutable database with the indexes and the
full-text index one would make, and is asked for JSON without facets; it answers with the rows as they are. filmer
answers with genres and cast beside each film, and is asked without its caches, and with them.
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote_plus

import httpx
from bench import catalogues
from bench.http_connections import answers_for, request
from bench.request_mix import API
from bench.results import Row, Rows, middle_half
from bench.server import environment, serving, stop, wait_for
from bench.sqlite_export import export

from filmer.server.serving import free_port

CONNECTIONS = 4
SECONDS = 1.5
PAGE = 20
SAMPLE = 100  # films that are asked for, and from whose titles words are taken


class Question(NamedTuple):
    what: str
    ours: list[str]
    theirs: list[str]


def rows(scale: str) -> Rows:
    with (
        tempfile.TemporaryDirectory() as folder,
        datasette(scale, Path(folder) / "films.db") as theirs,
        serving(scale, workers=1) as cached,
        serving(scale, workers=1, CACHE_DURATION_SECONDS="0") as uncached,
    ):
        for question in _questions(cached):
            times: dict[str, list[list[float]]] = {"datasette": [], "uncached": [], "cached": []}
            addresses = {"datasette": theirs, "uncached": uncached, "cached": cached}
            for _ in range(catalogues.ROUNDS[scale] + 1):  # the first finds caches empty
                for who, address in addresses.items():
                    paths = question.theirs if who == "datasette" else question.ours
                    requests = [request("GET", path) for path in paths]
                    taken = answers_for(address, requests, connections=CONNECTIONS, seconds=SECONDS)
                    times[who].append(taken)
            yield from _rows(question.what, {who: taken[1:] for who, taken in times.items()})


def _rows(what: str, times: dict[str, list[list[float]]]) -> Rows:
    rates = {who: [len(taken) / SECONDS for taken in rounds] for who, rounds in times.items()}
    medians = {who: statistics.median(time for taken in rounds for time in taken) for who, rounds in times.items()}

    def figures_of(who: str) -> str:
        return f"{statistics.median(rates[who]):,.0f} a second, {medians[who]:.2f} ms"

    for who in ("uncached", "cached"):
        ratios = [ours / theirs for ours, theirs in zip(rates[who], rates["datasette"], strict=True)]
        yield Row(
            f"{what}, {who}: {CONNECTIONS} connections",
            figures_of(who),
            f"{figures_of('datasette')}: Datasette",
            statistics.median(ratios),
            spread=middle_half(ratios, ".1f"),
            rounds={"filmer": rates[who], "reference": rates["datasette"]},
        )


def _questions(address: str) -> list[Question]:
    """Datasette's later pages follow from what a page says comes next, so it is asked for the first alone."""
    items = httpx.get(f"{address}{API}/movies?size={SAMPLE}&page=3", trust_env=False).json()["data"]["items"]
    words = sorted({max(item["title"].split(), key=len) for item in items})
    pages = range(1, SAMPLE // 2)
    return [
        Question(
            f"films by rating, a page of {PAGE}",
            [f"{API}/movies?sortBy=rating&order=desc&size={PAGE}&page={page}" for page in pages],
            [f"/films/film.json?_sort_desc=rating&_size={PAGE}&_nofacet=1&_nosuggest=1" for _ in pages],
        ),
        Question(
            "a film by its id",
            [f"{API}/movies/{item['id']}" for item in items],
            [f"/films/film/{item['id']}.json" for item in items],
        ),
        Question(
            "search by a word",
            [f"{API}/search/movies?query={quote_plus(word)}" for word in words],
            [
                f"/films/film.json?_search={quote_plus(word_prefix(word))}&_searchmode=raw&_size={PAGE}&_nofacet=1&_nosuggest=1"
                for word in words
            ],
        ),
    ]


def word_prefix(word: str) -> str:
    """In the full-text index's language: a word that begins so, as filmer looks for it too."""
    plain = "".join(letter if letter.isalnum() else " " for letter in word).split() or ["the"]
    return f"{max(plain, key=len)}*"


@contextmanager
def datasette(scale: str, file: Path) -> Iterator[str]:
    with catalogues.running(scale) as settings:
        export(settings, file)
    port = free_port("127.0.0.1")
    process = subprocess.Popen(
        [
            sys.executable, "-m", "datasette", "serve", "--immutable", str(file), "--port", str(port),
            "--setting", "suggest_facets", "off", "--setting", "default_cache_ttl", "0",
            "--setting", "sql_time_limit_ms", "10000",
        ],
        env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/-/versions.json")
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)
