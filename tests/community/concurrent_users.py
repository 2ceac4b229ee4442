"""Users who keep favourites and ratings, each with a model in plain Python of what their list has to be."""

import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from tests.community.conftest import RATINGS, ApiUser
from tests.community.constant_rate_load import Line, Reply, get, write
from tests.machine import running_seconds

FILMS = (278, 550, 238, 603, 680, 155, 13, 77771)  # TMDB's ids; the last one has no date
PAUSES = (0.05, 0.1)  # seconds between what one of them does


class Shelf(NamedTuple):
    """What somebody keeps: favourites as they were answered, the oldest first, and ratings by film."""

    favorites: tuple[Any, ...] = ()
    ratings: dict[int, float] = {}  # noqa: RUF012 - never changed, each write makes a new shelf

    def listed(self, films: dict[int, Any], sort: str, order: str) -> list[Any]:
        """contract §7.5"""
        rows = [
            {**kept, **films[kept["movie_id"]], "user_rating": self.ratings.get(kept["movie_id"])}
            for kept in reversed(self.favorites)
        ]
        name = {"rating": "user_rating"}.get(sort, sort)
        known = [row for row in rows if row[name] is not None]
        known.sort(key=lambda row: row[name], reverse=order == "desc")
        return known + [row for row in rows if row[name] is None]


class Seen(NamedTuple):
    """A list as it was answered, when at least so many writes were done, and at most so many."""

    least: int
    most: int
    sort: str
    order: str
    body: Any


class Crowd:
    """Connections to the servers, which everybody shares. How long answers took, by phase."""

    def __init__(self, lines: Sequence[Sequence[Line]]) -> None:
        self._free: list[asyncio.Queue[Line]] = [asyncio.Queue() for _ in lines]
        for free, some in zip(self._free, lines, strict=True):
            for line in some:
                free.put_nowait(line)
        self.phase = "warming"
        self.took: dict[str, list[float]] = defaultdict(list)
        self.is_over = False

    async def ask(self, request: bytes, server: int | None = None) -> Reply:
        free = self._free[random.randrange(len(self._free)) if server is None else server]
        line, phase = await free.get(), self.phase
        begun = time.monotonic()
        reply = await line.ask(request)
        self.took[phase].append(running_seconds(since=begun))
        free.put_nowait(line)
        assert reply.status < 500, (request, reply)
        return reply

    async def rest(self) -> bool:
        """Whether there is more to do."""
        await asyncio.sleep(random.uniform(*PAUSES))
        return not self.is_over


class Keeper:
    """One user, who writes and reads, and reads meanwhile."""

    def __init__(self, user: ApiUser, films: dict[int, Any], crowd: Crowd) -> None:
        self._user = user
        self._films = films
        self._crowd = crowd
        self._shelves = [Shelf()]
        self._begun = 0
        self._writing = asyncio.Event()
        self._rating_ids: dict[int, int] = {}
        self._seen: list[Seen] = []

    async def write_and_read(self) -> None:
        while await self._crowd.rest():
            self._begun += 1
            self._writing.set()
            self._shelves.append(await self._write(self._shelves[-1]))
            self._writing.clear()
            for server in random.sample(range(2), 2):
                await self._read(server)

    async def read_meanwhile(self) -> None:
        """Half of the time just when a write begins: by chance alone that could be never."""
        while await self._crowd.rest():
            if random.random() < 0.5:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSES[1]):
                        await self._writing.wait()
            await self._read(random.randrange(2))

    async def _write(self, shelf: Shelf) -> Shelf:
        movie_id = random.choice(FILMS)
        match random.choice(["favorite", "favorite", "unfavorite", "rate", "rate", "take back"]):
            case "favorite":
                return await self._favorite(shelf, movie_id)
            case "unfavorite" if shelf.favorites:
                return await self._unfavorite(shelf, random.choice(shelf.favorites))
            case "take back" if shelf.ratings:
                return await self._take_back(shelf, random.choice(list(shelf.ratings)))
            case _:
                return await self._rate(shelf, movie_id, random.randint(0, 10) / 2)

    async def _favorite(self, shelf: Shelf, movie_id: int) -> Shelf:
        there = [kept for kept in shelf.favorites if kept["movie_id"] == movie_id]
        reply = await self._send("POST", self._user.favorites, {"movie_id": movie_id})
        record = json.loads(reply.body)
        assert (reply.status, record) == ((200, there[0]) if there else (201, {**record, "movie_id": movie_id}))
        return shelf if there else shelf._replace(favorites=(*shelf.favorites, record))

    async def _unfavorite(self, shelf: Shelf, favorite: Any) -> Shelf:
        reply = await self._send("DELETE", f"{self._user.favorites}/{favorite['id']}")
        assert reply.status == 204, reply
        return shelf._replace(favorites=tuple(kept for kept in shelf.favorites if kept is not favorite))

    async def _rate(self, shelf: Shelf, movie_id: int, rating: float) -> Shelf:
        is_new = movie_id not in shelf.ratings
        if is_new or random.random() < 0.5:
            reply = await self._send("POST", RATINGS, {"movie_id": movie_id, "rating": rating})
        else:
            reply = await self._send("PUT", f"{RATINGS}/{self._rating_ids[movie_id]}", {"rating": rating})
        record = json.loads(reply.body)
        assert reply.status == (201 if is_new else 200), reply
        assert (record["movie_id"], record["rating"]) == (movie_id, rating)
        assert record["id"] == self._rating_ids.setdefault(movie_id, record["id"])
        return shelf._replace(ratings={**shelf.ratings, movie_id: rating})

    async def _take_back(self, shelf: Shelf, movie_id: int) -> Shelf:
        reply = await self._send("DELETE", f"{RATINGS}/{self._rating_ids.pop(movie_id)}")
        assert reply.status == 204, reply
        return shelf._replace(ratings={one: stars for one, stars in shelf.ratings.items() if one != movie_id})

    async def _send(self, method: str, address: str, body: Any = None) -> Reply:
        text = b"" if body is None else json.dumps(body).encode()
        return await self._crowd.ask(write(method, address, text, self._user.token))

    async def _read(self, server: int) -> None:
        sort, order = random.choice(["release_date", "rating"]), random.choice(["asc", "desc"])
        least = len(self._shelves) - 1
        request = get(f"{self._user.favorites}?sort={sort}&order={order}", self._user.token)
        reply = await self._crowd.ask(request, server)
        assert reply.status == 200, reply
        self._seen.append(Seen(least, self._begun, sort, order, json.loads(reply.body)["favorites"]))

    def check(self) -> None:
        """Each list was the user's own, and as it was between the question and the answer."""
        assert len(self._shelves) > 3
        assert any(seen.most > seen.least for seen in self._seen)
        for seen in self._seen:
            shelves = self._shelves[seen.least : seen.most + 1]
            assert seen.body in [shelf.listed(self._films, seen.sort, seen.order) for shelf in shelves]
