"""What is kept of passwords, and that checking them leaves the others alone (contract §4.2, §4.4)."""

import asyncio
import os
import subprocess
import sys
import time
import unicodedata

import psycopg
import pytest
from argon2 import PasswordHasher, extract_parameters
from tests.accounts.conftest import open_account
from tests.accounts.test_register import REGISTER, newcomer
from tests.conftest import PASSWORD_COST
from tests.in_process import in_process
from tests.machine import at_most
from tests.responses import error_of
from tests.users import LOGIN, PASSWORD

from filmer.accounts.passwords import MAX_WAITING, Passwords
from filmer.errors import ServiceUnavailable


@pytest.fixture(autouse=True)
def _passwords_cost_what_they_do_for_users(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PASSWORD_COST.items():
        monkeypatch.setattr(f"filmer.accounts.passwords.{name}", value)


def kept_of(database_url: str, email: str) -> str:
    with psycopg.connect(database_url) as conn:
        row = conn.execute("SELECT password FROM account WHERE email = %s", [email]).fetchone()
    assert row is not None
    return str(row[0])


def test_it_is_argon2id_at_owasp_s_first_choice_with_a_salt_of_its_own() -> None:
    async def run() -> None:
        passwords = Passwords(threads=1)
        first, second = [await passwords.hash(PASSWORD) for _ in range(2)]
        assert first != second
        parameters = extract_parameters(first)
        assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (47104, 1, 1)
        assert (parameters.salt_len, parameters.hash_len, parameters.version) == (16, 32, 19)
        assert first.startswith("$argon2id$")
        assert not passwords.is_outdated(first)
        assert await passwords.matches(PASSWORD, first)
        assert not await passwords.matches(PASSWORD + " ", first)

    asyncio.run(run())


@pytest.mark.parametrize("stored_hash", [None, "", "nonsense", "$argon2id$v=19$m=47104,t=1,p=1$x$y"])
def test_where_nothing_is_kept_nothing_fits(stored_hash: str | None) -> None:
    async def run() -> None:
        passwords = Passwords(threads=1)
        for password in ("", "x", PASSWORD, "$argon2id$"):
            assert not await passwords.matches(password, stored_hash)

    asyncio.run(run())


def test_it_is_the_same_however_a_keyboard_composes_its_accents() -> None:
    """At their longest, too: 128 characters that can be written as 512."""

    async def run() -> None:
        passwords = Passwords(threads=1)
        for password in ("Zoë Größe", "\u1f82" * 128):
            taken_apart = unicodedata.normalize("NFD", password)
            assert len(taken_apart) > len(password)
            assert await passwords.matches(taken_apart, await passwords.hash(password))
            assert await passwords.matches(password, await passwords.hash(taken_apart))

    asyncio.run(run())


def test_a_hash_made_with_other_parameters_is_replaced_when_somebody_signs_in(database_url: str) -> None:
    mary = open_account(database_url)
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)

    def put_old() -> None:
        with psycopg.connect(database_url) as conn:
            conn.execute("UPDATE account SET password = %s", [old])

    async def run() -> None:
        async with in_process(database_url) as process, process.visitor() as client:
            put_old()
            refused = await client.post(LOGIN, json={"email": mary.email, "password": "wrong"})
            assert refused.status_code == 401
            assert kept_of(database_url, mary.email) == old
            await client.post(LOGIN, json={"email": mary.email, "password": PASSWORD})
            newer = kept_of(database_url, mary.email)
            assert newer != old
            assert "m=47104,t=1,p=1" in newer
            response = await client.post(LOGIN, json={"email": mary.email, "password": PASSWORD})
            assert response.status_code == 200
            assert kept_of(database_url, mary.email) == newer
            put_old()
            tries = [client.post(LOGIN, json={"email": mary.email, "password": PASSWORD}) for _ in range(8)]
            responses = await asyncio.gather(*tries)
            assert [response.status_code for response in responses] == [200] * 8, "several at once are all right"

    asyncio.run(run())


@pytest.mark.proof  # it judges how long others wait
def test_others_are_answered_while_twenty_sign_in(database_url: str) -> None:
    people = [open_account(database_url).email for _ in range(20)]

    async def run() -> None:
        async with in_process(database_url, pool_size=4) as process, process.visitor() as client:
            await client.get("/api/v1/health")
            signing_in = [
                asyncio.create_task(client.post(LOGIN, json={"email": email, "password": PASSWORD})) for email in people
            ]
            between = 0
            while not all(task.done() for task in signing_in):
                begun = time.monotonic()
                assert (await client.get("/api/v1/health")).status_code == 200
                at_most(1, since=begun)
                between += 1
            assert {task.result().status_code for task in signing_in} == {200}
            assert between >= 20

    asyncio.run(run())


def test_one_more_than_may_wait_is_told_to_come_again(database_url: str) -> None:
    async def run() -> None:
        async with in_process(database_url, pool_size=8) as process:
            passwords = process.component("signing_in")._passwords
            waiting = [asyncio.create_task(passwords.hash("x")) for _ in range(MAX_WAITING)]
            await asyncio.sleep(0)
            async with process.visitor() as client:
                responses = [
                    await client.post(LOGIN, json={"email": "mary@example.com", "password": "x"}),
                    await client.post(REGISTER, json=newcomer()),
                ]
                for response in responses:
                    error_of(response, 503, "SERVICE_UNAVAILABLE")
                    assert response.headers["retry-after"] == "5"
                    assert "set-cookie" not in response.headers
                with pytest.raises(ServiceUnavailable):
                    await passwords.matches("x", None)
                for task in waiting[4:]:  # they have hung up
                    task.cancel()
                await asyncio.wait(waiting)
                response = await client.post(LOGIN, json={"email": "mary@example.com", "password": "x"})
                assert response.status_code == 401, "there is room again"

    asyncio.run(run())


THREADS = """
import asyncio, os, sys, threading
from filmer.accounts.passwords import Passwords
os.nice(int(sys.argv[1]))
if os.geteuid() == 0:  # who may do anything
    os.setuid(65534)
async def main():
    passwords = Passwords(threads=1)
    await passwords.hash("x")
    loop = asyncio.get_running_loop()
    behind = await loop.run_in_executor(
        passwords._threads, lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    print(behind, os.getpriority(os.PRIO_PROCESS, 0))
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
@pytest.mark.parametrize("nice", [0, 3, 15])
def test_checking_stands_behind_whatever_else_the_process_does(nice: int) -> None:
    """Never before: a process that was started with less may not do that, and nobody could sign in."""
    here = os.getpriority(os.PRIO_PROCESS, 0)
    result = subprocess.run(
        [sys.executable, "-c", THREADS, str(nice)], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [str(min(19, max(10, here + nice))), str(min(19, here + nice))]
