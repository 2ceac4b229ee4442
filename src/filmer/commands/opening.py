"""What ``filmer serve`` does before it serves: engines, migrations, the secret key, and the demo."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from filmer.accounts.address_conflicts import settle_addresses, warn_of
from filmer.currencies import currency_code
from filmer.importing import queries
from filmer.office.identity_queries import select_currency
from filmer.secret import require_known_key
from filmer.settings import Settings, SettingsError
from filmer.shop.draft_queries import keep_currency
from filmer.store.engines import connect, engines, ensure_migrated, in_transaction
from filmer.store.postgres import Connection
from filmer.tmdb.sandbox.child import SandboxProcess, sandbox_for_demo


@contextmanager
def opened(settings: Settings) -> Iterator[tuple[Settings, SandboxProcess | None]]:
    """The settings to serve with, and the sandbox of a demo. What was started ends with the context."""
    with engines(settings, when_lost=_stop) as running:
        ensure_migrated(settings, running)
        require_known_key(running)
        _require_currency(running)
        warn_of(asyncio.run(in_transaction(running, lambda conn, _: settle_addresses(conn))))
        if settings.demo:
            from filmer.demo import add_demo_videos, open_demo

            open_demo(running)
            _import_demo(running)
            add_demo_videos(running)
        with sandbox_for_demo(running) as complete_and_sandbox:
            yield complete_and_sandbox


def _require_currency(settings: Settings) -> None:
    """Raises SettingsError where orders were made in another currency, as their amounts are in it (contract §10.2)."""
    kept = asyncio.run(in_transaction(settings, lambda conn, _: _keep_currency(conn, settings.currency)))
    if kept and settings.currency:
        raise SettingsError(
            f"FILMER_CURRENCY={settings.currency!r} can't be used: there are orders in {kept}. Set it to {kept} again;"
            " another currency needs another database"
        )


async def _keep_currency(conn: Connection, currency: str | None) -> str | None:
    """``currency``: as the environment sets it; else as the owner did."""
    return await keep_currency(conn, currency_code(currency or await select_currency(conn)))


def _stop() -> None:
    """Stops this server as its owner would, so that the requests under way are answered first."""
    os.kill(os.getpid(), signal.SIGTERM)


def _import_demo(settings: Settings) -> None:
    """Imports the demo's films if the catalogue is empty."""
    with connect(settings) as conn:
        if queries.select_state(conn)["films"]:
            return
    # Imported here, as most servers import nothing, and should not pay for the memory of these modules.
    from filmer.importing.data_set import Report
    from filmer.importing.demo import import_demo
    from filmer.importing.pipeline import import_connection
    from filmer.importing.progress import Progress

    with Progress(quiet=True) as progress, import_connection(settings.database_url or "") as conn:
        import_demo(conn, Report(), progress)
