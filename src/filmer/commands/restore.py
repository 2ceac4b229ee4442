"""``filmer restore``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from filmer.backup.archive import Manifest, open_archive
from filmer.backup.restore import require_known_migrations, restore_backup
from filmer.commands.terminal import DataDir, database, err, settle_accounts
from filmer.importing.progress import Progress
from filmer.secret import FILE as KEY_FILE
from filmer.secret import SecretKey
from filmer.settings import Settings


def restore(
    file: Path,
    /,
    *,
    replace: Annotated[
        bool, Parameter(negative="", help="Drop all that is in the database first, where it is not empty.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Make the database what it was when FILE was written: all of it, or nothing is changed.

    Stop every `filmer serve` on this database first. See docs/backup.md.
    """
    with Progress() as progress, open_archive(file, progress) as (manifest, dump):
        require_known_migrations(manifest)
        with database(data_dir, migrated=False) as settings:
            warning = _about_key(settings, manifest)
            applied = restore_backup(settings.database_url or "", manifest, dump, replace=replace, progress=progress)
            settle_accounts(settings)
    print(f"{manifest.size}, as of {manifest.made:%Y-%m-%d %H:%M:%S} UTC, are back, each compared with the backup.")
    for name in applied:
        print(f"applied {name}")
    print("Passwords, tokens and sessions are as they were then: what was changed or revoked since is not any more.")
    if warning:
        err.print(f"warning: {warning}", soft_wrap=True)


def _about_key(settings: Settings, manifest: Manifest) -> str:
    """What the owner has to know of the secret key, if anything."""
    cards = next((table.rows for table in manifest.tables if table.name == "public.card"), 0)
    secret = SecretKey(settings)
    if not (manifest.secret_key and cards) or (secret.is_there and secret.fingerprint.hex() == manifest.secret_key):
        return ""
    here = "The secret key here is not the one that" if secret.is_there else "There is no secret key here, and"
    return (
        f"{here} the cards on file ({cards:,}) were kept with{'' if secret.is_there else ' one'}. Give it back before "
        f"you serve (FILMER_SECRET_KEY, or {KEY_FILE} in the data directory): filmer does not serve these cards with "
        "another. If it is lost, `filmer card remove --all` clears them, and they can be put on file again. All else "
        "works."
    )
