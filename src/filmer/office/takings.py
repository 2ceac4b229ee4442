"""Periods, the one before, and what lies between them, in words; and the sums of days that are over."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from filmer.clock import Clock
from filmer.office import takings_queries as queries
from filmer.plurals import counted
from filmer.store.postgres import Database

# After its end, a day is summed: whatever was begun in it, and by a clock that is wrong by hours, is in the books then.
SUMMED_AFTER = timedelta(days=1)


class Period(msgspec.Struct, frozen=True):
    """Whole days in UTC, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def months(self) -> int:
        """How many whole months it is; 0 where it is none."""
        if self.first.day != 1 or (self.last + timedelta(days=1)).day != 1:
            return 0
        return (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1

    @property
    def before(self) -> "Period":
        """As many whole months before, or else as many days."""
        last = self.first - timedelta(days=1)
        if not self.months:
            return Period(last - timedelta(days=self.days - 1), last)
        year, month = divmod(self.first.year * 12 + self.first.month - 1 - self.months, 12)
        return Period(date(year, month + 1, 1), last)

    @property
    def length(self) -> str:
        """``30 days``, ``month``: as "the … before" goes on."""
        return (counted(self.months, "month") if self.months else counted(self.days, "day")).removeprefix("1 ")


def percent(now: Decimal, before: Decimal) -> int | None:
    """By how much it is more or less, rounded to whole percent, halves away from zero; None against nothing."""
    if before <= 0:
        return None
    return int(((now - before) * 100 / before).quantize(Decimal(1), ROUND_HALF_UP))


def difference(now: Decimal, before: Decimal, money: Callable[[Decimal], str]) -> str:
    """By how much it is more or less, in words: ``$5.00 more (+12 %)``. ``money`` writes an amount."""
    if now == before:
        return "the same"
    words, share = f"{money(abs(now - before))} {'more' if now > before else 'less'}", percent(now, before)
    return words if share is None else f"{words} ({share:+d}\N{NO-BREAK SPACE}%)"


async def tidy(database: Database, clock: Clock) -> None:
    """Called once a minute: sums the days that are over (docs/decisions/0036-sums-of-days-that-are-over.md)."""
    until = (clock.now() - SUMMED_AFTER).date() - timedelta(days=1)
    async with database.connection() as conn:
        if not await queries.select_unsummed(conn, until=until):
            return
    async with database.patient() as conn:  # the first time, there may be years
        while await queries.sum_days(conn, until=until):
            pass
