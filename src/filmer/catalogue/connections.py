"""Lends connections for reading the catalogue from any server that has this process's edition or a later one.

Where a standby lags behind, the primary is read; where that is away, the standby's older data is better than none, but
must not be cached under the newer edition (decision 0017).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from filmer.catalogue.edition import Edition
from filmer.store.postgres import Connection, Database


class Catalogue:
    def __init__(self, database: Database, edition: Edition) -> None:
        self._database = database
        self._edition = edition

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        async with self._database.reading() as (conn, is_current):
            if not is_current:
                self._edition.stale_reads += 1
            yield conn
