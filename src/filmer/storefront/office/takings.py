"""The office's page of takings, beside the period before, and the books as CSV."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from functools import partial
from typing import Any, Literal

from litestar.response import Stream

from filmer.clock import Clock
from filmer.errors import FieldError, InvalidRequest
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import Query, read_query
from filmer.importing.spreadsheet_csv import Cell, rows
from filmer.office import takings_queries as queries
from filmer.office.chart import chart_of
from filmer.office.takings import Period, difference
from filmer.shop.schemas import NOTHING
from filmer.store.postgres import Connection, Database
from filmer.storefront.forms import FilledForm, without_blanks
from filmer.storefront.office.lists import Day, filled_query
from filmer.storefront.pages import HtmlResponse, Pages

DAYS, MONTHS = 30, 12  # that are shown at first
MAX_DAYS, MAX_BARS = 3700, 400
EARLIEST, LATEST = date(1970, 1, 1), date(2999, 12, 31)
_LABELS = {"by": "By", "since": "From", "until": "To"}
_HEADER = (
    "date", "number", "kind", "line", "film", "title", "quantity", "price", "net", "currency", "payment",
)  # fmt: skip


class TakingsQuery(Query):
    by: Literal["day", "month", "film", "genre"] = "day"
    since: Day | None = None
    until: Day | None = None

    def period(self, today: date) -> Period:
        """Raises InvalidRequest for one that is none, or too long."""
        last = date.fromisoformat(self.until) if self.until else today
        first = date.fromisoformat(self.since) if self.since else _start(last, self.by)
        days = (last - first).days + 1
        reason = (
            f"must be a day from {EARLIEST.year} to {LATEST.year}" if first < EARLIEST or last > LATEST
            else "must not be after the last day" if days < 1
            else f"must be at most {MAX_DAYS} days before the last" if days > MAX_DAYS
            else f"must be at most {MAX_BARS} days before the last, by day: look at months" if self.by == "day"
            and days > MAX_BARS
            else ""
        )  # fmt: skip
        if reason:
            raise InvalidRequest([FieldError("since", reason)])
        return Period(first, last)


def _start(last: date, by: str) -> date:
    """Of a period for which only its last day is given."""
    if by == "month":
        year, month = divmod(last.year * 12 + last.month - MONTHS, 12)
        return date(max(year, 1), month + 1, 1)
    return last - timedelta(days=min(DAYS, last.toordinal()) - 1)


class TakingsPages(Handlers):
    def __init__(self, pages: Pages, database: Database, clock: Clock) -> None:
        self._pages = pages
        self._database = database
        self._clock = clock

    async def show_takings(self, request: AnyRequest) -> HtmlResponse:
        query_string, today = without_blanks(request.scope["query_string"]), self._clock.now().date()
        params, error = TakingsQuery(), None
        try:
            params = read_query(query_string, TakingsQuery)
            period = params.period(today)
        except InvalidRequest as invalid:
            period, error = TakingsQuery().period(today), invalid
        async with self._pages.owner(request) as (conn, visitor):
            values = await _values(conn, "day" if error else params.by, period)
        shown = {"by": params.by, "since": str(period.first), "until": str(period.last)}
        form = filled_query(_LABELS, query_string, error) if error else FilledForm(_LABELS, shown)
        return self._pages.personal(
            "office/takings.html", request, visitor, failed=error, form=form, by="day" if error else params.by,
            period=period, presets=_presets(today), most=queries.SHOWN,
            difference=partial(difference, money=self._pages.formats.money), **values,
        )  # fmt: skip

    async def download(self, request: AnyRequest) -> Stream:
        async with self._pages.owner(request):
            pass  # no connection is held while a slow reader reads
        params = read_query(without_blanks(request.scope["query_string"]), BooksQuery)
        period = params.period(self._clock.now().date())
        headers = {
            "content-disposition": f'attachment; filename="takings-{period.first}-{period.last}.csv"',
            "cache-control": "no-store",
        }
        return Stream(self._books(period), media_type="text/csv; charset=utf-8; header=present", headers=headers)

    async def _books(self, period: Period) -> AsyncIterator[bytes]:
        """A day at a time: what the books have of it does not change while others are read."""
        for part in rows(_HEADER, ()):
            yield part
        for day in (period.first + timedelta(days=at) for at in range(period.days)):
            async with self._database.connection() as conn:
                entries = await queries.select_entries(conn, day)
            for part in rows((), map(self._row, entries)):
                yield part

    def _row(self, entry: queries.Entry) -> tuple[Cell, ...]:
        amount = entry.price * entry.quantity
        return (
            entry.at.date(), entry.order_id, entry.kind, entry.place, entry.film_id, entry.title, entry.quantity,
            entry.price, amount if entry.kind == "sale" else -amount, self._pages.formats.currency, entry.payment,
        )  # fmt: skip


class BooksQuery(TakingsQuery):
    """Of any period: nothing is drawn."""

    by: Literal["day", "month", "film", "genre"] = "film"


async def _values(conn: Connection, by: str, period: Period) -> dict[str, Any]:
    """What the page shows of the period and the one before: days or months, or parts."""
    before, span = period.before, {"first": period.first, "last": period.last}
    unit: queries.Unit = "month" if by == "month" else "day"
    days = await queries.select_days(conn, **span, unit=unit)
    days_before = await queries.select_days(conn, first=before.first, last=before.last, unit=unit)
    parts: list[queries.Part] | None = None
    if by in {"film", "genre"}:
        select = queries.select_film_parts if by == "film" else queries.select_genre_parts
        parts = await select(conn, before=before.first, **span)
    return {
        "days": days, "before": before, "days_before": days_before, "parts": parts,
        "chart": None if parts is not None else chart_of(days),
        "total": sum((day.takings for day in days), NOTHING),
        "total_before": sum((day.takings for day in days_before), NOTHING),
    }  # fmt: skip


def _presets(today: date) -> list[tuple[str, Period]]:
    month, year = today.replace(day=1), today.replace(month=1, day=1)
    last_month = month - timedelta(days=1)
    return [
        ("This month", Period(month, today)),
        ("Last month", Period(last_month.replace(day=1), last_month)),
        ("This year", Period(year, today)),
        ("Last year", Period(date(year.year - 1, 1, 1), year - timedelta(days=1))),
    ]
