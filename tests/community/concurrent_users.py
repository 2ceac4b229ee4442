"""Users who change favourites and ratings at the same time, each with a model of the list that is expected."""

import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from tests.community.conftest import RATINGS, ApiUser
from tests.community.constant_rate_load import Connection, Response, get, write
from tests.machine import running_seconds

FILMS = (278, 550, 238, 603, 680, 155, 13, 77771)  # TMDB's ids; the last one has no date
PAUSES = (0.05, 0.1)  # seconds between what one of them does


class Shelf(NamedTuple):
    """The favourites a user should have, as they were returned, the oldest first; and ratings by film."""

    favorites: tuple[Any, ...] = ()
    ratings: dict[int, float] = {}  # noqa: RUF012 - never changed, each write makes a new shelf

    def listed(self, films: dict[int, Any], sort: str, order: str) -> list[Any]:
        """contract §7.5"""
        rows = [
            {**favorite, **films[favorite["movie_id"]], "user_rating": self.ratings.get(favorite["movie_id"])}
            for favorite in reversed(self.favorites)
        ]
        name = {"rating": "user_rating"}.get(sort, sort)
        known = [row for row in rows if row[name] is not None]
        known.sort(key=lambda row: row[name], reverse=order == "desc")
        return known + [row for row in rows if row[name] is None]


class ObservedList(NamedTuple):
    """A list that was returned, and the least and most writes that may have been done by then."""

    least: int
    most: int
    sort: str
    order: str
    body: Any


class SharedConnections:
    """Connections to the servers, shared by all users. ``took``: seconds of each response, by phase."""

    def __init__(self, connections: Sequence[Sequence[Connection]]) -> None:
        self._free: list[asyncio.Queue[Connection]] = [asyncio.Queue() for _ in connections]
        for free, some in zip(self._free, connections, strict=True):
            for connection in some:
                free.put_nowait(connection)
        self.phase = "warming"
        self.took: dict[str, list[float]] = defaultdict(list)
        self.is_over = False

    async def ask(self, request: bytes, server: int | None = None) -> Response:
        free = self._free[random.randrange(len(self._free)) if server is None else server]
        connection, phase = await free.get(), self.phase
        begun = time.monotonic()
        response = await connection.send(request)
        self.took[phase].append(running_seconds(since=begun))
        free.put_nowait(connection)
        assert response.status < 500, (request, response)
        return response

    async def rest(self) -> bool:
        """Whether there is more to do."""
        await asyncio.sleep(random.uniform(*PAUSES))
        return not self.is_over


class ConcurrentUser:
    """One user, who writes and reads, and reads meanwhile."""

    def __init__(self, user: ApiUser, films: dict[int, Any], connections: SharedConnections) -> None:
        self._user = user
        self._films = films
        self._connections = connections
        self._shelves = [Shelf()]
        self._begun = 0
        self._writing = asyncio.Event()
        self._rating_ids: dict[int, int] = {}
        self._observed: list[ObservedList] = []

    async def write_and_read(self) -> None:
        while await self._connections.rest():
            self._begun += 1
            self._writing.set()
            self._shelves.append(await self._write(self._shelves[-1]))
            self._writing.clear()
            for server in random.sample(range(2), 2):
                await self._read(server)

    async def read_meanwhile(self) -> None:
        """Half of the time just when a write begins: by chance alone that could be never."""
        while await self._connections.rest():
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
        there = [favorite for favorite in shelf.favorites if favorite["movie_id"] == movie_id]
        response = await self._send("POST", self._user.favorites, {"movie_id": movie_id})
        record = json.loads(response.body)
        assert (response.status, record) == ((200, there[0]) if there else (201, {**record, "movie_id": movie_id}))
        return shelf if there else shelf._replace(favorites=(*shelf.favorites, record))

    async def _unfavorite(self, shelf: Shelf, favorite: Any) -> Shelf:
        response = await self._send("DELETE", f"{self._user.favorites}/{favorite['id']}")
        assert response.status == 204, response
        return shelf._replace(favorites=tuple(other for other in shelf.favorites if other is not favorite))

    async def _rate(self, shelf: Shelf, movie_id: int, rating: float) -> Shelf:
        is_new = movie_id not in shelf.ratings
        if is_new or random.random() < 0.5:
            response = await self._send("POST", RATINGS, {"movie_id": movie_id, "rating": rating})
        else:
            response = await self._send("PUT", f"{RATINGS}/{self._rating_ids[movie_id]}", {"rating": rating})
        record = json.loads(response.body)
        assert response.status == (201 if is_new else 200), response
        assert (record["movie_id"], record["rating"]) == (movie_id, rating)
        assert record["id"] == self._rating_ids.setdefault(movie_id, record["id"])
        return shelf._replace(ratings={**shelf.ratings, movie_id: rating})

    async def _take_back(self, shelf: Shelf, movie_id: int) -> Shelf:
        response = await self._send("DELETE", f"{RATINGS}/{self._rating_ids.pop(movie_id)}")
        assert response.status == 204, response
        return shelf._replace(ratings={one: stars for one, stars in shelf.ratings.items() if one != movie_id})

    async def _send(self, method: str, address: str, body: Any = None) -> Response:
        text = b"" if body is None else json.dumps(body).encode()
        return await self._connections.ask(write(method, address, text, self._user.token))

    async def _read(self, server: int) -> None:
        sort, order = random.choice(["release_date", "rating"]), random.choice(["asc", "desc"])
        least = len(self._shelves) - 1
        request = get(f"{self._user.favorites}?sort={sort}&order={order}", self._user.token)
        response = await self._connections.ask(request, server)
        assert response.status == 200, response
        self._observed.append(ObservedList(least, self._begun, sort, order, json.loads(response.body)["favorites"]))

    def check(self) -> None:
        """Each list was the user's own, in a state it had between the request and the response."""
        assert len(self._shelves) > 3
        assert any(observed.most > observed.least for observed in self._observed)
        for observed in self._observed:
            shelves = self._shelves[observed.least : observed.most + 1]
            assert observed.body in [shelf.listed(self._films, observed.sort, observed.order) for shelf in shelves]
