"""Migrates a database with numbered SQL files, each in a transaction of its own, all under one advisory lock.

The migration packages we looked at lock with a row of a table, which stays locked when the process is killed.
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
    """The database can't be migrated; the message says why and what to do."""


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
    files = [
        Migration(int(match[1]), entry.name, entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if (match := _NAME.fullmatch(entry.name))
    ]
    return sorted(files, key=lambda migration: migration.number)


def pending(conn: psycopg.Connection) -> list[Migration]:
    """The migrations that were not applied to this database yet.

    Raises MigrationError when a newer version of filmer has migrated it, or when an applied file has changed since.
    """
    applied = select_applied(conn)
    known = {migration.number: migration for migration in migrations()}
    for number, digest in applied.items():
        if number not in known:
            raise MigrationError(
                f"The database has migration {number}, which this version of filmer does not know: "
                "a newer version has migrated it. Install that version again."
            )
        if known[number].digest != digest:
            raise MigrationError(
                f"{known[number].name} has changed since it was applied to this database. Install the version of "
                "filmer that the database was last used with."
            )
    return [migration for number, migration in known.items() if number not in applied]


def migrate(conn: psycopg.Connection) -> Iterator[Migration]:
    """Applies the pending migrations, and yields each after its commit. Needs an autocommit connection."""
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
            "Another process, perhaps an import, has locked what must be changed. Wait until it is done, and try again."
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise MigrationError(
            f"The database refuses the migration: {error.diag.message_primary}. The user of DATABASE_URL must own the "
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


def select_applied(conn: psycopg.Connection) -> dict[int, str]:
    """The digests of the applied migrations by their numbers."""
    if conn.execute("SELECT to_regclass('migration')").fetchone() == (None,):
        return {}
    return dict(conn.execute("SELECT number, digest FROM migration ORDER BY number").fetchall())
