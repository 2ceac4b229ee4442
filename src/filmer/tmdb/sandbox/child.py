"""The sandbox as a process beside another one, which it does not outlive."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import msgspec

from filmer.settings import Settings

HOST = "127.0.0.1"
KEY = "sandbox"  # the demo's credential, by which it is known that no real TMDB is asked


class Child(NamedTuple):
    address: str  # without /3
    process: "subprocess.Popen[bytes]"


@contextmanager
def sandbox_for_demo(settings: Settings) -> Iterator[tuple[Settings, Child | None]]:
    """The settings to serve with. A demo that could ask no TMDB gets a sandbox, which is killed in the end."""
    can_ask = settings.tmdb_access_token or settings.tmdb_api_key or settings.tmdb_base_url != Settings().tmdb_base_url
    if can_ask or not settings.demo:
        yield settings, None
        return
    child = start_child((settings.port + 1) % 2**16)  # after the last port comes 0: any
    with child.process:
        try:
            yield (
                msgspec.structs.replace(settings, tmdb_base_url=f"{child.address}/3", tmdb_api_key=KEY),
                child,
            )
        finally:
            child.process.kill()


def start_child(port: int) -> Child:
    """Starts a sandbox on this port if it is free, else on another. It can be asked at once, and then answers soon.

    It is in a session of its own, as the Ctrl-C of a terminal is for us: it must answer while our last requests end.
    """
    with _listen(port) as listening:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "filmer.tmdb.sandbox", str(listening.fileno())],
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno()],
            start_new_session=True,
        )
        return Child(f"http://{HOST}:{listening.getsockname()[1]}", process)


def _listen(port: int) -> socket.socket:
    with suppress(OSError):
        return socket.create_server((HOST, port))
    return socket.create_server((HOST, 0))
