"""Makes a backup of a database in use: one moment of it, with what it takes to tell later that all came back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zipfile import ZipFile

import msgspec
import psycopg

from filmer import __version__
from filmer.backup import queries
from filmer.backup.archive import CHUNK, DUMP, MANIFEST, Manifest, Table, new_archive
from filmer.backup.programs import SERVICE, find_program, major_of, running, service_of
from filmer.errors import CommandFailed
from filmer.importing.progress import Progress


def back_up(url: str, path: Path, *, replace: bool, now: datetime, progress: Progress) -> Manifest:
    """Raises CommandFailed, and leaves no file, when it can't be done."""
    with queries.connect(url, "filmer backup") as conn:
        if queries.is_replica(conn):
            raise CommandFailed(
                "This is a replica: an import on its primary would get in the way. Name the primary in DATABASE_URL."
            )
        if not queries.select_migrations(conn):
            raise CommandFailed("There is no filmer in this database: there is nothing to back up.")
        pg_dump = find_program("pg_dump", at_least=conn.info.server_version // 10000)
        with new_archive(path, replace=replace) as archive, _explained(), queries.snapshot(conn) as snapshot:
            _dump(conn, pg_dump, snapshot, archive, progress)
            manifest = Manifest(
                filmer=__version__,
                postgresql=conn.info.parameter_status("server_version") or "",
                pg_dump=major_of(pg_dump),
                made=now,
                migrations=queries.select_migrations(conn),
                secret_key=queries.select_fingerprint(conn),
                tables=_count(conn, progress),
            )
            archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.DiskFull as error:  # a snapshot has a small file while it lasts
        raise CommandFailed(
            f"The database is out of disk space, and needs a little for a backup: {error.diag.message_primary}. There "
            "is no backup."
        ) from error


def _dump(conn: queries.Connection, pg_dump: Path, snapshot: str, archive: ZipFile, progress: Progress) -> None:
    arguments = [
        f"--dbname=service={SERVICE}",
        f"--snapshot={snapshot}",
        "--format=custom",
        *[f"--schema={schema}" for schema in queries.select_schemas(conn)],
        f"--extension={queries.EXTENSION}",
        "--no-unlogged-table-data",
        "--no-password",
    ]
    with (
        progress.step("Writing the dump", unit="MB") as advance,
        service_of(conn) as environment,
        running(pg_dump, arguments, environment=environment) as process,
        archive.open(DUMP, "w", force_zip64=True) as member,
    ):
        done = 0
        while process.stdout and (chunk := process.stdout.read(CHUNK)):
            member.write(chunk)
            done += len(chunk)
            advance(done // 10**6)


def _count(conn: queries.Connection, progress: Progress) -> list[Table]:
    names = queries.select_tables(conn)
    tables = []
    with progress.step("Counting", len(names), unit="tables") as advance:
        for at, name in enumerate(names, 1):
            tables.append(Table(name, *queries.count_and_digest(conn, name)))
            advance(at)
    return tables
