"""The accounts' half of shop-api.md: login, logout, session; and registering (contract §4)."""

from typing import Any

from litestar.di import NamedDependency

from filmer.accounts.nouns import Credentials, CurrentSession, Customer, Person, Registration, Said
from filmer.accounts.sessions import AnyRequest, Sessions
from filmer.accounts.signing_in import Caller, SigningIn
from filmer.http.body import receive_body
from filmer.http.envelopes import ShopResponse
from filmer.store.postgres import Database


async def log_in(request: AnyRequest, signing_in: NamedDependency[SigningIn]) -> ShopResponse:
    received = await receive_body(request)
    person, cookie = await signing_in.sign_in(received.read(Credentials), Caller.of(request))
    return _with_cookie(_customer(person), cookie)


async def register(request: AnyRequest, signing_in: NamedDependency[SigningIn]) -> ShopResponse:
    received = await receive_body(request)
    person, cookie = await signing_in.register(received.read(Registration), Caller.of(request))
    return _with_cookie(_customer(person), cookie)


async def log_out(
    request: AnyRequest, database: NamedDependency[Database], sessions: NamedDependency[Sessions]
) -> ShopResponse:
    async with database.connection() as conn:
        cookie = await sessions.end(conn, request)
    return _with_cookie(Said(message="Logged out successfully"), cookie)


async def show_session(
    request: AnyRequest, database: NamedDependency[Database], sessions: NamedDependency[Sessions]
) -> CurrentSession:
    async with database.connection() as conn:
        person = await sessions.require(conn, request)
    return CurrentSession(
        authenticated=True,
        customer_id=person.id,
        email=person.email,
        first_name=person.first_name,
        last_name=person.last_name,
    )


def _customer(person: Person) -> Customer:
    return Customer(customer_id=person.id, email=person.email, first_name=person.first_name, last_name=person.last_name)


def _with_cookie(data: Any, cookie: str) -> ShopResponse:
    return ShopResponse(data, headers={"set-cookie": cookie})
