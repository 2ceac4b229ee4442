"""What is measured of the community: popular films with TMDB there and gone, a user's favourites."""

import asyncio
import hashlib
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx
from bench import catalogues
from bench.in_process import InProcess, in_process
from bench.load import requests_per_second
from bench.server import constant, serving, wait_for
from bench.shoppers import Shoppers, shoppers
from bench.table import Row, console

from filmer.settings import Settings, load_settings
from filmer.store.engines import connect, engines
from filmer.tmdb.sandbox.child import start_child

ROUNDS = 7
SECONDS = 2.0
WARM_LIMIT, DOWN_LIMIT = 0.85, 0.95
FILMS = 50
CACHED_LIMIT, COMPUTED_LIMIT = 2.0, 5.0  # ms
READS = 400
TOKEN = "filmer_only-for-measuring"
POPULAR = "/api/movies/popular"


def community_rows(chosen: str) -> list[Row]:
    rows = _popular(chosen)
    settings = load_settings({}, data_dir=str(catalogues.data_dir(chosen)))
    with engines(settings) as running, shoppers(running, 1) as those:
        _keep_films(those)
        rows += asyncio.run(_favorites(running))
    return rows


def _popular(chosen: str) -> list[Row]:
    """Popular films in turn with a constant answer: while TMDB is well, and once all copies are stale without it."""
    console.print("popular films, TMDB well and black-holed …")
    with _sandbox() as tmdb:
        settings = {"TMDB_BASE_URL": f"{tmdb}/3", "TMDB_API_KEY": "bench", "CACHE_DURATION_SECONDS": "30"}
        with serving(chosen, workers=1, **settings) as address:
            url = address + POPULAR
            with constant(wait_for(url)) as reference:
                well = _in_turn(url, reference)
                httpx.post(f"{tmdb}/faults", json={"fault": "black-hole"}, trust_env=False)
                _wait_until(url, "stale")
                down = _in_turn(url, reference)
    shares = sorted(share / statistics.median(well.shares) for share in down.shares)
    return [
        _ratio("popular films, warm, as a ratio to a constant answer", sorted(well.shares), WARM_LIMIT, well),
        _ratio("popular films, TMDB black-holed, as a ratio to TMDB well", shares, DOWN_LIMIT, down),
    ]


class _Rates(NamedTuple):
    """Requests per second, round by round."""

    ours: list[float]
    bare: list[float]

    @property
    def shares(self) -> list[float]:
        return [ours / bare for ours, bare in zip(self.ours, self.bare, strict=True)]


def _in_turn(url: str, reference: str) -> _Rates:
    rates = _Rates([], [])
    for _ in range(ROUNDS):
        rates.bare.append(requests_per_second(reference, seconds=SECONDS))
        rates.ours.append(requests_per_second(url, seconds=SECONDS))
    return rates


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
            raise SystemExit(f"{url} does not get {state}")
        time.sleep(0.1)


def _ratio(what: str, ratios: list[float], limit: float, rates: _Rates) -> Row:
    ratio = statistics.median(ratios)
    return Row(
        what,
        f"{ratio:.2f} ({statistics.median(rates.ours):,.0f}; constant {statistics.median(rates.bare):,.0f} a second)",
        f"≥ {limit}",
        ratio >= limit,
        f"{ratios[0]:.2f} to {ratios[-1]:.2f}",
    )


def _keep_films(those: Shoppers) -> None:
    """Fifty favourites of account 1, with copies, and a rating of each other one."""
    with connect(those.settings) as conn, conn.transaction():
        digest = hashlib.sha256(TOKEN.encode()).digest()
        conn.execute("INSERT INTO token (digest, account_id, name, created) VALUES (%s, 1, 'bench', now())", [digest])
        conn.execute(
            """
            INSERT INTO tmdb_film
            SELECT n, 'Film ' || n, date '2000-01-01' + n, repeat('A line of what it is about. ', 10), n, 7.5, now()
            FROM generate_series(1, %s) n ON CONFLICT (movie_id) DO UPDATE SET fetched = excluded.fetched
            """,
            [FILMS],
        )
        conn.execute("INSERT INTO shelf VALUES (1, gen_random_uuid())")
        kept = "(account_id, movie_id, created{}) SELECT 1, n, now(){} FROM generate_series(1, %s, {}) n"
        conn.execute(f"INSERT INTO favorite {kept.format('', '', 1)}".encode(), [FILMS])
        conn.execute(f"INSERT INTO rating {kept.format(', rating, updated', ', 4, now()', 2)}".encode(), [FILMS])
    with connect(those.settings) as conn:
        conn.execute("VACUUM ANALYZE favorite, rating, tmdb_film, shelf, token")


async def _favorites(settings: Settings) -> list[Row]:
    """One after another, in this process: as Valkey has them, and after each a rating that changes them."""
    async with in_process(settings, cached=True) as filmer:
        rating = (await filmer.post("/api/movies/ratings", b'{"movie_id":1,"rating":3}', _bearer())).body
        number = int(rating.split(b":", 2)[1].split(b",")[0])
        cached = [await _listed(filmer) for _ in range(READS)]
        computed = []
        for turn in range(READS):
            body = b'{"rating":%d}' % (turn % 6)
            headers = [(b"content-type", b"application/json"), *_bearer()]
            await filmer.ask("PUT", f"/api/movies/ratings/{number}", headers, body)
            computed.append(await _listed(filmer))
    return [_timed("cached", cached[50:], CACHED_LIMIT), _timed("uncached", computed[50:], COMPUTED_LIMIT)]


async def _listed(filmer: InProcess) -> float:
    answer = await filmer.ask("GET", "/api/users/1/favorites", _bearer())
    if answer.status != httpx.codes.OK or answer.body.count(b'"movie_id"') != FILMS:
        raise SystemExit(f"favourites: {answer.status} {answer.body[:200]!r}")
    return answer.milliseconds


def _bearer() -> list[tuple[bytes, bytes]]:
    return [(b"authorization", b"Bearer " + TOKEN.encode())]


def _timed(what: str, times: list[float], limit: float) -> Row:
    times = sorted(times)
    late = times[int(len(times) * 0.99)]
    return Row(
        f"favourites of {FILMS} films, {what}: median",
        f"{statistics.median(times):.1f} ms (p99 {late:.1f} ms)",
        f"≤ {limit:g} ms",
        statistics.median(times) <= limit,
        f"most {times[-1]:.0f} ms",
    )
