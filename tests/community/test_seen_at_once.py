"""After a write by a user that user's GETs show it at once, on every node, whatever is cached (contract §7.7)."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.community.conftest import FIGHT_CLUB, GODFATHER, RATINGS, SHAWSHANK, ApiUser, Community, tmdb_settings
from tests.community.responses import gone
from tests.conftest import MakeDatabase, ServeHere
from tests.sandbox import Sandbox

pytestmark = [pytest.mark.proof, pytest.mark.parallel]
LISTS = [{"sort": sort, "order": order} for sort in ("release_date", "rating") for order in ("desc", "asc")]
INCEPTION = 27205  # another film of the demo's
FAVOURITES = {SHAWSHANK: 4.5, GODFATHER: 1.0, FIGHT_CLUB: None}  # a user's favourites, with their ratings


class UserAtTwoNodes:
    """A user with favourites and ratings who uses both nodes, and whose lists are cached on both."""

    def __init__(self, nodes: list[Community]) -> None:
        self.user: ApiUser = nodes[0].user()
        self.admin: ApiUser = nodes[0].user("admin")
        self.clients = [self._at(node, self.user) for node in nodes]
        self.admins = [self._at(node, self.admin) for node in nodes]
        self.ids = {movie_id: self.user.favorite(movie_id)["id"] for movie_id in FAVOURITES}
        self.ratings = {
            movie_id: self.user.rate(movie_id, stars)["id"] for movie_id, stars in FAVOURITES.items() if stars
        }

    @staticmethod
    def _at(node: Community, user: ApiUser) -> httpx.Client:
        return httpx.Client(
            base_url=node.server.base_url, timeout=30, trust_env=False, verify=False, headers=user.client.headers
        )

    def ratings_at(self, node: int) -> dict[int, float | None]:
        """Favourites and ratings as a node's lists have them, all four alike and in their orders."""
        answers: list[dict[int, float | None]] = []
        for query in LISTS:
            response = self.clients[node].get(self.user.favorites, params=query)
            assert response.status_code == 200, response.text
            films = response.json()["favorites"]
            answers.append({film["movie_id"]: film["user_rating"] for film in films})
            known = [film[key] for film in films if (key := _key(query)) and film[key] is not None]
            assert known == sorted(known, reverse=query["order"] == "desc")
        assert all(ratings == answers[0] for ratings in answers)
        return answers[0]

    def warm(self, expected: dict[int, float | None]) -> None:
        for node in (0, 1, 0, 1):
            assert self.ratings_at(node) == expected

    def close(self) -> None:
        for client in [*self.clients, *self.admins]:
            client.close()


def _key(query: dict[str, str]) -> str:
    return "user_rating" if query["sort"] == "rating" else "release_date"


def add(writer: UserAtTwoNodes, node: int) -> dict[int, float | None]:
    response = writer.clients[node].post(writer.user.favorites, json={"movie_id": INCEPTION})
    assert response.status_code == 201
    return FAVOURITES | {INCEPTION: None}


def add_by_admin(writer: UserAtTwoNodes, node: int) -> dict[int, float | None]:
    response = writer.admins[node].post(writer.user.favorites, json={"movie_id": INCEPTION})
    assert response.status_code == 201
    return FAVOURITES | {INCEPTION: None}


def remove(writer: UserAtTwoNodes, node: int) -> dict[int, float | None]:
    gone(writer.clients[node].delete(f"{writer.user.favorites}/{writer.ids[SHAWSHANK]}"))
    return {movie_id: stars for movie_id, stars in FAVOURITES.items() if movie_id != SHAWSHANK}


def remove_by_admin(writer: UserAtTwoNodes, node: int) -> dict[int, float | None]:
    gone(writer.admins[node].delete(f"{writer.user.favorites}/{writer.ids[FIGHT_CLUB]}"))
    return {movie_id: stars for movie_id, stars in FAVOURITES.items() if movie_id != FIGHT_CLUB}


def clear(writer: UserAtTwoNodes, node: int) -> dict[int, float | None]:
    gone(writer.admins[node].delete(f"/api/admin/users/{writer.user.person.id}/favorites"))
    return {}


def rate(writer: UserAtTwoNodes, node: int) -> dict[int, float | None]:
    response = writer.clients[node].post(RATINGS, json={"movie_id": FIGHT_CLUB, "rating": 5})
    assert response.status_code == 201
    return FAVOURITES | {FIGHT_CLUB: 5}


def rate_again(writer: UserAtTwoNodes, node: int) -> dict[int, float | None]:
    response = writer.clients[node].post(RATINGS, json={"movie_id": SHAWSHANK, "rating": 0})
    assert response.status_code == 200
    return FAVOURITES | {SHAWSHANK: 0}


def change(writer: UserAtTwoNodes, node: int) -> dict[int, float | None]:
    response = writer.clients[node].put(f"{RATINGS}/{writer.ratings[GODFATHER]}", json={"rating": 5})
    assert response.status_code == 200
    return FAVOURITES | {GODFATHER: 5}


def take_back(writer: UserAtTwoNodes, node: int) -> dict[int, float | None]:
    gone(writer.clients[node].delete(f"{RATINGS}/{writer.ratings[SHAWSHANK]}"))
    return FAVOURITES | {SHAWSHANK: None}


Write = Callable[[UserAtTwoNodes, int], dict[int, float | None]]
WRITES: list[Write] = [add, add_by_admin, remove, remove_by_admin, clear, rate, rate_again, change, take_back]


@pytest.fixture(scope="module", params=["with Valkey", "without Valkey"])
def nodes(
    request: pytest.FixtureRequest, make_database: MakeDatabase, serve_here: ServeHere, shared_sandbox: Sandbox
) -> Iterator[list[Community]]:
    url = make_database()
    settings = tmdb_settings(shared_sandbox) | {"CACHE_DURATION_SECONDS": "3600"}
    if request.param == "without Valkey":
        settings["REDIS_URL"] = "redis://127.0.0.1:1"
    running = [Community(url, serve_here(url, **settings).client) for _ in range(2)]
    yield running
    for node in running:
        node.close()


@pytest.fixture
def writer(nodes: list[Community]) -> Iterator[UserAtTwoNodes]:
    user = UserAtTwoNodes(nodes)
    yield user
    user.close()


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
@pytest.mark.parametrize("node", [0, 1])
def test_the_next_read_on_every_node_shows_it(writer: UserAtTwoNodes, write: Write, node: int) -> None:
    writer.warm(FAVOURITES)
    expected = write(writer, node)
    assert writer.ratings_at(1 - node) == expected
    assert writer.ratings_at(node) == expected
    writer.warm(expected)


def test_what_others_write_changes_nothing_of_one_s_own(nodes: list[Community], writer: UserAtTwoNodes) -> None:
    other = UserAtTwoNodes(nodes)
    writer.warm(FAVOURITES)
    other.warm(FAVOURITES)
    rate_again(other, 1)
    clear(other, 0)
    assert writer.ratings_at(0) == writer.ratings_at(1) == FAVOURITES
    other.close()


def test_while_lists_are_read_all_the_time_no_write_is_ever_missed(writer: UserAtTwoNodes) -> None:
    """Readers keep both nodes' caches warm, and so in the way; a read begun after a write's answer shows it."""
    over = threading.Event()

    def read(node: int) -> int:
        count = 0
        while not over.is_set():
            query = LISTS[count % len(LISTS)]
            assert writer.clients[node].get(writer.user.favorites, params=query).status_code == 200
            count += 1
        return count

    with ThreadPoolExecutor(4) as threads:
        readers = [threads.submit(read, number % 2) for number in range(4)]
        try:
            expected: dict[int, Any] = dict(FAVOURITES)
            for round_, half in enumerate(itertools.islice(itertools.cycle(range(11)), 24)):
                node = round_ % 2
                response = writer.clients[node].post(RATINGS, json={"movie_id": GODFATHER, "rating": half / 2})
                assert response.status_code == 200
                expected[GODFATHER] = half / 2
                assert writer.ratings_at(1 - node) == expected
                if expected.pop(SHAWSHANK, None) is not None:
                    gone(writer.clients[node].delete(f"{writer.user.favorites}/{writer.ids[SHAWSHANK]}"))
                else:
                    response = writer.clients[node].post(writer.user.favorites, json={"movie_id": SHAWSHANK})
                    writer.ids[SHAWSHANK] = response.json()["id"]
                    expected[SHAWSHANK] = FAVOURITES[SHAWSHANK]
                assert writer.ratings_at(1 - node) == expected
        finally:
            over.set()
    assert all(reader.result() for reader in readers)
