"""One shop that all tests here share: each has people and addresses of its own."""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import httpx
import pytest
from tests import users
from tests.conftest import MakeDatabase, Serve, Server
from tests.users import PASSWORD, hash_password, visitor

from filmer.accounts.schemas import Role, User

_numbers = itertools.count(1)
Browser = Callable[[], httpx.Client]


class Shop(NamedTuple):
    database_url: str
    server: Server


def open_account(database_url: str, *, email: str = "", role: Role = "customer", password: str = PASSWORD) -> User:
    hash_password(password)  # before there is an event loop
    return users.open_account(database_url, email=email, role=role, password=password)


def new_address() -> str:
    """An address nobody has called from yet."""
    number = next(_numbers)
    return f"198.18.{number // 250}.{number % 250 + 1}"


@pytest.fixture(scope="session")
def accounts(make_database: MakeDatabase, serve: Serve) -> Shop:
    """A server behind a proxy, as far as it knows: so that each browser has an address of its own."""
    url = make_database()
    return Shop(url, serve(url, FILMER_TRUSTED_PROXIES="127.0.0.1"))


@pytest.fixture
def browser(accounts: Shop) -> Iterator[Browser]:
    """Opens browsers, each at an address of its own."""
    opened: list[httpx.Client] = []

    def make() -> httpx.Client:
        client = visitor(accounts.server.client)
        client.headers["x-forwarded-for"] = new_address()
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()
