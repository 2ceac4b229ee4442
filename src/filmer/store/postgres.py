"""PostgreSQL: the connection pool of one process, and its errors as ours."""

import asyncio
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from filmer.errors import ServiceUnavailable

Connection = AsyncConnection[TupleRow]

WAIT_SECONDS = 2.0  # for a connection, before we say 503
STATEMENT_SECONDS = 5
LOCK_SECONDS = 2  # so that a lock somebody holds for long does not take all connections with it
ANSWER_SECONDS = 4.0  # after which a database that says nothing at all is given up


async def _check(conn: Connection) -> None:
    """Raises for a connection that the server has ended. While all is well nothing waits to be read: no round trip."""
    waiting = select.poll()
    waiting.register(conn.fileno(), select.POLLIN)
    if waiting.poll(0):
        await AsyncConnectionPool.check_connection(conn)


class Database:
    """The pool, opened and closed with the process. Starts, and stays up, with the database away."""

    def __init__(self, url: str, *, size: int) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            kwargs={
                "autocommit": True,
                "connect_timeout": 2,
                "options": f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={LOCK_SECONDS}s -c timezone=UTC",
                "application_name": "filmer",
            },
            min_size=min(2, size),
            max_size=size,
            max_waiting=size * 100,
            timeout=WAIT_SECONDS,
            reconnect_timeout=5,
            check=_check,
            open=False,
            name="filmer",
        )

    async def open(self) -> None:
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close(timeout=5)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One connection for one piece of work.

        Raises ServiceUnavailable when the database is away, too busy, or takes too long.
        """
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._pool.connection() as conn:
                yield conn
        except TimeoutError as error:  # not even an error comes: its machine hangs, or the way there is cut
            raise ServiceUnavailable("The database did not answer in time") from error
        except (PoolTimeout, TooManyRequests) as error:
            raise ServiceUnavailable("The database is not available right now") from error
        except psycopg.errors.ReadOnlySqlTransaction as error:
            raise ServiceUnavailable("The database takes no changes right now") from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise ServiceUnavailable("The database did not answer") from error

    async def is_up(self, *, within: float) -> bool:
        """Whether a query is answered within so many seconds (contract §6.6)."""
        asking = asyncio.create_task(self._ask())
        done, _ = await asyncio.wait({asking}, timeout=within)
        if not done:
            asking.cancel()  # and not waited for: psycopg takes seconds to give up a server that says nothing
            return False
        return asking.result()

    async def _ask(self) -> bool:
        try:
            async with self.connection() as conn:
                await conn.execute("SELECT 1")
        except ServiceUnavailable:
            return False
        return True

    def statistics(self) -> dict[str, Any]:
        """psycopg_pool's own counters."""
        return self._pool.get_stats()
