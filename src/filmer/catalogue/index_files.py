"""Unpacks the search index of an edition, once on each machine, into the data directory.

The files are written into a folder beside, and renamed when all of them are on the disk: a folder with an index's name
is whole. Its name has the digest of its content, so that no other edition's files are ever taken for it.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import IO, Self

from filmer.catalogue.index_format import Manifest

LOCK = "lock"
_PARTIAL = ".partial"
_LOOK_SECONDS = 0.1  # between two looks whether another process is done
_UNUSED_SECONDS = 30 * 86400.0  # after which the index of another database is removed


class Unpacked:
    """Takes the parts of an index one by one, and writes its files. ``partial``: a folder that is not there yet."""

    def __init__(self, partial: Path, manifest: Manifest) -> None:
        partial.mkdir()
        self._partial, self._digest = partial, manifest.digest
        self._files = iter(manifest.files)
        self._hash = hashlib.sha256()
        self._file: IO[bytes] | None = None
        self._left = 0
        self._turn = Lock()  # a thread may still be writing when its task is cancelled
        self._is_closed = False
        self._open_next()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """What is not finished leaves nothing behind."""
        with self._turn:
            self._is_closed = True
            if self._file is not None:
                with suppress(OSError):  # what it still holds may find no room
                    self._file.close()
            shutil.rmtree(self._partial, ignore_errors=True)

    def write(self, part: bytes) -> None:
        """Raises ValueError for more parts than there are files, OSError where there is no room."""
        with self._turn:
            if not self._is_closed:
                self._write(part)

    def _write(self, part: bytes) -> None:
        self._hash.update(part)
        while part:
            if self._file is None:
                raise ValueError("more parts than files")
            self._file.write(part[: self._left])
            part, written = part[self._left :], min(self._left, len(part))
            self._left -= written
            while self._file is not None and not self._left:
                self._open_next()

    def finish(self, folder: Path) -> None:
        """Give the folder its name. Raises ValueError if the parts were not those that the manifest speaks of."""
        with self._turn:
            if self._is_closed:
                return
            if self._file is not None or self._hash.hexdigest() != self._digest:
                raise ValueError("the search index in the database is not whole")
            self._partial.rename(folder)

    def _open_next(self) -> None:
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None
        name, self._left = next(self._files, ("", 0))
        if name:
            if Path(name).name != name:
                raise ValueError(f"the search index in the database has a file {name!r}")
            self._file = (self._partial / name).open("wb")


def _opened_lock(root: Path) -> IO[bytes]:
    root.mkdir(parents=True, exist_ok=True)
    return (root / LOCK).open("wb")


@asynccontextmanager
async def locked(root: Path) -> AsyncIterator[None]:
    """One process of a machine at a time: the lock ends with the process."""
    with _opened_lock(root) as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                break
        yield


def partial_folder(root: Path, name: str) -> Path:
    """Where an index is unpacked. What a killed process left there is removed. To be called under the lock."""
    partial = root / f"{name}{_PARTIAL}"
    shutil.rmtree(partial, ignore_errors=True)
    return partial


def remove_others(root: Path, name: str, *, database: str) -> None:
    """Remove the database's other indexes, and what nobody has opened for long. To be called under the lock.

    Processes that still read them have mapped them, and keep what they have mapped.
    """
    with suppress(OSError):
        os.utime(root / name)
        for folder in root.iterdir():
            is_old = folder.stat().st_mtime < time.time() - _UNUSED_SECONDS
            if folder.is_dir() and folder.name != name and (folder.name.startswith(database) or is_old):
                shutil.rmtree(folder, ignore_errors=True)
