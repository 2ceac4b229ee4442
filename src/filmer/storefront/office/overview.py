"""The office's first page: figures of the whole shop, its takings, and how its parts are."""

from datetime import timedelta

from filmer.clock import Clock
from filmer.http.handlers import AnyRequest, Handlers
from filmer.office.chart import chart_of
from filmer.office.overview_queries import select_totals
from filmer.office.takings_queries import select_days
from filmer.store.valkey import SharedCache
from filmer.storefront.pages import HtmlResponse, Pages
from filmer.tmdb.client import Tmdb

DAYS = 30


class OverviewPages(Handlers):
    def __init__(self, pages: Pages, shared: SharedCache, tmdb: Tmdb, clock: Clock) -> None:
        self._pages = pages
        self._shared = shared
        self._tmdb = tmdb
        self._clock = clock

    async def show_overview(self, request: AnyRequest) -> HtmlResponse:
        today = self._clock.now().date()
        async with self._pages.clerk(request) as (conn, visitor):
            if visitor.user.role == "clerk":  # what waits for them is at the counter
                return self._pages.redirect("/admin/counter")
            totals = await select_totals(conn)
            days = await select_days(conn, first=today - timedelta(days=DAYS - 1), last=today)
        health = {
            "Database": "well",  # otherwise this line is not reached
            "Cache": "well" if await self._shared.ping() else "away: everything works, slower",
            "TMDB": self._tmdb.condition,
        }
        return self._pages.personal(
            "office/overview.html", request, visitor, totals=totals, days=days, chart=chart_of(days), health=health
        )
