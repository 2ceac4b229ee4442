"""The engines a command works with: the servers that the settings name, or embedded ones in the data directory."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
import psycopg
import structlog

from filmer.settings import Settings
from filmer.store.connecting import BriefConnection, to_primary
from filmer.store.embedded import default_data_dir, running_engines
from filmer.store.migrate import MigrationError, migrate, pending, require_supported
from filmer.store.postgres import Connection

log = structlog.get_logger()

T = TypeVar("T")


def data_directory(settings: Settings) -> Path:
    """Where the embedded engines live: as set, else a place of the user's own."""
    return Path(settings.data_dir).expanduser().absolute() if settings.data_dir else default_data_dir()


@contextmanager
def engines(
    settings: Settings, *, valkey: bool = True, when_lost: Callable[[], None] = lambda: None
) -> Iterator[Settings]:
    """Settings that name a database (and a cache, if wanted), for as long as the engines run.

    Raises EmbeddedError when an embedded engine can't start, and in the end when they were lost for good:
    ``when_lost`` is called then, in a thread.
    """
    embed_postgres = settings.database_url is None
    embed_valkey = settings.redis_url is None and valkey
    if settings.database_url is not None:
        settings = msgspec.structs.replace(settings, database_url=to_primary(settings.database_url))
    if not (embed_postgres or embed_valkey):
        yield settings
        return
    with running_engines(
        data_directory(settings), postgres=embed_postgres, valkey=embed_valkey, when_lost=when_lost
    ) as running:
        yield msgspec.structs.replace(
            settings,
            database_url=running.database_url if embed_postgres else settings.database_url,
            redis_url=running.redis_url if embed_valkey else settings.redis_url,
            redis_password=None if embed_valkey else settings.redis_password,
        )


def ensure_migrated(asked: Settings, running: Settings) -> None:
    """An embedded database is brought up to date; of an external one it is said what to run.

    Raises MigrationError when it is behind or can't be migrated, psycopg.OperationalError when it is away.
    """
    with connect(running) as conn:
        if asked.database_url is None:
            for migration in migrate(conn):
                log.info("migrated", migration=migration.name)
            return
        require_supported(conn)
        if behind := pending(conn):
            raise MigrationError(
                f"The database is behind by {len(behind)} migration(s), the first is {behind[0].name}. "
                "Run `filmer migrate` with the same DATABASE_URL, then start again."
            )


def connect(settings: Settings) -> psycopg.Connection:
    """A connection for a command: every statement is its own transaction unless one is opened."""
    return psycopg.connect(settings.database_url or "", autocommit=True, connect_timeout=5, application_name="filmer")


async def in_transaction(settings: Settings, work: Callable[[Connection, Settings], Awaitable[T]]) -> T:
    """What some asynchronous work returns; all of it takes effect, or nothing."""
    async with (
        await BriefConnection.connect(
            settings.database_url or "", autocommit=True, connect_timeout=5, application_name="filmer"
        ) as conn,
        conn.transaction(),
    ):
        return await work(conn, settings)
