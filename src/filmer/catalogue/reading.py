"""Where the catalogue is read: of any server that has the edition this process answers from, or a later one.

A standby may be behind. Then the primary is asked, and where that is away the standby's answer is better than none; but
nobody may keep it under an edition that it is not of (decision 0017).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from filmer.accounts.sessions import presented
from filmer.catalogue.edition import Edition
from filmer.catalogue.queries import select_version
from filmer.http.handlers import AnyRequest
from filmer.store.postgres import Connection, Database
from filmer.web.pages import Pages, Visitor


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
    async def visited(self, pages: Pages, request: AnyRequest) -> AsyncIterator[tuple[Connection, str, Visitor | None]]:
        """For a page: also who looks at it. Whoever is known sees what is so now, and that only the primary knows."""
        if presented(request) is None:
            async with self.reading() as (conn, edition):
                yield conn, edition, None
        else:
            async with self._database.connection() as conn:
                yield conn, self._edition.key, await pages.visitor(conn, request)

    async def _is_current(self, conn: Connection) -> bool:
        """Editions only grow: what is read after this is of the same or a later one."""
        return await select_version(conn) >= self._edition.version
