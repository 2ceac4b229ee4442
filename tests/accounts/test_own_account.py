"""Another name, password or e-mail address, on the pages of one's account (contract §12.2; promise 11)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import psycopg
import pytest
from tests.accounts.conftest import new_address, open_account
from tests.accounts.forms import error_beside, failure_of, shown_value
from tests.accounts.mailed import SENDS_MAIL, Mailed, mails
from tests.commands import filmer_process
from tests.conftest import SECRET_KEY
from tests.connections import fetch_value, in_database
from tests.in_process import InProcess, MovedClock, in_process
from tests.server_processes import eventually
from tests.users import LOGIN, PASSWORD, session_of

from filmer.accounts import queries
from filmer.accounts.throttle import ASKING_RECIPIENT, ThrottleKey
from filmer.mail.letters import Letter, Letters
from filmer.mail.links import Links
from filmer.mail.queries import select_mails_of
from filmer.office.identity import ShopIdentity
from filmer.secret import SecretKey
from filmer.settings import Settings

NEW = "another password"


class Case:
    def __init__(self, database_url: str) -> None:
        self.url = database_url
        self.person = open_account(database_url)
        self.clock = MovedClock()
        self.cookies = session_of(database_url, self.person, self.clock.now())

    def run(self, work: Callable[[InProcess, httpx.AsyncClient], Awaitable[None]], **settings: Any) -> None:
        """With a browser that is signed in."""

        async def run() -> None:
            async with in_process(self.url, self.clock, **settings) as process, process.visitor() as client:
                for name, value in self.cookies.items():
                    client.cookies.set(name, value, domain="shop.example")  # or the next session would be a second one
                await work(process, client)

        asyncio.run(run())

    async def mails(self) -> list[Mailed]:
        return await asyncio.to_thread(mails, self.url)

    def account(self) -> tuple[Any, ...]:
        with psycopg.connect(self.url) as conn:
            row = conn.execute(
                "SELECT first_name, last_name, email FROM account WHERE id = %s", [self.person.id]
            ).fetchone()
        assert row is not None
        return tuple(row)


@pytest.fixture
def case(database_url: str) -> Case:
    return Case(database_url)


async def signs_in(process: InProcess, email: str, password: str = PASSWORD) -> bool:
    async with process.visitor(new_address()) as client:
        return (await client.post(LOGIN, json={"email": email, "password": password})).status_code == 200


def test_another_name(case: Case) -> None:
    async def work(_: InProcess, client: httpx.AsyncClient) -> None:
        page = await client.get("/account/name")
        assert [shown_value(page, field) for field in ("firstName", "lastName")] == ["Mary", "Major"]
        wrong = await client.post("/account/name", data={"firstName": "\u202e", "lastName": "Minor"})
        assert (wrong.status_code, shown_value(wrong, "lastName")) == (400, "Minor")
        assert error_beside(wrong, "firstName")
        response = await client.post("/account/name", data={"firstName": " Maria ", "lastName": "Minor"})
        assert (response.status_code, response.headers["location"]) == (303, "/account")
        page = await client.get("/account")
        assert "<dd>Maria Minor</dd>" in page.text
        assert "Hello Maria: your name is changed." in page.text

    case.run(work)


def test_another_password_ends_all_other_sessions(case: Case) -> None:
    async def work(process: InProcess, client: httpx.AsyncClient) -> None:
        async with process.visitor() as other, process.visitor() as kept:
            for browser, keep in ((other, ""), (kept, "yes")):
                fields = {"email": case.person.email, "password": PASSWORD, "keep": keep}
                assert (await browser.post("/sign-in", data=fields)).status_code == 303
            former = dict(case.cookies)
            response = await client.post("/account/password", data={"current": PASSWORD, "password": NEW})
            assert (response.status_code, response.headers["location"]) == (303, "/account")
            assert "Your password is changed." in (await client.get("/account")).text
            assert client.cookies["JSESSIONID"] != former["JSESSIONID"]
            for browser in (other, kept):
                assert (await browser.get("/account")).status_code == 303
        async with process.visitor() as thief:
            thief.cookies.update(former)
            assert (await thief.get("/account")).status_code == 303
        assert await signs_in(process, case.person.email, NEW)
        assert not await signs_in(process, case.person.email)
        assert [mail[:3] for mail in await case.mails()] == [("password_changed", case.person.email, case.person.id)]

    case.run(work)


def test_a_browser_that_is_kept_stays_kept_with_another_password(case: Case) -> None:
    async def work(process: InProcess, client: httpx.AsyncClient) -> None:
        fields = {"email": case.person.email, "password": PASSWORD, "keep": "yes"}
        await client.post("/sign-in", data=fields)
        former = client.cookies["kept_sign_in"]
        await client.post("/account/password", data={"current": PASSWORD, "password": NEW})
        case.clock.move(hours=1)
        async with process.visitor(cookie=f"kept_sign_in={former}") as thief:
            assert (await thief.get("/account")).status_code == 303
        assert (await client.get("/account")).status_code == 200

    case.run(work)


@pytest.mark.parametrize("path", ["/account/password", "/account/address"])
def test_the_password_is_asked_for_and_guessing_it_is_slowed(case: Case, path: str) -> None:
    async def work(process: InProcess, client: httpx.AsyncClient) -> None:
        fields = {"current": "wrong password", "password": NEW, "email": "new@example.com"}
        for _ in range(10):
            response = await client.post(path, data=fields)
            assert (response.status_code, error_beside(response, "current")) == (401, "This is not your password.")
            assert "wrong password" not in response.text
        response = await client.post(path, data={**fields, "current": PASSWORD})
        assert (response.status_code, failure_of(response)[:9]) == (429, "Too many ")
        assert await signs_in(process, case.person.email)
        assert case.account() == ("Mary", "Major", case.person.email)

    case.run(work)


def test_two_changes_at_once_leave_one_password(case: Case) -> None:
    async def work(process: InProcess, client: httpx.AsyncClient) -> None:
        choices = [f"{NEW} {number}" for number in range(4)]
        responses = await asyncio.gather(
            *(client.post("/account/password", data={"current": PASSWORD, "password": new}) for new in choices)
        )
        done = [response.status_code == 303 and "sign-in" not in response.headers["location"] for response in responses]
        assert sum(done) == 1
        assert await signs_in(process, case.person.email, choices[done.index(True)])

    case.run(work)


def test_another_address_at_once_where_no_mail_is_sent(case: Case) -> None:
    open_account(case.url, email="taken@example.com")

    async def work(process: InProcess, client: httpx.AsyncClient) -> None:
        assert "You sign in with the new one" in (await client.get("/account/address")).text
        for email, status, reason in (
            ("nobody", 400, "This must be an e-mail address."),
            (case.person.email.upper(), 400, "This is your address already."),
            ("TAKEN@example.com", 409, "This address has an account already."),
        ):
            response = await client.post("/account/address", data={"email": email, "current": PASSWORD})
            assert (response.status_code, error_beside(response, "email")) == (status, reason)
            assert shown_value(response, "email") == email
        response = await client.post("/account/address", data={"email": "new@example.com", "current": PASSWORD})
        assert (response.status_code, response.headers["location"]) == (303, "/account")
        assert "<dd>new@example.com</dd>" in (await client.get("/account")).text
        assert await signs_in(process, "new@example.com")
        assert not await signs_in(process, case.person.email)
        assert [mail[:3] for mail in await case.mails()] == [
            ("address_changed", case.person.email, case.person.id),
            ("address_changed", "new@example.com", case.person.id),
        ]

    case.run(work)


def test_another_address_is_used_once_it_is_confirmed(case: Case) -> None:
    async def work(process: InProcess, client: httpx.AsyncClient) -> None:
        response = await client.post("/account/address", data={"email": "new@example.com", "current": PASSWORD})
        assert (response.status_code, "There is a mail on its way to you" in response.text) == (200, True)
        assert case.account()[2] == case.person.email
        [mail] = await case.mails()
        assert mail[:3] == ("confirm_address", "new@example.com", case.person.id)
        async with process.visitor(new_address()) as asking:  # whose link goes to the address that is left
            await asking.post("/forgotten", data={"email": case.person.email})
        async with process.visitor() as elsewhere:
            for _ in range(2):
                assert "<strong>new@example.com</strong>" in (await elsewhere.get(mail.path)).text
            assert case.account()[2] == case.person.email
            assert (await elsewhere.post(mail.path)).headers["location"] == "/account"
            assert (await elsewhere.get("/account")).status_code == 303  # it signs nobody in
            assert (await elsewhere.post(mail.path)).status_code == 404
        assert case.account()[2] == "new@example.com"
        assert (await client.get("/account")).status_code == 200
        sent = await case.mails()
        assert [one[:2] for one in sent[1:]] == [
            ("new_password", case.person.email),
            ("address_changed", case.person.email),
            ("address_changed", "new@example.com"),
        ]
        assert (await client.get(sent[1].path)).status_code == 404

    case.run(work, **SENDS_MAIL)


def test_of_a_taken_address_its_user_is_told_and_nobody_else(case: Case) -> None:
    other = open_account(case.url, email="taken@example.com")

    async def work(_: InProcess, client: httpx.AsyncClient) -> None:
        fields = {"email": "taken@example.com", "current": PASSWORD}
        taken = await client.post("/account/address", data=fields)
        free = await client.post("/account/address", data={**fields, "email": "free@example.com"})
        assert taken.text == free.text
        assert [mail[:3] for mail in await case.mails()] == [
            ("already_registered", "taken@example.com", other.id),
            ("confirm_address", "free@example.com", case.person.id),
        ]

    case.run(work, **SENDS_MAIL)


def test_an_address_that_is_taken_meanwhile_is_not_taken_away(case: Case) -> None:
    async def work(_: InProcess, client: httpx.AsyncClient) -> None:
        await client.post("/account/address", data={"email": "new@example.com", "current": PASSWORD})
        [mail] = await case.mails()
        await asyncio.to_thread(open_account, case.url, email="new@example.com")
        assert (await client.post(mail.path)).headers["location"] == "/sign-in"
        assert case.account()[2] == case.person.email

    case.run(work, **SENDS_MAIL)


@pytest.mark.parametrize(("seconds", "good"), [(86399, True), (86400, False)])
def test_an_address_is_confirmed_within_a_day(case: Case, seconds: int, *, good: bool) -> None:
    async def work(process: InProcess, client: httpx.AsyncClient) -> None:
        await client.post("/account/address", data={"email": "new@example.com", "current": PASSWORD})
        [mail] = await case.mails()
        case.clock.move(seconds=seconds)
        await process.component("own_account").tidy(process.component("database"))
        assert (await client.post(mail.path)).status_code == (303 if good else 404)

    case.run(work, **SENDS_MAIL)


async def choose_again(case: Case, client: httpx.AsyncClient) -> None:
    await client.post("/forgotten", data={"email": case.person.email})
    link = (await case.mails())[-1].path
    assert (await client.post(link, data={"password": NEW})).status_code == 303


async def command(case: Case, *words: object) -> None:
    typed = f"{NEW}\n" if "password" in words else ""
    done = await asyncio.to_thread(filmer_process, "account", *words, typed=typed, DATABASE_URL=case.url)
    assert done.returncode == 0, done.stderr


async def leave_and_stay(process: InProcess, case: Case) -> None:
    async with process.component("database").connection() as conn:
        await process.component("leaving").leave(conn, case.person.id)
        await queries.update_disabled(conn, case.person.id, disabled=False)


PASSWORDS = {"current": PASSWORD, "password": NEW}
ENDING: dict[str, Callable[[InProcess, Case, httpx.AsyncClient], Awaitable[object]]] = {
    "own password": lambda _process, _case, client: client.post("/account/password", data=PASSWORDS),
    "forgotten password": lambda _, case, client: choose_again(case, client),
    "signed out everywhere": lambda _process, _case, client: client.post("/account/sessions/end"),
    "deleted and undone": lambda process, case, _: leave_and_stay(process, case),
    "the shop's password": lambda _process, case, _: command(case, "password", case.person.id),
    "the shop's address": lambda _process, case, _: command(case, "email", case.person.id, "corrected@example.com"),
}


@pytest.mark.parametrize("ending", ENDING)
def test_who_has_lost_the_password_can_not_move_the_account(case: Case, ending: str) -> None:
    """A thief who knew the password has asked for another address, and for a link, before the user took it back."""

    async def work(process: InProcess, client: httpx.AsyncClient) -> None:
        await client.post("/account/address", data={"email": "thief@example.com", "current": PASSWORD})
        async with process.visitor(new_address()) as thief:
            await thief.post("/forgotten", data={"email": case.person.email})
            move, choose = await case.mails()
            assert (move.kind, choose.kind) == ("confirm_address", "new_password")
            await ENDING[ending](process, case, client)
            assert (await thief.get(move.path)).status_code == 404
            assert (await thief.post(move.path)).status_code == 404
            assert (await thief.post(choose.path, data={"password": "thief's own"})).status_code == 404
        assert case.account()[2] in {case.person.email, "corrected@example.com"}

    case.run(work, **SENDS_MAIL)


def test_of_several_addresses_asked_for_the_first_that_is_confirmed_is_used(case: Case) -> None:
    async def work(_: InProcess, client: httpx.AsyncClient) -> None:
        for email in ("first@example.com", "second@example.com"):
            await client.post("/account/address", data={"email": email, "current": PASSWORD})
        first, second = await case.mails()
        assert (await client.post(second.path)).status_code == 303
        assert (await client.post(first.path)).status_code == 404
        assert case.account()[2] == "second@example.com"

    case.run(work, **SENDS_MAIL)


async def until_one_waits(database_url: str) -> None:
    """For a lock of PostgreSQL."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    assert await asyncio.to_thread(eventually, lambda: fetch_value(database_url, waiting))


def test_a_move_and_a_new_password_at_once(case: Case) -> None:
    """Neither waits for the other in a ring, and a move that comes second is none."""

    async def work(process: InProcess, client: httpx.AsyncClient) -> None:
        await client.post("/account/address", data={"email": "new@example.com", "current": PASSWORD})
        [mail] = await case.mails()
        async with process.component("database").connection() as conn, conn.transaction():
            await queries.update_password(conn, case.person.id, "$argon2id$")
            moving = asyncio.create_task(client.post(mail.path))
            await until_one_waits(case.url)
            await queries.delete_sessions_of(conn, case.person.id)
        assert (await moving).status_code == 404
        assert case.account()[2] == case.person.email

    case.run(work, **SENDS_MAIL)


def test_an_address_asked_for_with_a_password_that_was_changed_meanwhile(case: Case) -> None:
    async def work(process: InProcess, client: httpx.AsyncClient) -> None:
        fields = {"email": "thief@example.com", "current": PASSWORD}
        async with process.component("database").connection() as conn, conn.transaction():
            # Where the request waits, after it has looked at the password.
            await process.component("throttle").charge(conn, [ThrottleKey(ASKING_RECIPIENT, "thief@example.com")])
            asking = asyncio.create_task(client.post("/account/address", data=fields))
            await until_one_waits(case.url)
            await queries.update_password(conn, case.person.id, "$argon2id$")
        assert (await asking).status_code == 401
        assert await case.mails() == []

    case.run(work, **SENDS_MAIL)


def test_mails_to_one_address_are_bounded(case: Case) -> None:
    async def work(process: InProcess, client: httpx.AsyncClient) -> None:
        fields = {"email": "victim@example.com", "current": PASSWORD}
        statuses = [(await client.post("/account/address", data=fields)).status_code for _ in range(4)]
        assert statuses == [200] * 3 + [429]
        person = {"firstName": "Mary", "lastName": "Major", "email": "victim@example.com", "password": NEW}
        async with process.visitor(new_address()) as stranger:
            assert (await stranger.post("/forgotten", data=fields)).status_code == 429
            assert (await stranger.post("/register", data=person)).status_code == 429
        assert len(await case.mails()) == 3

    case.run(work, **SENDS_MAIL)


PERSON = {"firstName": "Nina", "lastName": "New", "email": "nina@example.com", "password": NEW}


def letter_of(case: Case) -> Letter:
    """The last mail as it is read."""
    [mail] = in_database(case.url, lambda conn: select_mails_of(conn, case.person.id, size=1))
    sender = ("", SENDS_MAIL["mail_from"])
    links = Links(SecretKey(Settings(secret_key=SECRET_KEY)))
    return Letters(links, ShopIdentity(Settings()), public_url=None, sender=sender).letter(mail)


def test_whoever_registers_by_mail_confirms_the_address_first(case: Case) -> None:
    async def work(process: InProcess, _: httpx.AsyncClient) -> None:
        async with process.visitor(new_address()) as client:
            unknown = await client.post("/register", data=PERSON)
            known = await client.post("/register", data={**PERSON, "email": case.person.email})
            assert (unknown.status_code, unknown.text) == (200, known.text)
            assert "set-cookie" not in unknown.headers
        assert not await signs_in(process, PERSON["email"], NEW)
        confirm, already = await case.mails()
        assert confirm[:3] == ("confirm_address", PERSON["email"], None)
        assert already[:3] == ("already_registered", case.person.email, case.person.id)
        async with process.visitor(new_address()) as elsewhere:
            assert "<strong>nina@example.com</strong>" in (await elsewhere.get(confirm.path)).text
            assert not await signs_in(process, PERSON["email"], NEW)
            response = await elsewhere.post(confirm.path)
            assert (response.status_code, response.headers["location"]) == (303, "/")
            assert "<dd>Nina New</dd>" in (await elsewhere.get("/account")).text
            assert (await elsewhere.post(confirm.path)).status_code == 404
        assert await signs_in(process, PERSON["email"], NEW)

    case.run(work, **SENDS_MAIL)


def test_the_api_registers_at_once_and_says_what_is_taken(case: Case) -> None:
    async def work(process: InProcess, _: httpx.AsyncClient) -> None:
        async with process.visitor(new_address()) as client:
            assert (await client.post("/api/v1/auth/register", json=PERSON)).status_code == 201
            assert (await client.post("/api/v1/auth/register", json=PERSON)).status_code == 409

    case.run(work, **SENDS_MAIL)


@pytest.mark.parametrize("path", ["/forgotten", "/register"])
def test_who_has_deleted_their_account_is_told_how_to_keep_it(case: Case, path: str) -> None:
    async def work(process: InProcess, client: httpx.AsyncClient) -> None:
        async with process.component("database").connection() as conn:
            token, _ = await process.component("leaving").leave(conn, case.person.id)
        client.cookies.clear()
        unknown = await client.post(path, data=PERSON)
        known = await client.post(path, data={**PERSON, "email": case.person.email.upper()})
        assert (known.status_code, known.text) == (200, unknown.text)
        told, _, again = await case.mails()
        assert again[:3] == told[:3] == ("account_deleted", case.person.email, case.person.id)
        letter = await asyncio.to_thread(letter_of, case)
        assert letter.path == f"/account/undo-deletion/{token}"
        assert "Somebody, hopefully you, asked" in letter.paragraphs[1]
        assert "Until " in letter.paragraphs[1]
        assert (await client.post(letter.path)).headers["location"] == "/sign-in"
        assert await signs_in(process, case.person.email)

    case.run(work, **SENDS_MAIL)


@pytest.mark.parametrize("event", ["disabled", "a week"])
def test_who_can_not_keep_their_account_any_more_gets_no_link(case: Case, event: str) -> None:
    async def work(process: InProcess, client: httpx.AsyncClient) -> None:
        async with process.component("database").connection() as conn:
            await process.component("leaving").leave(conn, case.person.id)
            if event == "disabled":
                await queries.update_disabled(conn, case.person.id, disabled=True)
            else:
                case.clock.move(days=7)
        client.cookies.clear()
        for path in ("/forgotten", "/register"):
            assert (await client.post(path, data={**PERSON, "email": case.person.email})).status_code == 200
        assert [mail.kind for mail in await case.mails()] == ["account_deleted", "no_account", "already_registered"]

    case.run(work, **SENDS_MAIL)
