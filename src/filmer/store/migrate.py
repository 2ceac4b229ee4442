"""Brings a database up to date: numbered SQL files, each in one transaction, under one lock.

Small enough to be our own: the runners in the registry lock with a table, which a killed process leaves locked.
"""

import hashlib
import re
from collections.abc import Iterator
from importlib import resources

import msgspec
import psycopg

from filmer.errors import CommandFailed

MINIMUM_POSTGRESQL = 150000
_LOCK = 0x66696C6D  # "film": one migration at a time per database
LOCK_SECONDS = 10.0
IMPORT_LOCK = 0x696D7074  # "impt": one import at a time per database, and none while its tables are changed
EDITION = "{edition}"  # in a migration: the schema of the catalogue's current edition, of which the next one is a copy
_NAME = re.compile(r"(\d{4})_\w+\.sql")


class MigrationError(CommandFailed):
    """The database can't be brought up to date; the text says why and what to do."""


class Migration(msgspec.Struct, frozen=True):
    number: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Every migration in the package, in order."""
    folder = resources.files("filmer.store") / "migrations"
    found = [
        Migration(int(match[1]), entry.name, entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if (match := _NAME.fullmatch(entry.name))
    ]
    return sorted(found, key=lambda migration: migration.number)


def pending(conn: psycopg.Connection) -> list[Migration]:
    """What this database still lacks.

    Raises MigrationError when it is newer than this program, or was built from other files.
    """
    done = _applied(conn)
    known = {migration.number: migration for migration in migrations()}
    for number, digest in done.items():
        if number not in known:
            raise MigrationError(
                f"The database has migration {number}, which this version of filmer does not know: "
                "it was used by a newer one. Install that version again."
            )
        if known[number].digest != digest:
            raise MigrationError(f"{known[number].name} is not the file this database was built with.")
    return [migration for number, migration in known.items() if number not in done]


def migrate(conn: psycopg.Connection) -> Iterator[Migration]:
    """Apply what is pending, yielding each migration after its commit. Takes an autocommit connection."""
    require_supported(conn)
    conn.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'".encode())
    conn.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        conn.execute(
            "CREATE TABLE IF NOT EXISTS migration (number integer PRIMARY KEY, name text NOT NULL,"
            " digest text NOT NULL, applied timestamptz NOT NULL DEFAULT now())"
        )
        for migration in pending(conn):
            with conn.transaction():
                conn.execute(_with_edition(conn, migration.sql).encode())
                conn.execute(
                    "INSERT INTO migration (number, name, digest) VALUES (%s, %s, %s)",
                    [migration.number, migration.name, migration.digest],
                )
            yield migration
    except psycopg.errors.LockNotAvailable as error:
        raise MigrationError(
            "Somebody else holds what is to be changed: an import, perhaps. Wait until it is done, and try again."
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise MigrationError(
            f"The database refuses: {error.diag.message_primary}. The user of DATABASE_URL must own the "
            "database (ALTER DATABASE … OWNER TO …)."
        ) from error
    finally:
        conn.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _with_edition(conn: psycopg.Connection, statements: str) -> str:
    """An import that began before would bring in tables without the change: it is waited for, and none may begin."""
    if EDITION not in statements:
        return statements
    conn.execute("SELECT pg_advisory_xact_lock(%s)", [IMPORT_LOCK])
    row = conn.execute("SELECT schema FROM edition").fetchone()
    return statements.replace(EDITION, row[0] if row else "catalogue")


def require_supported(conn: psycopg.Connection) -> None:
    """Raises MigrationError for a PostgreSQL older than 15."""
    if conn.info.server_version < MINIMUM_POSTGRESQL:
        raise MigrationError(f"PostgreSQL {conn.info.server_version // 10000} is too old: filmer needs 15.")


def _applied(conn: psycopg.Connection) -> dict[int, str]:
    if conn.execute("SELECT to_regclass('migration')").fetchone() == (None,):
        return {}
    return dict(conn.execute("SELECT number, digest FROM migration ORDER BY number").fetchall())
