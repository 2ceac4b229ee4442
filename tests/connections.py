"""Connections that this process keeps: each new one costs PostgreSQL ten milliseconds of a processor, and a test six.

For tests that put something into a database, or look into it. Whoever needs a connection of their own (for locks, for
notifications, to be cut) makes one with psycopg.
"""

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from typing import Any

import psycopg
from tests.current_edition import READ_CURRENT

from filmer.store.connecting import CancellableConnection
from filmer.store.postgres import Connection

MOST = 6  # databases: those that were used last
Work = Callable[[Connection], Coroutine[Any, Any, Any]]


def in_database(database_url: str, work: Work) -> Any:
    """What some asynchronous work returns, in one transaction."""
    return _kept().run(database_url, work, is_transaction=True)


def fetch(database_url: str, statement: str, *parameters: Any) -> list[Any]:
    """The rows of one statement, which reads the edition that is current; [] of one that has none."""

    async def work(conn: Connection) -> list[Any]:
        cursor = await conn.execute(statement.encode(), parameters or None)
        return await cursor.fetchall() if cursor.description else []

    rows: list[Any] = _kept().run(database_url, work, is_transaction=False)
    return rows


def fetch_value(database_url: str, statement: str, *parameters: Any) -> Any:
    """The first column of the first row; None without one."""
    rows = fetch(database_url, statement, *parameters)
    return rows[0][0] if rows else None


def close_connections(database_url: str | None = None) -> None:
    """Those to one database, or all."""
    if _kept.cache_info().currsize:
        _kept().close(database_url)


class _Kept:
    """A connection for each URL, on the event loop of a thread; one piece of work after the other has it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._connections: dict[str, CancellableConnection] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    def run(self, url: str, work: Work, *, is_transaction: bool) -> Any:
        return asyncio.run_coroutine_threadsafe(self._do(url, work, is_transaction), self._loop).result()

    async def _do(self, url: str, work: Work, is_transaction: bool) -> Any:  # noqa: FBT001
        async with self._turns.setdefault(url, asyncio.Lock()):
            conn = await self._connection(url)
            async with conn.transaction() if is_transaction else nullcontext():
                return await work(conn)

    async def _connection(self, url: str) -> CancellableConnection:
        """One that works: a test may have ended its server, or its backend."""
        conn = self._connections.pop(url, None)
        if conn is None or not await _works(conn):
            conn = await CancellableConnection.connect(url, autocommit=True)
            await conn.execute(READ_CURRENT)
        self._connections[url] = conn
        for other in [*self._connections][:-MOST]:
            if not self._turns[other].locked():
                await self._connections.pop(other).close()
        return conn

    def close(self, url: str | None) -> None:
        async def close() -> None:
            for other in [other for other in self._connections if url in {None, other}]:
                await self._connections.pop(other).close()

        asyncio.run_coroutine_threadsafe(close(), self._loop).result()


async def _works(conn: CancellableConnection) -> bool:
    try:
        await conn.execute(READ_CURRENT)
    except psycopg.OperationalError:
        await conn.close()
        return False
    return True


@functools.cache
def _kept() -> _Kept:
    return _Kept()
