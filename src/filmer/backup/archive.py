"""The file of a backup: a zip with PostgreSQL's dump and a manifest, sealed with the digest of all that is before it.

Nothing of filmer is needed to get at the dump: ``unzip`` and ``pg_restore`` will do.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import msgspec

from filmer.errors import CommandFailed
from filmer.importing.progress import Progress
from filmer.plurals import counted

FORMAT = 1
DUMP, MANIFEST = "filmer.dump", "manifest.json"
CHUNK = 2**20
_SEAL = hashlib.sha256().digest_size * 2  # characters: the zip's comment, its very end


class Table(msgspec.Struct, frozen=True):
    name: str  # with its schema
    rows: int
    digest: str  # whatever order the rows are in


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds. A reader of another format understands ``format`` at least."""

    format: int = FORMAT
    filmer: str
    postgresql: str  # the server's version
    pg_dump: int = 0  # the program's major version, if told: no older pg_restore can read the dump
    made: datetime
    migrations: dict[int, str]  # number and digest
    secret_key: str | None  # the fingerprint of the one it was used with
    tables: list[Table]

    @property
    def size(self) -> str:
        """For people."""
        return f"{counted(sum(table.rows for table in self.tables), 'row')} in {counted(len(self.tables), 'table')}"


class _AnyFormat(msgspec.Struct):
    format: int
    filmer: str = "?"


@contextmanager
def new_archive(path: Path, *, replace: bool) -> Iterator[ZipFile]:
    """A zip to fill. It gets its name once it is whole and on the disk; until then it is ``<name>.part``."""
    _require_free(path, replace=replace)
    part = path.with_name(f"{path.name}.part")
    try:
        with _exclusive(part) as file:
            try:
                with ZipFile(file, "w", ZIP_STORED) as archive:
                    archive.comment = b"0" * _SEAL
                    yield archive
                _seal(file)
                _require_free(path, replace=replace)
                part.replace(path)
                _sync(path.parent)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise CommandFailed(f"{path} can't be written: {error.strerror or error}. There is no backup.") from error


@contextmanager
def open_archive(path: Path, progress: Progress) -> Iterator[tuple[Manifest, IO[bytes]]]:
    """The manifest and the dump of a backup that is as it was written, and that this version understands."""
    try:
        with path.open("rb") as file:
            _require_whole(path, file, progress)
            with ZipFile(file) as archive, archive.open(DUMP) as dump:
                yield _read_manifest(path, archive.read(MANIFEST)), dump
    except OSError as error:
        raise CommandFailed(f"{path} can't be read: {error.strerror or error}.") from error
    except (BadZipFile, KeyError) as error:
        raise CommandFailed(_no_backup(path)) from error


def _require_free(path: Path, *, replace: bool) -> None:
    if not path.exists():
        return
    if not replace:
        raise CommandFailed(f"{path} is there already. Choose another name, or say --replace.")
    if not path.is_file():
        raise CommandFailed(f"{path} is no file. Choose another name.")


@contextmanager
def _exclusive(part: Path) -> Iterator[IO[bytes]]:
    """An empty file for our eyes only, which a backup that was killed may have left."""
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandFailed(f"Another backup is being written to {part}. Wait for it, or name another.") from None
        _require_own(part, os.fstat(descriptor))
        os.fchmod(descriptor, 0o600)
        file.truncate()
        yield file


def _require_own(part: Path, opened: os.stat_result) -> None:
    """Whoever can write to the folder could have put a file there that they can read."""
    named = os.lstat(part) if part.exists() else None
    is_there = named is not None and (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
    if not is_there or opened.st_uid != os.geteuid() or opened.st_nlink != 1:
        raise CommandFailed(f"{part} is in the way: somebody else's, or another name of a file. Remove it. Try again.")


def _seal(file: IO[bytes]) -> None:
    file.flush()
    size = file.seek(0, os.SEEK_END) - _SEAL
    digest = _digest(file, size)
    file.seek(size)
    file.write(digest.encode())
    file.flush()
    os.fsync(file.fileno())


def _require_whole(path: Path, file: IO[bytes], progress: Progress) -> None:
    size = file.seek(0, os.SEEK_END) - _SEAL
    if size <= 0:
        raise CommandFailed(_no_backup(path))
    with progress.step("Checking the file"):
        digest = _digest(file, size)
    if file.read() != digest.encode():
        raise CommandFailed(_no_backup(path))


def _digest(file: IO[bytes], size: int) -> str:
    """Of the first bytes; leaves the file behind them."""
    digest, left = hashlib.sha256(), size
    file.seek(0)
    while left and (chunk := file.read(min(CHUNK, left))):
        digest.update(chunk)
        left -= len(chunk)
    return digest.hexdigest()


def _read_manifest(path: Path, text: bytes) -> Manifest:
    try:
        found = msgspec.json.decode(text, type=_AnyFormat)
        if found.format != FORMAT:
            raise CommandFailed(
                f"{path} was made by filmer {found.filmer}, in a format that this version does not know. "
                "Install that version to restore it. Nothing was changed."
            )
        return msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise CommandFailed(_no_backup(path)) from error


def _no_backup(path: Path) -> str:
    return (
        f"{path} is no backup of filmer, or no whole one: it was cut short or damaged on the way. Take another copy. "
        "Nothing was changed."
    )


def _sync(folder: Path) -> None:
    """Make a rename in the folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
