"""``filmer serve``."""

import asyncio
import os
import signal
from typing import Annotated

import msgspec
from cyclopts import Parameter

from filmer.accounts.address_conflicts import settle_addresses, warn_of
from filmer.commands.terminal import DataDir
from filmer.commands.welcome import say_ready
from filmer.importing import queries
from filmer.logs import configure_logs
from filmer.secret import require_known_key
from filmer.server import serving
from filmer.settings import Settings, load_settings
from filmer.store.engines import connect, engines, ensure_migrated, in_transaction
from filmer.tmdb.sandbox.child import sandbox_for_demo


def serve(
    *,
    demo: Annotated[
        bool,
        Parameter(negative="", help="Serve the demo: its accounts and cards, and its films if the catalogue is empty."),
    ] = False,
    public_demo: Annotated[
        bool,
        Parameter(
            name="--i-know-these-are-public",
            negative="",
            help="Let other machines reach the demo, although everybody may know its passwords.",
        ),
    ] = False,
    host: Annotated[str | None, Parameter(help="Address to listen on (FILMER_HOST).")] = None,
    port: Annotated[int | None, Parameter(help="Port to listen on; 0: any free port (FILMER_PORT).")] = None,
    workers: Annotated[int | None, Parameter(help="Worker processes; 0: up to 8, by cores (FILMER_WORKERS).")] = None,
    data_dir: DataDir = None,
) -> None:
    """Start the server, with the storefront and both APIs. Ctrl-C stops it."""
    # SIGHUP may arrive before there are workers to replace. (SIG_IGN would be inherited by the engines.)
    signal.signal(signal.SIGHUP, lambda *_: None)
    settings = load_settings(host=host, port=port, workers=workers, data_dir=data_dir, demo=demo or None)
    configure_logs(settings)
    if settings.demo and not public_demo:
        serving.require_loopback(settings.host)
    port = settings.port or serving.free_port(settings.host)
    serving.require_free_port(settings.host, port)
    with engines(settings, when_lost=_stop) as running:
        ensure_migrated(settings, running)
        require_known_key(running)
        warn_of(asyncio.run(in_transaction(running, lambda conn, _: settle_addresses(conn))))
        if settings.demo:
            from filmer.demo import open_demo

            open_demo(running)
            _import_demo(running)
        with sandbox_for_demo(msgspec.structs.replace(running, port=port)) as (complete, sandbox):
            serving.serve(complete, when_ready=lambda address: say_ready(address, complete, sandbox))


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
