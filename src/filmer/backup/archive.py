"""The file of a backup: a zip with PostgreSQL's dump and a manifest, which ends with a SHA-256 checksum of the rest.

The dump can be read without filmer, with ``unzip`` and ``pg_restore``.
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
from filmer.store.embedded.data_dir import sync_folder

FORMAT = 1
DUMP, MANIFEST = "filmer.dump", "manifest.json"
CHUNK = 2**20
_CHECKSUM_SIZE = hashlib.sha256().digest_size * 2  # characters of the zip's comment, which ends the file


class TableDigest(msgspec.Struct, frozen=True):
    name: str  # with its schema
    rows: int
    digest: str  # of all rows, in any order


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup contains. Every format has ``format``."""

    format: int = FORMAT
    filmer: str
    postgresql: str  # the server's version
    pg_dump: int = 0  # the program's major version, if known: an older pg_restore can't read the dump
    made: datetime
    migrations: dict[int, str]  # number and digest
    secret_key: str | None  # the fingerprint of the key that the database was used with
    tables: list[TableDigest]

    @property
    def size(self) -> str:
        """In words."""
        return f"{counted(sum(table.rows for table in self.tables), 'row')} in {counted(len(self.tables), 'table')}"


class _AnyFormat(msgspec.Struct):
    format: int
    filmer: str = "?"


@contextmanager
def new_archive(path: Path, *, replace: bool) -> Iterator[ZipFile]:
    """A zip to write. It is named ``<name>.part`` until it is complete and on the disk."""
    _require_free(path, replace=replace)
    part = path.with_name(f"{path.name}.part")
    try:
        with _exclusive(part) as file:
            try:
                with ZipFile(file, "w", ZIP_STORED) as archive:
                    archive.comment = b"0" * _CHECKSUM_SIZE
                    yield archive
                _write_checksum(file)
                _require_free(path, replace=replace)
                part.replace(path)
                sync_folder(path.parent)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise CommandFailed(f"{path} can't be written: {error.strerror or error}. There is no backup.") from error


@contextmanager
def open_archive(path: Path, progress: Progress) -> Iterator[tuple[Manifest, IO[bytes]]]:
    """The manifest and the dump of a backup. Raises CommandFailed if it is damaged or of an unknown format."""
    try:
        with path.open("rb") as file:
            _verify_checksum(path, file, progress)
            with ZipFile(file) as archive, archive.open(DUMP) as dump:
                yield _read_manifest(path, archive.read(MANIFEST)), dump
    except OSError as error:
        raise CommandFailed(f"{path} can't be read: {error.strerror or error}.") from error
    except (BadZipFile, KeyError) as error:
        raise _damaged(path) from error


def _require_free(path: Path, *, replace: bool) -> None:
    if not path.exists():
        return
    if not replace:
        raise CommandFailed(f"{path} exists already. Choose another name, or replace it with --replace.")
    if not path.is_file():
        raise CommandFailed(f"{path} exists already and is not a file. Choose another name.")


@contextmanager
def _exclusive(part: Path) -> Iterator[IO[bytes]]:
    """An empty file that only its owner can read. It may exist already, from a backup that was killed."""
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandFailed(
                f"Another backup is being written to {part}. Wait for it, or choose another name."
            ) from None
        _require_own(part, os.fstat(descriptor))
        os.fchmod(descriptor, 0o600)
        file.truncate()
        yield file


def _require_own(part: Path, opened: os.stat_result) -> None:
    """Refuse a file that another user may have put into the folder in order to read the backup."""
    named = os.lstat(part) if part.exists() else None
    is_same = named is not None and (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
    if not is_same or opened.st_uid != os.geteuid() or opened.st_nlink != 1:
        raise CommandFailed(f"{part} is in the way: it belongs to another user or is a link. Remove it, and try again.")


def _write_checksum(file: IO[bytes]) -> None:
    file.flush()
    size = file.seek(0, os.SEEK_END) - _CHECKSUM_SIZE
    checksum = _checksum(file, size)
    file.seek(size)
    file.write(checksum.encode())
    file.flush()
    os.fsync(file.fileno())


def _verify_checksum(path: Path, file: IO[bytes], progress: Progress) -> None:
    size = file.seek(0, os.SEEK_END) - _CHECKSUM_SIZE
    if size <= 0:
        raise _damaged(path)
    with progress.step("Checking the file"):
        checksum = _checksum(file, size)
    if file.read() != checksum.encode():
        raise _damaged(path)


def _checksum(file: IO[bytes], size: int) -> str:
    """The checksum of the first ``size`` bytes, after which the file's position is left."""
    digest, left = hashlib.sha256(), size
    file.seek(0)
    while left and (chunk := file.read(min(CHUNK, left))):
        digest.update(chunk)
        left -= len(chunk)
    return digest.hexdigest()


def _read_manifest(path: Path, text: bytes) -> Manifest:
    try:
        header = msgspec.json.decode(text, type=_AnyFormat)
        if header.format != FORMAT:
            raise CommandFailed(
                f"{path} was made by filmer {header.filmer}, in a format that this version does not know. "
                "Install that version to restore it. Nothing was changed."
            )
        return msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> CommandFailed:
    return CommandFailed(
        f"{path} is not a backup of filmer, or it is cut off or damaged. Use another copy. Nothing was changed."
    )
