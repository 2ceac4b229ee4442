"""The supervisor's child processes: their environment and signals, and finding those of an earlier supervisor."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


def signal_at_parents_death(number: signal.Signals) -> Callable[[], None] | None:
    """A preexec_fn by which the kernel signals the child when the supervisor dies; None except on Linux.

    It runs after the change of user, which would undo it.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc, supervisor = ctypes.CDLL(None), os.getpid()

    def preexec() -> None:
        libc.prctl(1, ctypes.c_ulong(number))  # PR_SET_PDEATHSIG
        if os.getppid() != supervisor:  # the supervisor died before the call took effect
            os._exit(1)

    return preexec


def engine_env() -> dict[str, str]:
    """Our environment without the variables that change the servers' settings or the language of their messages."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
    return inherited | {"LC_ALL": "C"}


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended already."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def servers_in(folder: Path) -> "list[psutil.Process]":
    """The server processes whose current directory is the folder."""
    import psutil  # here, because only a recovery needs it

    servers, path = [], str(folder.resolve())
    for process in psutil.process_iter(["name"]):
        if process.info["name"] in ("postgres", "valkey-server", "redis-server"):
            with suppress(psutil.Error):
                if process.cwd() == path and process.status() != psutil.STATUS_ZOMBIE:
                    servers.append(process)
    return servers
