"""When sessions end, by a clock that the test moves (contract §4.1; promise 11)."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from tests.accounts.conftest import open_account
from tests.accounts.test_login import SESSION
from tests.accounts.test_register import newcomer
from tests.in_process import InProcess, MovedClock, in_process
from tests.tmdb.clients import until
from tests.users import LOGIN, PASSWORD

from filmer.errors import ServiceUnavailable
from filmer.store.postgres import Database


class Case:
    """A database with one account, a clock, and processes that share them."""

    def __init__(self, database_url: str) -> None:
        self.url = database_url
        self.email = open_account(database_url).email
        self.clock = MovedClock()
        self.token = ""

    async def sign_in(self, process: InProcess) -> None:
        async with process.visitor() as client:
            response = await client.post(LOGIN, json={"email": self.email, "password": PASSWORD})
        assert response.status_code == 200, response.text
        self.token = client.cookies["JSESSIONID"]

    async def status(self, process: InProcess, path: str = SESSION) -> int:
        async with process.visitor(cookie=f"JSESSIONID={self.token}") as client:
            return (await client.get(path)).status_code

    async def lives(self, process: InProcess) -> bool:
        status = await self.status(process)
        assert status in {200, 401}
        return status == 200

    def used(self) -> float:
        """Seconds since the use that is written down."""
        with psycopg.connect(self.url) as conn:
            row = conn.execute("SELECT used FROM session").fetchone()
        assert row is not None
        return float((self.clock.now() - row[0]).total_seconds())

    def counts_writes(self) -> Callable[[], int]:
        with psycopg.connect(self.url) as conn:
            conn.execute("CREATE TABLE written (digest bytea)")
            conn.execute(
                "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
                " 'BEGIN INSERT INTO written VALUES (NEW.digest); RETURN NEW; END'"
            )
            conn.execute("CREATE TRIGGER note AFTER UPDATE ON session FOR EACH ROW EXECUTE FUNCTION note()")

        def count() -> int:
            with psycopg.connect(self.url) as conn:
                return conn.execute("SELECT FROM written").rowcount

        return count


@pytest.fixture
def case(database_url: str) -> Case:
    return Case(database_url)


async def tidy(process: InProcess) -> None:
    """What the upkeep of a process does once a minute."""
    await process.component("sessions").tidy(process.component("database"))


@pytest.mark.parametrize(
    ("minutes", "seconds", "alive"),
    [
        (30, 1799, True),
        (30, 1800, False),
        (30, 1801, False),
        (1, 59, True),
        (1, 61, False),
        (1440, 24 * 3600 - 1, True),
    ],
)
def test_unused_it_ends_after_as_many_minutes(case: Case, minutes: int, seconds: int, *, alive: bool) -> None:
    """29:59 lives, 30:01 is dead; other figures where they are set (FILMER_SESSION_MINUTES)."""

    async def run() -> None:
        async with in_process(case.url, case.clock, session_minutes=minutes, session_hours=24) as process:
            await case.sign_in(process)
            case.clock.move(seconds=seconds)
            assert await case.lives(process) is alive
            assert await case.lives(process) is alive

    asyncio.run(run())


@pytest.mark.parametrize("path", [SESSION, "/api/v1/cart", "/api/v1/orders"])
def test_any_authenticated_request_extends_it(case: Case, path: str) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            await case.sign_in(process)
            for _ in range(4):
                case.clock.move(minutes=29, seconds=59)
                assert await case.status(process, path) != 401
            case.clock.move(minutes=30, seconds=1)
            assert await case.status(process, path) == 401

    asyncio.run(run())


def test_a_public_request_does_not_extend_it(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            await case.sign_in(process)
            case.clock.move(minutes=20)
            assert await case.status(process, "/api/v1/genres") == 200
            case.clock.move(minutes=10, seconds=1)
            assert not await case.lives(process)

    asyncio.run(run())


@pytest.mark.parametrize("hours", [1, 24])
def test_used_all_the_time_it_ends_after_as_many_hours(case: Case, hours: int) -> None:
    """FILMER_SESSION_HOURS."""

    async def run() -> None:
        async with in_process(case.url, case.clock, session_hours=hours) as process:
            await case.sign_in(process)
            for _ in range(hours * 4 - 1):
                case.clock.move(minutes=15)
                assert await case.lives(process)
                await tidy(process)
            case.clock.move(minutes=14, seconds=59)
            assert await case.lives(process)
            case.clock.move(seconds=1)
            assert not await case.lives(process)

    asyncio.run(run())


def test_what_one_process_has_not_written_yet_counts_there(case: Case) -> None:
    """Within a minute of a use that is written down the next is not, but it counts."""

    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            await case.sign_in(process)
            case.clock.move(seconds=50)
            assert await case.lives(process)
            assert case.used() == 50
            case.clock.move(minutes=29, seconds=59)
            assert await case.lives(process)
            assert case.used() == 0, "written at once: the last one written is older than a minute"

    asyncio.run(run())


def test_another_process_learns_of_it_within_a_minute(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as here, in_process(case.url, case.clock) as there:
            await case.sign_in(here)
            case.clock.move(seconds=50)
            assert await case.lives(here)
            case.clock.move(seconds=9)
            await tidy(here)
            assert case.used() == 9
            case.clock.move(minutes=29, seconds=50)
            assert await case.lives(there), "29:59 after it was used elsewhere"
            case.clock.move(minutes=30, seconds=1)
            assert not await case.lives(there)
            assert not await case.lives(here)

    asyncio.run(run())


def test_an_older_use_never_replaces_a_newer_one(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as here, in_process(case.url, case.clock) as there:
            await case.sign_in(here)
            case.clock.move(seconds=30)
            assert await case.lives(here)
            case.clock.move(seconds=40)
            assert await case.lives(there)
            assert case.used() == 0
            await tidy(here)
            assert case.used() == 0
            await tidy(there)
            assert case.used() == 0

    asyncio.run(run())


def test_a_process_that_ends_writes_what_it_knows(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as here:
            await case.sign_in(here)
            case.clock.move(seconds=50)
            assert await case.lives(here)
        assert case.used() == 0

    asyncio.run(run())


def test_uses_outlive_a_database_that_is_away(case: Case) -> None:
    """The round that can't write them leaves them to the next."""

    async def run() -> None:
        away = Database("postgresql://nobody@127.0.0.1:1/none", size=1)
        async with in_process(case.url, case.clock) as here, in_process(case.url, case.clock) as there:
            await case.sign_in(here)
            case.clock.move(seconds=50)
            assert await case.lives(here)
            await away.open()
            with pytest.raises(ServiceUnavailable):
                await here.component("sessions").tidy(away)
            await away.close()
            await tidy(here)
            assert case.used() == 0
            case.clock.move(minutes=29, seconds=59)
            assert await case.lives(there)

    asyncio.run(run())


def test_a_use_while_others_are_written_is_not_lost(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as here:
            await case.sign_in(here)
            case.clock.move(seconds=20)
            assert await case.lives(here)
            with psycopg.connect(case.url) as conn:
                conn.execute("SELECT FROM session FOR UPDATE")
                round_under_way = asyncio.create_task(tidy(here))
                await until(lambda: conn.execute("SELECT FROM pg_locks WHERE NOT granted").rowcount)
                case.clock.move(seconds=20)
                assert await case.lives(here)
            await round_under_way
            assert case.used() == 20
            await tidy(here)
            assert case.used() == 0

    asyncio.run(run())


def test_at_most_one_write_a_minute_however_many_requests(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            await case.sign_in(process)
            count = case.counts_writes()
            for minute in range(1, 4):
                for _ in range(30):
                    case.clock.move(seconds=2)
                    assert await case.lives(process)
                assert count() == minute
            assert case.used() == 0

    asyncio.run(run())


def test_many_at_once_cost_one_write_each_process(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            await case.sign_in(process)
            count = case.counts_writes()
            case.clock.move(minutes=5)
            assert all(await asyncio.gather(*(case.lives(process) for _ in range(20))))
            assert count() <= 8, "those that were under way together: as many as there are connections"
            assert all(await asyncio.gather(*(case.lives(process) for _ in range(20))))
            assert count() <= 8

    asyncio.run(run())


def test_what_is_over_is_cleared_away_and_nothing_else(case: Case) -> None:
    """A process may know of a use that is not written yet, so what ended a moment ago stays a little."""

    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            await case.sign_in(process)
            old = case.token
            case.clock.move(minutes=20)
            await case.sign_in(process)
            for moved, left in ((9, 2), (1, 2), (3, 1), (15, 1), (5, 0)):
                case.clock.move(minutes=moved)
                await tidy(process)
                with psycopg.connect(case.url) as conn:
                    assert conn.execute("SELECT FROM session").rowcount == left
            case.token = old
            assert not await case.lives(process)

    asyncio.run(run())


@pytest.mark.parametrize("table", ["session", "guess", "familiar_address", "account"])
def test_no_cookie_password_or_address_is_in_the_database(case: Case, table: str) -> None:
    """Contract §4.1: only a digest; addresses that called, likewise."""

    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            await case.sign_in(process)
            async with process.visitor("203.0.113.77") as client:
                await client.post(LOGIN, json={"email": "nobody@example.com", "password": "a secret guess"})
        with psycopg.connect(case.url) as conn:
            shown = " ".join(str(row) for row in conn.execute(f"SELECT t::text FROM {table} t".encode()).fetchall())
        assert shown
        digest = hashlib.sha256(case.token.encode()).hexdigest()
        assert (digest in shown) is (table == "session")
        for secret in (case.token, PASSWORD, "a secret guess", "203.0.113.77", "192.0.2.1", "nobody@example.com"):
            assert secret not in shown
            assert secret.encode().hex() not in shown

    asyncio.run(run())


async def _change_password(conn: "psycopg.AsyncConnection[tuple[object, ...]]", email: str) -> None:
    from tests.users import hash_password  # remembered: made before there was an event loop

    await conn.execute("UPDATE account SET password = %s WHERE email = %s", [hash_password("another one"), email])
    await conn.execute("DELETE FROM session")


async def _close(conn: "psycopg.AsyncConnection[tuple[object, ...]]", email: str) -> None:
    await conn.execute("UPDATE account SET disabled = true WHERE email = %s", [email])
    await conn.execute("DELETE FROM session")


@pytest.mark.parametrize("change", [_change_password, _close])
def test_no_session_begins_after_the_password_was_changed_or_the_account_closed(
    case: Case, change: Callable[..., Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checking a password takes a while; what happens meanwhile counts: all sessions are over afterwards."""
    open_account(case.url, password="another one")  # makes what is kept of it

    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            passwords = process.component("signing_in")._passwords
            matches = passwords.matches

            async def and_meanwhile(password: str, stored_hash: str | None, **turn: Any) -> bool:
                fits: bool = await matches(password, stored_hash, **turn)
                monkeypatch.undo()
                async with await psycopg.AsyncConnection.connect(case.url) as conn:
                    await change(conn, case.email)
                return fits

            monkeypatch.setattr(passwords, "matches", and_meanwhile)
            async with process.visitor() as client:
                response = await client.post(LOGIN, json={"email": case.email, "password": PASSWORD})
            assert response.status_code == 401
            assert "set-cookie" not in response.headers
            with psycopg.connect(case.url) as conn:
                assert conn.execute("SELECT FROM session").rowcount == 0

    asyncio.run(run())


def test_a_newcomer_s_session_ends_like_any_other(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            async with process.visitor() as client:
                response = await client.post("/api/v1/auth/register", json=newcomer())
            assert response.status_code == 201
            case.token = client.cookies["JSESSIONID"]
            case.clock.move(minutes=29, seconds=59)
            assert await case.lives(process)
            case.clock.move(minutes=30, seconds=1)
            assert not await case.lives(process)

    asyncio.run(run())
