"""The last owner stays, whoever asks, and however many at once (contract §13.1)."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any, NamedTuple

import httpx
import pytest
from tests.commands import filmer
from tests.conftest import MakeDatabase, ServeHere
from tests.connections import fetch
from tests.users import PASSWORD, open_account, session_of, visitor

from filmer.accounts.schemas import User

ROUNDS = 4
ONLY = "This is the only owner of the shop, who has to stay"


class Owners(NamedTuple):
    """A shop with two owners, and a browser of each."""

    url: str
    people: list[User]
    clients: list[httpx.Client]

    def restore(self) -> None:
        fetch(self.url, "UPDATE account SET role = 'admin', disabled = false, leaving = NULL WHERE id = ANY(%s)",
              [person.id for person in self.people])  # fmt: skip
        for person, client in zip(self.people, self.clients, strict=True):
            client.cookies.clear()
            client.cookies.update(session_of(self.url, person))

    def left(self) -> int:
        return int(fetch(self.url, "SELECT count(*) FROM account WHERE role = 'admin' AND NOT disabled")[0][0])

    def command(self, name: str, person: User, *more: str) -> Any:
        return filmer("account", name, str(person.id), *more, DATABASE_URL=self.url)


@pytest.fixture(scope="module")
def shop(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[Owners]:
    url = make_database()
    server = serve_here(url).client
    people = [open_account(url, role="admin") for _ in range(2)]
    with ExitStack() as stack:
        yield Owners(url, people, [stack.enter_context(closing(visitor(server))) for _ in people])


@pytest.fixture
def owners(shop: Owners) -> Owners:
    shop.restore()
    return shop


Act = Callable[[httpx.Client, User], httpx.Response]
ACTS: dict[str, Act] = {
    "role": lambda client, person: client.post(f"/admin/customers/{person.id}/role", data={"role": "customer"}),
    "disable": lambda client, person: client.post(f"/admin/customers/{person.id}/disable"),
    "delete": lambda client, person: client.post(f"/admin/customers/{person.id}/delete"),
}


@pytest.mark.parametrize("second", ACTS)
@pytest.mark.parametrize("first", ACTS)
def test_of_two_owners_who_act_on_each_other_at_once_one_is_refused(shop: Owners, first: str, second: str) -> None:
    for _ in range(ROUNDS):
        shop.restore()
        with ThreadPoolExecutor(2) as pool:
            done = [
                pool.submit(ACTS[first], shop.clients[0], shop.people[1]),
                pool.submit(ACTS[second], shop.clients[1], shop.people[0]),
            ]
        statuses = sorted(one.result().status_code for one in done)
        assert shop.left() == 1, statuses
        assert statuses[0] == 303
        assert statuses[1] in {303, 403, 409}, "signed out, no owner any more, or the last one"


def test_one_leaves_while_the_other_is_demoted(shop: Owners) -> None:
    for _ in range(ROUNDS):
        shop.restore()
        with ThreadPoolExecutor(2) as pool:
            pool.submit(shop.clients[0].post, "/account/delete", data={"password": PASSWORD})
            pool.submit(ACTS["role"], shop.clients[0], shop.people[1])
        assert shop.left() == 1


@pytest.mark.parametrize("act", ACTS)
def test_the_last_one_is_told(owners: Owners, act: str) -> None:
    """By themselves, and by the command line."""
    assert ACTS[act](owners.clients[0], owners.people[1]).status_code == 303
    response = ACTS[act](owners.clients[0], owners.people[0])
    assert response.status_code == 409
    assert (ONLY if act != "delete" else "it is the only one of an owner") in response.text
    command = owners.command(act, owners.people[0], *(["clerk"] if act == "role" else []))
    assert command.returncode == 1
    assert "only" in command.stderr
    assert owners.left() == 1


def test_a_demo_s_owner_is_nobody_elsewhere(owners: Owners) -> None:
    """Nobody can sign in as one where there is no demo: another owner has to stay."""
    fetch(owners.url, "UPDATE account SET demo = true WHERE id = %s", owners.people[1].id)
    try:
        assert ONLY in owners.command("disable", owners.people[0]).stderr
        assert owners.command("disable", owners.people[1]).returncode == 0
    finally:
        fetch(owners.url, "UPDATE account SET demo = false")


def test_an_owner_and_the_command_line_at_once(shop: Owners) -> None:
    for _ in range(ROUNDS):
        shop.restore()
        with ThreadPoolExecutor(1) as pool:
            page = pool.submit(ACTS["disable"], shop.clients[0], shop.people[1])
            command = shop.command("role", shop.people[0], "clerk")
        assert shop.left() == 1
        assert (page.result().status_code == 303) != (command.returncode == 0)
