"""Signing in and registering: the order of the checks, which reveals nothing about accounts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from filmer.accounts import queries
from filmer.accounts.addresses import email_key
from filmer.accounts.devices import device_of
from filmer.accounts.kept_sign_ins import KeptSignIns
from filmer.accounts.link_queries import delete_new_password_links
from filmer.accounts.passwords import Passwords
from filmer.accounts.schemas import Credentials, Registration, User
from filmer.accounts.sessions import Sessions, session_digest
from filmer.accounts.throttle import (
    REGISTER_ADDRESS,
    SIGN_IN_ACCOUNT,
    SIGN_IN_ADDRESS,
    SIGN_IN_FAMILIAR,
    Throttle,
    ThrottleKey,
    neighbourhood,
)
from filmer.clock import Clock
from filmer.errors import Conflict, FilmerError, InvalidCredentials, RateLimited, ServiceUnavailable
from filmer.http.handlers import AnyRequest
from filmer.secret import SecretKey
from filmer.store.postgres import Connection, Database


class Client(msgspec.Struct, frozen=True):
    """The client of a request: its address, the digest of its session cookie, and what its browser is called."""

    address: str
    session: bytes | None
    device: str = ""
    keep: bool = False  # whether it wants to stay signed in

    @classmethod
    def of(cls, request: AnyRequest, *, keep: bool = False) -> "Client":
        peer: Any = request.scope.get("client") or ("", 0)
        device = device_of(request.headers.get("user-agent", ""))
        return cls(neighbourhood(peer[0]), session_digest(request), device, keep)


SignedIn = tuple[User, Sequence[str]]  # with the Set-Cookie headers


class SigningIn:
    def __init__(
        self,
        database: Database,
        sessions: Sessions,
        kept: KeptSignIns,
        passwords: Passwords,
        throttle: Throttle,
        secret: SecretKey,
        clock: Clock,
        *,
        demo: bool,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._kept = kept
        self._passwords = passwords
        self._throttle = throttle
        self._secret = secret
        self._clock = clock
        self._demo = demo
        self.sign_ins: Counter[str] = Counter()  # by outcome
        self.registrations: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """How many passwords are being hashed or checked, or wait for it."""
        return self._passwords.waiting

    async def sign_in(self, credentials: Credentials, client: Client) -> SignedIn:
        """The user, and the Set-Cookie of the new session.

        Takes the same steps, and so the same time, for every refusal (contract §4.2).
        Raises InvalidCredentials, RateLimited.
        """
        with _counted(self.sign_ins):
            return await self._sign_in(credentials, client)

    async def register(self, registration: Registration, client: Client) -> SignedIn:
        """A new user, signed in, and the Set-Cookie of the session (contract §4.4). Raises Conflict, RateLimited."""
        with _counted(self.registrations):
            return await self._register(registration, client)

    async def require_password(self, user: User, password: str, client: Client) -> str:
        """That somebody who is signed in knows the password; its hash. Raises InvalidCredentials, RateLimited."""
        keys = [ThrottleKey(SIGN_IN_FAMILIAR, f"{email_key(user.email)} {(client.session or b'').hex()}")]
        async with self._database.connection() as conn:
            await self._throttle.check(conn, keys)
            stored = await queries.lock_password(conn, user.id)
        if not await self._passwords.matches(password, stored, before=lambda: self.charge(keys)) or stored is None:
            raise InvalidCredentials
        async with self._database.connection() as conn:
            await self._throttle.refund(conn, keys)
        return stored

    async def _sign_in(self, credentials: Credentials, client: Client) -> SignedIn:
        address = self._familiar(client)
        async with self._database.connection() as conn:
            account = await queries.select_sign_in_account(
                conn, credentials.email, address=address, session=client.session or b"", demo=self._demo
            )
            keys = _throttle_keys(account, credentials.email, client)
            await self._throttle.check(conn, keys)
        # Charged right before the check, by no more at once than there are threads: so many right passwords at once do
        # not use up the allowance.
        is_right = await self._passwords.matches(
            credentials.password, account.password if account else None, before=lambda: self.charge(keys)
        )
        if account is None or not is_right or not account.is_open:
            raise InvalidCredentials
        checked = account.password
        while True:
            async with self._database.connection() as conn:
                async with conn.transaction():
                    # The account may have been closed, or got another password, while its password was checked.
                    current = await queries.lock_password(conn, account.user.id)
                    is_same = current == checked
                    cookies = await self.begin(conn, account.user, client) if is_same else ()
                if is_same:
                    await self._throttle.refund(conn, keys)
                    break
            if current is None or not await self._passwords.matches(credentials.password, current):
                raise InvalidCredentials
            checked = current
        if self._passwords.is_outdated(checked):
            with suppress(ServiceUnavailable):  # the next sign-in does it
                newer = await self._passwords.hash(credentials.password)
                async with self._database.connection() as conn:
                    await queries.rehash_password(conn, account.user.id, checked, newer)
        return account.user, cookies

    async def _register(self, registration: Registration, client: Client) -> SignedIn:
        keys = [ThrottleKey(REGISTER_ADDRESS, client.address)]
        password_hash = await self._passwords.hash(registration.password, before=lambda: self.charge(keys))
        async with self._database.connection() as conn:
            async with conn.transaction():
                user = await queries.insert_account(
                    conn,
                    email=registration.email,
                    first_name=registration.first_name,
                    last_name=registration.last_name,
                    password=password_hash,
                    now=self._clock.now(),
                )
                if user is None:
                    raise Conflict("An account with this e-mail address exists already")
                cookies = await self.begin(conn, user, client)
            await self._throttle.refund(conn, keys)
        return user, cookies

    async def charge(self, keys: Sequence[ThrottleKey]) -> None:
        async with self._database.connection() as conn:
            await self._throttle.charge(conn, keys)

    async def begin(self, conn: Connection, user: User, client: Client) -> Sequence[str]:
        """A session for a user who has shown who they are; its Set-Cookie. To be in a transaction."""
        await queries.upsert_familiar_address(conn, user.id, self._familiar(client), self._clock.now())
        await delete_new_password_links(conn, user.id)
        kept_id, kept = await self._kept.begin(conn, user, client.device) if client.keep else (None, "")
        session = await self._sessions.begin(
            conn, user, instead_of=client.session, device=client.device, kept_id=kept_id
        )
        return (session, kept) if kept else (session,)

    def _familiar(self, client: Client) -> bytes:
        return self._secret.digest("familiar address", client.address)


@contextmanager
def _counted(outcomes: Counter[str]) -> Iterator[None]:
    outcome = "failed"
    try:
        yield
        outcome = "done"
    except FilmerError as error:
        outcome = {InvalidCredentials: "refused", Conflict: "refused", RateLimited: "limited"}.get(type(error), outcome)
        raise
    finally:
        outcomes[outcome] += 1


def _throttle_keys(account: queries.SignInAccount | None, email: str, client: Client) -> list[ThrottleKey]:
    """The allowances that a sign-in uses. Users of a known browser or address have one that others can't use up."""
    key = email_key(email)
    if account and account.has_session and client.session:
        return [ThrottleKey(SIGN_IN_FAMILIAR, f"{key} {client.session.hex()}")]
    if account and account.is_familiar:
        return [ThrottleKey(SIGN_IN_ADDRESS, client.address), ThrottleKey(SIGN_IN_FAMILIAR, f"{key} {client.address}")]
    return [ThrottleKey(SIGN_IN_ADDRESS, client.address), ThrottleKey(SIGN_IN_ACCOUNT, key)]
