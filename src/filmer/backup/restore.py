"""Restores a backup: all of it, verified against its manifest, or nothing.

One transaction drops what is there, runs the dump, compares every table with the manifest and applies newer migrations.
pg_restore only writes the SQL script: running it here is what makes it possible to verify before the commit.
"""

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psycopg

from filmer.audit.log import Actor, record_at_once
from filmer.backup import queries
from filmer.backup.archive import CHUNK, Manifest
from filmer.backup.client_programs import find_program, run_program
from filmer.errors import CommandFailed
from filmer.importing.progress import Progress
from filmer.store.migrate import migrate, migrations, require_supported

_COPY = re.compile(rb'COPY [\w."]+ \(.+\) FROM stdin;\n')
_SET = re.compile(rb"SET (\w+) = ")
_PSQL_COMMAND = re.compile(rb"\\(un)?restrict ")
_PUBLIC = b"CREATE SCHEMA public;\n"  # left out, as the schema exists


def require_known_migrations(manifest: Manifest) -> None:
    """Raises CommandFailed if a newer filmer made the backup."""
    known = {migration.number: migration.digest for migration in migrations()}
    if any(known.get(number) != digest for number, digest in manifest.migrations.items()):
        raise CommandFailed(
            f"This backup was made by filmer {manifest.filmer}, whose database this version does not know. Install "
            "that version, or a newer one, to restore it. Nothing was changed."
        )


def restore_backup(
    url: str, manifest: Manifest, dump: IO[bytes], actor: Actor, *, replace: bool, progress: Progress
) -> list[str]:
    """Returns the migrations that the backup lacked. If it raises CommandFailed, the database is unchanged."""
    pg_restore = find_program("pg_restore", at_least=manifest.pg_dump)
    with queries.connect(url, "filmer restore") as conn:
        require_supported(conn)
        with conn.transaction(), _explained_errors():
            _require_unused(conn, replace=replace)
            queries.drop_everything(conn)
            with progress.step("Restoring the dump"), _dump_as_sql(pg_restore, dump) as script:
                _run_script(conn, script)
            queries.reset_session(conn)
            _verify(conn, manifest, progress)
            queries.renew_edition(conn)
            applied = [migration.name for migration in migrate(conn)]
            record_at_once(conn, actor, "database.restore", ("database", "all"), after={"backup_of": manifest.made})
            queries.analyze(conn, queries.select_tables(conn))
    return applied


def _require_unused(conn: queries.Connection, *, replace: bool) -> None:
    if programs := queries.select_other_programs(conn):
        raise CommandFailed(
            f"filmer is using this database ({', '.join(programs)}). First stop every `filmer serve`, on every "
            "machine. Nothing was changed."
        )
    if not replace and (tables := queries.select_nonempty_tables(conn)):
        raise CommandFailed(
            f"This database is not empty: there are rows in {', '.join(tables)}. To drop everything in it and restore "
            "the backup, use --replace. Nothing was changed."
        )


@contextmanager
def _explained_errors() -> Iterator[None]:
    """Explains errors of the database. To be used inside the transaction, so that nothing was changed."""
    try:
        yield
    except psycopg.errors.DiskFull as error:
        raise CommandFailed(
            f"The database is out of disk space: {error.diag.message_primary}. Nothing was changed."
        ) from error
    except psycopg.errors.LockNotAvailable as error:
        raise CommandFailed(
            "Another program has locked a table of this database. Stop it, and try again. Nothing was changed."
        ) from error
    except psycopg.errors.InsufficientPrivilege:
        raise  # the command line explains it
    except psycopg.Error as error:
        raise CommandFailed(
            f"The backup can't be restored into this database: {str(error).strip()}. Nothing was changed."
        ) from error


@contextmanager
def _dump_as_sql(pg_restore: Path, dump: IO[bytes]) -> Iterator[IO[bytes]]:
    arguments = ["--file=-", "--no-owner", "--no-privileges", "--no-comments", "--no-security-labels"]
    with run_program(pg_restore, arguments, stdin=subprocess.PIPE) as process:
        feeder = threading.Thread(target=_feed, args=[dump, process.stdin], daemon=True)
        feeder.start()
        try:
            if process.stdout:
                yield process.stdout
        except BaseException:
            process.kill()
            raise
        finally:
            feeder.join()


def _feed(dump: IO[bytes], stdin: IO[bytes]) -> None:
    with suppress(BrokenPipeError), stdin:
        shutil.copyfileobj(dump, stdin, CHUNK)


def _run_script(conn: queries.Connection, script: IO[bytes]) -> None:
    known = {name.encode() for name in queries.select_settings(conn)}
    statements: list[bytes] = []
    for line in script:
        if _COPY.fullmatch(line):
            queries.execute(conn, b"".join(statements))
            statements.clear()
            _copy(conn, line, script)
        elif not (
            line == _PUBLIC or _PSQL_COMMAND.match(line) or ((match := _SET.match(line)) and match[1] not in known)
        ):
            statements.append(line)
    queries.execute(conn, b"".join(statements))


def _copy(conn: queries.Connection, statement: bytes, script: IO[bytes]) -> None:
    """Copy the rows that follow a COPY in the script, up to the end marker."""
    rows, size = [], 0
    with queries.copy_into(conn, statement) as copy:
        for line in script:
            if line == b"\\.\n":
                break
            rows.append(line)
            size += len(line)
            if size > CHUNK:
                copy.write(b"".join(rows))
                rows, size = [], 0
        copy.write(b"".join(rows))


def _verify(conn: queries.Connection, manifest: Manifest, progress: Progress) -> None:
    wrong = sorted({table.name for table in manifest.tables} ^ set(queries.select_tables(conn)))
    with progress.step("Comparing", len(manifest.tables), unit="tables") as advance:
        for at, table in enumerate(manifest.tables, 1):
            if table.name not in wrong and queries.count_and_digest(conn, table.name) != (table.rows, table.digest):
                wrong.append(table.name)
            advance(at)
    if wrong := wrong + queries.select_invalid_constraints(conn):
        raise CommandFailed(
            f"What was restored differs from what was backed up: {', '.join(wrong)}. Use another backup. Nothing was "
            "changed."
        )
