"""``filmer export csv``: films, orders or members, as a spreadsheet opens them. The office has the same as buttons."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal

from cyclopts import App, Parameter

from filmer.audit.log import command_line, record
from filmer.commands.options import DataDir
from filmer.commands.terminal import database
from filmer.office.exports import export
from filmer.settings import Settings
from filmer.store.connecting import CancellableConnection
from filmer.store.postgres import Connection

export_app = App(name="export", help="Write what the shop holds to a file.")


@export_app.command(name="csv")
def export_csv(
    kind: Annotated[Literal["films", "orders", "members"], Parameter(help="What is written.")],
    /,
    *,
    data_dir: DataDir = None,
) -> None:
    """Write films, orders or members to standard output, as CSV. ``filmer import csv`` reads the films again.

    No text in it is a formula to a spreadsheet: a leading apostrophe makes it text.
    """
    with database(data_dir) as settings:
        asyncio.run(_write(settings, kind))


async def _write(settings: Settings, kind: str) -> None:
    async with await CancellableConnection.connect(
        settings.database_url or "", autocommit=True, connect_timeout=5, application_name="filmer export"
    ) as conn:
        await conn.use_current_edition()
        await record(conn, command_line(), "catalogue.export", ("export", kind))

        @asynccontextmanager
        async def lend() -> AsyncIterator[Connection]:
            yield conn

        async for part in export(lend, kind):
            sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()
