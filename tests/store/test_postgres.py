"""The pool of a process, with connections that are closed, blocked by a lock, or read-only."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from filmer.errors import ServiceUnavailable
from filmer.store.connecting import names_several, to_primary
from filmer.store.postgres import Database

Work = Callable[[Database], Awaitable[None]]


def with_pool(url: str, work: Work) -> None:
    async def run() -> None:
        database = Database(url, size=2)
        await database.open()
        try:
            await work(database)
        finally:
            await database.close()

    asyncio.run(run())


def test_connections_that_the_server_ended_fail_no_request(database_url: str) -> None:
    async def work(database: Database) -> None:
        async with database.connection() as first, database.connection() as second:
            ended = [first.info.backend_pid, second.info.backend_pid]
        with psycopg.connect(database_url, autocommit=True) as conn:
            conn.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::integer[]) pid", [ended])
        for _ in ended:
            async with database.connection() as conn_again:
                assert conn_again.info.backend_pid not in ended
                await conn_again.execute("SELECT 1")

    with_pool(database_url, work)


def test_a_database_that_takes_no_changes_is_unavailable_to_them_and_is_read(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {conn.info.dbname} SET default_transaction_read_only = on".encode())

    async def work(database: Database) -> None:
        async with database.connection() as reader:
            await reader.execute("SELECT count(*) FROM cart_line")
        with pytest.raises(ServiceUnavailable):
            async with database.connection() as writer:
                await writer.execute("DELETE FROM cart_line")

    with_pool(database_url, work)


def test_a_lock_that_somebody_holds_for_long_is_waited_for_in_vain_and_not_for_ever(database_url: str) -> None:
    async def work(database: Database) -> None:
        with psycopg.connect(database_url) as holder:
            holder.execute("LOCK TABLE cart_line")
            with pytest.raises(ServiceUnavailable) as raised:
                async with database.connection() as conn:
                    await conn.execute("SELECT count(*) FROM cart_line")
        assert isinstance(raised.value.__cause__, psycopg.errors.LockNotAvailable)

    with_pool(database_url, work)


def test_a_database_whose_connections_are_all_taken_is_up(database_url: str) -> None:
    async def work(database: Database) -> None:
        async with database.connection(), database.connection():
            assert await asyncio.gather(*(database.is_up(within=1.5) for _ in range(20))) == [True] * 20
            with psycopg.connect(database_url) as conn:
                name = conn.info.dbname
            with psycopg.connect(database_url, dbname="postgres", autocommit=True) as conn:
                conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            assert not await database.is_up(within=1.5)

    with_pool(database_url, work)


@pytest.mark.parametrize(
    ("url", "several"),
    [
        ("postgresql://filmer@a/filmer", False),
        ("postgresql://filmer:a,b@a/filmer", False),
        ("postgresql://filmer@a,b:5433/filmer", True),
        ("host=a,b dbname=filmer", True),
        ("hostaddr=127.0.0.1,127.0.0.2", True),
        ("a,b", False),
    ],
)
def test_of_several_servers_the_one_that_takes_changes_is_asked_for(url: str, *, several: bool) -> None:
    assert names_several(url) is several
    assert ("target_session_attrs=read-write" in to_primary(url)) is several
    assert to_primary(to_primary(url)) == to_primary(url)


def test_an_address_that_says_itself_which_server_it_wants_is_left_alone() -> None:
    url = "postgresql://filmer@a,b/filmer?target_session_attrs=any"
    assert to_primary(url) == url
