"""Browsers that stay signed in for 30 days, by a clock that the test moves (contract §12.2; promise 11)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import psycopg
import pytest
from tests.accounts.conftest import open_account
from tests.accounts.forms import rows_of
from tests.accounts.test_login import SESSION
from tests.in_process import InProcess, MovedClock, in_process
from tests.users import LOGIN, PASSWORD

ACCOUNT, KEPT, COOKIE = "/account", "kept_sign_in", "JSESSIONID"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
Work = Callable[[InProcess, InProcess], Awaitable[None]]


class Case:
    """A database with one account, and two processes on it, whose clock is the test's."""

    def __init__(self, database_url: str) -> None:
        self.url = database_url
        self.person = open_account(database_url)
        self.clock = MovedClock()

    def run(self, work: Work) -> None:
        async def both() -> None:
            async with in_process(self.url, self.clock) as here, in_process(self.url, self.clock) as there:
                await work(here, there)

        asyncio.run(both())

    @asynccontextmanager
    async def browser(self, process: InProcess, *, keep: str = "yes") -> AsyncIterator[httpx.AsyncClient]:
        """Signed in at the page."""
        async with process.visitor(**{"user-agent": FIREFOX}) as client:
            fields = {"email": self.person.email, "password": PASSWORD, "keep": keep}
            assert (await client.post("/sign-in", data=fields)).status_code == 303
            yield client

    def rows(self, table: str) -> int:
        with psycopg.connect(self.url) as conn:
            return conn.execute(f"SELECT FROM {table}".encode()).rowcount


@pytest.fixture
def case(database_url: str) -> Case:
    return Case(database_url)


async def lives(client: httpx.AsyncClient, path: str = ACCOUNT) -> bool:
    response = await client.get(path)
    assert response.status_code in {200, 303, 401}, response.text
    return response.status_code == 200


async def lives_with(process: InProcess, token: str, *, session: str = "") -> bool:
    """Whether a browser is signed in that has this token, or this session."""
    cookie = f"{COOKIE}={session}" if session else f"{KEPT}={token}"
    async with process.visitor(cookie=cookie) as client:
        return await lives(client)


def test_without_the_box_nothing_is_kept(case: Case) -> None:
    async def work(here: InProcess, _: InProcess) -> None:
        async with case.browser(here, keep="") as client:
            assert KEPT not in client.cookies
            case.clock.move(minutes=30)
            assert not await lives(client)
        assert case.rows("kept_sign_in") == 0

    case.run(work)


def test_a_browser_is_kept_for_30_days_after_its_sign_in(case: Case) -> None:
    """29 days and 23 hours live, 30 days are dead, also where it was used in between."""

    async def work(here: InProcess, there: InProcess) -> None:
        async with case.browser(here) as client:
            set_cookie = (await client.get(ACCOUNT)).headers.get_list("set-cookie")
            assert not any(KEPT in cookie for cookie in set_cookie)  # the session lives
            for _ in range(10):
                case.clock.move(days=2, hours=23)
                assert await lives(client)
            case.clock.move(hours=9)
            assert await lives(client)
            case.clock.move(minutes=59, seconds=59)
            assert await lives(client)
            case.clock.move(seconds=1)
            session = client.cookies[COOKIE]
            assert not await lives_with(there, client.cookies[KEPT])
            await there.component("kept").tidy(there.component("database"))
            assert case.rows("kept_sign_in") == 0
            assert not await lives_with(there, "", session=session)

    case.run(work)


def test_its_cookie_is_for_pages_alone_and_no_script(case: Case) -> None:
    async def work(here: InProcess, _: InProcess) -> None:
        async with case.browser(here) as client:
            first = client.cookies[KEPT]
            case.clock.move(minutes=30)
            for path in (SESSION, "/api/v1/cart", "/api/v1/library"):
                response = await client.get(path)
                assert (response.status_code, "set-cookie" in response.headers) == (401, False)
            assert client.cookies[KEPT] == first
            response = await client.get(ACCOUNT)
            kept, session = max(response.headers.get_list("set-cookie")), client.cookies[COOKIE]
            assert kept.startswith(f"{KEPT}=")
            assert kept.endswith(f"; Path=/; HttpOnly; SameSite=Lax; Max-Age={30 * 86400 - 1800}")
            assert client.cookies[KEPT] != first
            assert (await client.get(SESSION)).status_code == 200  # with the session that has begun
            assert await lives(client)
            assert client.cookies[COOKIE] == session

    case.run(work)


def test_a_public_page_knows_whoever_is_kept(case: Case) -> None:
    async def work(here: InProcess, _: InProcess) -> None:
        async with case.browser(here) as client:
            async with here.visitor() as nobody:
                assert (await nobody.get("/genres")).headers["cache-control"].startswith("public")
            for is_closed in (True, False):  # the browser was closed and opened again; it was not used
                if is_closed:
                    client.cookies.delete(COOKIE)
                else:
                    case.clock.move(minutes=30)
                response = await client.get("/genres")
                assert "Mary" in response.text
                assert response.headers["cache-control"] == "no-store"
                assert {COOKIE, KEPT} <= set(response.cookies)

    case.run(work)


def test_a_form_is_carried_out_and_an_error_is_answered(case: Case) -> None:
    async def work(here: InProcess, _: InProcess) -> None:
        async with case.browser(here) as client:
            case.clock.move(hours=2)
            response = await client.post("/account/tokens", data={"name": "backup", "expires": "90"})
            assert (response.status_code, "filmer_" in response.text) == (200, True)
            case.clock.move(hours=2)
            response = await client.get("/nothing-here")
            assert (response.status_code, "Mary" in response.text) == (404, True)
            assert KEPT in response.cookies

    case.run(work)


def test_a_token_is_good_once_and_a_replay_ends_all(case: Case) -> None:
    async def work(here: InProcess, there: InProcess) -> None:
        async with case.browser(here) as client, case.browser(there, keep="") as elsewhere:
            first = client.cookies[KEPT]
            case.clock.move(minutes=20)
            assert await lives(elsewhere)
            case.clock.move(minutes=10)
            assert await lives(client)
            case.clock.move(seconds=59)
            assert await lives_with(there, first)
            case.clock.move(seconds=1)
            assert await lives(client)
            assert await lives(elsewhere)
            assert not await lives_with(there, first)
            assert not await lives(client)
            assert not await lives(elsewhere)
        assert case.rows("kept_sign_in") == case.rows("session") == 0

    case.run(work)


def test_the_one_before_the_last_is_a_replay_at_once(case: Case) -> None:
    async def work(here: InProcess, there: InProcess) -> None:
        async with case.browser(here) as client:
            first = client.cookies[KEPT]
            for _ in range(2):
                client.cookies.delete(COOKIE)
                assert await lives(client)
            assert not await lives_with(there, first)
            assert not await lives(client)

    case.run(work)


def test_two_tabs_at_once_both_stay_signed_in(case: Case) -> None:
    """Whichever response comes last, or is lost, the browser has a good token."""

    async def work(here: InProcess, there: InProcess) -> None:
        async with case.browser(here) as client:
            first = client.cookies[KEPT]
            case.clock.move(minutes=31)
            tabs = [process.visitor(cookie=f"{KEPT}={first}") for process in (here, there) * 4]
            responses = await asyncio.gather(*(tab.get(ACCOUNT) for tab in tabs))
            assert [response.status_code for response in responses] == [200] * 8
            (second,) = {response.cookies[KEPT] for response in responses}
            sessions = {response.cookies[COOKIE] for response in responses}
            assert (len(sessions), second != first) == (8, True)
            for session in sessions:
                assert await lives_with(there, "", session=session)
            assert "Here, and nowhere else." in responses[0].text
            case.clock.move(minutes=31)
            assert await lives_with(there, second)
            for tab in tabs:
                await tab.aclose()

    case.run(work)


@pytest.mark.parametrize("way", ["sign out", "api", "everywhere", "one by one", "closed", "another user"])
def test_it_can_be_revoked(case: Case, way: str) -> None:
    async def work(here: InProcess, there: InProcess) -> None:
        async with case.browser(here) as client, case.browser(there) as other:
            token = client.cookies[KEPT]
            if way == "sign out":
                case.clock.move(minutes=30)  # its session is over already
                response = await client.post("/sign-out")
                assert KEPT not in client.cookies
                assert response.status_code == 303
            elif way == "api":
                assert (await client.post("/api/v1/auth/logout")).status_code == 200
            elif way == "everywhere":
                assert (await other.post("/account/sessions/end")).status_code == 303
                assert not await lives(other)
            elif way == "one by one":
                page = await other.get(ACCOUNT)
                assert rows_of(page)[1][0].startswith("Firefox on Linux")
                assert "stays signed in" in rows_of(page)[2][0]
                address = page.text.partition('action="/account/sessions/')[2]
                number = address.partition("/")[0]
                assert number.isdigit()
                await other.post(f"/account/sessions/{number}/end")
                assert await lives(other)
            elif way == "another user":
                second = open_account_in(case)
                response = await client.post("/sign-in", data={"email": second, "password": PASSWORD})
                assert KEPT not in client.cookies
            else:
                with psycopg.connect(case.url) as conn:
                    conn.execute(
                        "UPDATE account SET disabled = true" if way == "closed" else "DELETE FROM kept_sign_in"
                    )
            case.clock.move(minutes=30)
            assert not await lives_with(there, token)

    case.run(work)


def open_account_in(case: Case) -> str:
    """Another account with the same password; there is an event loop already."""
    with psycopg.connect(case.url) as conn:
        conn.execute(
            "INSERT INTO account (email, email_key, first_name, last_name, password, created)"
            " SELECT 'eve@example.com', 'eve@example.com', 'Eve', 'Major', password, created FROM account"
        )
    return "eve@example.com"


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
        lambda token: token.replace(".1.", ".2.", 1),
        lambda token: token.replace(".1.", ".0.", 1),
        lambda token: f"9{token}",
        lambda token: token.rpartition(".")[0],
        lambda token: f"999999999999999999.1.{token.rpartition('.')[2]}",
        lambda token: token.upper() * 2,
    ],
)
def test_a_forged_token_does_nothing(case: Case, change: Callable[[str], str]) -> None:
    async def work(here: InProcess, there: InProcess) -> None:
        async with case.browser(here) as client:
            forged = change(client.cookies[KEPT])
            assert not await lives_with(there, forged)
            assert await lives(client)
            client.cookies.delete(COOKIE)
            assert await lives(client)

    case.run(work)


def test_a_cookie_that_is_no_good_is_taken_away(case: Case) -> None:
    """Or its browser would see no page from the cache, and had to sign in before it had a cart."""

    async def work(here: InProcess, _: InProcess) -> None:
        async with here.visitor(cookie=f"{KEPT}=1.1.{'0' * 64}") as client:
            response = await client.get("/genres")
            assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
            assert f"{KEPT}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0" in response.headers.get_list("set-cookie")

    case.run(work)


def test_a_signed_in_program_has_no_kept_sign_in(case: Case) -> None:
    async def work(here: InProcess, _: InProcess) -> None:
        async with here.visitor() as client:
            body = {"email": case.person.email, "password": PASSWORD, "keep": "yes"}
            response = await client.post(LOGIN, json=body)
            assert len(response.headers.get_list("set-cookie")) == 1
        assert case.rows("kept_sign_in") == 0

    case.run(work)


def test_nothing_that_signs_in_is_stored(case: Case) -> None:
    async def work(here: InProcess, _: InProcess) -> None:
        async with case.browser(here) as client:
            signature = client.cookies[KEPT].rpartition(".")[2]
            with psycopg.connect(case.url) as conn:
                rows = conn.execute("SELECT k::text FROM kept_sign_in k UNION ALL SELECT s::text FROM session s")
                assert not [row for (row,) in rows if signature in row or client.cookies[COOKIE] in row]

    case.run(work)
