"""Slows guessing down (contract §4.2), with or without the cache: what is used up is kept in PostgreSQL.

Each subject (an account, an address) has an allowance: so many tries at once, and one more after each interval.
A password is paid for before it is looked at, so that trying side by side gains nothing, and given back when it was
right; how a card is paid for, shop/checkout.py tells (decision 0010).
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
        """How far ahead of time it may be used up."""
        return self.every * self.at_once


# docs/security.md tells these figures.
SIGN_IN_ADDRESS = Allowance("sign-in address", 50, timedelta(seconds=10))
SIGN_IN_ACCOUNT = Allowance("sign-in account", 10, timedelta(minutes=1))
SIGN_IN_FAMILIAR = Allowance("sign-in familiar", 10, timedelta(minutes=1))
REGISTER_ADDRESS = Allowance("register address", 30, timedelta(seconds=30))
CARD_ACCOUNT = Allowance("card account", 10, timedelta(minutes=1))
CARD_ADDRESS = Allowance("card address", 50, timedelta(seconds=10))


class Attempted(msgspec.Struct, frozen=True):
    """Who tries what."""

    allowance: Allowance
    who: str


class Throttle:
    def __init__(self, clock: Clock, secret: SecretKey) -> None:
        self._clock = clock
        self._secret = secret

    async def look(self, conn: Connection, tries: Sequence[Attempted]) -> bool:
        """Whether some of it is used up already. Raises RateLimited where nothing is left. Uses nothing up itself."""
        now = self._clock.now()
        used = await queries.select_guesses(conn, [self._subject(one) for one in tries])
        for one in tries:
            free_at = used.get(self._subject(one))
            if free_at is not None and free_at + one.allowance.every > now + one.allowance.most:
                raise _too_many(one.allowance, free_at, now)
        return any(free_at > now for free_at in used.values())

    async def take(self, conn: Connection, tries: Sequence[Attempted]) -> None:
        """Pay for one try of each. Raises RateLimited as soon as one allowance is used up."""
        now = self._clock.now()
        for one in tries:
            free_at = await queries.take_guess(
                conn, self._subject(one), now=now, every=one.allowance.every, most=one.allowance.most
            )
            if free_at is not None:
                raise _too_many(one.allowance, free_at, now)

    async def give_back(self, conn: Connection, tries: Sequence[Attempted]) -> None:
        """The try was right: it costs nothing. Outside transactions: all from one address wait for each other here."""
        for one in tries:
            await queries.give_guess_back(conn, self._subject(one), one.allowance.every)

    def _subject(self, one: Attempted) -> bytes:
        return self._secret.digest(one.allowance.purpose, one.who)


def _too_many(allowance: Allowance, free_at: datetime, now: datetime) -> RateLimited:
    wait = free_at + allowance.every - now - allowance.most
    return RateLimited("Too many tries; wait before the next", retry_after=max(1, math.ceil(wait.total_seconds())))


def neighbourhood(address: str) -> str:
    """An address as tries are counted by it: an IPv6 host has a whole /64 to itself."""
    host = _without_port(address)
    try:
        known = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped:
            return str(known.ipv4_mapped)
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(known)


def _without_port(address: str) -> str:
    """Some proxies tell the port, too, in X-Forwarded-For: a caller has as many as they like."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, port = address.partition(":")
    return host if port.isdigit() else address
