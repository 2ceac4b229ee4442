"""``filmer serve``."""

import signal
from contextlib import ExitStack
from typing import Annotated

import msgspec
from cyclopts import Parameter

from filmer.commands.options import DataDir
from filmer.logs import configure_logs
from filmer.server import serving
from filmer.settings import load_settings
from filmer.store.embedded import data_dir_of, starting_engines


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
    address = serving.ip_address_of(settings.host)
    settings = msgspec.structs.replace(settings, host=address, port=serving.free_port(address, settings.port))
    with serving.starting_workers(settings) as server, ExitStack() as stack:
        with starting_engines(
            data_dir_of(settings.data_dir), postgres=settings.database_url is None, valkey=settings.redis_url is None
        ):
            # Imported here, as it takes as long as all that came before: workers and engines start meanwhile.
            from filmer.commands.opening import opened
            from filmer.commands.welcome import say_ready

            complete, sandbox = stack.enter_context(opened(settings))
        serving.serve(server, complete, when_ready=lambda address: say_ready(address, complete, sandbox))
