"""Prices of many films, changed at once: shown before, applied in one transaction, undone (decision 0031).

The database reckons the same way for the preview and the change: percentages are rounded to the currency's smallest
unit, halves up; then, where that is asked, to the nearest price that ends with .99, halves up, 0.99 at least. What is
free stays free unless a price is set or something is added.
"""

from decimal import Decimal
from typing import Any, Literal

import msgspec

from filmer.audit.log import Actor, record
from filmer.catalogue import bulk_price_queries as queries
from filmer.catalogue.bulk_price_queries import Counts, PriceLine, StoredChange
from filmer.catalogue.filters import Filters, Known
from filmer.catalogue.price_queries import change_edition
from filmer.catalogue.search_queries import film_conditions
from filmer.errors import InvalidOperation
from filmer.settings import MAX_PRICE
from filmer.store.postgres import Connection

How = Literal["set", "add", "subtract", "raise", "lower", "keep"]
Own = Literal["own", "default"]

_RAW = {
    "set": "%(amount)s",
    "add": "old + %(amount)s",
    "subtract": "old - %(amount)s",
    "raise": "round(old * (100 + %(amount)s) / 100, %(digits)s)",
    "lower": "round(old * (100 - %(amount)s) / 100, %(digits)s)",
    "keep": "old",
}
_OWN = {None: "true", "own": "t.price IS NOT NULL", "default": "t.price IS NULL"}


class Choice(msgspec.Struct, frozen=True):
    """The films: those of ``films``, or where none is named all that match."""

    filters: Filters
    own: Own | None = None
    films: tuple[str, ...] = ()


class Change(msgspec.Struct, frozen=True):
    """``amount``: money, or percent. ``to_99``: the result is rounded to the nearest price that ends with .99."""

    how: How
    amount: Decimal = Decimal(0)
    to_99: bool = False

    @property
    def sql(self) -> str:
        raw = f"({_RAW[self.how]})::numeric"
        rounded = f"CASE WHEN {raw} <= 0 THEN {raw} ELSE greatest(0.99, round({raw} + 0.01) - 0.01) END"
        return rounded if self.to_99 else raw


class Preview(msgspec.Struct, frozen=True):
    """What a change would do. ``version``: of the catalogue with its prices, for which it holds."""

    version: int
    counts: Counts
    lines: list[PriceLine]
    wrong: list[PriceLine]


class CatalogueChanged(Exception):
    """Films or prices have changed since the preview."""


class BulkPrices:
    def __init__(self, default_price: Decimal) -> None:
        self._default = round(default_price, 2)

    def _values(self, choice: Choice, change: Change, digits: int) -> tuple[str, dict[str, Any]]:
        conditions, values = film_conditions(choice.filters, Known())
        if choice.films:
            conditions, values = "f.id = ANY(%(films)s::text[])", {"films": list(choice.films)}
        else:
            conditions = f"{conditions} AND {_OWN[choice.own]}"
        more = {"default": self._default, "most": MAX_PRICE, "amount": change.amount, "digits": digits}
        return conditions, values | more

    async def films(self, conn: Connection, choice: Choice, *, size: int) -> tuple[int, list[PriceLine]]:
        """How many there are, and the best known of them with their prices."""
        conditions, values = self._values(choice, Change("keep"), 2)
        total = await queries.count_films(conn, conditions, values)
        return total, await queries.select_lines(conn, conditions, "old", values, size=size)

    async def preview(self, conn: Connection, choice: Choice, change: Change, *, digits: int) -> Preview:
        """``digits``: decimals of the currency."""
        version = await queries.select_version(conn)  # before: what changes meanwhile is noticed when it is applied
        conditions, values = self._values(choice, change, digits)
        counts = await queries.count_changes(conn, conditions, change.sql, values)
        lines = await queries.select_lines(conn, conditions, change.sql, values, test="new <> old")
        wrong = "new < 0 OR new > %(most)s"
        is_wrong = counts.below or counts.above
        return Preview(
            version, counts, lines,
            await queries.select_lines(conn, conditions, change.sql, values, test=wrong) if is_wrong else [],
        )  # fmt: skip

    async def apply(
        self, conn: Connection, choice: Choice, change: Change, actor: Actor, *, digits: int, version: int, words: str
    ) -> int:
        """Returns how many films have another price now, in one transaction and one new edition.

        Raises CatalogueChanged where it would not be what the preview has shown, and InvalidOperation.
        """
        conditions, values = self._values(choice, change, digits)
        async with conn.transaction():
            if await queries.lock_prices(conn) != version:
                raise CatalogueChanged
            counts = await queries.count_changes(conn, conditions, change.sql, values)
            if counts.below or counts.above or not counts.changed:
                raise InvalidOperation("No price was changed: some would be below 0 or too high, or none another one")
            films = await queries.store_new_prices(conn, conditions, change.sql, values)
            number = await queries.insert_change(conn, words, films, now=actor.at)
            await change_edition(conn)
            await record(conn, actor, "prices.change", ("price change", number), title=words, after={"films": films})
        return films

    async def undo(self, conn: Connection, change_id: int, actor: Actor) -> tuple[StoredChange, int, list[str]]:
        """Restores the former prices. Returns how many, and titles of films that were changed since, which stay.

        Raises InvalidOperation where another change was made since, or it is undone already.
        """
        async with conn.transaction():
            await queries.lock_prices(conn)
            last = await queries.select_last_change(conn)
            if last is None or last.id != change_id or last.undone:
                raise InvalidOperation("Only the last change can be undone, once")
            left = await queries.select_left(conn)
            restored = await queries.restore_prices(conn, change_id, now=actor.at)
            await change_edition(conn)
            await record(
                conn, actor, "prices.undo", ("price change", change_id), title=last.words, after={"films": restored}
            )
        return last, restored, left
