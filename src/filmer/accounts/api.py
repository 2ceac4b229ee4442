"""The accounts' half of shop-api.md: login, logout, session; and registering (contract §4)."""

from filmer.accounts.access import signed_in
from filmer.accounts.schemas import Credentials, CurrentSession, Customer, Message, Registration, User
from filmer.accounts.sessions import Sessions
from filmer.accounts.signing_in import Client, SigningIn
from filmer.http.body import receive_body
from filmer.http.cookies import set_cookies
from filmer.http.handlers import AnyRequest, Handlers
from filmer.store.postgres import Database


class AccountsApi(Handlers):
    def __init__(self, database: Database, sessions: Sessions, signing_in: SigningIn) -> None:
        self._database = database
        self._sessions = sessions
        self._signing_in = signing_in

    async def log_in(self, request: AnyRequest) -> Customer:
        received = await receive_body(request)
        user, cookies = await self._signing_in.sign_in(received.read(Credentials), Client.of(request))
        set_cookies(request, *cookies)
        return _customer(user)

    async def register(self, request: AnyRequest) -> Customer:
        received = await receive_body(request)
        user, cookies = await self._signing_in.register(received.read(Registration), Client.of(request))
        set_cookies(request, *cookies)
        return _customer(user)

    async def log_out(self, request: AnyRequest) -> Message:
        async with self._database.connection() as conn:
            set_cookies(request, await self._sessions.end(conn, request))
        return Message(message="Logged out successfully")

    async def show_session(self, request: AnyRequest) -> CurrentSession:
        async with signed_in(self._database, self._sessions, request) as (_, user, _):
            return CurrentSession(
                authenticated=True,
                customer_id=user.id,
                email=user.email,
                first_name=user.first_name,
                last_name=user.last_name,
            )


def _customer(user: User) -> Customer:
    return Customer(customer_id=user.id, email=user.email, first_name=user.first_name, last_name=user.last_name)
