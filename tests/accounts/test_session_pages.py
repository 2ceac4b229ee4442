"""One's sessions on the page of one's account, and their end everywhere at once (contract §4.1; promise 11)."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest
from tests.accounts.conftest import Browser, Shop, open_account
from tests.accounts.forms import Somebody, is_signed_in, notice_of, rows_of, send, signed_in_at, token_on
from tests.connections import fetch
from tests.in_process import InProcess, MovedClock, in_process
from tests.users import PASSWORD

ACCOUNT, END = "/account", "/account/sessions/end"


@pytest.fixture
def mary(accounts: Shop, browser: Browser) -> Somebody:
    return Somebody(accounts, browser())


@pytest.fixture
def eve(accounts: Shop, browser: Browser) -> Somebody:
    return Somebody(accounts, browser())


def test_one_s_sessions_are_listed_without_what_opens_them(mary: Somebody, eve: Somebody, browser: Browser) -> None:
    assert "Here, and nowhere else." in mary.client.get(ACCOUNT).text
    others = [signed_in_at(browser(), mary.person) for _ in range(2)]
    page = mary.client.get(ACCOUNT)
    assert "Here and in 2 other browsers." in page.text
    assert [row[2] == "Now, here" for row in rows_of(page)[1:4]] == [True, False, False]
    for client in (mary.client, *others, eve.client):
        assert client.cookies["JSESSIONID"] not in page.text
    digests = fetch(mary.url, "SELECT encode(digest, 'hex'), encode(digest, 'base64') FROM session")
    assert len(digests) >= 4
    assert not [digest for pair in digests for digest in pair if digest in page.text]


def test_signing_out_everywhere_ends_all_of_one_s_own(mary: Somebody, eve: Somebody, browser: Browser) -> None:
    second_node, token = signed_in_at(browser(), mary.person), token_on(mary.make())
    cookie = mary.client.cookies["JSESSIONID"]
    response = send(mary.client, END)
    assert (response.status_code, response.headers["location"]) == (303, "/sign-in")
    assert "JSESSIONID" not in mary.client.cookies
    assert notice_of(mary.client.get("/sign-in")) == "You are signed out everywhere."
    mary.client.headers["cookie"] = f"JSESSIONID={cookie}"
    assert [is_signed_in(client) for client in (mary.client, second_node, eve.client)] == [False, False, True]
    assert mary.sessions() == 0
    assert mary.takes(token)


class Nodes:
    """Two processes on one database, and a clock of the test's."""

    def __init__(self, database_url: str) -> None:
        self.url = database_url
        self.person = open_account(database_url)
        self.clock = MovedClock()

    def run(self, work: Callable[[InProcess, InProcess], Any]) -> None:
        async def both() -> None:
            async with in_process(self.url, self.clock) as first_node, in_process(self.url, self.clock) as second_node:
                await work(first_node, second_node)

        asyncio.run(both())

    async def browser(self, process: InProcess) -> httpx.AsyncClient:
        client = process.visitor()
        fields = {"email": self.person.email, "password": PASSWORD}
        assert (await client.post("/sign-in", data=fields)).status_code == 303
        return client


def test_signed_out_everywhere_is_on_every_node(database_url: str) -> None:
    nodes = Nodes(database_url)

    async def work(first_node: InProcess, second_node: InProcess) -> None:
        here, there = await nodes.browser(first_node), await nodes.browser(second_node)
        assert (await there.get(ACCOUNT)).status_code == 200
        assert (await here.post(END)).status_code == 303
        assert (await there.get(ACCOUNT)).status_code == 303
        for process in (first_node, second_node):  # a use that was not written yet brings none back
            await process.component("sessions").tidy(process.component("database"))
        assert (await there.get(ACCOUNT)).status_code == 303

    nodes.run(work)


def test_a_session_that_is_over_is_not_listed(database_url: str) -> None:
    nodes = Nodes(database_url)

    async def work(first_node: InProcess, second_node: InProcess) -> None:
        await nodes.browser(second_node)
        begun = nodes.clock.now()
        nodes.clock.move(minutes=20)
        here = await nodes.browser(first_node)
        page = await here.get(ACCOUNT)
        assert "Here and in 1 other browser." in page.text
        listed = rows_of(page)[1:3]
        assert listed[0][2] == "Now, here"
        assert listed[1][1:3] == [f"{begun:%A}, {begun.day} {begun:%B %Y, %H:%M} UTC"] * 2
        nodes.clock.move(minutes=12)
        assert "Here, and nowhere else." in (await here.get(ACCOUNT)).text

    nodes.run(work)


def test_a_long_list_of_sessions_is_cut_and_counted(mary: Somebody) -> None:
    with psycopg.connect(mary.url) as conn:
        conn.execute(
            "INSERT INTO session (digest, account_id, created, used)"
            " SELECT sha256((%(account)s || '#' || n)::bytea), %(account)s::integer, now(), now() + interval '1 second'"
            " FROM generate_series(1, 30) n",
            {"account": str(mary.person.id)},
        )
    page = mary.client.get(ACCOUNT)
    assert "Here and in 30 other browsers." in page.text
    assert "These are the 20 used last." in page.text
    assert rows_of(page)[1][2] == "Now, here"
