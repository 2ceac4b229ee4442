"""Public answers from the byte cache, JSON and pages, each in turn with a constant answer of the same size."""

import statistics

import httpx
from bench.load import requests_per_second
from bench.server import constant, serving, wait_for
from bench.table import Row, console
from bench.visits import API

ROUNDS = 7
SECONDS = 2.0
LIMIT = 0.85
FIRST_PAGE_LIMIT = 60 * 1024  # bytes over the wire, without posters
KEPT = [
    ("cached GET", f"{API}/movies"),
    ("suggestions, cached", f"{API}/search/suggestions?query=bat"),
    ("the page of all films, cached", "/films"),
    ("home, cached", "/"),
]


def cached_rows(chosen: str) -> list[Row]:
    """The same server, one worker each; whoever asks takes gzip."""
    console.print("cached GETs against constant answers …")
    with serving(chosen, workers=1) as address:
        rows = [_compare(what, address + path) for what, path in KEPT]
        rows.append(_weight(address))
    return rows


def _compare(what: str, url: str) -> Row:
    ours, theirs = [], []
    with constant(wait_for(url)) as reference:
        for _ in range(ROUNDS):
            ours.append(requests_per_second(url, seconds=SECONDS))
            theirs.append(requests_per_second(reference, seconds=SECONDS))
    ratios = sorted(mine / its for mine, its in zip(ours, theirs, strict=True))
    ratio = statistics.median(ratios)
    return Row(
        f"{what}, as a ratio to a constant answer",
        f"{ratio:.2f} ({statistics.median(ours):,.0f} / {statistics.median(theirs):,.0f} per second)",
        f"≥ {LIMIT}",
        ratio >= LIMIT,
        f"{ratios[0]:.2f} to {ratios[-1]:.2f}",
    )


def _weight(address: str) -> Row:
    """Home and the files it names, as they go over the wire."""
    with httpx.Client(base_url=address, trust_env=False) as client:
        page = client.get("/")
        names = {part.partition('"')[0] for part in page.text.split('"/static/')[1:]}
        answers = [page, *(client.get(f"/static/{name}") for name in names)]
    size = sum(int(answer.headers["content-length"]) for answer in answers)
    return Row(
        f"home with its {len(names)} files, over the wire, without posters",
        f"{size / 1024:.1f} KiB",
        f"≤ {FIRST_PAGE_LIMIT // 1024} KiB",
        size <= FIRST_PAGE_LIMIT,
        "",
    )
