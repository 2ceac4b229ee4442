"""The logs of the supervisor and the servers."""

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

LOG_LIMIT = 10 * 2**20  # bytes of log after which the next start begins a new file


def open_log(path: Path) -> BinaryIO:
    """Open a log for appending; one that has grown too long is renamed <name>.1 first."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_name(f"{path.name}.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab")


def log_end(path: Path, start: int = 0) -> str:
    """The last lines of a log after byte `start`, for an error message."""
    with suppress(OSError), path.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(start, size - 4000))
        lines = log.read().decode(errors="replace").strip().splitlines()[-12:]
        return "\n".join([f"The end of {path}:", *lines])
    return f"Its log would be {path}."
