"""Imports in the browser (contract §13): an owner's file is received, checked, and carried out or left alone.

Reading a file takes what memory and time it takes, so a process of its own does it (``import_program.py``). What it
finds, how far it is and what came of it are rows, which every node reads.
"""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import IO

import msgspec

from filmer.audit.log import Actor
from filmer.clock import Clock
from filmer.errors import Conflict, NotFound
from filmer.office import import_queries as queries
from filmer.office.import_jobs import Choices, Job, Order, Step
from filmer.store.connecting import to_primary
from filmer.store.postgres import Database

PROGRAM = "filmer.office.import_program"
MAX_FILE = 200 * 2**20  # bytes
KEPT = timedelta(days=1)
SOON_SECONDS = 4.0  # that a page waits for a step, which is enough for most files
_CHUNK = 2**20  # bytes
_BUSY = "Another file is being read or imported at this moment. Please try again when it is done"


class Imports:
    def __init__(self, database: Database, database_url: str, clock: Clock) -> None:
        self._database = database
        self._url = to_primary(database_url)
        self._clock = clock

    async def receive(self, name: str, content: IO[bytes], choices: Choices) -> int:
        """Keeps the file for a day. Returns the number of its job."""
        async with self._database.connection() as conn:
            job_id = await queries.insert_job(conn, name, "check", choices, self._clock.now())
        place = 0
        while chunk := await asyncio.to_thread(content.read, _CHUNK):
            async with self._database.connection() as conn:
                await queries.insert_chunk(conn, job_id, place, chunk)
            place += 1
        return job_id

    async def undo(self, actor: Actor) -> Job:
        """Begins to undo the last import. Raises Conflict where there is none to undo, or something else is done."""
        async with self._database.connection() as conn:
            if (undoable := await queries.select_undoable(conn)) is None:
                raise Conflict("There is no import to undo any more")
            job_id = await queries.insert_job(conn, undoable.origin, "undo", Choices(), self._clock.now())
        return await self.begin(job_id, "undo", Choices(), actor)

    async def begin(self, job_id: int, step: Step, choices: Choices, actor: Actor) -> Job:
        """Begins a step. Raises Conflict while one is worked on. Returns the job, soon or when the step is done."""
        async with self._database.connection() as conn:
            await queries.fail_interrupted(conn, self._clock.now())
            if not await queries.start_job(conn, job_id, step, choices, self._clock.now()):
                raise Conflict(_BUSY)
        is_done = asyncio.Event()
        start_program(Order(self._url, job_id, actor.account_id, actor.address), asyncio.get_running_loop(), is_done)
        with suppress(TimeoutError):
            async with asyncio.timeout(SOON_SECONDS):
                await is_done.wait()
        return await self.show(job_id)

    async def show(self, job_id: int | None) -> Job:
        """Raises NotFound."""
        async with self._database.connection() as conn:
            await queries.fail_interrupted(conn, self._clock.now())
            job = await queries.select_job(conn, job_id) if job_id is not None else None
        if job is None:
            raise NotFound("This file is not here any more: files are kept for a day. Please send it again")
        return job

    async def report(self, job_id: int) -> AsyncIterator[bytes]:
        """What becomes of each row of the file, as CSV."""
        for place in count():
            async with self._database.connection() as conn:
                chunk = await queries.select_chunk(conn, job_id, place)
            if chunk is None:
                return
            yield chunk

    async def tidy(self, database: Database) -> None:
        """Removes old files. Called once a minute."""
        async with database.connection() as conn:
            await queries.delete_old(conn, self._clock.now() - KEPT)


def start_program(order: Order, loop: asyncio.AbstractEventLoop, is_done: asyncio.Event) -> None:
    """Starts the program, in a session of its own: it goes on when this process ends."""
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )

    def wait() -> None:
        child.communicate(msgspec.json.encode(order))
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(is_done.set)

    threading.Thread(target=wait, daemon=True).start()
