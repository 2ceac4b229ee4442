"""The throttle that slows guessing down (contract §4.2). Its state is in PostgreSQL, so it works without the cache.

Each subject (an account, an address) has an allowance: so many tries at once, and one more after each interval.
A try is charged before its password is checked, so that concurrent tries gain nothing, and refunded when the password
is right; shop/checkout.py charges refused cards (decision 0010).
"""

import ipaddress
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from filmer.accounts import queries
from filmer.clock import Clock
from filmer.errors import RateLimited
from filmer.secret import SecretKey
from filmer.store.postgres import Connection


class Allowance(msgspec.Struct, frozen=True):
    """``at_once`` tries, and one more ``every`` interval."""

    purpose: str
    at_once: int
    every: timedelta

    @property
    def most(self) -> timedelta:
        """How far ahead of time the allowance may be used."""
        return self.every * self.at_once


# docs/security.md has these figures.
SIGN_IN_ADDRESS = Allowance("sign-in address", 50, timedelta(seconds=10))
SIGN_IN_ACCOUNT = Allowance("sign-in account", 10, timedelta(minutes=1))
SIGN_IN_FAMILIAR = Allowance("sign-in familiar", 10, timedelta(minutes=1))
REGISTER_ADDRESS = Allowance("register address", 30, timedelta(seconds=30))
ASKING_ADDRESS = Allowance("asking address", 10, timedelta(minutes=1))  # who asks for links for new passwords
ASKING_RECIPIENT = Allowance("asking recipient", 3, timedelta(minutes=20))  # whom mails go to that anybody can cause
CARD_ACCOUNT = Allowance("card account", 10, timedelta(minutes=1))
CARD_ADDRESS = Allowance("card address", 50, timedelta(seconds=10))
NEW_CARD = Allowance("new card", 10, timedelta(minutes=1))  # that an account puts on file, right or wrong
GUEST_CART = Allowance("guest cart", 100, timedelta(seconds=10))  # begun from one address


class ThrottleKey(msgspec.Struct, frozen=True):
    """An allowance, and the subject that uses it."""

    allowance: Allowance
    subject: str


class Throttle:
    def __init__(self, clock: Clock, secret: SecretKey) -> None:
        self._clock = clock
        self._secret = secret

    async def check(self, conn: Connection, keys: Sequence[ThrottleKey]) -> bool:
        """Whether some allowance is partly used. Raises RateLimited where one is used up. Charges nothing."""
        return self.judge(keys, await queries.select_guesses(conn, self.subjects(keys)))

    def subjects(self, keys: Sequence[ThrottleKey]) -> list[bytes]:
        """What ``queries.select_guesses`` is asked for."""
        return [self._digest(key) for key in keys]

    def judge(self, keys: Sequence[ThrottleKey], guesses: Sequence[datetime | None]) -> bool:
        """What ``check`` returns or raises. ``guesses``: what is stored for each key."""
        now = self._clock.now()
        for key, free_at in zip(keys, guesses, strict=True):
            if free_at is not None and free_at + key.allowance.every > now + key.allowance.most:
                raise _too_many(key.allowance, free_at, now)
        return any(free_at is not None and free_at > now for free_at in guesses)

    async def charge(self, conn: Connection, keys: Sequence[ThrottleKey]) -> None:
        """Charges one try to each. Raises RateLimited as soon as one allowance is used up."""
        now = self._clock.now()
        for key in keys:
            free_at = await queries.charge_guess(
                conn, self._digest(key), now=now, every=key.allowance.every, most=key.allowance.most
            )
            if free_at is not None:
                raise _too_many(key.allowance, free_at, now)

    async def refund(self, conn: Connection, keys: Sequence[ThrottleKey]) -> None:
        """A right try costs nothing. Called outside transactions, as all tries from one address wait for each other."""
        for key in keys:
            await queries.refund_guess(conn, self._digest(key), key.allowance.every)

    def _digest(self, key: ThrottleKey) -> bytes:
        return self._secret.digest(key.allowance.purpose, key.subject)


def _too_many(allowance: Allowance, free_at: datetime, now: datetime) -> RateLimited:
    wait = free_at + allowance.every - now - allowance.most
    return RateLimited("Too many tries; wait before the next", retry_after=max(1, math.ceil(wait.total_seconds())))


def neighbourhood(address: str) -> str:
    """The address by which tries are counted: the /64 network of an IPv6 host, which may use all of it."""
    host = _without_port(address)
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _without_port(address: str) -> str:
    """Some proxies put the port into X-Forwarded-For; a client could use as many as it likes."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, port = address.partition(":")
    return host if port.isdigit() else address
