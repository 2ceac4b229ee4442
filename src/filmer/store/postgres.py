"""The PostgreSQL connection pools of one process. They raise the driver's errors as errors of ``errors.py``.

``DATABASE_URL`` may name several servers, a primary and its standbys. Then there are two pools: one to the primary,
whichever server that is, and one to any server, for reads that a standby may answer.
"""

import asyncio
import select
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from filmer.errors import ServerLost, ServiceUnavailable
from filmer.single_flight import single_flight
from filmer.store.connecting import CONNECT_SECONDS, CancellableConnection, names_several, to_primary

Connection = CancellableConnection
Pool = AsyncConnectionPool[Connection]
Lent = TypeVar("Lent")

WAIT_SECONDS = 2.0  # for a connection, before the response is 503
STATEMENT_SECONDS = 5
LOCK_SECONDS = 2  # so that requests that wait for a lock held for long do not use up the pool
ANSWER_SECONDS = 4.0  # for all work with one connection, when the server does not answer at all
PATIENT_SECONDS = 120  # the same for work on the whole catalogue
RETRY_SECONDS = 1  # at most between two attempts to connect; by default, the pool doubles its delays
PROBE_SECONDS = 0.7  # for a standby's connection, and for a server's first answer, before another is asked
LEAVE_SECONDS = 0.01  # between two looks whether connections are back
BUSY_SECONDS = 0.5  # for a connection of the pools, before a health check opens a new one as well
STANDBY_SECONDS = 60  # lifetime of a connection of the readers, so that a standby that came back gets its share of them
# Neither parallel workers nor JIT: starting either takes longer (40 ms where all cores are busy) than our queries.
# No merge joins: where PostgreSQL last saw carts of films with low ids, it takes reading all films up to the id for the
# cheapest way to find that of a cart: half of a large catalogue, for each order.
SETTINGS = "-c max_parallel_workers_per_gather=0 -c jit=off -c enable_mergejoin=off -c timezone=UTC"


class Database:
    """The pools, opened and closed with the process. They open, and stay open, while the database is unavailable."""

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
        self._lent: Counter[str] = Counter()  # connections, by the edition that they read
        self._returns: set[asyncio.Task[None]] = set()
        self._checks: dict[str, asyncio.Task[bool]] = {}  # by new connections, at most one at a time

    @staticmethod
    def _make_pool(url: str, size: int, *, name: str, **options: Any) -> Pool:
        return AsyncConnectionPool(
            url,
            connection_class=CancellableConnection,
            kwargs={
                "autocommit": True,
                "connect_timeout": CONNECT_SECONDS,
                "options": f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={LOCK_SECONDS}s {SETTINGS}",
                "application_name": "filmer",
            },
            min_size=min(2, size),
            max_size=size,
            max_waiting=size * 100,
            timeout=WAIT_SECONDS,
            reconnect_timeout=RETRY_SECONDS,
            open=False,
            name=name,
            **options,
        )

    async def open(self) -> None:
        """Waits up to WAIT_SECONDS for the first connection, so that the first request need not."""
        await self._pool.open(wait=False)
        if self._readers:
            await self._readers.open(wait=False)
        await self.is_up(within=WAIT_SECONDS)

    async def close(self) -> None:
        await self._pool.close(timeout=5)
        if self._readers:
            await self._readers.close(timeout=5)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection to the primary, which sees everything that is committed.

        Raises ServiceUnavailable when the database is unavailable, too busy or too slow.
        """
        async with self._lend(self._pool.connection()) as conn:
            if conn.edition != self.edition or not self.edition:
                await conn.use_current_edition()
            edition = conn.edition
            self._lent[edition] += 1
            try:
                yield conn
            except psycopg.errors.UndefinedTable as error:
                await self._require_same_edition(conn, error)
                raise
            finally:
                self._lent[edition] -= 1

    @asynccontextmanager
    async def patient(self) -> AsyncIterator[Connection]:
        """A connection of its own to the primary, for work that takes longer than requests do. Errors as above."""
        options = f"-c statement_timeout={PATIENT_SECONDS}s -c lock_timeout={PATIENT_SECONDS}s {SETTINGS}"
        connecting = CancellableConnection.connect(
            to_primary(self._url), autocommit=True, connect_timeout=CONNECT_SECONDS, options=options,
            application_name="filmer",
        )  # fmt: skip
        async with self._lend(_opened(connecting), seconds=PATIENT_SECONDS) as conn:
            await conn.use_current_edition()
            yield conn

    async def has_left(self, edition: str, *, within: float) -> None:
        """Waits until no connection that reads this edition is lent, so many seconds at most."""
        for _ in range(round(within / LEAVE_SECONDS)):
            if not self._lent[edition]:
                del self._lent[edition]
                return
            await asyncio.sleep(LEAVE_SECONDS)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[tuple[Connection, bool]]:
        """A connection to any server that has the edition, and whether it has: an older edition is better than none.

        Raises ServiceUnavailable when no server answers.
        """
        if self._readers is None:
            async with self.connection() as conn:
                yield conn, True
            return
        async with self._lend(self._borrow(self._readers)) as found:
            try:
                yield found
            except psycopg.errors.UndefinedTable as error:
                await self._require_same_edition(found[0], error)
                raise

    async def _require_same_edition(self, conn: Connection, error: psycopg.Error) -> None:
        """Raises ServerLost where a table is missing because its edition was dropped."""
        edition, path = conn.edition, conn.search_path
        await conn.use_current_edition()
        if conn.search_path != path:
            if self.edition == edition:
                self.edition = ""  # this process is slow to leave it: until then, connections ask for the current one
            raise ServerLost("The catalogue has just been replaced") from error

    @asynccontextmanager
    async def _lend(
        self, borrowed: AbstractAsyncContextManager[Lent], *, seconds: float = ANSWER_SECONDS
    ) -> AsyncIterator[Lent]:
        try:
            async with asyncio.timeout(seconds), borrowed as lent:
                yield lent
        except TimeoutError as error:  # the server sends not even an error: it hangs, or the network is down
            raise ServiceUnavailable("The database did not answer in time") from error
        except (PoolTimeout, TooManyRequests) as error:
            raise ServiceUnavailable("The database is not available right now") from error
        except (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.DiskFull) as error:
            if self._readers and isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                await self._pool.drain()  # it is no longer the primary; another server may be
            raise ServiceUnavailable("The database takes no changes right now") from error
        except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
            raise ServiceUnavailable("The database took too long") from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise ServerLost("The database did not answer") from error

    @asynccontextmanager
    async def _borrow(self, readers: Pool) -> AsyncIterator[tuple[Connection, bool]]:
        """A standby's connection if it has the edition, else the primary's, else that of a standby without it."""
        lent: list[tuple[Pool, Connection]] = []
        try:
            is_current = await self._probe(readers, lent, wait=PROBE_SECONDS)
            is_current = is_current or await self._probe(self._pool, lent, wait=WAIT_SECONDS)
            if not lent:  # the readers may all have connected to the primary while the standbys were down
                await readers.drain()
                is_current = await self._probe(readers, lent, wait=ANSWER_SECONDS)
            if not lent:
                raise ServiceUnavailable("The database is not available right now")
            async with lent[-1][1] as conn:  # the last one: of two without the edition, the primary
                yield conn, is_current
        finally:
            for pool, conn in lent:
                await pool.putconn(conn)

    async def _probe(self, pool: Pool, lent: list[tuple[Pool, Connection]], *, wait: float) -> bool:
        """Adds a connection that answers to ``lent``, if there is one. Returns whether its server has the edition."""
        for _ in range(2):
            try:
                conn = await pool.getconn(wait)
            except (PoolTimeout, TooManyRequests):
                return False
            probe = asyncio.create_task(self._has_edition(conn))
            has_edition = None
            try:
                done, _ = await asyncio.wait({probe}, timeout=PROBE_SECONDS)
                has_edition = probe.result() if done else None
            finally:
                if has_edition is None:
                    probe.cancel()
                    self._return_after(probe, pool, conn)
            if has_edition is not None:
                lent.append((pool, conn))
                return has_edition
            if not done:  # slow, or hanging: nothing is known about the pool's other connections
                break
            await pool.drain()  # its server is down, and probably that of the other connections
        return False

    async def _has_edition(self, conn: Connection) -> bool | None:
        """Whether the server has the edition, which the connection reads from now on. None: it does not answer."""
        try:
            return await conn.use_current_edition() >= self.edition_version
        except psycopg.Error:
            return None

    def _return_after(self, probe: asyncio.Task[bool | None], pool: Pool, conn: Connection) -> None:
        """In the background: psycopg takes seconds to give up a server that does not answer."""

        async def return_connection() -> None:
            await asyncio.wait({probe})
            await pool.putconn(conn)

        task = asyncio.create_task(return_connection())
        self._returns.add(task)
        task.add_done_callback(self._returns.discard)

    async def _check(self, conn: Connection) -> None:
        """Raises for a connection that the server has closed. An open one has nothing to read, and costs no round trip.

        A server that closed one has usually closed all. The pool would replace them one by one, with a delay after
        each, so all are replaced at once.
        """
        poll = select.poll()
        poll.register(conn.fileno(), select.POLLIN)
        if poll.poll(0):
            try:
                await AsyncConnectionPool.check_connection(conn)
            except psycopg.Error:
                await self._pool.drain()
                raise

    async def is_up(self, *, within: float) -> bool:
        """Whether any server answers a query within so many seconds (contract §6.6)."""
        pooled = asyncio.create_task(self._ping_with_pool())
        done, _ = await asyncio.wait({pooled}, timeout=min(within, BUSY_SECONDS))
        if done:
            return pooled.result()
        # Slow queries may occupy all connections of a healthy database.
        separate = asyncio.create_task(single_flight(self._checks, self._url, self._ping_with_new_connection))
        try:
            for check in asyncio.as_completed((pooled, separate), timeout=within - BUSY_SECONDS):
                if await check:
                    return True
        except TimeoutError:
            pass
        finally:  # not awaited: psycopg takes seconds to give up a server that does not answer
            pooled.cancel()
            separate.cancel()
        return False

    async def _ping_with_new_connection(self) -> bool:
        try:
            async with (
                asyncio.timeout(CONNECT_SECONDS),
                await CancellableConnection.connect(
                    self._url, autocommit=True, connect_timeout=CONNECT_SECONDS
                ) as conn,
            ):
                return await _ping(conn)
        except (psycopg.Error, TimeoutError):
            return False

    async def _ping_with_pool(self) -> bool:
        try:
            async with self.reading() as (conn, _):
                return await _ping(conn)
        except ServiceUnavailable:
            return False

    def statistics_by_pool(self) -> dict[str, dict[str, Any]]:
        """The counters of psycopg_pool for each pool: ``main``, and ``readers`` where there are standbys."""
        pools = {"main": self._pool, "readers": self._readers}
        return {name: pool.get_stats() for name, pool in pools.items() if pool}


def escape_like(text: str) -> str:
    """A LIKE pattern that matches the text itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def like_person(text: str) -> str:
    """A LIKE pattern for people who have the words of a text, in this order: ``Núñez, José`` as well.

    It is matched as ``account.found_by LIKE without_accents(pattern)``.
    """
    return f"%{'%'.join(map(escape_like, text.replace(',', ' ').split() or [text]))}%"


@asynccontextmanager
async def _opened(connecting: Awaitable[Connection]) -> AsyncIterator[Connection]:
    async with await connecting as conn:
        yield conn


async def _ping(conn: Connection) -> bool:
    await conn.execute("SELECT 1")
    return True
