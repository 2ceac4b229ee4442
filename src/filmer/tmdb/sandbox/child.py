"""The sandbox as a child process, which ends with its parent, and is restarted by it for the demo."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import msgspec
import structlog

from filmer.settings import Settings

log = structlog.get_logger()

HOST = "127.0.0.1"
_ON_PURPOSE = {0, -signal.SIGTERM}  # exit codes of a sandbox that was stopped on purpose
RESTART_SECONDS = 0.2  # until a sandbox that died is started again
KEY = "sandbox"  # the demo's credential; it shows that requests go to the sandbox and not to TMDB


class SandboxProcess(NamedTuple):
    address: str  # without /3
    process: "subprocess.Popen[bytes]"


@contextmanager
def sandbox_for_demo(settings: Settings) -> Iterator[tuple[Settings, SandboxProcess | None]]:
    """The settings to serve with. A demo for which no TMDB is set up gets a sandbox, which is killed in the end.

    It is restarted if it dies, but not after SIGTERM, which is how to try the shop without TMDB.
    """
    has_tmdb = settings.tmdb_access_token or settings.tmdb_api_key or settings.tmdb_base_url != Settings().tmdb_base_url
    if has_tmdb or not settings.demo:
        yield settings, None
        return
    # After the last port comes 0, which means any. We hold the socket as well, so callers wait during a restart.
    with _listen((settings.port + 1) % 2**16) as listening:
        sandbox = _RestartedSandbox(listening)
        try:
            yield (
                msgspec.structs.replace(settings, tmdb_base_url=f"{sandbox.child.address}/3", tmdb_api_key=KEY),
                sandbox.child,
            )
        finally:
            sandbox.end()


class _RestartedSandbox:
    """A sandbox that is restarted when it dies, by a thread that waits for that."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._ending = threading.Event()
        self.child = _start(listening)
        self._thread = threading.Thread(target=self._restart_until_ended, name="sandbox", daemon=True)
        self._thread.start()

    def _restart_until_ended(self) -> None:
        while True:
            with self.child.process as process:
                exit_code = process.wait()
            if exit_code in _ON_PURPOSE or self._ending.wait(RESTART_SECONDS):
                break
            log.warning("the TMDB sandbox died and is restarted", pid=process.pid)
            self.child = _start(self._listening)
        self._listening.close()  # so that callers are refused at once

    def end(self) -> None:
        self._ending.set()
        while self._thread.is_alive():  # which may just have restarted it
            self.child.process.kill()
            self._thread.join(0.1)


def start_child(port: int) -> SandboxProcess:
    """Start a sandbox on this port, or on any other if it is taken. Requests wait until it is ready."""
    with _listen(port) as listening:
        return _start(listening)


def _start(listening: socket.socket) -> SandboxProcess:
    """Start a sandbox in a session of its own, so that Ctrl-C does not end it before our last requests."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "filmer.tmdb.sandbox", str(listening.fileno())],
        stdin=subprocess.PIPE,
        pass_fds=[listening.fileno()],
        start_new_session=True,
    )
    return SandboxProcess(f"http://{HOST}:{listening.getsockname()[1]}", process)


def _listen(port: int) -> socket.socket:
    with suppress(OSError):
        return socket.create_server((HOST, port))
    return socket.create_server((HOST, 0))
