"""Forgotten passwords: a link that is good once, for an hour, from any browser (contract §12.1; promises 8, 11, 14)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import psycopg
import pytest
from tests.accounts.conftest import new_address, open_account
from tests.accounts.forms import error_beside, failure_of
from tests.accounts.mailed import SENDS_MAIL, Mailed, mails
from tests.connections import in_database
from tests.in_process import InProcess, MovedClock, in_process
from tests.users import LOGIN, PASSWORD, session_of

from filmer.accounts.link_queries import select_holder
from filmer.store.postgres import Connection

NEW = "another password"
Work = Callable[[InProcess], Awaitable[None]]


class Case:
    def __init__(self, database_url: str) -> None:
        self.url = database_url
        self.person = open_account(database_url)
        self.clock = MovedClock()

    def run(self, work: Work, **settings: Any) -> None:
        async def run() -> None:
            async with in_process(self.url, self.clock, **settings) as process:
                await work(process)

        asyncio.run(run())

    async def mails(self) -> list[Mailed]:
        return await asyncio.to_thread(mails, self.url)

    async def asked(self, process: InProcess) -> str:
        """The path of a new link."""
        async with process.visitor(new_address()) as client:
            await ask(client, self.person.email)
        return (await self.mails())[-1].path

    async def can_sign_in(self, process: InProcess, password: str) -> bool:
        async with process.visitor(new_address()) as client:
            response = await client.post(LOGIN, json={"email": self.person.email, "password": password})
        return response.status_code == 200

    def rows(self, table: str) -> int:
        with psycopg.connect(self.url) as conn:
            return conn.execute(f"SELECT FROM {table}".encode()).rowcount


@pytest.fixture
def case(database_url: str) -> Case:
    return Case(database_url)


async def ask(client: httpx.AsyncClient, email: str) -> httpx.Response:
    response = await client.post("/forgotten", data={"email": email})
    assert response.status_code == 200, response.text
    return response


async def choose(process: InProcess, path: str, password: str = NEW) -> httpx.Response:
    async with process.visitor(new_address()) as client:
        return await client.post(path, data={"password": password})


def is_over(response: httpx.Response) -> bool:
    assert (response.status_code == 404) == ("This link is not good any more" in response.text)
    return response.status_code == 404


@pytest.mark.parametrize("settings", [{}, SENDS_MAIL], ids=["the owner hands links on", "mails are sent"])
def test_a_link_is_good_once_and_signs_in(case: Case, settings: dict[str, str]) -> None:
    kept = session_of(case.url, case.person, case.clock.now())

    async def work(process: InProcess) -> None:
        async with process.visitor() as client:
            page = await client.get("/forgotten")
            assert ("Ask here, and then ask the people who run the shop" in page.text) is not bool(settings)
            answer = await ask(client, f" {case.person.email.upper()}")
            assert ("Now ask the people who run this shop" in answer.text) is not bool(settings)
        [mail] = await case.mails()
        assert mail[:3] == ("new_password", case.person.email, case.person.id)
        async with process.visitor() as elsewhere:
            for _ in range(3):  # a scanner of mails uses nothing up
                page = await elsewhere.get(mail.path)
                assert page.status_code == 200
                assert f'action="{mail.path}"' in page.text
                assert '<meta name="referrer" content="origin">' in page.text
                assert page.headers["cache-control"] == "no-store"
            short = await elsewhere.post(mail.path, data={"password": "short"})
            assert (short.status_code, error_beside(short, "password")) == (400, "This must have 8 to 128 characters.")
            response = await elsewhere.post(mail.path, data={"password": NEW})
            assert (response.status_code, response.headers["location"]) == (303, "/")
            assert "Your password is changed" in (await elsewhere.get("/account")).text
        async with process.visitor() as signed_in_before:
            signed_in_before.cookies.update(kept)
            assert (await signed_in_before.get("/account")).status_code == 303
        assert is_over(await choose(process, mail.path))
        async with process.visitor() as client:
            assert is_over(await client.get(mail.path))
        assert await case.can_sign_in(process, NEW)
        assert not await case.can_sign_in(process, PASSWORD)
        assert [sent.kind for sent in await case.mails()] == ["new_password", "password_changed"]

    case.run(work, **settings)


@pytest.mark.parametrize(("seconds", "good"), [(3599, True), (3600, False)])
def test_a_link_is_good_for_an_hour(case: Case, seconds: int, *, good: bool) -> None:
    async def work(process: InProcess) -> None:
        path = await case.asked(process)
        case.clock.move(seconds=seconds)
        assert is_over(await choose(process, path)) is not good
        case.clock.move(seconds=3600)
        await process.component("own_account").tidy(process.component("database"))
        assert case.rows("new_password_link") == 0

    case.run(work)


@pytest.mark.parametrize("event", ["sign in", "new password", "newer link used", "closed", "demo", "signed out"])
def test_what_ends_a_link(case: Case, event: str) -> None:
    async def work(process: InProcess) -> None:
        path = await case.asked(process)
        with psycopg.connect(case.url, autocommit=True) as conn:
            if event == "sign in":
                assert not await case.can_sign_in(process, "wrong password")
                async with process.visitor() as client:
                    assert (await client.get(path)).status_code == 200
                assert await case.can_sign_in(process, PASSWORD)
            elif event == "newer link used":
                assert (await choose(process, await case.asked(process), "yet another one")).status_code == 303
            elif event in {"closed", "demo"}:
                conn.execute("UPDATE account SET disabled = %s, demo = %s", [event == "closed", event == "demo"])
            else:
                assert await case.can_sign_in(process, PASSWORD)
                path = await case.asked(process)
                async with process.visitor() as client:
                    await client.post(LOGIN, json={"email": case.person.email, "password": PASSWORD})
                    path = await case.asked(process)
                    if event == "signed out":
                        await client.post("/account/sessions/end")
                    else:
                        fields = {"current": PASSWORD, "password": "yet another one"}
                        assert (await client.post("/account/password", data=fields)).status_code == 303
        assert is_over(await choose(process, path))
        async with process.visitor() as client:
            assert is_over(await client.get(path))
        assert not await case.can_sign_in(process, NEW)

    case.run(work)


@pytest.mark.parametrize("token", ["1.00", "x", f"1.{'A' * 43}", "9" * 18, "%00", "1.%FF", "-1.A", "%DB%B1.A"])
def test_a_made_up_link_is_not_good(case: Case, token: str) -> None:
    async def work(process: InProcess) -> None:
        async with process.visitor() as client:
            for page in ("new-password", "confirm-address"):
                assert is_over(await client.get(f"/{page}/{token}"))
                assert is_over(await client.post(f"/{page}/{token}", data={"password": NEW}))

    case.run(work)


def test_a_link_is_good_for_its_purpose_alone(case: Case) -> None:
    async def work(process: InProcess) -> None:
        path = await case.asked(process)
        assert is_over(await choose(process, path.replace("new-password", "confirm-address")))
        number = path.rpartition("/")[2].partition(".")[0]
        other = process.component("links").token("confirm address", int(number))
        assert is_over(await choose(process, f"/new-password/{other}"))

    case.run(work)


def test_a_link_used_twice_at_once_works_once(case: Case) -> None:
    async def work(process: InProcess) -> None:
        paths = [await case.asked(process), await case.asked(process)]
        passwords = [f"{NEW} {number}" for number in range(8)]
        responses = await asyncio.gather(
            *(choose(process, paths[number % 2], password) for number, password in enumerate(passwords))
        )
        done = [response.status_code == 303 for response in responses]
        assert (sum(done), {response.status_code for response in responses}) == (1, {303, 404})
        assert await case.can_sign_in(process, passwords[done.index(True)])

    case.run(work)


def test_an_address_without_an_account_gets_a_mail_that_says_so(case: Case) -> None:
    async def work(process: InProcess) -> None:
        async with process.visitor() as client:
            known, unknown = await ask(client, case.person.email), await ask(client, "nobody@example.com")
        assert known.text == unknown.text
        assert [mail[:3] for mail in await case.mails()] == [
            ("new_password", case.person.email, case.person.id),
            ("no_account", "nobody@example.com", None),
        ]
        assert case.rows("new_password_link") == 2

    case.run(work, **SENDS_MAIL)


def test_no_link_is_stored(case: Case) -> None:
    async def work(process: InProcess) -> None:
        path = await case.asked(process)
        digest = path.rpartition(".")[2]
        with psycopg.connect(case.url) as conn:
            for table in ("mail", "new_password_link"):
                rows = conn.execute(f"SELECT t::text FROM {table} t".encode()).fetchall()
                assert rows
                assert not [row for (row,) in rows if digest in row]

    case.run(work)


@pytest.mark.parametrize("email", ["somebody@example.com", "nobody@example.com"])
def test_asking_is_bounded_by_account(case: Case, email: str) -> None:
    """From however many addresses, whether there is such an account or not."""
    open_account(case.url, email="somebody@example.com")

    async def work(process: InProcess) -> None:
        statuses = []
        for _ in range(5):
            async with process.visitor(new_address()) as client:
                response = await client.post("/forgotten", data={"email": email})
            statuses.append(response.status_code)
        assert statuses == [200] * 3 + [429] * 2
        assert failure_of(response).startswith("Too many tries: please wait 1")
        assert int(response.headers["retry-after"]) > 1000
        assert len(await case.mails()) == 3
        case.clock.move(minutes=20)
        assert (await case.asked(process)) is not None
        async with process.visitor(new_address()) as client:
            await ask(client, email)

    case.run(work)


def test_asking_is_bounded_by_address(case: Case) -> None:
    async def work(process: InProcess) -> None:
        async with process.visitor() as client:
            responses = [
                await client.post("/forgotten", data={"email": f"nobody{number}@example.com"}) for number in range(12)
            ]
        assert [response.status_code for response in responses] == [200] * 10 + [429] * 2

    case.run(work)


def test_what_is_no_address_is_shown_beside_its_field(case: Case) -> None:
    async def work(process: InProcess) -> None:
        async with process.visitor() as client:
            for email in ("", "nobody", "a\u202e@example.com"):
                response = await client.post("/forgotten", data={"email": email})
                assert response.status_code == 400
                assert error_beside(response, "email").startswith("This must")
        assert await case.mails() == []

    case.run(work)


@pytest.mark.parametrize("is_known", [True, False])
def test_an_account_is_locked_whether_or_not_one_has_the_address(case: Case, *, is_known: bool) -> None:
    """Whose link is mailed can't leave the address at that moment; and how long a lock takes tells nothing."""
    holder = open_account(case.url)
    email = holder.email if is_known else "nobody@example.com"

    async def unlocked(conn: Connection) -> list[int]:
        async with conn.transaction():
            found = await select_holder(conn, email, demo=False)
            assert found == ((holder.id, holder.email) if is_known else None)
            with psycopg.connect(case.url) as other:
                return [row[0] for row in other.execute("SELECT id FROM account FOR UPDATE SKIP LOCKED")]

    assert in_database(case.url, unlocked) == [case.person.id if is_known else holder.id]
