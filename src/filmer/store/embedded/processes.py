"""What the keeper's children have in common, and finding those of an earlier keeper."""

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


def tie_to_keeper(number: signal.Signals) -> Callable[[], None] | None:
    """A preexec_fn that has the kernel signal the child when the keeper dies, if the kernel can (Linux).

    It runs after the change of user, which would undo it.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc, keeper = ctypes.CDLL(None), os.getpid()

    def tie() -> None:
        libc.prctl(1, ctypes.c_ulong(number))  # PR_SET_PDEATHSIG
        if os.getppid() != keeper:  # it died before we could say so
            os._exit(1)

    return tie


def engine_env() -> dict[str, str]:
    """Our environment without what would change the servers' settings or the language of their messages."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone by now."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def servers_in(folder: Path) -> "list[psutil.Process]":
    """Server processes that work in the folder (both servers make it their current directory)."""
    import psutil  # here, because only a recovery needs it

    found, place = [], str(folder.resolve())
    for process in psutil.process_iter(["name"]):
        if process.info["name"] in ("postgres", "valkey-server", "redis-server"):
            with suppress(psutil.Error):
                if process.cwd() == place and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
    return found
