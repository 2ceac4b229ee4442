"""The engines a command uses: the servers that the settings name, or embedded ones in the data directory."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import msgspec
import psycopg
import structlog

from filmer.plurals import counted
from filmer.settings import Settings
from filmer.store.connecting import CancellableConnection, to_primary
from filmer.store.embedded import data_dir_of, running_engines
from filmer.store.migrate import MigrationError, migrate, pending, require_supported
from filmer.store.postgres import Connection

log = structlog.get_logger()

T = TypeVar("T")


def data_directory(settings: Settings) -> Path:
    """Where the embedded engines store their files."""
    return data_dir_of(settings.data_dir)


def has_embedded_valkey(settings: Settings) -> bool:
    """Whether the URL is the one of the Valkey embedded in the data directory, which no other machine reaches."""
    socket = Path(unquote(urlsplit(settings.redis_url or "").path))
    return bool(settings.redis_url) and socket.parent.resolve() == (data_directory(settings) / "run").resolve()


@contextmanager
def engines(
    settings: Settings, *, valkey: bool = True, when_lost: Callable[[], None] = lambda: None
) -> Iterator[Settings]:
    """Yields settings with the URLs of a database and, if requested, a cache, which run until the context ends.

    Raises EmbeddedError when an embedded engine can't start. If the engines die and can't be started again,
    ``when_lost`` is called, in a thread, and leaving the context raises EmbeddedError.
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


def ensure_migrated(configured: Settings, running: Settings) -> None:
    """Migrates an embedded database, and checks an external one. ``running``: what ``engines`` yields.

    Raises MigrationError when an external one needs migrating, psycopg.OperationalError when it is unavailable.
    """
    with connect(running) as conn:
        if configured.database_url is None:
            for migration in migrate(conn):
                log.info("migrated", migration=migration.name)
            return
        require_supported(conn)
        if behind := pending(conn):
            raise MigrationError(
                f"The database lacks {counted(len(behind), 'migration')}, the first is {behind[0].name}. "
                "Run `filmer migrate` with the same DATABASE_URL, then start again."
            )


def connect(settings: Settings) -> psycopg.Connection:
    """A connection for a command, in autocommit mode."""
    return psycopg.connect(settings.database_url or "", autocommit=True, connect_timeout=5, application_name="filmer")


async def in_transaction(settings: Settings, work: Callable[[Connection, Settings], Awaitable[T]]) -> T:
    """Runs asynchronous work in a transaction, and returns its result."""
    async with (
        await CancellableConnection.connect(
            settings.database_url or "", autocommit=True, connect_timeout=5, application_name="filmer"
        ) as conn,
        conn.transaction(),
    ):
        return await work(conn, settings)
