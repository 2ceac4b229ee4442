"""``filmer backup``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from filmer.audit.log import command_line
from filmer.backup.create import create_backup, record_backup
from filmer.clock import SystemClock
from filmer.commands.options import DataDir
from filmer.commands.terminal import database
from filmer.importing.progress import Progress


def backup(
    file: Path,
    /,
    *,
    replace: Annotated[bool, Parameter(negative="", help="Overwrite FILE if it exists.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Back up the whole database, as it is at this moment, to FILE. The server may go on running.

    The secret key is not in the backup: keep a copy of it elsewhere. See docs/backup.md.
    """
    with Progress() as progress, database(data_dir, migrated=False) as settings:
        manifest = create_backup(
            settings.database_url or "", file, replace=replace, now=SystemClock().now(), progress=progress
        )
        record_backup(settings.database_url or "", manifest, command_line())
    print(f"{file}: {manifest.size}, {file.stat().st_size / 1e6:,.1f} MB")
    print(
        "The secret key (FILMER_SECRET_KEY, or secret.key in the data directory) is not in the backup, on purpose. "
        "Keep a copy of it elsewhere: without it, the cards on file can't be used after a restore."
    )
