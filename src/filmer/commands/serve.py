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
        Parameter(negative="", help="Serve the demo: its accounts and cards, and its films where there are none."),
    ] = False,
    public_demo: Annotated[
        bool,
        Parameter(
            name="--i-know-these-are-public",
            negative="",
            help="Let the demo listen beyond this machine, with passwords that everybody knows.",
        ),
    ] = False,
    host: Annotated[str | None, Parameter(help="Address to listen on (FILMER_HOST).")] = None,
    port: Annotated[int | None, Parameter(help="Port to listen on; 0: any free one (FILMER_PORT).")] = None,
    workers: Annotated[int | None, Parameter(help="Worker processes (FILMER_WORKERS).")] = None,
    data_dir: DataDir = None,
) -> None:
    """Serve the APIs and the storefront."""
    # A reload may come before there is anything to reload. (SIG_IGN would be inherited by the engines.)
    signal.signal(signal.SIGHUP, lambda *_: None)
    asked = load_settings(host=host, port=port, workers=workers, data_dir=data_dir, demo=demo or None)
    configure_logs(asked)
    if asked.demo and not public_demo:
        serving.require_loopback(asked.host)
    chosen = asked.port or serving.free_port(asked.host)
    serving.require_free_port(asked.host, chosen)
    with engines(asked, when_lost=_stop) as running:
        ensure_migrated(asked, running)
        require_known_key(running)
        warn_of(asyncio.run(in_transaction(running, lambda conn, _: settle_addresses(conn))))
        if asked.demo:
            from filmer.demo import open_demo

            open_demo(running)
            _bring_in_demo(running)
        with sandbox_for_demo(msgspec.structs.replace(running, port=chosen)) as (complete, sandbox):
            serving.serve(complete, when_ready=lambda address: say_ready(address, complete, sandbox))


def _stop() -> None:
    """As whoever started us would: the requests under way are answered first."""
    os.kill(os.getpid(), signal.SIGTERM)


def _bring_in_demo(settings: Settings) -> None:
    with connect(settings) as conn:
        if queries.select_state(conn)["films"]:
            return
    # What an import stands on is large: a server that imports nothing goes without it.
    from filmer.importing.data_set import Report
    from filmer.importing.demo import import_demo
    from filmer.importing.pipeline import import_connection
    from filmer.importing.progress import Progress

    with Progress(quiet=True) as progress, import_connection(settings.database_url or "") as conn:
        import_demo(conn, Report(), progress)
