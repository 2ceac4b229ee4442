"""Lends connections for reading the catalogue from any server that has this process's edition or a later one.

Where a standby lags behind, the primary is read; where that is away, the standby's older data is better than none, but
must not be cached under the newer edition (decision 0017).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from filmer.catalogue.edition import Edition
from filmer.catalogue.queries import select_version
from filmer.store.postgres import Connection, Database


class Catalogue:
    def __init__(self, database: Database, edition: Edition) -> None:
        self._database = database
        self._edition = edition

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[tuple[Connection, str]]:
        """Yield a connection, and the edition to cache its results under; empty: do not cache."""
        edition = self._edition.key  # read first, as the edition may change while we connect
        async with self._database.reading(self._is_current) as (conn, is_current):
            if not is_current:
                self._edition.behind += 1
            yield conn, edition if is_current else ""

    @asynccontextmanager
    async def reading_primary(self) -> AsyncIterator[tuple[Connection, str]]:
        """The same for the primary, for reads that must see the latest writes."""
        async with self._database.connection() as conn:
            yield conn, self._edition.key

    async def _is_current(self, conn: Connection) -> bool:
        """Editions only grow: what is read after this is of the same or a later one."""
        return await select_version(conn) >= self._edition.version
