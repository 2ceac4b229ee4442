"""``filmer migrate``."""

from filmer.commands.options import DataDir
from filmer.commands.terminal import database, settle_accounts
from filmer.store.engines import connect
from filmer.store.migrate import migrate as apply_migrations


def migrate(*, data_dir: DataDir = None) -> None:
    """Bring the database up to date, as is needed after an upgrade of filmer."""
    with database(data_dir, migrated=False) as settings, connect(settings) as conn:
        applied = [migration.name for migration in apply_migrations(conn)]
        settle_accounts(settings)
    print("\n".join(f"applied {name}" for name in applied) or "the database is up to date")
