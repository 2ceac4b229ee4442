"""The accounts' half of shop-api.md: login, logout, session; and registering (contract §4)."""

from typing import Any

from filmer.accounts.schemas import Credentials, CurrentSession, Customer, Person, Registration, Said
from filmer.accounts.sessions import Sessions
from filmer.accounts.signing_in import Caller, SigningIn
from filmer.http.body import receive_body
from filmer.http.envelopes import ShopResponse
from filmer.http.handlers import AnyRequest, Handlers
from filmer.store.postgres import Database


class AccountsApi(Handlers):
    def __init__(self, database: Database, sessions: Sessions, signing_in: SigningIn) -> None:
        self._database = database
        self._sessions = sessions
        self._signing_in = signing_in

    async def log_in(self, request: AnyRequest) -> ShopResponse:
        received = await receive_body(request)
        person, cookie = await self._signing_in.sign_in(received.read(Credentials), Caller.of(request))
        return _with_cookie(_customer(person), cookie)

    async def register(self, request: AnyRequest) -> ShopResponse:
        received = await receive_body(request)
        person, cookie = await self._signing_in.register(received.read(Registration), Caller.of(request))
        return _with_cookie(_customer(person), cookie)

    async def log_out(self, request: AnyRequest) -> ShopResponse:
        async with self._database.connection() as conn:
            cookie = await self._sessions.end(conn, request)
        return _with_cookie(Said(message="Logged out successfully"), cookie)

    async def show_session(self, request: AnyRequest) -> CurrentSession:
        async with self._database.connection() as conn:
            person = await self._sessions.require(conn, request)
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
