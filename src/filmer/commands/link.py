"""``filmer link tmdb``: finds the TMDB ids of films that have none."""

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
from filmer.commands.options import DataDir
from filmer.commands.terminal import err
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

AGAIN = timedelta(days=30)  # TMDB may have added a film by then, so it is looked up again

link_app = App(name="link", help="Find films' ids at TMDB.")


@link_app.command(name="tmdb")
def link_tmdb(
    *,
    limit: Annotated[int | None, Parameter(help="Look up at most this many films.", validator=Number(gte=1))] = None,
    again: Annotated[
        bool, Parameter(negative="", help="Also look up films that TMDB did not know less than 30 days ago.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Find the TMDB ids of films that have none, those with most votes first.

    This uses at most half of TMDB_REQUESTS_PER_SECOND, so that a running server has the other half. You can stop it at
    any time: the next run goes on from there.
    """
    report = LinkReport()
    try:
        with _progress_bar(report, limit) as on_progress, _engines(data_dir) as settings:
            asyncio.run(_link(settings, report, on_progress, limit=limit, again=again))
    except BaseException as error:
        if report.due:
            err.print(_summary(report), soft_wrap=True)
        if isinstance(error, LinkingStopped):
            raise CommandFailed(str(error)) from None
        raise
    print(_summary(report))


@contextmanager
def _engines(data_dir: str | None) -> Iterator[Settings]:
    """Database and Valkey, as for a server: both count their requests to TMDB in the same Valkey."""
    settings = load_settings(data_dir=data_dir)
    configure_logs(settings)
    if not (settings.tmdb_access_token or settings.tmdb_api_key):
        raise CommandFailed(
            "TMDB is not set up: set TMDB_ACCESS_TOKEN to your API read access token (or TMDB_API_KEY to your key)."
        )
    with engines(settings) as running:
        ensure_migrated(settings, running)
        yield running


async def _link(
    settings: Settings, report: LinkReport, on_progress: Callable[[], None], *, limit: int | None, again: bool
) -> None:
    clock = SystemClock()
    per_second = settings.tmdb_requests_per_second
    async with AsyncExitStack() as stack:
        shared = SharedCache(settings.redis_url, settings.redis_password)
        stack.push_async_callback(shared.close)
        # At most half of all requests, as users wait for those of a server. Without Valkey, each process counts only
        # its own.
        tmdb = Tmdb(settings, RateLimit(shared, clock, per_second=per_second, workers=2), clock)
        stack.push_async_callback(tmdb.close)
        half = RateLimit(SharedCache(None), clock, per_second=max(1, per_second // 2), workers=1)
        conn = await stack.enter_async_context(await queries.connect(settings.database_url or ""))
        looked_up_before = clock.now() - (timedelta() if again else AGAIN)
        await Linker(
            conn, tmdb, half, clock, report, limit=limit, looked_up_before=looked_up_before, on_progress=on_progress
        ).run()


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} a second" if task.speed else "")


@contextmanager
def _progress_bar(report: LinkReport, limit: int | None) -> Iterator[Callable[[], None]]:
    """On a terminal, a progress bar. What it yields must be called whenever the report has changed."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    task = progress.add_task("Looking up films at TMDB", total=None)

    def on_progress() -> None:
        total = report.due if limit is None else min(limit, report.due)
        progress.update(task, total=total, completed=report.linked + report.unknown + report.failed)

    with progress:
        yield on_progress


def _summary(report: LinkReport) -> str:
    summary = f"Linked {counted(report.linked, 'film')}"
    if report.unknown:
        summary += f", {report.unknown:,} unknown to TMDB"
    if report.failed:
        summary += f", {report.failed:,} failed"
    summary += f", {report.left:,} left: run it again to go on." if report.left else ". None is left to look up."
    if report.without_imdb_id:
        summary += (
            f"\n{counted(report.without_imdb_id, 'film has', 'films have')} no IMDb id to look them up by: "
            "you can give them a tmdb_id with `filmer import csv`."
        )
    return summary
