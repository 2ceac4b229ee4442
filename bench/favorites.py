"""A user's fifty favourites in this process: as Valkey has them, and after each a rating that changes them."""

import asyncio
import hashlib
import itertools

from bench import catalogues
from bench.cart_users import CartUsers, cart_users
from bench.in_process import TimedClient, in_process
from bench.results import Limit, Row, Rows, middle_half
from bench.timing import Times, interleaved, require_ok

from filmer.store.engines import connect

FILMS = 50
EACH = 60
CACHED_LIMIT, COMPUTED_LIMIT = 2.0, 5.0  # ms
TOKEN = "filmer_only-for-measuring"
BEARER = [(b"authorization", b"Bearer " + TOKEN.encode())]


def rows(scale: str) -> Rows:
    with catalogues.running(scale) as settings, cart_users(settings, 1) as users:
        _keep_films(users)
        times = asyncio.run(_timed(users, catalogues.ROUNDS[scale]))
    for what, limit in {"cached": CACHED_LIMIT, "uncached": COMPUTED_LIMIT}.items():
        yield Row(
            f"favourites of {FILMS} films, {what}: median, p99",
            times[what].figure,
            limits=[Limit(times[what].median, limit, "ms", "median")],
            spread=f"{middle_half(times[what].medians, '.2f')} ms",
            rounds={"medians": times[what].medians, "most": [max(times[what].all)]},
        )


async def _timed(users: CartUsers, rounds: int) -> dict[str, Times]:
    turns = itertools.cycle(range(6))
    async with in_process(users.settings, cached=True) as filmer:
        rating = (await filmer.post("/api/movies/ratings", b'{"movie_id":1,"rating":3}', BEARER)).body
        number = int(rating.split(b":", 2)[1].split(b",")[0])

        async def cached() -> float:
            return await _listed(filmer)

        async def computed() -> float:
            headers = [(b"content-type", b"application/json"), *BEARER]
            body = b'{"rating":%d}' % next(turns)
            require_ok("rating", await filmer.ask("PUT", f"/api/movies/ratings/{number}", headers, body))
            return await _listed(filmer)

        return await interleaved({"cached": cached, "uncached": computed}, rounds=rounds, each=EACH, warm=50)


async def _listed(filmer: TimedClient) -> float:
    response = require_ok("favourites", await filmer.ask("GET", "/api/users/1/favorites", BEARER))
    if response.body.count(b'"movie_id"') != FILMS:
        raise RuntimeError(f"favourites: {response.body[:200]!r}")
    return response.milliseconds


def _keep_films(users: CartUsers) -> None:
    """Fifty favourites of account 1, with copies, and a rating of each other one."""
    with connect(users.settings) as conn, conn.transaction():
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
    with connect(users.settings) as conn:
        conn.execute("VACUUM ANALYZE favorite, rating, tmdb_film, shelf, token")
