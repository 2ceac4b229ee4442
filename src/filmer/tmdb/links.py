"""Links: the TMDB ids of films whose source does not tell them, as TMDB finds them by IMDb id.

A link is kept as soon as TMDB answered, outside the schema of the catalogue: it outlives imports, and whatever ends
a run, the next one goes on there.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime

import msgspec

from filmer.clock import Clock
from filmer.errors import ExternalApiError
from filmer.store.postgres import Connection
from filmer.tmdb import link_queries as queries
from filmer.tmdb.client import Refused, Tmdb
from filmer.tmdb.rate_limit import RateLimit

AT_ONCE = 8  # requests: TMDB takes up to 0.4 s for one, and 20 a second are asked for by default
BATCH = 500  # films read ahead
FAILURES = 5  # films in a row, each with all its tries
LET_PASS_SECONDS = 0.1


class LinkingStopped(Exception):
    """The text says why, and what to do."""


class LinkReport(msgspec.Struct):
    """What a run found. ``due``: films to look up, all in all; those ``without_imdb_id`` are not among them."""

    due: int = 0
    without_imdb_id: int = 0
    linked: int = 0
    unknown: int = 0
    failed: int = 0

    @property
    def left(self) -> int:
        return max(0, self.due - self.linked - self.unknown)


class Links:
    """One run on one connection. Whatever ends it, answers for at most ``AT_ONCE`` films are not kept.

    ``limit``: as many films at most. ``looked_before``: whom TMDB did not know is looked up anew since then.
    ``told`` is called whenever the tally has changed.
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
        looked_before: datetime,
        told: Callable[[], None],
    ) -> None:
        self._conn = conn
        self._turn = asyncio.Lock()  # of the connection
        self._tmdb = tmdb
        self._rate_limit = rate_limit
        self._clock = clock
        self._tally = report
        self._limit = limit
        self._looked_before = looked_before
        self._told = told
        self._version: int | None = None
        self._after: int | None = 0  # rank by votes; None: no film is left
        self._films: deque[str] = deque()
        self._taken = 0
        self._answers: dict[str, int | None] = {}  # not kept yet
        self._in_a_row = 0
        self._reason = ""  # of the last failure

    async def run(self) -> None:
        """Raises LinkingStopped when another run is under way, or TMDB does not answer any more."""
        if not await queries.take_lock(self._conn):
            raise LinkingStopped("Another `filmer link tmdb` is under way. Wait for it, or stop it, and try again.")
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._work())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None  # what one of them met is what ended the others

    async def _work(self) -> None:
        while (film_id := await self._next()) is not None:
            await self._rate_limit.take()
            try:
                movie_id = await self._tmdb.find(film_id)
            except ExternalApiError as error:  # the next run looks it up again
                self._failed(error)
            else:
                self._in_a_row = 0
                self._answers[film_id] = movie_id
                await self._keep()

    async def _next(self) -> str | None:
        async with self._turn:
            if self._taken == self._limit:
                return None
            if not self._films:
                await self._read()
            if not self._films:
                return None
            self._taken += 1
            return self._films.popleft()

    async def _read(self) -> None:
        """The next batch. An import gives films other ranks: then all that are still to be looked up, from the top."""
        version = await queries.select_version(self._conn)
        if version != self._version:
            self._version, self._after = version, 0
            await self._count()
        if self._after is None:
            return
        films, self._after = await queries.select_films(
            self._conn, after=self._after, looked_before=self._looked_before, size=BATCH
        )
        self._films.extend(films)

    async def _count(self) -> None:
        due, self._tally.without_imdb_id = await queries.count_films(self._conn, looked_before=self._looked_before)
        self._tally.due = self._tally.linked + self._tally.unknown + due
        self._told()

    async def _keep(self) -> None:
        """What was answered up to now, in one transaction: those who wait for their turn find theirs kept already."""
        async with self._turn:
            answers, self._answers = self._answers, {}
            if not answers:
                return
            while not await queries.upsert_links(self._conn, answers, self._clock.now()):
                await self._clock.sleep(LET_PASS_SECONDS)
            unknown = sum(movie_id is None for movie_id in answers.values())
            self._tally.linked += len(answers) - unknown
            self._tally.unknown += unknown
            self._told()

    def _failed(self, error: ExternalApiError) -> None:
        cause = error.__cause__  # none while the breaker leaves TMDB alone
        if isinstance(cause, Refused):
            raise LinkingStopped("TMDB refuses the credential: set TMDB_ACCESS_TOKEN (or TMDB_API_KEY) right.")
        if cause:
            self._reason = str(cause) or "no answer in time"
        self._tally.failed += 1
        self._in_a_row += 1
        self._told()
        if self._in_a_row >= FAILURES:
            raise LinkingStopped(f"TMDB failed for {FAILURES} films in a row; the last time: {self._reason}")
