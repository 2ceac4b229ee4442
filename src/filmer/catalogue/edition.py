"""Which edition of the catalogue this process answers from: the key under which public answers are cached."""

import asyncio

import psycopg
import structlog

log = structlog.get_logger()

CHANNEL = "catalogue"
RETRY_SECONDS = 0.5


class Edition:
    """The catalogue's version, kept current by PostgreSQL's notifications.

    An import notifies in the transaction that brings the new catalogue in, so every process knows it as soon as
    anybody can see it. While the database is away, the last known edition stands.
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._task: asyncio.Task[None] | None = None
        self.key = ""  # empty: not known yet, nothing may be cached
        self.version = 0

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
            except psycopg.Error as error:
                log.warning("edition watch lost", error=type(error).__name__, retry_seconds=RETRY_SECONDS)
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        conn = await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, connect_timeout=2, application_name="filmer edition", **_KEEPALIVE
        )
        async with conn:
            await conn.execute(f"LISTEN {CHANNEL}")
            await self._read(conn)
            async for _ in conn.notifies():
                await self._read(conn)

    async def _read(self, conn: psycopg.AsyncConnection) -> None:
        row = await (await conn.execute("SELECT database, version FROM edition")).fetchone()
        if row is not None:
            self.version = row[1]
            self.key = f"{row[0].hex}:{row[1]}"


# A peer that vanished without a word is noticed within seconds.
_KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
