"""PostgreSQL: the connection pools of one process, and its errors as ours.

``DATABASE_URL`` may name several servers, a primary and its standbys. Then there are two pools: one to the server that
takes changes, whichever that is, and one to read what may be read of any.
"""

import asyncio
import select
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from filmer.errors import ServerLost, ServiceUnavailable
from filmer.single_flight import single_flight
from filmer.store.connecting import CATALOGUE_TABLES, CONNECT_SECONDS, BriefConnection, names_several, to_primary

Connection = BriefConnection
Pool = AsyncConnectionPool[Connection]
Lent = TypeVar("Lent")

WAIT_SECONDS = 2.0  # for a connection, before we say 503
STATEMENT_SECONDS = 5
LOCK_SECONDS = 2  # so that a lock somebody holds for long does not take all connections with it
ANSWER_SECONDS = 4.0  # after which a database that says nothing at all is given up
RETRY_SECONDS = 1  # at most between two attempts to connect: the pool's own pauses would double
PROBE_SECONDS = 0.7  # for a standby's connection, and for a server's first answer, before another is asked
BUSY_SECONDS = 0.5  # for a connection of the pools, before a database is asked by other ways whether it is there
STANDBY_SECONDS = 60  # after which a connection for reading is made anew: a standby that came back gets its share
# One process answers each query, with no code compiled for it: starting either takes longer (40 ms where all cores are
# busy) than what is asked here.
_PLAIN = "-c max_parallel_workers_per_gather=0 -c jit=off -c timezone=UTC"


class Database:
    """The pools, opened and closed with the process. Starts, and stays up, with the database away."""

    # The edition of the catalogue that this process serves (``catalogue.edition`` follows it), and its version.
    edition, edition_version = "", 0

    def __init__(self, url: str, *, size: int) -> None:
        self._pool = self._make_pool(to_primary(url), size, name="filmer", check=self._check)
        self._readers: Pool | None = None
        if names_several(url):
            self._readers = self._make_pool(
                make_conninfo(url, target_session_attrs="prefer-standby", load_balance_hosts="random"),
                size,
                name="filmer readers",
                max_lifetime=STANDBY_SECONDS,
            )
        self._url = url
        self._returns: set[asyncio.Task[None]] = set()
        self._visits: dict[str, asyncio.Task[bool]] = {}  # under way: one at most

    @staticmethod
    def _make_pool(url: str, size: int, *, name: str, **more: Any) -> Pool:
        return AsyncConnectionPool(
            url,
            connection_class=BriefConnection,
            kwargs={
                "autocommit": True,
                "connect_timeout": CONNECT_SECONDS,
                "options": f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={LOCK_SECONDS}s {_PLAIN}",
                "application_name": "filmer",
            },
            min_size=min(2, size),
            max_size=size,
            max_waiting=size * 100,
            timeout=WAIT_SECONDS,
            reconnect_timeout=RETRY_SECONDS,
            open=False,
            name=name,
            **more,
        )

    async def open(self) -> None:
        """Waits a little for the first connection, so that whoever comes first finds one."""
        await self._pool.open(wait=False)
        if self._readers:
            await self._readers.open(wait=False)
        await self.is_up(within=WAIT_SECONDS)

    async def close(self) -> None:
        await self._pool.close(timeout=5)
        if self._readers:
            await self._readers.close(timeout=5)

    @property
    def has_standbys(self) -> bool:
        """Whether there are servers to read of besides the one that takes changes."""
        return self._readers is not None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One connection for one piece of work, which sees all that was committed.

        Raises ServiceUnavailable when the database is away, too busy, or takes too long.
        """
        async with self._lend(self._pool.connection()) as conn:
            if conn.edition != self.edition or not self.edition:
                await conn.use_current_edition()
            yield conn

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[tuple[Connection, bool]]:
        """A connection to any server that has the edition, and whether it has: an older one rather than none.

        Raises ServiceUnavailable when no server answers.
        """
        if self._readers is None:
            async with self.connection() as conn:
                yield conn, True
            return
        async with self._lend(self._borrow(self._readers)) as found:
            yield found

    @asynccontextmanager
    async def _lend(self, borrowed: AbstractAsyncContextManager[Lent]) -> AsyncIterator[Lent]:
        try:
            async with asyncio.timeout(ANSWER_SECONDS), borrowed as lent:
                yield lent
        except TimeoutError as error:  # not even an error comes: its machine hangs, or the way there is cut
            raise ServiceUnavailable("The database did not answer in time") from error
        except (PoolTimeout, TooManyRequests) as error:
            raise ServiceUnavailable("The database is not available right now") from error
        except (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.DiskFull) as error:
            if self._readers and isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                await self._pool.drain()  # it is no primary any more; another may be
            raise ServiceUnavailable("The database takes no changes right now") from error
        except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
            raise ServiceUnavailable("The database took too long") from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise ServerLost("The database did not answer") from error
        except psycopg.errors.UndefinedTable as error:
            if not any(f'"{table}"' in str(error.diag.message_primary) for table in CATALOGUE_TABLES):
                raise
            # The edition is gone: this process has been slow to leave it.
            self.edition = ""  # until it has, connections ask which is the current one
            raise ServerLost("The catalogue has just been replaced") from error

    @asynccontextmanager
    async def _borrow(self, readers: Pool) -> AsyncIterator[tuple[Connection, bool]]:
        """Of a standby, if it has what is wanted; else of the primary; else of a standby that is behind."""
        lent: list[tuple[Pool, Connection]] = []
        try:
            current = await self._probe(readers, lent, wait=PROBE_SECONDS)
            current = current or await self._probe(self._pool, lent, wait=WAIT_SECONDS)
            if not lent:  # the readers may all have gone to the primary while the standbys were away
                await readers.drain()
                current = await self._probe(readers, lent, wait=ANSWER_SECONDS)
            if not lent:
                raise ServiceUnavailable("The database is not available right now")
            async with lent[-1][1] as conn:  # the latest asked: of two that are behind, the primary
                yield conn, current
        finally:
            for pool, conn in lent:
                await pool.putconn(conn)

    async def _probe(self, pool: Pool, lent: list[tuple[Pool, Connection]], *, wait: float) -> bool:
        """Adds a connection that answers to those lent, if there is one; whether its server has what is wanted."""
        for _ in range(2):
            try:
                conn = await pool.getconn(wait)
            except (PoolTimeout, TooManyRequests):
                return False
            asking = asyncio.create_task(self._reaches_edition(conn))
            told = None
            try:
                done, _ = await asyncio.wait({asking}, timeout=PROBE_SECONDS)
                told = asking.result() if done else None
            finally:
                if told is None:
                    asking.cancel()
                    self._give_back_after(asking, pool, conn)
            if told is not None:
                lent.append((pool, conn))
                return told
            if not done:  # slow, or hangs: of this connection alone we know
                break
            await pool.drain()  # its server is gone, and most likely that of the others
        return False

    async def _reaches_edition(self, conn: Connection) -> bool | None:
        """Whether the server has the edition wanted, which is read from here on; None where it does not answer."""
        try:
            return await conn.use_current_edition() >= self.edition_version
        except psycopg.Error:
            return None

    def _give_back_after(self, asking: asyncio.Task[bool | None], pool: Pool, conn: Connection) -> None:
        """Not waited for: psycopg takes seconds to give up a server that says nothing."""

        async def give_back() -> None:
            await asyncio.wait({asking})
            await pool.putconn(conn)

        task = asyncio.create_task(give_back())
        self._returns.add(task)
        task.add_done_callback(self._returns.discard)

    async def _check(self, conn: Connection) -> None:
        """Raises for a connection that the server has ended. While all is well nothing waits to be read: no round trip.

        Who has ended one has mostly ended all: the others are made anew at once, as the pool would find them one by
        one, with a pause after each.
        """
        waiting = select.poll()
        waiting.register(conn.fileno(), select.POLLIN)
        if waiting.poll(0):
            try:
                await AsyncConnectionPool.check_connection(conn)
            except psycopg.Error:
                await self._pool.drain()
                raise

    async def is_up(self, *, within: float) -> bool:
        """Whether a query is answered within so many seconds, by any server (contract §6.6)."""
        asking = asyncio.create_task(self._ask())
        done, _ = await asyncio.wait({asking}, timeout=min(within, BUSY_SECONDS))
        if done:
            return asking.result()
        # All connections may be taken by work that is slow, and the database well.
        visit = asyncio.create_task(single_flight(self._visits, self._url, self._visit))
        try:
            for one in asyncio.as_completed((asking, visit), timeout=within - BUSY_SECONDS):
                if await one:
                    return True
        except TimeoutError:
            pass
        finally:  # not waited for: psycopg takes its time to give up a server that says nothing
            asking.cancel()
            visit.cancel()
        return False

    async def _visit(self) -> bool:
        """With a connection of its own."""
        try:
            async with (
                asyncio.timeout(CONNECT_SECONDS),
                await BriefConnection.connect(self._url, autocommit=True, connect_timeout=CONNECT_SECONDS) as conn,
            ):
                await conn.execute("SELECT 1")
                return True
        except (psycopg.Error, TimeoutError):
            return False

    async def _ask(self) -> bool:
        try:
            async with self.reading() as (conn, _):
                await conn.execute("SELECT 1")
        except ServiceUnavailable:
            return False
        return True

    def statistics_by_pool(self) -> dict[str, dict[str, Any]]:
        """psycopg_pool's own counters of each pool: ``main``, and ``readers`` where there are standbys."""
        pools = {"main": self._pool, "readers": self._readers}
        return {name: pool.get_stats() for name, pool in pools.items() if pool}


def escape_like(text: str) -> str:
    """A pattern of LIKE that means the text itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
