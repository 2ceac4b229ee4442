"""Creates a backup of a database in use: a dump of one snapshot, and what a restore needs to verify it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from zipfile import ZipFile

import msgspec
import psycopg

from filmer import __version__
from filmer.audit.log import Actor, record_at_once
from filmer.backup import queries
from filmer.backup.archive import CHUNK, DUMP, MANIFEST, Manifest, TableDigest, new_archive
from filmer.backup.client_programs import SERVICE, connection_service, find_program, major_version, run_program
from filmer.errors import CommandFailed
from filmer.importing.progress import Progress
from filmer.store.fingerprint import select_fingerprint
from filmer.store.migrate import select_applied

LOG_MIGRATION = 18  # makes the audit log


def create_backup(url: str, path: Path, *, replace: bool, now: datetime, progress: Progress) -> Manifest:
    """Raises CommandFailed, and leaves no file, if the backup fails."""
    with queries.connect(url, "filmer backup") as conn:
        if queries.is_replica(conn):
            raise CommandFailed(
                "This is a standby, where an import on the primary would interrupt the backup. Name the primary in "
                "DATABASE_URL."
            )
        if not select_applied(conn):
            raise CommandFailed(
                "This database has no tables of filmer: there is nothing to back up. Check DATABASE_URL."
            )
        pg_dump = find_program("pg_dump", at_least=conn.info.server_version // 10000)
        with new_archive(path, replace=replace) as archive, _explained_errors(), queries.snapshot(conn) as snapshot:
            _dump(conn, pg_dump, snapshot, archive, progress)
            manifest = Manifest(
                filmer=__version__,
                postgresql=conn.info.parameter_status("server_version") or "",
                pg_dump=major_version(pg_dump),
                made=now,
                migrations=select_applied(conn),
                secret_key=fingerprint.hex() if (fingerprint := select_fingerprint(conn)) else None,
                tables=_digest_tables(conn, progress),
            )
            archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def record_backup(url: str, manifest: Manifest, actor: Actor) -> None:
    """Notes who took a copy of everything; not in a database that is older than the log, or may only be read."""
    with queries.connect(url, "filmer backup") as conn, suppress(psycopg.errors.InsufficientPrivilege):
        if LOG_MIGRATION in select_applied(conn):
            record_at_once(conn, actor, "database.backup", ("database", "all"), after={"copied": manifest.size})


@contextmanager
def _explained_errors() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.DiskFull as error:  # PostgreSQL writes a small file for an exported snapshot
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
        connection_service(conn) as environment,
        run_program(pg_dump, arguments, env=environment) as process,
        archive.open(DUMP, "w", force_zip64=True) as member,
    ):
        done = 0
        while process.stdout and (chunk := process.stdout.read(CHUNK)):
            member.write(chunk)
            done += len(chunk)
            advance(done // 10**6)


def _digest_tables(conn: queries.Connection, progress: Progress) -> list[TableDigest]:
    names = queries.select_tables(conn)
    tables = []
    with progress.step("Counting", len(names), unit="tables") as advance:
        for at, name in enumerate(names, 1):
            tables.append(TableDigest(name, *queries.count_and_digest(conn, name)))
            advance(at)
    return tables
