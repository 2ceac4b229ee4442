"""How many of the films that people turn out to like are among the twenty that are recommended to them (recall@20).

Shelves are drawn by a fixed seed for a generated catalogue, with MovieLens' skew: at least twenty ratings a person,
half of them have up to 70 and a few have hundreds; few films have most of the ratings. A person's taste is for genres,
for some directors and stars, and for something that no catalogue knows. Of some people a fifth of their likes is held
out, and looked for among what is recommended; beside it the films that most people like, in the same run.
"""

import asyncio
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from bench import catalogues
from bench.results import Limit, Row, Rows, late
from numpy.typing import NDArray

from filmer.clock import SystemClock
from filmer.community import recommendations
from filmer.community.recommendation_queries import LIKED
from filmer.components import Components
from filmer.settings import Settings
from filmer.store.connecting import USE_CURRENT_EDITION
from filmer.store.engines import connect

CATALOGUE = "films-10000"
PEOPLE = {"small": 1500, "default": 6000, "full": 20_000}
ASKED = {"small": 150, "default": 500, "full": 1000}  # of whom likes are held out
AMONG = 20
NEAR, OTHERS = "films near to liked ones alone", "what others like alone"
BOTH, POPULAR = "both, as on the page", "the most liked films"
HELD, LEAST = 0.2, 3  # the share of likes that is held out, and how many these must be
TASTE = 2.0  # how much it says beside how well known a film is
LATENT = 6  # sides of taste that the catalogue does not know
Floats = NDArray[np.float64]


class Shelf(NamedTuple):
    """What somebody rated: places in the list of films, and stars. ``held``: places of likes that are held out."""

    films: NDArray[np.int64]
    stars: Floats
    held: frozenset[int]


def rows(scale: str) -> Rows:
    with catalogues.running(CATALOGUE) as settings:
        shelves = _draw(settings, PEOPLE[scale], ASKED[scale])
        _store(settings, shelves)
        recall, milliseconds = asyncio.run(_asked(settings, shelves))
    popular = recall.pop(POPULAR)
    for what, found in recall.items():
        yield Row(
            f"recall@{AMONG} for {ASKED[scale]:,} of {len(shelves):,} people: {what}",
            f"{found:.3f}",
            f"{popular:.3f}: {POPULAR}",
            found / popular,
            [Limit(found / popular, 1.5, "of it", at_least=True)] if what == BOTH else [],
        )
    yield Row("recommendations of one person, not cached: median, p99", f"{_middle(milliseconds)} ms")


def _middle(times: Sequence[float]) -> str:
    return f"{sorted(times)[len(times) // 2]:.1f}, {late(times):.1f}"


def _draw(settings: Settings, people: int, asked: int) -> list[Shelf]:
    """The shelves of all people; of the first ``asked`` with enough likes, some are held out."""
    with connect(settings) as conn:
        conn.execute(USE_CURRENT_EDITION)
        rows = conn.execute(
            "SELECT genre_ids, director_nos, star_nos[:3], coalesce(rating, 6) FROM film ORDER BY no"
        ).fetchall()
        by_votes = conn.execute("SELECT votes_desc FROM film ORDER BY no").fetchall()
    draw = np.random.default_rng(1)
    count = len(rows)
    place = np.array([row[0] for row in by_votes], dtype=float)
    known = -1.1 * np.log(place + 15) + 0.5 * draw.standard_normal(count)  # a shop's people are not the world's
    genres = np.zeros((count, 1 + max(genre for row in rows for genre in row[0])))
    for at, row in enumerate(rows):
        genres[at, row[0]] = 1 / max(1, len(row[0])) ** 0.5
    makers: dict[int, list[int]] = {}
    for at, (_, directors, stars, _) in enumerate(rows):
        for number in {*(directors or ()), *stars}:
            makers.setdefault(number, []).append(at)
    quality = np.array([float(row[3]) for row in rows])
    quality = (quality - quality.mean()) / (quality.std() or 1)
    latent = draw.standard_normal((count, LATENT))
    likely = np.exp(known - known.max())
    likely /= likely.sum()
    return [_shelf(draw, known, likely, genres, latent, quality, rows, makers, at < asked) for at in range(people)]


def _shelf(
    draw: np.random.Generator,
    known: Floats,
    likely: Floats,
    genres: Floats,
    latent: Floats,
    quality: Floats,
    rows: Sequence[Any],
    makers: Mapping[int, list[int]],
    is_asked: bool,  # noqa: FBT001
) -> Shelf:
    count = len(known)
    taste = genres @ draw.standard_normal(genres.shape[1]) + 0.6 * (latent @ draw.standard_normal(LATENT)) / LATENT**0.5
    for at in draw.choice(count, size=4, p=likely):  # whose films they look for
        for number in {*(rows[at][1] or ()), *rows[at][2]}:
            taste[makers[number]] += 0.8
    taste /= taste.std()
    size = min(600, 20 + int(draw.lognormal(3.9, 1.1)))
    films = np.argsort(-(known + TASTE * taste + draw.gumbel(size=count)))[:size]
    stars = 3.0 + 0.4 * quality[films] + 0.5 * taste[films] + 0.7 * draw.standard_normal(len(films))
    stars = np.clip(np.round(stars * 2) / 2, 0.5, 5)
    likes = films[stars >= LIKED]
    held = draw.choice(likes, size=int(len(likes) * HELD), replace=False) if is_asked else np.array([], dtype=int)
    return Shelf(films, stars, frozenset(held.tolist()))


def _store(settings: Settings, shelves: Sequence[Shelf]) -> None:
    """Store all that is not held out as ratings."""
    with connect(settings) as conn, conn.transaction():
        conn.execute(USE_CURRENT_EDITION)
        conn.execute("TRUNCATE account, shelf CASCADE")
        numbers = [
            row[0]
            for row in conn.execute(
                "SELECT coalesce(f.tmdb_id, n.number) FROM film f LEFT JOIN film_number n ON n.film_id = f.id"
                " ORDER BY f.no"
            ).fetchall()
        ]
        conn.execute(
            """
            INSERT INTO account (id, email, email_key, first_name, last_name, role, password, created)
            OVERRIDING SYSTEM VALUE
            SELECT n, n || '@example.com', n || '@example.com', 'A', 'B', 'customer', '$argon2id$', now()
            FROM generate_series(1, %s) n
            """,
            [len(shelves)],
        )
        conn.execute("INSERT INTO shelf SELECT id, gen_random_uuid() FROM account")
        with conn.cursor().copy("COPY rating (account_id, movie_id, rating, created, updated) FROM STDIN") as copy:
            for account, shelf in enumerate(shelves, start=1):
                for film, stars in zip(shelf.films.tolist(), shelf.stars.tolist(), strict=True):
                    if film not in shelf.held:
                        copy.write_row((account, numbers[film], stars, "2026-01-01", "2026-01-01"))
    with connect(settings) as conn:
        conn.execute("VACUUM ANALYZE rating, favorite, shelf, film_number")


async def _asked(settings: Settings, shelves: Sequence[Shelf]) -> tuple[dict[str, float], list[float]]:
    """Recall by what is recommended, and milliseconds of each whole call."""
    components = Components(settings, SystemClock())
    await components.open()
    try:
        return await _measured(components, shelves)
    finally:
        await components.close()


async def _measured(components: Components, shelves: Sequence[Shelf]) -> tuple[dict[str, float], list[float]]:
    liked = Counter(
        film
        for shelf in shelves
        for film, stars in zip(shelf.films.tolist(), shelf.stars.tolist(), strict=True)
        if stars >= LIKED and film not in shelf.held
    )
    most_liked = [film for film, _ in liked.most_common()]
    hits: dict[str, list[float]] = defaultdict(list)
    milliseconds = list[float]()
    async with components.catalogue.reading() as conn:
        rows = await (await conn.execute("SELECT no FROM film ORDER BY no")).fetchall()
        nos = {row[0]: place for place, row in enumerate(rows)}
        while (index := components.search.index(conn)[0]) is None:  # noqa: ASYNC110 - it opens in the background
            await asyncio.sleep(0.05)
    for account, shelf in enumerate(shelves, start=1):
        if len(shelf.held) < LEAST:
            continue
        there = set(shelf.films.tolist()) - shelf.held
        async with components.catalogue.reading() as conn:
            begun = time.perf_counter()
            found = await recommendations.find(conn, index, account)
            milliseconds.append((time.perf_counter() - begun) * 1000)
            near = await recommendations.find(conn, index, account, others=0)
            others = await recommendations.find(conn, None, account)
        results = {
            name: [nos[each.no] for each in films] for name, films in ((BOTH, found), (NEAR, near), (OTHERS, others))
        }
        results[POPULAR] = [film for film in most_liked if film not in there]
        for name, films in results.items():
            hits[name].append(len(shelf.held & set(films[:AMONG])) / min(AMONG, len(shelf.held)))
    return {name: statistics.fmean(each) for name, each in hits.items()}, milliseconds
