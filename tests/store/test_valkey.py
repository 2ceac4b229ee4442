"""The shared cache may be unavailable, and never makes a request fail."""

import asyncio
import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import redis
from structlog.testing import capture_logs
from tests.conftest import VALKEY_TIMEOUT_SECONDS
from tests.machine import at_most

from filmer.server.serving import free_port
from filmer.store import valkey
from filmer.store.embedded import Engines
from filmer.store.valkey import CLAIMED, SharedCache, claim_key

T = TypeVar("T")


def using(url: str | None, work: Callable[[SharedCache], Awaitable[T]], password: str | None = None) -> T:
    """The result of work with a cache, which is closed afterwards."""

    async def run() -> T:
        cache = SharedCache(url, password)
        try:
            return await work(cache)
        finally:
            await cache.close()

    return asyncio.run(run())


def putting(key: str, value: bytes, *, seconds: int = 30) -> Callable[[SharedCache], Awaitable[None]]:
    async def put(cache: SharedCache) -> None:
        await cache.put(key, value, seconds=seconds)

    return put


@pytest.fixture
def key() -> str:
    """A key of this test's own."""
    return f"test:{uuid.uuid4().hex}"


def test_commands_sent_together_get_their_own_replies(engines: Engines, key: str) -> None:
    async def claim_all(cache: SharedCache) -> list[bytes | None]:
        cache.put_or_release(f"{key}:0", b"first", seconds=30)
        names = [f"{key}:{number % 3}" for number in range(250)]
        return await asyncio.gather(*(cache.get_or_claim(name, milliseconds=5000) for name in names))

    replies = using(engines.redis_url, claim_all)
    assert set(replies[0::3]) == {b"first"}
    for other in (replies[1::3], replies[2::3]):
        assert other[0] is None, "the first is to compute it"
        assert set(other[1:]) == {CLAIMED}


def test_nobody_waits_for_a_batch_that_failed(engines: Engines, key: str) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError

    async def send(cache: SharedCache) -> tuple[object, ...]:
        replies = asyncio.gather(cache._send(broken), cache.get_or_claim(key, milliseconds=50))
        sender = cache._sender
        assert sender is not None
        with pytest.raises(ZeroDivisionError):
            await sender
        cache._sender = None
        return tuple(await asyncio.wait_for(replies, 5))

    assert using(engines.redis_url, send) == (None, None)


def test_what_one_puts_another_gets(engines: Engines, key: str) -> None:
    value = bytes(range(256)) * 300

    using(engines.redis_url, putting(key, value))
    assert using(engines.redis_url, lambda cache: cache.get(key)) == value

    async def drop_and_get(cache: SharedCache) -> bytes | None:
        await cache.delete(key)
        return await cache.get(key)

    assert using(engines.redis_url, drop_and_get) is None


def test_it_is_kept_as_long_as_was_said(engines: Engines, key: str) -> None:
    using(engines.redis_url, putting(key, b"x", seconds=77))
    with redis.Redis.from_url(engines.redis_url) as client:
        assert 70 < int(client.ttl(key)) <= 77


def test_one_of_many_gets_the_claim_and_it_ends_by_itself(engines: Engines, key: str) -> None:
    async def claim_often(cache: SharedCache) -> list[bool]:
        return list(await asyncio.gather(*(cache.claim(key, milliseconds=60_000) for _ in range(20))))

    assert sorted(using(engines.redis_url, claim_often)) == [False] * 19 + [True]
    with redis.Redis.from_url(engines.redis_url) as client:
        assert 50_000 < int(client.pttl(claim_key(key))) <= 60_000

    async def drop_and_claim(cache: SharedCache) -> bool:
        await cache.release_claim(key)
        return await cache.claim(key, milliseconds=1000)

    assert using(engines.redis_url, drop_and_claim)


def test_a_claim_lasts_as_long_as_it_is_kept(engines: Engines, key: str) -> None:
    async def claim_and_extend(cache: SharedCache) -> None:
        await cache.claim(key, milliseconds=1000)
        await cache.extend_claim(key, milliseconds=60_000)

    using(engines.redis_url, claim_and_extend)
    with redis.Redis.from_url(engines.redis_url) as client:
        assert 50_000 < int(client.pttl(claim_key(key))) <= 60_000
        client.delete(claim_key(key))


@pytest.mark.parametrize("value", [b"it", None])
def test_publishing_gives_the_claim_back(engines: Engines, key: str, value: bytes | None) -> None:
    async def claim_and_put(cache: SharedCache) -> list[bytes | None]:
        values = [await cache.get_or_claim(key, milliseconds=60_000) for _ in range(3)]
        cache.put_or_release(key, value, seconds=30)
        return values

    assert using(engines.redis_url, claim_and_put) == [None, CLAIMED, CLAIMED]  # closing waits for the background tasks
    with redis.Redis.from_url(engines.redis_url) as client:
        assert client.get(key) == value
        assert int(client.ttl(key)) <= 30


def test_who_could_not_claim_takes_nobodys_value_away(engines: Engines, key: str) -> None:
    """The server was away when it was asked, and is back when there is nothing to store."""

    async def release(cache: SharedCache) -> None:
        await cache.put(key, b"good", seconds=30)
        cache.put_or_release(key, None, seconds=30)

    using(engines.redis_url, release)
    with redis.Redis.from_url(engines.redis_url) as client:
        assert client.get(key) == b"good"


def test_one_of_many_is_to_compute_and_its_claim_ends_by_itself(engines: Engines, key: str) -> None:
    async def claim_often(cache: SharedCache) -> list[bytes | None]:
        return list(await asyncio.gather(*(cache.get_or_claim(key, milliseconds=60_000) for _ in range(20))))

    values = using(engines.redis_url, claim_often)
    assert (values.count(None), values.count(CLAIMED)) == (1, 19)
    with redis.Redis.from_url(engines.redis_url) as client:
        assert 50_000 < int(client.pttl(key)) <= 60_000


def test_what_is_put_behind_is_put(engines: Engines, key: str) -> None:
    async def put_in_background(cache: SharedCache) -> None:
        cache.put_in_background(key, b"it", seconds=30)

    using(engines.redis_url, put_in_background)
    assert using(engines.redis_url, lambda cache: cache.get(key)) == b"it"


def test_a_crowd_gets_its_answers(engines: Engines, key: str) -> None:
    """More calls at once than connections: they wait for one, and the cache does not count as unavailable."""

    async def get_often(cache: SharedCache) -> list[bytes | None]:
        await cache.put(key, b"here", seconds=30)
        return list(await asyncio.gather(*(cache.get(key) for _ in range(120))))

    with capture_logs() as logs:
        assert using(engines.redis_url, get_often) == [b"here"] * 120
    assert logs == []


async def everything(cache: SharedCache) -> list[object]:
    await cache.put("a", b"b", seconds=1)
    await cache.delete("a")
    return [await cache.get("a"), await cache.ping(), await cache.claim("a", milliseconds=1000), cache.accepts_calls]


UNAVAILABLE = [None, False, True, False]  # without a server every claim succeeds


def test_without_an_address_everything_is_simply_not_there() -> None:
    assert using(None, everything) == UNAVAILABLE


def test_a_server_that_refuses_is_as_good_as_none() -> None:
    with capture_logs() as logs:
        assert using(f"redis://127.0.0.1:{free_port('127.0.0.1')}/0", everything) == UNAVAILABLE
    assert [entry["event"] for entry in logs] == ["cache away"], "logged once, then not called again"


def test_a_wrong_password_is_as_good_as_none(engines: Engines, key: str) -> None:
    user = key.removeprefix("test:")
    url = engines.redis_url.replace("unix://", f"unix://{user}@")
    with redis.Redis.from_url(engines.redis_url) as client:
        client.execute_command("ACL", "SETUSER", user, "on", ">right", "~*", "+@all")
        try:
            using(url, putting(key, b"here"), password="right")
            assert using(url, lambda cache: cache.get(key), password="right") == b"here"
            with capture_logs() as logs:
                assert using(url, everything, password="wrong") == UNAVAILABLE
            assert [entry["event"] for entry in logs] == ["cache away"]
            assert "wrong" not in str(logs)
        finally:
            client.execute_command("ACL", "DELUSER", user)


def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts connections, and never replies."""
    monkeypatch.setattr(valkey, "TIMEOUT_SECONDS", VALKEY_TIMEOUT_SECONDS)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        assert using(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", everything) == UNAVAILABLE
        at_most(1, since=begun)


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"-LOADING wait\r\n", b"\x00\xff\r\n", b""])
def test_a_server_that_speaks_something_else_is_as_good_as_none(reply: bytes) -> None:
    async def run() -> list[object]:
        async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(reply)
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
            cache = SharedCache(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
            results = await everything(cache)
            await cache.close()
        return results

    assert asyncio.run(run()) == UNAVAILABLE


def test_a_key_of_another_kind_is_nothing(engines: Engines, key: str) -> None:
    with redis.Redis.from_url(engines.redis_url) as client:
        client.rpush(key, "a list")
        assert using(engines.redis_url, lambda cache: cache.get(key)) is None
        client.delete(key)


def test_after_its_rest_it_is_asked_again(engines: Engines, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One failure must not disable the cache for long."""
    monkeypatch.setattr(valkey, "RETRY_SECONDS", 0.2)

    async def work(cache: SharedCache) -> list[bool]:
        await cache.put(key, b"here", seconds=30)
        states = [cache.accepts_calls]
        assert await cache.get(f"{key}:list") is None  # an error
        states.append(cache.accepts_calls)
        assert await cache.get(key) is None, "it is paused"
        deadline = time.monotonic() + 3
        while await cache.get(key) != b"here":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        return [*states, cache.accepts_calls]

    with redis.Redis.from_url(engines.redis_url) as client:
        client.rpush(f"{key}:list", "x")
        assert using(engines.redis_url, work) == [True, False, True]
        client.delete(f"{key}:list")


def test_being_cancelled_is_not_lost_on_the_way(engines: Engines) -> None:
    """asyncio.wait_for may lose it in Python 3.11, when the reply arrives at the same moment."""

    async def call(_: object) -> bool:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            return True
        return False

    async def work(cache: SharedCache) -> bool:
        task = asyncio.create_task(cache.attempt(call))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        return task.cancelled()

    assert using(engines.redis_url, work)
