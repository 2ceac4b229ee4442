"""The server that ``filmer serve`` starts: its checks, its worker processes, and the notice that it is ready."""

import ipaddress
import multiprocessing
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import msgspec
import structlog
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels

from filmer.errors import CommandFailed
from filmer.server.rolling import DRAIN_SECONDS, RollingServer
from filmer.settings import Settings, variable_of

log = structlog.get_logger()

HEADER_SECONDS = 9  # to send the headers of a request, and to stay idle between two requests
STOP_SECONDS = 15  # from the signal to stop until the server has ended, requests under way or not
READY_SECONDS = 60
MAX_CONNECTIONS = 2048  # of one worker, idle ones too; further clients wait until one is closed


class ServeError(CommandFailed):
    """The server can't start; the text says why and what to do."""


def ip_address_of(host: str) -> str:
    """The IP address of a host's name, such as localhost, or the address itself. Raises ServeError without one."""
    try:
        # IPv4 first: a name that has both is asked for by programs that know IPv4 alone, too.
        return str(min(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))[4][0])
    except (OSError, UnicodeError) as error:
        raise ServeError(f"Can't listen on {host!r}: it has no address. Choose another with --host.") from error


def free_port(host: str, port: int = 0, *, is_ours: bool = False) -> int:
    """The port; with 0, one that is free at this moment. ``is_ours``: sockets of this server have taken it already.

    Raises ServeError when another program listens there, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, bool(port))
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, is_ours)
        try:
            probe.bind((host, port))
            if is_ours:
                probe.listen()
        except OSError as error:
            raise ServeError(
                f"Can't listen on {host}:{port}: {error.strerror}. Choose another port with --port, or stop the "
                "program that uses this one."
                if port
                else f"Can't listen on {host}: {error.strerror}. Choose another address with --host."
            ) from error
        return int(probe.getsockname()[1])


def require_loopback(host: str) -> None:
    """Raises ServeError for an address that other machines can reach (contract §8)."""
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not is_loopback:
        raise ServeError(
            f"Everybody may know the demo's passwords, and other machines can reach {host}. Serve the demo on "
            "127.0.0.1, or pass --i-know-these-are-public."
        )


def require_sound_addresses(settings: Settings) -> None:
    """Raises ServeError for a REDIS_URL that workers could not parse."""
    if settings.redis_url is None:
        return
    from redis.asyncio.connection import parse_url

    try:
        parse_url(settings.redis_url)
    except ValueError as error:
        raise ServeError(f"REDIS_URL can't be used: {error}") from error


@contextmanager
def starting_workers(settings: Settings) -> Iterator[RollingServer]:
    """Worker processes that import the application while the context starts what they need, and then calls ``serve``.

    Whatever happens, none is left when the context ends.
    """
    require_sound_addresses(settings)
    multiprocessing.set_start_method("spawn", force=True)  # a worker inherits no open files of this process
    server = RollingServer(
        "filmer.app:serve_from_environment",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=settings.workers or min(os.cpu_count() or 1, 8),
        loop=Loops.auto,
        runtime_mode=RuntimeModes.mt,  # what Granian would choose in `serve`, which is too late for early workers
        http=HTTPModes.http1,  # otherwise clients that send nothing, or HTTP/2, get no time limit
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig={"loggers": {"_granian": {}}},  # formatted as all logs are (logs.py)
        backpressure=MAX_CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=64 * 1024),
        workers_kill_timeout=STOP_SECONDS - DRAIN_SECONDS,
    )
    try:
        server.start_early()
        yield server
    finally:
        server.end()


def serve(server: RollingServer, settings: Settings, *, when_ready: Callable[[str], None]) -> None:
    """Serve until a signal stops the server. ``settings`` must name a database that is up to date.

    Raises ServeError when no worker process can be started.
    """
    # Another program may listen by now, although the port was free: every worker would end with the traces of a panic.
    free_port(settings.host, settings.port, is_ours=True)
    _export_to_workers(msgspec.structs.replace(settings, workers=server.workers))
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    threading.Thread(target=_announce, args=(f"http://{host}:{settings.port}", when_ready), daemon=True).start()
    with _metrics_directory(settings):
        server.serve()
    if server.has_failed:
        raise ServeError("No worker process could be started, so the server ended. The lines above say why.")


@contextmanager
def _metrics_directory(settings: Settings) -> Iterator[None]:
    """A directory for the workers' counters, in the environment variable that prometheus_client reads.

    In memory where possible: the files are memory-mapped, and on a full disk writing to them would end the worker.
    """
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    if settings.metrics_token is None:
        yield
        return
    memory = "/dev/shm"  # noqa: S108 - the directory made there is private
    parent = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="filmer-metrics-", dir=parent, ignore_cleanup_errors=True) as directory:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
        yield


def _export_to_workers(settings: Settings) -> None:
    """Workers read their settings from the environment."""
    for field in settings.__struct_fields__:
        value = getattr(settings, field)
        variable = variable_of(field)
        if value is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = str(value).lower() if isinstance(value, bool) else str(value)


def _announce(address: str, when_ready: Callable[[str], None]) -> None:
    """Calls ``when_ready`` once the server answers a request."""
    local = urlsplit(address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:"))
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError, HTTPException), closing(HTTPConnection(local.netloc, timeout=2)) as connection:
            connection.request("GET", "/api/v1/health")
            if connection.getresponse().status == HTTPStatus.OK:
                when_ready(address)
                return
        time.sleep(0.02)
    log.error("server did not become ready", address=address, seconds=READY_SECONDS, advice="the lines above say why")
