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
from tests.community.concurrent_users import FILMS, Crowd, Keeper
from tests.community.conftest import POPULAR, ApiUser, Community, tmdb_settings
from tests.community.constant_rate_load import get, lines_to, p99
from tests.community.responses import own_language
from tests.conftest import VALKEY_ANSWER_SECONDS, MakeDatabase, Serve, Server, engines_folder, import_films
from tests.figures import record_figure
from tests.proxy import Proxy, proxied_valkey
from tests.sandbox import Sandbox
from tests.server_processes import eventually

from filmer.store.embedded import running_engines

pytestmark = pytest.mark.proof

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


class Stand(NamedTuple):
    """Two servers on one database, and a Valkey of their own."""

    servers: list[Server]
    community: Community
    films: dict[int, Any]  # what is told of each
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
def stand(make_database: MakeDatabase, serve: Serve, shared_sandbox: Sandbox) -> Iterator[Stand]:
    url = make_database()
    import_films(url)
    with (
        engines_folder() as folder,
        running_engines(folder, postgres=False) as engines,
        proxied_valkey(engines) as (address, proxy),
    ):
        valkey = redis.Redis.from_url(engines.redis_url, retry=Retry(NoBackoff(), 0))
        Stand([], Community(url, httpx.Client()), {}, proxy, valkey).let_in()
        own = {
            **tmdb_settings(shared_sandbox),
            "REDIS_URL": address.replace("//", f"//{NAME}@"),
            "REDIS_PASSWORD": PASSWORD,
            "CACHE_DURATION_SECONDS": "1",
            "TMDB_LANGUAGE": own_language(),
        }
        servers = [serve(url, **own) for _ in range(2)]
        community = Community(url, servers[0].client)
        yield Stand(servers, community, told_of_films(shared_sandbox), proxy, valkey)
        community.close()
        for server in servers:
            server.stop()
        valkey.close()


def told_of_films(sandbox: Sandbox) -> dict[int, Any]:
    films = {}
    with httpx.Client(trust_env=False, verify=False) as client:
        for movie_id in FILMS:
            film = client.get(f"{sandbox.url}/movie/{movie_id}", params={"api_key": "any"}).json()
            films[movie_id] = {name: film[name] for name in DETAILS} | {"release_date": film["release_date"] or None}
    return films


Harm = Callable[[Stand], AbstractAsyncContextManager[Callable[[], object]]]  # gives whether it shows


@asynccontextmanager
async def refused(stand: Stand) -> AsyncIterator[Callable[[], object]]:
    stand.proxy.refuse()
    yield stand.is_away


@asynccontextmanager
async def frozen(stand: Stand) -> AsyncIterator[Callable[[], object]]:
    stand.proxy.freeze()
    yield stand.is_away


@asynccontextmanager
async def slow(stand: Stand) -> AsyncIterator[Callable[[], object]]:
    """Not so slow that it counts as away."""
    stand.proxy.delay = VALKEY_ANSWER_SECONDS * 0.4
    yield lambda: True


@asynccontextmanager
async def too_slow(stand: Stand) -> AsyncIterator[Callable[[], object]]:
    stand.proxy.delay = VALKEY_ANSWER_SECONDS * 4
    yield stand.is_away


@asynccontextmanager
async def another_password(stand: Stand) -> AsyncIterator[Callable[[], object]]:
    stand.let_in("another")
    stand.valkey.execute_command("CLIENT", "KILL", "USER", NAME)
    yield stand.is_away


@asynccontextmanager
async def reset(stand: Stand) -> AsyncIterator[Callable[[], object]]:
    async with again_and_again(stand.proxy.reset, seconds=0.1) as done:
        yield lambda: any(done)


@asynccontextmanager
async def flushed(stand: Stand) -> AsyncIterator[Callable[[], object]]:
    async with again_and_again(stand.valkey.flushall, seconds=0.02) as done:
        yield lambda: any(done)


@asynccontextmanager
async def killed(stand: Stand) -> AsyncIterator[Callable[[], object]]:
    """It is started again, and killed again as soon as it was of use."""

    def kill() -> bool:
        with suppress(redis.ConnectionError):
            if stand.valkey.execute_command("ACL", "GETUSER", NAME):
                psutil.Process(stand.valkey.info("server")["process_id"]).kill()
                return True
            stand.let_in()
        return False

    async with again_and_again(kill, seconds=0.5) as done:
        yield lambda: any(done)


@asynccontextmanager
async def again_and_again(do: Callable[[], object], *, seconds: float) -> AsyncIterator[list[object]]:
    """Gives what came of it each time."""
    done: list[object] = []

    async def go() -> None:
        while True:
            done.append(do())
            await asyncio.sleep(seconds)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(go())
        yield done
        task.cancel()


# --- all of it at once ----------------------------------------------------------------------------


async def bodies(crowd: Crowd) -> dict[str, bytes]:
    found = {}
    for address in PAGES:
        replies = [await crowd.ask(get(address), server) for server in range(2)]
        assert [reply.status for reply in replies] == [200, 200]
        assert replies[0].body == replies[1].body
        found[address] = replies[0].body
    assert len(set(found.values())) == len(PAGES)
    return found


async def read_pages(crowd: Crowd, expected: dict[str, bytes]) -> None:
    """Somebody without a token."""
    while await crowd.rest():
        address = random.choice(PAGES)
        reply = await crowd.ask(get(address))
        assert (reply.status, reply.body) == (200, expected[address]), address


async def go_on(stand: Stand, harm: Harm, users: Sequence[ApiUser]) -> Crowd:
    count = 2 * USERS + 2  # as many as ask at once: nobody waits for a connection
    one, other = (lines_to(server.port, count) for server in stand.servers)
    async with one as these, other as those:
        crowd = Crowd([these, those])
        expected = await bodies(crowd)
        keepers = [Keeper(user, stand.films, crowd) for user in users]
        async with asyncio.TaskGroup() as group:
            for keeper in keepers:
                group.create_task(keeper.write_and_read())
                group.create_task(keeper.read_meanwhile())
            for _ in range(2):
                group.create_task(read_pages(crowd, expected))
            await go_through(stand, harm, crowd)
    for keeper in keepers:
        keeper.check()
    return crowd


async def go_through(stand: Stand, harm: Harm, crowd: Crowd) -> None:
    """The phases."""
    await asyncio.sleep(0.5)
    crowd.phase = "before"
    await asyncio.sleep(SECONDS / 2)
    async with harm(stand) as shows:
        crowd.phase = "meanwhile"
        await asyncio.sleep(SECONDS)
        assert shows()
    crowd.phase = "after"
    stand.proxy.mend()
    assert await asyncio.to_thread(eventually, stand.is_well, WELL_AGAIN_SECONDS)
    await asyncio.sleep(0.5)
    crowd.is_over = True


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("sandbox")  # heals it
@pytest.mark.parametrize("harm", [refused, slow, too_slow, reset, frozen, flushed, another_password, killed])
def test_whatever_becomes_of_valkey_every_answer_is_right(stand: Stand, harm: Harm) -> None:
    users = [stand.community.user() for _ in range(USERS)]
    try:
        crowd = asyncio.run(go_on(stand, harm, users))
    finally:
        stand.proxy.mend()
    before, meanwhile = p99(crowd.took["before"]), p99(crowd.took["meanwhile"])
    name = getattr(harm, "__name__", "").replace("_", " ")
    record_figure(f"{name}: {len(crowd.took['meanwhile']):,} answers, all right; p99 {before:.1f} → {meanwhile:.1f} ms")
    assert not IS_FULL or meanwhile <= before + MOST_ADDED
