"""Keeps the search index of the edition that this process serves open. Until it is, search does without it."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import msgspec
import structlog

from filmer.catalogue import index_queries as queries
from filmer.catalogue.index_files import Unpacked, locked, partial_folder, remove_others
from filmer.catalogue.index_format import FORMAT, Manifest
from filmer.errors import ServiceUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from filmer.catalogue.connections import Catalogue
    from filmer.catalogue.edition import Edition
    from filmer.catalogue.search_index import SearchIndex
    from filmer.store.postgres import Connection

log = structlog.get_logger()

AT_ONCE = 8  # parts that are read with one connection
RETRY_SECONDS = 30.0  # after a failure, such as a full disk


def index_key(conn: Connection) -> str:
    """Database and schema of the edition that a connection reads. A new price changes the edition, and neither."""
    return f"{conn.edition.partition(':')[0]}-{conn.search_path.partition(',')[0]}"


class IndexFollower:
    """``root``: the folder of this machine's indexes."""

    def __init__(self, catalogue: Catalogue, edition: Edition, root: Path) -> None:
        self._catalogue = catalogue
        self._edition = edition
        self._root = root
        self._key = ""  # of the index below, and of an edition that is known to have none
        self._index: SearchIndex | None = None
        self._task: asyncio.Task[None] | None = None
        self._failed = 0.0  # when

    def of(self, conn: Connection) -> tuple[SearchIndex | None, bool]:
        """The index of the edition that the connection reads, and whether that is settled.

        It is not while the index is being opened: what is answered meanwhile should not be stored. After a failure it
        is: pages that nobody may store would cost more than a section that is missing until they expire.
        """
        if index_key(conn) == self._key:
            return self._index, True
        if conn.edition == self._edition.key:
            self.follow()
        return None, self._failed > 0

    def follow(self) -> None:
        """Open the current edition's index in the background."""
        is_early = asyncio.get_running_loop().time() < self._failed + RETRY_SECONDS if self._failed else False
        if (self._task is None or self._task.done()) and not is_early:
            self._task = asyncio.create_task(self._open())

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _open(self) -> None:
        try:
            await self._open_current()
            self._failed = 0.0
        except (OSError, ValueError, ServiceUnavailable) as error:
            self._failed = asyncio.get_running_loop().time()
            log.warning(
                "search index not opened", error=str(error) or type(error).__name__, retry_seconds=RETRY_SECONDS
            )

    async def _open_current(self) -> None:
        async with self._catalogue.reading() as conn:
            key = index_key(conn)
            if key == self._key:
                return
            content = await queries.select_manifest(conn)
        manifest = msgspec.json.decode(content, type=Manifest) if content else None
        index = None
        if manifest is not None and manifest.format == FORMAT:
            try:
                from filmer.catalogue.search_index import SearchIndex  # needs Tantivy, which not every system has
            except ImportError:
                log.warning("search without its index", reason="Tantivy or rapidfuzz can't be imported here")
            else:
                folder = await self._unpacked(key, manifest)
                try:
                    index = await asyncio.to_thread(SearchIndex, folder)
                except (OSError, ValueError):  # damaged since it was unpacked: the next try unpacks it anew
                    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                    raise
        self._key, self._index = key, index

    async def _unpacked(self, key: str, manifest: Manifest) -> Path:
        """The folder of the index, which is unpacked first where no process of this machine has done so."""
        name = f"{key}-{manifest.digest[:16]}"
        folder = self._root / name
        async with locked(self._root):
            if not folder.is_dir():
                with Unpacked(partial_folder(self._root, name), manifest) as unpacked:
                    first = 1
                    while parts := await self._parts(key, first):
                        for part in parts:
                            await asyncio.to_thread(unpacked.write, part)
                        first += AT_ONCE
                    await asyncio.to_thread(unpacked.finish, folder)
            await asyncio.to_thread(remove_others, self._root, name, database=key.partition("-")[0])
        return folder

    async def _parts(self, key: str, first: int) -> list[bytes]:
        async with self._catalogue.reading() as conn:
            if index_key(conn) != key:
                raise ServiceUnavailable("The catalogue has just been replaced")
            return await queries.select_parts(conn, first, AT_ONCE)
