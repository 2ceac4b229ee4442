"""``filmer link tmdb``: looks up at TMDB the films of the catalogue that do not know their TMDB id."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from filmer.clock import SystemClock
from filmer.commands.terminal import DataDir, err
from filmer.errors import CommandFailed
from filmer.logs import configure_logs
from filmer.plurals import counted
from filmer.settings import Settings, load_settings
from filmer.store.engines import engines, ensure_migrated
from filmer.store.valkey import SharedCache
from filmer.tmdb import link_queries as queries
from filmer.tmdb.client import Tmdb
from filmer.tmdb.links import Linker, LinkingStopped, LinkReport
from filmer.tmdb.rate_limit import RateLimit

AGAIN = timedelta(days=30)  # after which TMDB may have come to know a film

link_app = App(name="link", help="Tell films of the catalogue what they are called elsewhere.")


@link_app.command(name="tmdb")
def link_tmdb(
    *,
    limit: Annotated[int | None, Parameter(help="Look up so many films at most.", validator=Number(gte=1))] = None,
    again: Annotated[
        bool, Parameter(negative="", help="Also those that TMDB did not know less than 30 days ago.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Look up the films that do not know their TMDB id, those with most votes first.

    At most half of TMDB_REQUESTS_PER_SECOND are asked for, so that a server beside it has the other half. It may be
    stopped at any time: run it again, and it goes on.
    """
    report = LinkReport()
    try:
        with _bar(report, limit) as told, _engines(data_dir) as settings:
            asyncio.run(_link(settings, report, told, limit=limit, again=again))
    except BaseException as error:
        if report.due:
            err.print(_summary(report), soft_wrap=True)
        if isinstance(error, LinkingStopped):
            raise CommandFailed(str(error)) from None
        raise
    print(_summary(report))


@contextmanager
def _engines(data_dir: str | None) -> Iterator[Settings]:
    """As a server has them: both count their requests in one Valkey."""
    asked = load_settings(data_dir=data_dir)
    configure_logs(asked)
    if not (asked.tmdb_access_token or asked.tmdb_api_key):
        raise CommandFailed(
            "TMDB is not set up: set TMDB_ACCESS_TOKEN to your API read access token (or TMDB_API_KEY to your key)."
        )
    with engines(asked) as running:
        ensure_migrated(asked, running)
        yield running


async def _link(
    settings: Settings, report: LinkReport, told: Callable[[], None], *, limit: int | None, again: bool
) -> None:
    clock = SystemClock()
    per_second = settings.tmdb_requests_per_second
    async with AsyncExitStack() as stack:
        shared = SharedCache(settings.redis_url, settings.redis_password)
        stack.push_async_callback(shared.close)
        # Of what all may ask for together we take half, as somebody waits for each request of a server. Without
        # Valkey each counts for itself.
        tmdb = Tmdb(settings, RateLimit(shared, clock, per_second=per_second, workers=2), clock)
        stack.push_async_callback(tmdb.close)
        half = RateLimit(SharedCache(None), clock, per_second=max(1, per_second // 2), workers=1)
        conn = await stack.enter_async_context(await queries.connect(settings.database_url or ""))
        looked_up_before = clock.now() - (timedelta() if again else AGAIN)
        await Linker(
            conn, tmdb, half, clock, report, limit=limit, looked_up_before=looked_up_before, on_progress=told
        ).run()


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} a second" if task.speed else "")


@contextmanager
def _bar(report: LinkReport, limit: int | None) -> Iterator[Callable[[], None]]:
    """On a terminal, how far it is. To be called whenever the tally has changed."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    task = bars.add_task("Looking up films at TMDB", total=None)

    def told() -> None:
        total = report.due if limit is None else min(limit, report.due)
        bars.update(task, total=total, completed=report.linked + report.unknown + report.failed)

    with bars:
        yield told


def _summary(report: LinkReport) -> str:
    said = f"Linked {counted(report.linked, 'film')}"
    if report.unknown:
        said += f", {report.unknown:,} unknown to TMDB"
    if report.failed:
        said += f", {report.failed:,} failed"
    said += f", {report.left:,} left: run it again to go on." if report.left else ". None is left to look up."
    if report.without_imdb_id:
        said += (
            f"\n{counted(report.without_imdb_id, 'film has', 'films have')} no IMDb id to look them up by: "
            "`filmer import csv` takes a tmdb_id from you."
        )
    return said
