"""Signing in and registering: what is checked in which order, so that nothing can be learned from it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from filmer.accounts import queries
from filmer.accounts.addresses import email_key
from filmer.accounts.passwords import Passwords
from filmer.accounts.schemas import Credentials, Registration, User
from filmer.accounts.sessions import Sessions, presented
from filmer.accounts.throttle import (
    REGISTER_ADDRESS,
    SIGN_IN_ACCOUNT,
    SIGN_IN_ADDRESS,
    SIGN_IN_FAMILIAR,
    Attempted,
    Throttle,
    neighbourhood,
)
from filmer.clock import Clock
from filmer.errors import Conflict, FilmerError, InvalidCredentials, RateLimited, ServiceUnavailable
from filmer.http.handlers import AnyRequest
from filmer.secret import SecretKey
from filmer.store.postgres import Database


class Caller(msgspec.Struct, frozen=True):
    """Where a request comes from, and the session it came with."""

    address: str
    session: bytes | None

    @classmethod
    def of(cls, request: AnyRequest) -> "Caller":
        client: Any = request.scope.get("client") or ("", 0)
        return cls(neighbourhood(client[0]), presented(request))


class SigningIn:
    def __init__(
        self,
        database: Database,
        sessions: Sessions,
        passwords: Passwords,
        throttle: Throttle,
        secret: SecretKey,
        clock: Clock,
        *,
        demo: bool,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._passwords = passwords
        self._throttle = throttle
        self._secret = secret
        self._clock = clock
        self._demo = demo
        self.sign_ins: Counter[str] = Counter()  # by outcome
        self.registrations: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """How many passwords are being made or checked, or wait for it."""
        return self._passwords.waiting

    async def sign_in(self, asked: Credentials, caller: Caller) -> tuple[User, str]:
        """The person and the Set-Cookie of their new session.

        Takes the same steps, and so the same time, whoever is not known (contract §4.2).
        Raises InvalidCredentials, RateLimited.
        """
        with _counted(self.sign_ins):
            return await self._sign_in(asked, caller)

    async def register(self, asked: Registration, caller: Caller) -> tuple[User, str]:
        """A new customer, signed in (contract §4.4). Raises Conflict, RateLimited."""
        with _counted(self.registrations):
            return await self._register(asked, caller)

    async def _sign_in(self, asked: Credentials, caller: Caller) -> tuple[User, str]:
        address = self._secret.digest("familiar address", caller.address)
        async with self._database.connection() as conn:
            known = await queries.select_known(
                conn, asked.email, address=address, session=caller.session or b"", demo=self._demo
            )
            tries = _tries(known, asked.email, caller)
            await self._throttle.look(conn, tries)
        # Paid in turn: as few are under way at once as there are threads, so right ones do not use an allowance up.
        fits = await self._passwords.matches(
            asked.password, known.password if known else None, first=lambda: self._pay(tries)
        )
        if known is None or not fits or not known.is_open:
            raise InvalidCredentials
        kept = known.password
        while True:
            async with self._database.connection() as conn:
                async with conn.transaction():
                    # Checking took its time: no session begins once the account is closed, or has another password.
                    present = await queries.lock_password(conn, known.user.id)
                    is_same = present == kept
                    cookie = await self._begin(conn, known.user, caller, address) if is_same else ""
                if is_same:
                    await self._throttle.give_back(conn, tries)
                    break
            if present is None or not await self._passwords.matches(asked.password, present):
                raise InvalidCredentials
            kept = present
        if self._passwords.is_outdated(kept):
            with suppress(ServiceUnavailable):  # next time will do
                newer = await self._passwords.hash(asked.password)
                async with self._database.connection() as conn:
                    await queries.rehash_password(conn, known.user.id, kept, newer)
        return known.user, cookie

    async def _register(self, asked: Registration, caller: Caller) -> tuple[User, str]:
        tries = [Attempted(REGISTER_ADDRESS, caller.address)]
        kept = await self._passwords.hash(asked.password, first=lambda: self._pay(tries))
        address = self._secret.digest("familiar address", caller.address)
        async with self._database.connection() as conn:
            async with conn.transaction():
                user = await queries.insert_account(
                    conn,
                    email=asked.email,
                    first_name=asked.first_name,
                    last_name=asked.last_name,
                    password=kept,
                    now=self._clock.now(),
                )
                if user is None:
                    raise Conflict("An account with this e-mail address exists already")
                cookie = await self._begin(conn, user, caller, address)
            await self._throttle.give_back(conn, tries)
        return user, cookie

    async def _pay(self, tries: Sequence[Attempted]) -> None:
        async with self._database.connection() as conn:
            await self._throttle.take(conn, tries)

    async def _begin(self, conn: Any, user: User, caller: Caller, address: bytes) -> str:
        await queries.upsert_familiar_address(conn, user.id, address, self._clock.now())
        return await self._sessions.begin(conn, user, instead_of=caller.session)


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


def _tries(known: queries.SignInAccount | None, email: str, caller: Caller) -> list[Attempted]:
    """Whose allowances a sign-in uses. Who is known here does not wait for what strangers used up elsewhere."""
    account = email_key(email)
    if known and known.has_session and caller.session:
        return [Attempted(SIGN_IN_FAMILIAR, f"{account} {caller.session.hex()}")]
    if known and known.is_familiar:
        return [Attempted(SIGN_IN_ADDRESS, caller.address), Attempted(SIGN_IN_FAMILIAR, f"{account} {caller.address}")]
    return [Attempted(SIGN_IN_ADDRESS, caller.address), Attempted(SIGN_IN_ACCOUNT, account)]
