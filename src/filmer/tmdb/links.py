"""Finds the TMDB ids of films by their IMDb ids, for films whose source has no TMDB id.

Each link is stored as soon as TMDB has responded, outside the schema of the catalogue: it outlives imports, and a run
that was interrupted is continued by the next.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime

import msgspec
import psycopg

from filmer.clock import Clock
from filmer.errors import ExternalApiError
from filmer.store.postgres import Connection
from filmer.tmdb import link_queries as queries
from filmer.tmdb.client import CredentialRefused, Tmdb
from filmer.tmdb.rate_limit import RateLimit

MAX_REQUESTS = 8  # at a time: TMDB takes up to 0.4 s for one, and 20 a second are sent by default
BATCH = 500  # films read ahead
MAX_FAILURES = 5  # films in a row, each with all its tries
RETRY_SECONDS = 0.1


class LinkingStopped(Exception):
    """The message says why, and what to do."""


class LinkReport(msgspec.Struct):
    """The result of a run. ``due``: all films to look up, without those ``without_imdb_id``."""

    due: int = 0
    without_imdb_id: int = 0
    linked: int = 0
    unknown: int = 0
    failed: int = 0

    @property
    def left(self) -> int:
        return max(0, self.due - self.linked - self.unknown)


class Linker:
    """One run on one connection. If it is interrupted, at most ``MAX_REQUESTS`` responses are lost.

    ``limit``: the most films to look up. ``looked_up_before``: films that TMDB did not know are looked up again if the
    last time was before this. ``on_progress`` is called whenever the report has changed.
    """

    def __init__(
        self,
        conn: Connection,
        tmdb: Tmdb,
        rate_limit: RateLimit,
        clock: Clock,
        report: LinkReport,
        *,
        limit: int | None,
        looked_up_before: datetime,
        on_progress: Callable[[], None],
    ) -> None:
        self._conn = conn
        self._connection_lock = asyncio.Lock()  # one statement at a time on the connection
        self._tmdb = tmdb
        self._rate_limit = rate_limit
        self._clock = clock
        self._report = report
        self._limit = limit
        self._looked_up_before = looked_up_before
        self._on_progress = on_progress
        self._version: int | None = None
        self._after: int | None = 0  # rank by votes; None: no film is left
        self._films: deque[str] = deque()
        self._taken = 0
        self._unsaved: dict[str, int | None] = {}  # TMDB ids by film id
        self._failures_in_a_row = 0
        self._reason = ""  # of the last failure

    async def run(self) -> None:
        """Raises LinkingStopped when another run is under way, or TMDB does not answer any more."""
        if not await queries.take_lock(self._conn):
            raise LinkingStopped("Another `filmer link tmdb` is under way. Wait for it, or stop it, and try again.")
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(MAX_REQUESTS):
                    group.create_task(self._work())
        except ExceptionGroup as group_error:
            raise group_error.exceptions[0] from None  # the first failure cancelled the other tasks

    async def _work(self) -> None:
        while (film_id := await self._next()) is not None:
            await self._rate_limit.acquire()
            try:
                movie_id = await self._tmdb.find(film_id)
            except ExternalApiError as error:  # the next run looks it up again
                self._record_failure(error)
            else:
                self._failures_in_a_row = 0
                self._unsaved[film_id] = movie_id
                await self._save()

    async def _next(self) -> str | None:
        async with self._connection_lock:
            if self._taken == self._limit:
                return None
            if not self._films:
                await self._read()
            if not self._films:
                return None
            self._taken += 1
            return self._films.popleft()

    async def _read(self) -> None:
        try:
            await self._read_batch()
        except psycopg.errors.UndefinedTable:  # an import has just replaced the catalogue
            await self._read_batch()

    async def _read_batch(self) -> None:
        """Read the next batch; from the top again after an import, whose films have other ranks, or a new price."""
        version = await self._conn.use_current_edition()
        if version != self._version:
            self._version, self._after = version, 0
            await self._count()
        if self._after is None:
            return
        films, self._after = await queries.select_films(
            self._conn, after=self._after, looked_up_before=self._looked_up_before, size=BATCH
        )
        self._films.extend(films)

    async def _count(self) -> None:
        due, self._report.without_imdb_id = await queries.count_films(
            self._conn, looked_up_before=self._looked_up_before
        )
        self._report.due = self._report.linked + self._report.unknown + due
        self._on_progress()

    async def _save(self) -> None:
        """Store all results up to now in one transaction, also those of tasks that wait for their turn here."""
        async with self._connection_lock:
            links, self._unsaved = self._unsaved, {}
            if not links:
                return
            first_of = None if self._report.linked or self._report.unknown else self._report.due
            while not await queries.upsert_links(self._conn, links, self._clock.now(), first_of=first_of):
                await self._clock.sleep(RETRY_SECONDS)
            unknown = sum(movie_id is None for movie_id in links.values())
            self._report.linked += len(links) - unknown
            self._report.unknown += unknown
            self._on_progress()

    def _record_failure(self, error: ExternalApiError) -> None:
        cause = error.__cause__  # None while the circuit breaker suspends requests
        if isinstance(cause, CredentialRefused):
            raise LinkingStopped(f"{cause}.")
        if cause:
            self._reason = str(cause) or "no response in time"
        self._report.failed += 1
        self._failures_in_a_row += 1
        self._on_progress()
        if self._failures_in_a_row >= MAX_FAILURES:
            raise LinkingStopped(f"TMDB failed for {MAX_FAILURES} films in a row; the last time: {self._reason}")
