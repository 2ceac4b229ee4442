"""Whatever becomes of Valkey, every answer is right, and nobody's is another's (contract §7.7, §7.10; promise 19).

``FILMER_TRUST_CACHE_SECONDS=60`` lets each harm last so long; then times are asserted.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, NamedTuple

import httpx
import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from tests.community.concurrent_users import FILMS, ConcurrentUser, SharedConnections
from tests.community.conftest import POPULAR, ApiUser, Community, tmdb_settings
from tests.community.constant_rate_load import connections_to, get, p99
from tests.community.responses import own_language
from tests.conftest import VALKEY_TIMEOUT_SECONDS, MakeDatabase, Serve, Server, engines_folder
from tests.figures import record_figure
from tests.proxy import Proxy, proxied_valkey
from tests.sandbox import Sandbox
from tests.server_processes import eventually

from filmer.store.embedded import running_engines

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

IS_FULL = "FILMER_TRUST_CACHE_SECONDS" in os.environ
SECONDS = float(os.environ.get("FILMER_TRUST_CACHE_SECONDS") or 2)
MOST_ADDED = 60  # milliseconds
WELL_AGAIN_SECONDS = 60  # who dies again and again is started again more slowly
USERS = 4
DETAILS = ("title", "release_date", "overview", "popularity", "vote_average")
PAGES = [
    *(f"{POPULAR}?page={page}" for page in range(1, 6)),
    *(f"/api/v1/movies?size=3&page={page}" for page in range(1, 6)),
    *("/api/v1/movies/tt0111161", "/api/v1/genres", "/api/v1/stars", "/api/v1/search/movies?title=batman"),
]
NAME, PASSWORD = "filmer", "right"


# --- what becomes of Valkey -----------------------------------------------------------------------


class Setup(NamedTuple):
    """Two servers on one database, and a Valkey of their own."""

    servers: list[Server]
    community: Community
    films: dict[int, Any]  # the details of each
    proxy: Proxy
    valkey: Any  # a client of it; redis-py types only some of its commands

    def let_in(self, password: str = PASSWORD) -> None:
        self.valkey.execute_command("ACL", "SETUSER", NAME, "on", "resetpass", f">{password}", "~*", "&*", "+@all")

    def is_away(self) -> bool:
        """Whether both servers do without it."""
        outputs = [server.output() for server in self.servers]
        return all(output.rfind("cache away") > output.rfind("cache back") for output in outputs)

    def is_well(self) -> bool:
        with suppress(redis.ConnectionError):
            self.let_in()
            outputs = [server.output() for server in self.servers]
            return all(output.rfind("cache back") >= output.rfind("cache away") for output in outputs)
        return False


@pytest.fixture(scope="module")
def setup(make_database: MakeDatabase, serve: Serve, shared_sandbox: Sandbox) -> Iterator[Setup]:
    url = make_database(films=True)
    with (
        engines_folder() as folder,
        running_engines(folder, postgres=False) as engines,
        proxied_valkey(engines) as (address, proxy),
    ):
        valkey = redis.Redis.from_url(engines.redis_url, retry=Retry(NoBackoff(), 0))
        Setup([], Community(url, httpx.Client()), {}, proxy, valkey).let_in()
        own = {
            **tmdb_settings(shared_sandbox),
            "REDIS_URL": address.replace("//", f"//{NAME}@"),
            "REDIS_PASSWORD": PASSWORD,
            "CACHE_DURATION_SECONDS": "1",
            "TMDB_LANGUAGE": own_language(),
        }
        servers = [serve(url, **own) for _ in range(2)]
        community = Community(url, servers[0].client)
        yield Setup(servers, community, film_details(shared_sandbox), proxy, valkey)
        community.close()
        for server in servers:
            server.stop()
        valkey.close()


def film_details(sandbox: Sandbox) -> dict[int, Any]:
    films = {}
    with httpx.Client(trust_env=False, verify=False) as client:
        for movie_id in FILMS:
            film = client.get(f"{sandbox.url}/movie/{movie_id}", params={"api_key": "any"}).json()
            films[movie_id] = {name: film[name] for name in DETAILS} | {"release_date": film["release_date"] or None}
    return films


Fault = Callable[[Setup], AbstractAsyncContextManager[Callable[[], object]]]  # gives whether it shows


@asynccontextmanager
async def refused(setup: Setup) -> AsyncIterator[Callable[[], object]]:
    setup.proxy.refuse()
    yield setup.is_away


@asynccontextmanager
async def frozen(setup: Setup) -> AsyncIterator[Callable[[], object]]:
    setup.proxy.freeze()
    yield setup.is_away


@asynccontextmanager
async def slow(setup: Setup) -> AsyncIterator[Callable[[], object]]:
    """Not so slow that it counts as away."""
    setup.proxy.delay = VALKEY_TIMEOUT_SECONDS * 0.4
    yield lambda: True


@asynccontextmanager
async def too_slow(setup: Setup) -> AsyncIterator[Callable[[], object]]:
    setup.proxy.delay = VALKEY_TIMEOUT_SECONDS * 4
    yield setup.is_away


@asynccontextmanager
async def another_password(setup: Setup) -> AsyncIterator[Callable[[], object]]:
    setup.let_in("another")
    setup.valkey.execute_command("CLIENT", "KILL", "USER", NAME)
    yield setup.is_away


@asynccontextmanager
async def reset(setup: Setup) -> AsyncIterator[Callable[[], object]]:
    async with again_and_again(setup.proxy.reset, seconds=0.1) as attempts:
        yield lambda: any(attempts)


@asynccontextmanager
async def flushed(setup: Setup) -> AsyncIterator[Callable[[], object]]:
    async with again_and_again(setup.valkey.flushall, seconds=0.02) as attempts:
        yield lambda: any(attempts)


@asynccontextmanager
async def killed(setup: Setup) -> AsyncIterator[Callable[[], object]]:
    """It is started again, and killed again as soon as it was of use."""

    def kill() -> bool:
        with suppress(redis.ConnectionError):
            if setup.valkey.execute_command("ACL", "GETUSER", NAME):
                psutil.Process(setup.valkey.info("server")["process_id"]).kill()
                return True
            setup.let_in()
        return False

    async with again_and_again(kill, seconds=0.5) as attempts:
        yield lambda: any(attempts)


@asynccontextmanager
async def again_and_again(do: Callable[[], object], *, seconds: float) -> AsyncIterator[list[object]]:
    """Gives what came of it each time."""
    attempts: list[object] = []

    async def go() -> None:
        while True:
            attempts.append(do())
            await asyncio.sleep(seconds)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(go())
        yield attempts
        task.cancel()


# --- all of it at once ----------------------------------------------------------------------------


async def bodies(connections: SharedConnections) -> dict[str, bytes]:
    bodies_by_address = {}
    for address in PAGES:
        replies = [await connections.ask(get(address), server) for server in range(2)]
        assert [reply.status for reply in replies] == [200, 200]
        assert replies[0].body == replies[1].body
        bodies_by_address[address] = replies[0].body
    assert len(set(bodies_by_address.values())) == len(PAGES)
    return bodies_by_address


async def read_pages(connections: SharedConnections, expected: dict[str, bytes]) -> None:
    """A caller without a token."""
    while await connections.rest():
        address = random.choice(PAGES)
        reply = await connections.ask(get(address))
        assert (reply.status, reply.body) == (200, expected[address]), address


async def go_on(setup: Setup, harm: Fault, users: Sequence[ApiUser]) -> SharedConnections:
    count = 2 * USERS + 2  # as many as ask at once: nobody waits for a connection
    one, other = (connections_to(server.port, count) for server in setup.servers)
    async with one as these, other as those:
        connections = SharedConnections([these, those])
        expected = await bodies(connections)
        concurrent_users = [ConcurrentUser(user, setup.films, connections) for user in users]
        async with asyncio.TaskGroup() as group:
            for keeper in concurrent_users:
                group.create_task(keeper.write_and_read())
                group.create_task(keeper.read_meanwhile())
            for _ in range(2):
                group.create_task(read_pages(connections, expected))
            await go_through(setup, harm, connections)
    for keeper in concurrent_users:
        keeper.check()
    return connections


async def go_through(setup: Setup, harm: Fault, connections: SharedConnections) -> None:
    """The phases."""
    await asyncio.sleep(0.5)
    connections.phase = "before"
    await asyncio.sleep(SECONDS / 2)
    async with harm(setup) as shows:
        connections.phase = "meanwhile"
        await asyncio.sleep(SECONDS)
        assert shows()
    connections.phase = "after"
    setup.proxy.mend()
    assert await asyncio.to_thread(eventually, setup.is_well, WELL_AGAIN_SECONDS)
    await asyncio.sleep(0.5)
    connections.is_over = True


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("sandbox")  # heals it
@pytest.mark.parametrize("harm", [refused, slow, too_slow, reset, frozen, flushed, another_password, killed])
def test_whatever_becomes_of_valkey_every_answer_is_right(setup: Setup, harm: Fault) -> None:
    users = [setup.community.user() for _ in range(USERS)]
    try:
        connections = asyncio.run(go_on(setup, harm, users))
    finally:
        setup.proxy.mend()
    before, meanwhile = p99(connections.took["before"]), p99(connections.took["meanwhile"])
    name = getattr(harm, "__name__", "").replace("_", " ")
    record_figure(
        f"{name}: {len(connections.took['meanwhile']):,} answers, all right; p99 {before:.1f} → {meanwhile:.1f} ms"
    )
    assert not IS_FULL or meanwhile <= before + MOST_ADDED
