"""The shop's own name, looks and whereabouts, as its owner sets them; what the environment sets wins over it.

Every process reads them at its start, and again before it answers from a new edition of the catalogue: so each change
makes one, and no cached page is shown any more.
"""

import struct
from typing import TYPE_CHECKING

import msgspec

from filmer.audit.log import Actor, record
from filmer.catalogue.prices import forget_responses
from filmer.currencies import currency_code
from filmer.errors import FieldError, InvalidRequest
from filmer.formats import DEFAULT_CURRENCY, DEFAULT_LOCALE, Formats
from filmer.office import identity_queries as queries
from filmer.office.colours import Accent, accent_of
from filmer.office.opening_hours import DAYS
from filmer.settings import Settings, variable_of
from filmer.shop.draft_queries import keep_currency
from filmer.store.postgres import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_NAME = "filmer"
SUBJECT = ("shop", "settings")
_VARIABLES = {"name": "shop_name", "currency": "currency", "locale": "locale"}  # fields that the environment may set


class Identity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As its owner set it; empty texts where they did not."""

    name: str = ""
    accent: str = ""
    currency: str = ""
    locale: str = ""
    address: str = ""
    email: str = ""
    phone: str = ""
    hours: dict[str, str] = {}  # by day


class ShopIdentity:
    """The identity of this process's shop, which templates know as ``shop``."""

    def __init__(self, settings: Settings) -> None:
        values = {field: getattr(settings, name) for field, name in _VARIABLES.items()}
        self._set = {field: value for field, value in values.items() if value}
        self.fixed = {field: variable_of(_VARIABLES[field]) for field in self._set}  # variables, by field
        self.when_changed: Callable[[], object] = lambda: None
        self.kept_currency: str | None = None  # that orders were made in
        self.mark: bytes | None = None
        self.pages: list[tuple[str, str]] = []  # slug and title of those in the footer
        self.revision = -1
        self._take(Identity())

    @property
    def has_own_icon(self) -> bool:
        return self.is_named or self.mark is not None

    @property
    def mark_size(self) -> tuple[int, int]:
        """Width and height in pixels, as they stand in the head of a PNG."""
        return struct.unpack(">II", self.mark[16:24]) if self.mark else (0, 0)

    @property
    def phone_link(self) -> str:
        return "".join(sign for sign in self.stored.phone if sign in "+0123456789")

    def _take(self, identity: Identity) -> None:
        self.stored = identity
        now = msgspec.structs.replace(identity, **self._set)
        self.name = now.name or DEFAULT_NAME
        self.is_named = bool(now.name)
        self.accent = accent_of(now.accent) if now.accent else Accent()
        self.formats = Formats(now.locale or DEFAULT_LOCALE, now.currency or self.kept_currency or DEFAULT_CURRENCY)
        self.has_locale = bool(now.locale)
        self.hours = {day: now.hours.get(day, "") for day in DAYS} if any(now.hours.values()) else {}
        self.has_contact = bool(now.address or now.email or now.phone or self.hours)

    async def follow(self, conn: Connection) -> None:
        """Reads them anew, where they have changed."""
        if stored := await queries.select_identity(conn, other_than=self.revision):
            self.kept_currency, self.mark, self.revision = stored.currency, stored.mark, stored.revision
            self.pages = msgspec.json.decode(stored.pages, type=list[tuple[str, str]])
            self._take(msgspec.json.decode(stored.settings, type=Identity))
            self.when_changed()


async def change_identity(conn: Connection, actor: Actor, changes: dict[str, str], *, is_sure: bool) -> None:
    """Stores the changed fields, and days. Raises InvalidRequest for another currency than that of orders.

    ``is_sure``: that the orders so far, in a currency without a code, were in the new one.
    """
    async with conn.transaction():
        former = msgspec.json.decode(await queries.lock_settings(conn), type=Identity)
        hours = former.hours | {day: hours for day, hours in changes.items() if day in DAYS}
        fields = {name: value for name, value in changes.items() if name not in DAYS}
        new = msgspec.structs.replace(former, hours=hours, **fields)
        if new.currency != former.currency:
            await _keep_currency(conn, new.currency, is_sure=is_sure)
        await queries.update_settings(conn, msgspec.json.encode(new))
        before, after = msgspec.to_builtins(former), msgspec.to_builtins(new)
        await record(conn, actor, "shop.settings", SUBJECT, before=before, after=after)
        await publish(conn)


class CurrencyState(msgspec.Struct, frozen=True):
    """``kept``: the currency that orders were made in, which stays; None where theirs had no code."""

    has_orders: bool
    kept: str | None


async def currency_state(conn: Connection) -> CurrencyState:
    return CurrencyState(*await queries.select_currency_state(conn))


async def change_mark(conn: Connection, actor: Actor, mark: bytes | None) -> None:
    async with conn.transaction():
        had_one = await queries.update_mark(conn, mark)
        await record(conn, actor, "shop.mark", SUBJECT, before={"mark": had_one}, after={"size": len(mark or b"")})
        await publish(conn)


async def publish(conn: Connection) -> None:
    """In the transaction of a change: tells every process."""
    await queries.raise_revision(conn)
    await forget_responses(conn)


async def _keep_currency(conn: Connection, currency: str, *, is_sure: bool) -> None:
    state = await currency_state(conn)
    if state.has_orders and not state.kept and not is_sure:
        raise InvalidRequest([FieldError("sure", "is needed: there are orders, and their amounts stay as they are")])
    if kept := await keep_currency(conn, currency_code(currency)):
        raise InvalidRequest([FieldError("currency", f"stays {kept}: there are orders in it")])
