"""A running community: a server, the TMDB sandbox it asks, people with tokens."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere
from tests.sandbox import Sandbox, sandbox, shared_sandbox
from tests.users import open_account, token_of

from filmer.accounts.schemas import Role, User

__all__ = ["sandbox", "shared_sandbox"]

POPULAR = "/api/movies/popular"
RATINGS = "/api/movies/ratings"
SHAWSHANK, FIGHT_CLUB, GODFATHER, UNKNOWN = 278, 550, 238, 999_999  # TMDB's ids


def favorites_of(person: User) -> str:
    return f"/api/users/{person.id}/favorites"


def tmdb_settings(sandbox: Sandbox) -> dict[str, str]:
    """The environment of a server that takes the sandbox for TMDB."""
    return {"TMDB_BASE_URL": sandbox.url, "TMDB_API_KEY": "sandbox"}


class ApiUser:
    """A user with a token, and a client that sends it."""

    def __init__(self, database_url: str, server: httpx.Client, role: Role = "customer") -> None:
        self.person = open_account(database_url, role=role)
        self.token = token_of(database_url, self.person)
        headers = {"Authorization": f"Bearer {self.token}"}
        self.client = httpx.Client(base_url=server.base_url, timeout=30, trust_env=False, verify=False, headers=headers)
        self.favorites = favorites_of(self.person)

    def favorite(self, movie_id: int) -> Any:
        response = self.client.post(self.favorites, json={"movie_id": movie_id})
        assert response.status_code in {200, 201}, response.text
        return response.json()

    def rate(self, movie_id: int, rating: float) -> Any:
        response = self.client.post(RATINGS, json={"movie_id": movie_id, "rating": rating})
        assert response.status_code in {200, 201}, response.text
        return response.json()

    def listed(self, **query: str) -> Any:
        response = self.client.get(self.favorites, params=query)
        assert response.status_code == 200, response.text
        return response.json()["favorites"]


class Community:
    """One server's. ``user()``: another one of its people."""

    def __init__(self, database_url: str, server: httpx.Client) -> None:
        self.database_url = database_url
        self.server = server
        self._users: list[ApiUser] = []

    def user(self, role: Role = "customer") -> ApiUser:
        self._users.append(ApiUser(self.database_url, self.server, role))
        return self._users[-1]

    def close(self) -> None:
        for user in self._users:
            user.client.close()


@pytest.fixture(scope="module")
def community(make_database: MakeDatabase, serve_here: ServeHere, shared_sandbox: Sandbox) -> Iterator[Community]:
    """Shared by a file's tests; each makes users of its own."""
    url = make_database(films=True)
    running = Community(url, serve_here(url, **tmdb_settings(shared_sandbox)).client)
    yield running
    running.close()


@pytest.fixture
def user(community: Community) -> ApiUser:
    return community.user()


MakeCommunity = Callable[..., Community]


@pytest.fixture
def make_community(database_url: str, serve_here: ServeHere, sandbox: Sandbox) -> Iterator[MakeCommunity]:
    """A server of this test's own, with settings of its own: ``make_community(CACHE_DURATION_SECONDS="1")``."""
    made: list[Community] = []

    def make(*arguments: str, **environment: str) -> Community:
        server = serve_here(database_url, *arguments, **(tmdb_settings(sandbox) | environment))
        made.append(Community(database_url, server.client))
        return made[-1]

    yield make
    for community in made:
        community.close()
