"""Which edition of the catalogue this process answers from: the key under which public answers are cached."""

import asyncio
from typing import TYPE_CHECKING

import psycopg
import structlog

from filmer.catalogue.queries import select_edition, select_takes_changes
from filmer.store.connecting import CONNECT_SECONDS, CancellableConnection, edition_key, names_several, to_primary
from filmer.store.postgres import ANSWER_SECONDS, Connection, Database

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = structlog.get_logger()

CHANNEL = "catalogue"
SEEN_LOCK = 0x65646974  # "edit", with the version: shared by every process that answers from it
SWAP_LOCK = 0x62636B70  # "bckp": shared by backups, and taken by an import while it swaps
RETRY_SECONDS = 0.5
LOOK_SECONDS = 30  # without word, we look for ourselves
LOOK_AMONG_SECONDS = 5  # the same where there are several servers: another may be the primary by now


class Edition:
    """The catalogue's version, kept current by PostgreSQL's notifications. Connections of ``database`` read it.

    An import notifies in the transaction that brings the new catalogue in. Each process holds a shared advisory
    lock on the version it answers from until the requests under way are done, so that the import can wait for them
    (``importing.queries.wait_for_processes``). While the database is away, the last known edition stands.
    """

    def __init__(self, database_url: str, database: Database) -> None:
        self._database = database
        self._url = to_primary(database_url)
        self._has_standbys = names_several(database_url)
        self._task: asyncio.Task[None] | None = None
        self.key = ""  # empty: not known yet, nothing may be cached
        self.has_imdb = False  # whether IMDb is to be named as a source
        self.stale_reads = 0  # reads of an older edition, for want of a server that has this one
        self._held: int | None = None  # the version we have the lock on
        self.when_changed: Callable[[], object] = lambda: None  # called with each new edition
        self.before_change: Callable[[Connection], Awaitable[object]] | None = None  # before anything is answered of it

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            try:
                await self._follow()
            except (psycopg.Error, TimeoutError) as error:
                log.warning("edition watch lost", error=type(error).__name__, retry_seconds=RETRY_SECONDS)
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        conn = await CancellableConnection.connect(
            self._url,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name="filmer edition",
            keepalives_idle=5,  # a peer that vanished without a word is noticed within seconds
            keepalives_interval=2,
            keepalives_count=3,
        )
        self._held = None
        async with conn:
            async with asyncio.timeout(ANSWER_SECONDS):
                await conn.execute(f"LISTEN {CHANNEL}")
            while True:
                async with asyncio.timeout(ANSWER_SECONDS):
                    if self._has_standbys and not await select_takes_changes(conn):
                        return  # another is the primary by now
                    former_key, former_versions = await self._read(conn)
                if former_versions:
                    await self._database.has_left(former_key, within=ANSWER_SECONDS)
                    async with asyncio.timeout(ANSWER_SECONDS):
                        for version in former_versions:
                            await conn.execute("SELECT pg_advisory_unlock_shared(%s, %s)", [SEEN_LOCK, version])
                look = LOOK_AMONG_SECONDS if self._has_standbys else LOOK_SECONDS
                async for _ in conn.notifies(timeout=look, stop_after=1):
                    pass  # the generator holds the connection: we can read only once it is done

    async def _read(self, conn: Connection) -> tuple[str, list[int]]:
        """Follows to the current edition. Returns the key of the one before, and the versions to be unlocked then."""
        held: list[int] = [self._held] if self._held is not None else []
        database, version, has_imdb = await select_edition(conn)
        if version == self._held:
            self._database.edition = self.key  # a read that found a table missing may have reset it
            return "", []
        while True:
            await conn.execute("SELECT pg_advisory_lock_shared(%s, %s)", [SEEN_LOCK, version])
            held.append(version)
            database, latest, has_imdb = await select_edition(conn)
            if latest == version:  # nothing came in before we held the lock
                break
            version = latest
        if self.before_change:
            await self.before_change(conn)
        self._held = version
        self.has_imdb = has_imdb
        former_key, self.key = self.key, edition_key(database, version)
        self._database.edition, self._database.edition_version = self.key, version
        self.when_changed()
        return former_key, held[:-1]
