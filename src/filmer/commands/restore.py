"""``filmer restore``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from filmer.audit.log import command_line
from filmer.backup.archive import Manifest, open_archive
from filmer.backup.restore import require_known_migrations, restore_backup
from filmer.commands.options import DataDir
from filmer.commands.terminal import database, err, settle_accounts
from filmer.importing.progress import Progress
from filmer.secret import FILE as KEY_FILE
from filmer.secret import SecretKey
from filmer.settings import Settings


def restore(
    file: Path,
    /,
    *,
    replace: Annotated[
        bool, Parameter(negative="", help="Delete everything in the database first, if it is not empty.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Restore the whole database from the backup FILE. If anything fails, nothing is changed.

    Stop every `filmer serve` on this database first. See docs/backup.md.
    """
    with Progress() as progress, open_archive(file, progress) as (manifest, dump):
        require_known_migrations(manifest)
        with database(data_dir, migrated=False) as settings:
            warning = _key_warning(settings, manifest)
            applied = restore_backup(
                settings.database_url or "", manifest, dump, command_line(), replace=replace, progress=progress
            )
            settle_accounts(settings)
    print(f"Restored {manifest.size}, as of {manifest.made:%Y-%m-%d %H:%M:%S} UTC; each compared with the backup.")
    for name in applied:
        print(f"applied {name}")
    print("Passwords, tokens and sessions are as they were then: later changes and revocations are undone.")
    if warning:
        err.print(f"warning: {warning}", soft_wrap=True)


def _key_warning(settings: Settings, manifest: Manifest) -> str:
    """A warning if the cards in the backup need another secret key than the one here; otherwise empty."""
    cards = next((table.rows for table in manifest.tables if table.name == "public.card"), 0)
    secret = SecretKey(settings)
    if not (manifest.secret_key and cards) or (secret.is_there and secret.fingerprint.hex() == manifest.secret_key):
        return ""
    here = "The secret key here is not the one" if secret.is_there else "There is no secret key here, but one"
    return (
        f"{here} that the cards on file ({cards:,}) were stored with. Put that key back before you start the server "
        f"(FILMER_SECRET_KEY, or {KEY_FILE} in the data directory), which does not start with another. If it is lost, "
        "remove the cards with `filmer card remove --all`, and add them again. Everything else works without it."
    )
