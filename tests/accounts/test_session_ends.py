"""How a session begins and ends in one process and on the others, by a clock that the test moves (contract §4.1)."""

import asyncio

import httpx
import psycopg
import pytest
from tests.accounts.conftest import open_account
from tests.accounts.forms import rows_of
from tests.accounts.test_login import SESSION
from tests.accounts.test_logout import LOGOUT
from tests.accounts.test_session_times import Case, tidy
from tests.in_process import InProcess, in_process
from tests.users import LOGIN, PASSWORD


@pytest.fixture
def case(database_url: str) -> Case:
    return Case(database_url)


async def ask(process: InProcess, method: str, path: str, *tokens: str) -> httpx.Response:
    cookies = [("cookie", f"JSESSIONID={token}") for token in tokens]
    async with process.visitor() as client:
        return await client.request(method, path, headers=cookies)


async def log_in(process: InProcess, email: str, *, instead_of: str = "") -> httpx.Response:
    async with process.visitor(**{"cookie": f"JSESSIONID={instead_of}"} if instead_of else {}) as client:
        response = await client.post(LOGIN, json={"email": email, "password": PASSWORD})
    assert response.status_code == 200, response.text
    return response


def sessions(case: Case) -> int:
    with psycopg.connect(case.url) as conn:
        return conn.execute("SELECT FROM session").rowcount


def begin_many(case: Case) -> None:
    """30 sessions that live, some that were not used for long, and some that began long ago."""
    with psycopg.connect(case.url) as conn:
        for name, began, used, many in (
            ("lives", "1 hour", "30 minutes 50 seconds", 30),
            ("unused", "1 hour", "31 minutes 10 seconds", 5),
            ("old", "1 day 1 second", "1 minute", 5),
        ):
            conn.execute(
                "INSERT INTO session (digest, account_id, created, used)"
                " SELECT sha256((%s || n)::bytea), a.id, %s - %s::interval, %s - %s::interval"
                " FROM account a, generate_series(1, %s) n",
                [name, case.clock.now(), began, case.clock.now(), used, many],
            )


@pytest.mark.parametrize(("public_url", "more"), [(None, ""), ("https://shop.example", "; Secure")])
def test_the_cookie_has_256_bits_and_says_who_may_read_it(case: Case, public_url: str | None, more: str) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock, public_url=public_url) as process:
            response = await log_in(process, case.email)
            token = response.cookies["JSESSIONID"]
            assert len(token) == 43, "32 bytes in base64"
            attributes = f"; Path=/; HttpOnly; SameSite=Lax{more}"
            assert response.headers.get_list("set-cookie") == [f"JSESSIONID={token}{attributes}"]
            out = await ask(process, "POST", LOGOUT, token)
            assert out.headers.get_list("set-cookie") == [f"JSESSIONID={attributes}; Max-Age=0"]

    asyncio.run(run())


def test_signing_out_ends_this_session_alone_and_on_every_process(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as here, in_process(case.url, case.clock) as there:
            await case.sign_in(here)
            ended = case.token
            await case.sign_in(here)
            case.clock.move(seconds=30)
            assert (await ask(there, "GET", SESSION, ended)).status_code == 200, "a use that is not written yet"
            assert (await ask(here, "POST", LOGOUT, ended)).status_code == 200
            for process in (here, there):
                await tidy(process)
                assert (await ask(process, "GET", SESSION, ended)).status_code == 401
                assert await case.lives(process)
            assert sessions(case) == 1

    asyncio.run(run())


def test_only_who_is_signed_in_can_sign_out(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            await case.sign_in(process)
            assert (await ask(process, "POST", LOGOUT)).status_code == 401
            case.clock.move(minutes=30)
            response = await ask(process, "POST", LOGOUT, case.token)
            assert response.status_code == 401
            assert "set-cookie" not in response.headers
            assert sessions(case) == 1, "what is over is the upkeep's"

    asyncio.run(run())


def test_two_cookies_that_differ_are_none_and_one_twice_is_one(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            await case.sign_in(process)
            for tokens, status in (((case.token,) * 2, 200), ((case.token, "x" * 43), 401), ((), 401), (("",), 401)):
                assert (await ask(process, "GET", SESSION, *tokens)).status_code == status

    asyncio.run(run())


def test_signing_in_again_ends_the_session_that_came_along_and_no_other(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            await case.sign_in(process)
            other_token = case.token
            first = (await log_in(process, case.email)).cookies["JSESSIONID"]
            second = (await log_in(process, case.email, instead_of=first)).cookies["JSESSIONID"]
            assert len({other_token, first, second}) == 3
            statuses = [
                (await ask(process, "GET", SESSION, token)).status_code for token in (other_token, first, second)
            ]
            assert statuses == [200, 401, 200]

    asyncio.run(run())


def test_an_account_of_the_demo_is_nobody_without_the_demo(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            await case.sign_in(process)
            with psycopg.connect(case.url) as conn:
                conn.execute("UPDATE account SET demo = true")
            assert not await case.lives(process)

    asyncio.run(run())


def test_of_many_sessions_those_used_last_are_listed_and_none_that_is_over(case: Case) -> None:
    """Over is what was not used for 30 minutes, and what began a day ago; one more may have a use not written yet."""

    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            await case.sign_in(process)
            begin_many(case)
            page = await ask(process, "GET", "/account", case.token)
            assert "Here and in 30 other browsers." in page.text
            rows = [row for row in rows_of(page) if "UTC" in row[-1] or "Now, here" in row]
            assert len(rows) == 20
            assert ["Now, here" in row for row in rows] == [True] + [False] * 19

    asyncio.run(run())


def test_sessions_are_counted_and_how_they_ended(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            sessions = process.component("sessions")
            await case.sign_in(process)
            begin_many(case)
            async with process.component("database").connection() as conn:
                assert await sessions.count(conn) == 31
            second = (await log_in(process, case.email, instead_of=case.token)).cookies["JSESSIONID"]
            assert sessions.ended == {"replaced": 1}
            await ask(process, "POST", LOGOUT, second)
            assert sessions.ended == {"replaced": 1, "signed out": 1}
            third = (await log_in(process, case.email)).cookies["JSESSIONID"]
            case.clock.move(minutes=5)
            await tidy(process)
            assert sessions.ended == {"replaced": 1, "signed out": 1, "over": 40}
            await ask(process, "POST", "/account/sessions/end", third)
            assert sessions.ended == {"replaced": 1, "signed out": 2, "over": 40}

    asyncio.run(run())


def test_uses_that_are_written_are_not_kept_in_memory(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            await case.sign_in(process)
            case.clock.move(seconds=30)
            assert await case.lives(process)
            assert len(process.component("sessions")._uses) == 1
            await tidy(process)
            assert process.component("sessions")._uses == {}

    asyncio.run(run())


def test_addresses_are_forgotten_after_90_days(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock) as process:
            await case.sign_in(process)
            for seconds, left in ((90 * 24 * 3600 - 1, 1), (2, 0)):
                case.clock.move(seconds=seconds)
                await tidy(process)
                with psycopg.connect(case.url) as conn:
                    assert conn.execute("SELECT FROM familiar_address").rowcount == left

    asyncio.run(run())


def test_what_began_a_day_ago_is_cleared_away_though_it_is_used(case: Case) -> None:
    async def run() -> None:
        async with in_process(case.url, case.clock, session_hours=1) as process:
            await case.sign_in(process)
            for minutes, left in ((25, 1), (25, 1), (9, 1), (2, 0)):
                case.clock.move(minutes=minutes)
                await case.lives(process)
                await tidy(process)
                assert sessions(case) == left

    asyncio.run(run())


def test_whoever_signs_out_everywhere_is_nobody_elsewhere(case: Case) -> None:
    other_user = open_account(case.url).email

    async def run() -> None:
        async with in_process(case.url, case.clock) as here, in_process(case.url, case.clock) as there:
            await case.sign_in(here)
            mary = case.token
            eve = (await log_in(here, other_user)).cookies["JSESSIONID"]
            assert (await ask(there, "GET", SESSION, mary)).status_code == 200
            response = await ask(here, "POST", "/account/sessions/end", mary)
            assert response.status_code == 303
            assert "JSESSIONID=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0" in response.headers.get_list("set-cookie")
            for process in (here, there):
                assert (await ask(process, "GET", SESSION, mary)).status_code == 401
                assert (await ask(process, "GET", SESSION, eve)).status_code == 200

    asyncio.run(run())
