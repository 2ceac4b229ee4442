"""Brings a backup back: all of it, proved row by row against its manifest, or nothing.

One transaction drops what is there, takes in the dump, compares it with the manifest and brings it up to date. So
pg_restore only writes the script; that we run it ourselves is what puts the proof before the commit.
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

from filmer.backup import queries
from filmer.backup.archive import CHUNK, Manifest
from filmer.backup.programs import find_program, running
from filmer.errors import CommandFailed
from filmer.importing.progress import Progress
from filmer.store.migrate import migrate, migrations, require_supported

_COPY = re.compile(rb'COPY [\w."]+ \(.+\) FROM stdin;\n')
_SET = re.compile(rb"SET (\w+) = ")
_OWN_COMMAND = re.compile(rb"\\(un)?restrict ")  # of psql
_PUBLIC = b"CREATE SCHEMA public;\n"  # it is there


def require_known(manifest: Manifest) -> None:
    """Raises CommandFailed for the backup of a newer filmer."""
    known = {migration.number: migration.digest for migration in migrations()}
    if any(known.get(number) != digest for number, digest in manifest.migrations.items()):
        raise CommandFailed(
            f"This backup was made by filmer {manifest.filmer}, whose database this version does not know. Install "
            "that version, or a newer one, to restore it. Nothing was changed."
        )


def restore(url: str, manifest: Manifest, dump: IO[bytes], *, replace: bool, progress: Progress) -> list[str]:
    """Returns the migrations that the backup lacked. Raises CommandFailed, with the database as it was."""
    pg_restore = find_program("pg_restore", at_least=manifest.pg_dump)
    with queries.connect(url, "filmer restore") as conn:
        require_supported(conn)
        with conn.transaction(), _explained():
            _require_ours(conn, replace=replace)
            queries.drop_everything(conn)
            with progress.step("Taking in the dump"), _script(pg_restore, dump) as script:
                _run(conn, script)
            queries.reset_session(conn)
            _audit(conn, manifest, progress)
            queries.renew_edition(conn)
            applied = [migration.name for migration in migrate(conn)]
            queries.analyze(conn, queries.select_tables(conn))
    return applied


def _require_ours(conn: queries.Connection, *, replace: bool) -> None:
    if others := queries.select_others(conn):
        raise CommandFailed(
            f"filmer is at work in this database ({', '.join(others)}). Stop it first: every `filmer serve`, on every "
            "machine. Nothing was changed."
        )
    if not replace and (filled := queries.select_filled(conn)):
        raise CommandFailed(
            f"This database holds something, in {', '.join(filled)}. To drop all that is in it, and have what the "
            "backup has, say --replace. Nothing was changed."
        )


@contextmanager
def _explained() -> Iterator[None]:
    """Inside the transaction: whatever fails here has changed nothing."""
    try:
        yield
    except psycopg.errors.DiskFull as error:
        raise CommandFailed(
            f"The database is out of disk space: {error.diag.message_primary}. Nothing was changed."
        ) from error
    except psycopg.errors.LockNotAvailable as error:
        raise CommandFailed(
            "Somebody else holds a table of this database and does not let go. Nothing was changed."
        ) from error
    except psycopg.errors.InsufficientPrivilege:
        raise  # the command line knows what to say
    except psycopg.Error as error:
        raise CommandFailed(
            f"The database does not take the backup: {str(error).strip()}. Nothing was changed."
        ) from error


@contextmanager
def _script(pg_restore: Path, dump: IO[bytes]) -> Iterator[IO[bytes]]:
    """The dump as SQL."""
    arguments = ["--file=-", "--no-owner", "--no-privileges", "--no-comments", "--no-security-labels"]
    with running(pg_restore, arguments, takes=subprocess.PIPE) as process:
        giving = threading.Thread(target=_give, args=[dump, process.stdin], daemon=True)
        giving.start()
        try:
            if process.stdout:
                yield process.stdout
        except BaseException:
            process.kill()
            raise
        finally:
            giving.join()


def _give(dump: IO[bytes], to: IO[bytes]) -> None:
    with suppress(BrokenPipeError), to:
        shutil.copyfileobj(dump, to, CHUNK)


def _run(conn: queries.Connection, script: IO[bytes]) -> None:
    known = {name.encode() for name in queries.select_settings(conn)}
    statements: list[bytes] = []
    for line in script:
        if _COPY.fullmatch(line):
            queries.execute(conn, b"".join(statements))
            statements.clear()
            _copy(conn, line, script)
        elif not (
            line == _PUBLIC or _OWN_COMMAND.match(line) or ((found := _SET.match(line)) and found[1] not in known)
        ):
            statements.append(line)
    queries.execute(conn, b"".join(statements))


def _copy(conn: queries.Connection, statement: bytes, script: IO[bytes]) -> None:
    """What a COPY of the script takes, up to its end mark."""
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


def _audit(conn: queries.Connection, manifest: Manifest, progress: Progress) -> None:
    wrong = sorted({table.name for table in manifest.tables} ^ set(queries.select_tables(conn)))
    with progress.step("Comparing", len(manifest.tables), unit="tables") as advance:
        for at, table in enumerate(manifest.tables, 1):
            if table.name not in wrong and queries.count_and_digest(conn, table.name) != (table.rows, table.digest):
                wrong.append(table.name)
            advance(at)
    if wrong := wrong + queries.select_unproved(conn):
        raise CommandFailed(f"What came back is not what the backup was made of: {', '.join(wrong)}. Nothing changed.")
