"""Builds the catalogue anew after films were edited: orders, counts and the search index are exact from then on.

It is owed as long as the table ``edition`` counts more edits than were built. Whoever edits begins it, and each process
looks once a minute whether one is owed that was never done.
"""

import asyncio
import os
import sys

import structlog

from filmer.errors import FilmerError
from filmer.office import film_queries as queries
from filmer.store.connecting import to_primary
from filmer.store.postgres import Database

log = structlog.get_logger()

PROGRAM, NICE = "filmer.importing.rebuild_program", "--nice"
FILMS_A_SECOND = 10_000  # a catalogue with as many films is built a second after an edit: others may follow


class Rebuilding:
    def __init__(self, database: Database, database_url: str) -> None:
        self._database = database
        self._url = to_primary(database_url)
        self._task: asyncio.Task[None] | None = None

    def soon(self) -> None:
        """In the background; several edits by one that follows them all."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def tidy(self) -> None:
        """Called once a minute."""
        self.soon()

    async def _run(self) -> None:
        while True:
            try:
                async with self._database.connection() as conn:
                    films = await queries.select_rebuild(conn)
            except FilmerError:  # the next round asks again
                return
            if films is None:
                return
            await asyncio.sleep(films / FILMS_A_SECOND)
            if not await self._build([NICE] * (films > FILMS_A_SECOND)):
                return

    async def _build(self, arguments: list[str]) -> bool:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", PROGRAM, *arguments, env=os.environ | {"DATABASE_URL": self._url},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            _, errors = await process.communicate()
        finally:
            if process.returncode is None:  # this process ends: another one will build it
                process.kill()
                await process.communicate()
        if process.returncode:
            log.warning("catalogue not built anew yet; it is tried again", error=errors.decode(errors="replace")[-500:])
        return not process.returncode

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
