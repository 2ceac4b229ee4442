"""Guessing is slowed, with the cache up or down (contract §4.2; promise 14).

GUESSES sets how many tries a test makes: about 300 here, 10 000 in `make trust`. The clock stands still, so that what
is tried at once is counted exactly: whatever was not tried was told 429, and no password was looked at.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Sequence

import httpx
import psycopg
import pytest
from tests.accounts.conftest import new_address, open_account
from tests.figures import record_figure
from tests.in_process import InProcess, MovedClock, in_process
from tests.responses import error_of
from tests.users import LOGIN, PASSWORD, hash_password

from filmer.accounts.throttle import (
    ASKING_ADDRESS,
    ASKING_RECIPIENT,
    REGISTER_ADDRESS,
    SIGN_IN_ACCOUNT,
    SIGN_IN_ADDRESS,
    SIGN_IN_FAMILIAR,
    Allowance,
    neighbourhood,
)
from filmer.server.serving import free_port
from filmer.store.embedded import Engines

pytestmark = [pytest.mark.proof, pytest.mark.parallel, pytest.mark.timeout(900)]
GUESSES = int(os.environ.get("GUESSES", "300"))
SIDE_BY_SIDE = 20
# docs/security.md tells these figures: (tries at once, seconds until there is one more)
DOCUMENTED = {
    SIGN_IN_ADDRESS: (50, 10),
    SIGN_IN_ACCOUNT: (10, 60),
    SIGN_IN_FAMILIAR: (10, 60),
    REGISTER_ADDRESS: (30, 30),
    ASKING_ADDRESS: (10, 60),
    ASKING_RECIPIENT: (3, 1200),
}
Guess = tuple[str, str, str]  # the address it comes from, the e-mail, the password


async def guess(process: InProcess, address: str, email: str, password: str, cookie: str = "") -> httpx.Response:
    async with process.visitor(address, **({"cookie": f"JSESSIONID={cookie}"} if cookie else {})) as client:
        return await client.post(LOGIN, json={"email": email, "password": password})


async def tried(process: InProcess, guesses: Sequence[Guess]) -> Counter[int]:
    """How they were answered, many of them at a time."""
    queue = iter(guesses)
    statuses: Counter[int] = Counter()

    async def work() -> None:
        for address, email, password in queue:
            response = await guess(process, address, email, password)
            statuses[response.status_code] += 1
            if response.status_code == 429:
                error_of(response, 429, "RATE_LIMITED")
                assert 1 <= int(response.headers["retry-after"]) <= 60
                assert "set-cookie" not in response.headers

    await asyncio.gather(*(work() for _ in range(SIDE_BY_SIDE)))
    assert statuses.total() == len(guesses)
    if len(guesses) == GUESSES:
        record_figure(f"{GUESSES:,} tries: {statuses[401]} were looked at")
    return statuses


def refused(at_once: int) -> Counter[int]:
    return Counter({401: at_once, 429: GUESSES - at_once})


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted here is tries, not what one costs."""
    hash_password()  # at its full price: others use it, too
    monkeypatch.setattr("filmer.accounts.passwords.MEMORY_KIB", 64)


@pytest.fixture(params=["up", "down"])
def cache(request: pytest.FixtureRequest, engines: Engines) -> str:
    """The address of a cache, or one where none listens."""
    return engines.redis_url if request.param == "up" else f"redis://127.0.0.1:{free_port('127.0.0.1')}/0"


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.mark.parametrize("allowance", DOCUMENTED, ids=lambda allowance: allowance.purpose)
def test_the_caps_are_the_documented_ones(allowance: Allowance) -> None:
    assert (allowance.at_once, allowance.every.total_seconds()) == DOCUMENTED[allowance]


def test_one_address_against_one_account(database_url: str, clock: MovedClock, cache: str) -> None:
    mary = open_account(database_url).email

    async def run() -> None:
        async with in_process(database_url, clock, redis_url=cache) as process:
            here = new_address()
            assert await tried(process, [(here, mary, f"guess {n}") for n in range(GUESSES)]) == refused(10)
            assert (await guess(process, here, mary, PASSWORD)).status_code == 429, "not even the right one is tried"

    asyncio.run(run())


def test_one_address_against_many_accounts(database_url: str, clock: MovedClock, cache: str) -> None:
    people = [open_account(database_url).email for _ in range(20)]

    async def run() -> None:
        async with in_process(database_url, clock, redis_url=cache) as process:
            here = new_address()
            emails = [people[n // 2 % 20] if n % 2 else f"nobody{n}@example.com" for n in range(GUESSES)]
            assert await tried(process, [(here, email, "guess") for email in emails]) == refused(50)

    asyncio.run(run())


def test_many_addresses_against_one_account(database_url: str, clock: MovedClock, cache: str) -> None:
    """The victim signs in all the same: at an address they signed in from before, or in a browser that is."""
    mary = open_account(database_url).email

    async def run() -> None:
        async with in_process(database_url, clock, redis_url=cache) as process:
            home, cafe = new_address(), new_address()
            cookie = (await guess(process, home, mary, PASSWORD)).cookies["JSESSIONID"]
            responses = await tried(process, [(new_address(), mary, f"guess {n}") for n in range(GUESSES)])
            assert responses == refused(10)
            assert (await guess(process, new_address(), mary, PASSWORD)).status_code == 429, (
                "a stranger, for all we know"
            )
            assert (await guess(process, home, mary, PASSWORD)).status_code == 200
            assert (await guess(process, cafe, mary, PASSWORD, cookie)).status_code == 200
            assert (await guess(process, cafe, mary, PASSWORD)).status_code == 200, "they signed in from there now"

    asyncio.run(run())


def test_many_addresses_against_an_unknown_account(database_url: str, clock: MovedClock) -> None:
    """So that slowing down tells nobody who has an account."""

    async def run() -> None:
        async with in_process(database_url, clock) as process:
            guesses = [(new_address(), "nobody@example.com", f"guess {n}") for n in range(GUESSES)]
            assert await tried(process, guesses) == refused(10)

    asyncio.run(run())


def test_however_an_account_is_spelled_it_is_one(database_url: str, clock: MovedClock) -> None:
    mary = open_account(database_url, email="mary@example.com").email

    async def run() -> None:
        async with in_process(database_url, clock) as process:
            spellings = (mary, mary.upper(), f" {mary}", "Mary@example.com", "MARY@example.com\n")
            guesses = [(new_address(), spelling, "guess") for spelling in spellings * 4]
            assert await tried(process, guesses) == Counter({401: 10, 429: 10})

    asyncio.run(run())


def test_an_ipv6_host_has_no_more_tries_than_its_network(database_url: str, clock: MovedClock) -> None:
    async def run() -> None:
        async with in_process(database_url, clock) as process:
            guesses = [(f"2001:db8:0:1::{n:x}", f"nobody{n}@example.com", "guess") for n in range(GUESSES)]
            assert await tried(process, guesses) == refused(50)
            assert (await guess(process, "2001:db8:0:2::1", "nobody@example.com", "guess")).status_code == 401

    asyncio.run(run())


def test_strangers_at_a_familiar_address_do_not_slow_the_victim_s_own_browser(
    database_url: str, clock: MovedClock
) -> None:
    mary = open_account(database_url).email

    async def run() -> None:
        async with in_process(database_url, clock) as process:
            home = new_address()
            cookie = (await guess(process, home, mary, PASSWORD)).cookies["JSESSIONID"]
            assert await tried(process, [(home, mary, "guess")] * 20) == Counter({401: 10, 429: 10})
            assert (await guess(process, home, mary, PASSWORD)).status_code == 429
            assert (await guess(process, home, mary, PASSWORD, cookie)).status_code == 200

    asyncio.run(run())


def test_a_session_is_familiar_with_its_own_account_only(database_url: str, clock: MovedClock) -> None:
    """Who signs in as themselves gains no tries at others; nor by a cookie they made up."""
    eve, mary = (open_account(database_url).email for _ in range(2))

    async def run() -> None:
        async with in_process(database_url, clock) as process:
            home = new_address()
            cookie = (await guess(process, home, eve, PASSWORD)).cookies["JSESSIONID"]
            for _ in range(10):
                assert (await guess(process, home, mary, "guess", cookie)).status_code == 401
            for made_up in ("", cookie, "x" * 43):
                assert (await guess(process, home, mary, "guess", made_up)).status_code == 429

    asyncio.run(run())


def test_a_right_sign_in_costs_nothing(database_url: str, clock: MovedClock) -> None:
    """100 in the same moment, at 100 addresses and at one; and it forgives none that were wrong."""
    mary, john = (open_account(database_url).email for _ in range(2))

    async def run() -> None:
        async with in_process(database_url, clock) as process:
            home = new_address()
            for n in range(100):
                address = home if n % 2 else new_address()
                assert (await guess(process, address, mary, PASSWORD)).status_code == 200
            with psycopg.connect(database_url) as conn:
                assert conn.execute("SELECT FROM guess WHERE free_at > %s", [clock.now()]).rowcount == 0
            for _ in range(9):
                assert (await guess(process, new_address(), john, "guess")).status_code == 401
            assert (await guess(process, new_address(), john, PASSWORD)).status_code == 200
            assert (await guess(process, new_address(), john, "guess")).status_code == 401
            assert (await guess(process, new_address(), john, "guess")).status_code == 429

    asyncio.run(run())


def test_after_what_retry_after_says_it_is_tried(database_url: str, clock: MovedClock) -> None:
    """One second before: 429; after it: tried, once. An account's is a minute, an address' ten seconds."""
    mary = open_account(database_url).email

    async def run() -> None:
        async with in_process(database_url, clock) as process:
            here = new_address()
            account = [(new_address(), mary, "guess") for _ in range(12)]
            address = [(here, f"nobody{n}@example.com", "guess") for n in range(52)]
            for guesses, wait in ((account, 60), (address, 10)):
                await tried(process, guesses[:-2])
                for _ in range(2):
                    response = await guess(process, *guesses[-1])
                    assert (response.status_code, response.headers["retry-after"]) == (429, str(wait))
                    clock.move(seconds=wait - 1)
                    response = await guess(process, *guesses[-1])
                    assert (response.status_code, response.headers["retry-after"]) == (429, "1")
                    clock.move(seconds=1)
                    assert (await guess(process, *guesses[-1])).status_code == 401
                clock.move(seconds=wait * 3.5)
                assert await tried(process, guesses[:5]) == Counter({401: 3, 429: 2})
                assert (await guess(process, *guesses[0])).headers["retry-after"] == str(wait // 2)

    asyncio.run(run())


def test_side_by_side_each_is_told_how_long_it_takes(database_url: str, clock: MovedClock) -> None:
    """What others use up while a try waits for them counts, too."""
    mary = open_account(database_url).email

    async def run() -> None:
        async with in_process(database_url, clock) as process:
            responses = await asyncio.gather(*(guess(process, new_address(), mary, "guess") for _ in range(40)))
            retry_after = Counter(response.headers.get("retry-after") for response in responses)
            assert retry_after == Counter({None: 10, "60": 30})

    asyncio.run(run())


def test_an_allowance_comes_back_whole_and_no_more_than_whole(database_url: str, clock: MovedClock) -> None:
    mary = open_account(database_url).email

    async def run() -> None:
        async with in_process(database_url, clock) as process:
            for _ in range(2):
                guesses = [(new_address(), mary, "guess") for _ in range(15)]
                assert await tried(process, guesses) == Counter({401: 10, 429: 5})
                clock.move(days=1)
                await process.component("sessions").tidy(process.component("database"))
                with psycopg.connect(database_url) as conn:
                    assert conn.execute("SELECT FROM guess").rowcount == 0, "what is forgiven is forgotten"

    asyncio.run(run())


def test_on_two_nodes_there_is_one_allowance(database_url: str, clock: MovedClock) -> None:
    mary = open_account(database_url).email

    async def run() -> None:
        async with in_process(database_url, clock) as here, in_process(database_url, clock) as there:
            halves = [[(new_address(), mary, "guess") for _ in range(20)] for _ in range(2)]
            responses = await asyncio.gather(tried(here, halves[0]), tried(there, halves[1]))
            assert sum(responses, Counter()) == Counter({401: 10, 429: 30})

    asyncio.run(run())


def test_a_try_that_found_no_room_costs_nothing(
    database_url: str, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 says come again: who does is not slowed for it."""
    mary = open_account(database_url).email
    body = {"firstName": "Mary", "lastName": "Major", "email": "mary@example.com", "password": PASSWORD}

    async def run() -> None:
        async with in_process(database_url, clock) as process:
            monkeypatch.setattr("filmer.accounts.passwords.MAX_WAITING", 0)
            for _ in range(40):
                response = await guess(process, "192.0.2.1", mary, "guess")
                assert (response.status_code, response.headers["retry-after"]) == (503, "5")
                async with process.visitor() as client:
                    assert (await client.post("/api/v1/auth/register", json=body)).status_code == 503
            monkeypatch.undo()
            assert (await guess(process, "192.0.2.1", mary, PASSWORD)).status_code == 200

    asyncio.run(run())


def test_nobody_is_believed_who_says_they_are_somebody_else(database_url: str, clock: MovedClock) -> None:
    """Without FILMER_TRUSTED_PROXIES, X-Forwarded-For and its like change nothing."""

    async def run() -> None:
        async with in_process(database_url, clock) as process:
            statuses = Counter[int]()
            for n in range(52):
                said = {name: new_address() for name in ("x-forwarded-for", "x-real-ip", "cf-connecting-ip")}
                async with process.visitor(forwarded=f"for={new_address()}", **said) as client:
                    response = await client.post(LOGIN, json={"email": f"nobody{n}@example.com", "password": "guess"})
                statuses[response.status_code] += 1
            assert statuses == Counter({401: 50, 429: 2})

    asyncio.run(run())


@pytest.mark.parametrize("form", ["{}", "{}:{{}}", "198.51.100.66, {}", "198.51.100.66, {}:{{}}"])
def test_behind_a_proxy_it_is_the_caller_whatever_else_is_said(database_url: str, clock: MovedClock, form: str) -> None:
    """Some proxies tell the caller's port, too: another one each time."""

    async def run() -> None:
        async with in_process(database_url, clock, trusted_proxies="10.0.0.1") as process:
            here, statuses = form.format(new_address()), Counter[int]()
            for n in range(51):
                said = {"x-forwarded-for": here.format(4000 + n)}
                async with process.visitor("10.0.0.1", **said) as client:
                    response = await client.post(LOGIN, json={"email": f"nobody{n}@example.com", "password": "guess"})
                statuses[response.status_code] += 1
            assert statuses == Counter({401: 50, 429: 1})

    asyncio.run(run())


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("203.0.113.9", "203.0.113.9"), ("203.0.113.9:4711", "203.0.113.9"), ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::/64"), ("2001:db8:0:0:ffff::1", "2001:db8::/64"), ("[2001:db8::1]", "2001:db8::/64"),
        ("[2001:db8::1]:443", "2001:db8::/64"), ("2001:db8:0:1::1", "2001:db8:0:1::/64"), ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"), ("", ""), ("x" * 9000, "x" * 64), ("[", ""), (":80", ""),
    ],
)  # fmt: skip
def test_addresses_as_they_are_counted(address: str, counted_as: str) -> None:
    assert neighbourhood(address) == counted_as
