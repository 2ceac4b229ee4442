"""Where the catalogue is read: of any server that has the edition this process answers from, or a later one.

A standby may be behind. Then the primary is asked, and where that is away the standby's answer is better than none; but
nobody may keep it under an edition that it is not of (decision 0017).
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
        """A connection, and the edition under which what is found may be remembered; empty: under none."""
        edition = self._edition.key  # as of before the server is asked: another may come in between
        async with self._database.reading(self._is_current) as (conn, is_current):
            if not is_current:
                self._edition.behind += 1
            yield conn, edition if is_current else ""

    @asynccontextmanager
    async def reading_primary(self) -> AsyncIterator[tuple[Connection, str]]:
        """The same of the primary, for whoever sees what only the primary knows."""
        async with self._database.connection() as conn:
            yield conn, self._edition.key

    async def _is_current(self, conn: Connection) -> bool:
        """Editions only grow: what is read after this is of the same or a later one."""
        return await select_version(conn) >= self._edition.version
