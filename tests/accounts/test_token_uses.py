"""When bearer tokens were last used, which is written once a minute; and what is cleared away."""

import asyncio
from datetime import timedelta

import psycopg
import pytest
from tests.accounts.test_tokens import Authenticator, carrying, execute
from tests.in_process import MovedClock
from tests.users import open_account, token_of

from filmer.errors import ServiceUnavailable
from filmer.store.postgres import Database


def test_uses_are_written_once_a_minute_and_never_by_the_request(database_url: str) -> None:
    person = open_account(database_url)
    first, second, unused = (token_of(database_url, person) for _ in range(3))
    authenticator = Authenticator(database_url)
    begun = authenticator.clock.now()
    for _ in range(3):
        assert authenticator.authenticate(f"Bearer {first}")
        assert authenticator.authenticate(f"Bearer {second}")
        authenticator.clock.move(seconds=10)
    assert authenticator.authenticate(f"Bearer {second}")
    assert authenticator.authenticate(f"Bearer {unused}x") is None
    assert authenticator.used() == [None, None, None]
    authenticator.tidy()
    written = [begun + timedelta(seconds=20), begun + timedelta(seconds=30), None]
    assert authenticator.used() == written
    execute(database_url, "UPDATE token SET used = NULL")
    authenticator.tidy()
    assert authenticator.used() == [None, None, None], "what is written is not written again"


def test_what_was_refused_is_no_use(database_url: str) -> None:
    authenticator = Authenticator(database_url)
    expired = token_of(database_url, open_account(database_url), expires=authenticator.clock.now())
    assert authenticator.authenticate(f"Bearer {expired}") is None
    authenticator.tidy()
    assert authenticator.used() == [None]


def test_an_older_use_never_replaces_a_newer_one(database_url: str) -> None:
    clock = MovedClock()
    header = f"Bearer {token_of(database_url, open_account(database_url))}"
    early, late = Authenticator(database_url, clock=clock), Authenticator(database_url, clock=clock)
    assert early.authenticate(header)
    clock.move(seconds=30)
    assert late.authenticate(header)
    late.tidy()
    early.tidy()
    assert late.used() == [clock.now()]


def test_uses_outlive_a_database_that_is_away(database_url: str) -> None:
    """The round that can't write them leaves them to the next."""
    authenticator = Authenticator(database_url)
    assert authenticator.authenticate(f"Bearer {token_of(database_url, open_account(database_url))}")

    async def run() -> None:
        away = Database("postgresql://nobody@127.0.0.1:1/none", size=1)
        await away.open()
        with pytest.raises(ServiceUnavailable):
            await authenticator.tokens.tidy(away)
        await away.close()

    asyncio.run(run())
    assert authenticator.used() == [None]
    authenticator.tidy()
    assert authenticator.used() == [authenticator.clock.now()]


def test_a_use_while_others_are_written_is_not_lost(database_url: str) -> None:
    authenticator = Authenticator(database_url)
    header = f"Bearer {token_of(database_url, open_account(database_url))}"

    async def run() -> None:
        database = Database(database_url, size=2)
        await database.open()
        async with database.connection() as conn:
            await authenticator.tokens.require(conn, carrying(header))
        with psycopg.connect(database_url) as holder:
            holder.execute("SELECT FROM token FOR UPDATE")
            round_under_way = asyncio.create_task(authenticator.tokens.tidy(database))
            await _until_somebody_waits_for(holder)
            authenticator.clock.move(seconds=20)
            async with database.connection() as conn:
                await authenticator.tokens.require(conn, carrying(header))
        await round_under_way
        assert authenticator.used() == [authenticator.clock.now() - timedelta(seconds=20)]
        await authenticator.tokens.tidy(database)
        await database.close()

    asyncio.run(run())
    assert authenticator.used() == [authenticator.clock.now()]


async def _until_somebody_waits_for(holder: "psycopg.Connection[tuple[object, ...]]") -> None:
    statement = "SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    for _ in range(200):
        if holder.execute(statement).rowcount:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


def test_what_expired_a_month_ago_is_cleared_away_and_nothing_else(database_url: str) -> None:
    person, authenticator = open_account(database_url), Authenticator(database_url)
    for expires in (authenticator.clock.now() + timedelta(days=1), authenticator.clock.now() + timedelta(days=2), None):
        token_of(database_url, person, expires=expires)
    for days, seconds, left in ((31, 0, 3), (0, 1, 2), (1, 0, 1), (3650, 0, 1)):
        authenticator.clock.move(days=days, seconds=seconds)
        authenticator.tidy()
        assert len(authenticator.used()) == left
