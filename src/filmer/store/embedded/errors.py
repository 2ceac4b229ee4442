"""Errors of the embedded servers, in words that help their owner."""

import errno
import os
from pathlib import Path

from filmer.errors import CommandFailed


class EmbeddedError(CommandFailed):
    """The servers cannot be started or reached; the message says what happened and what to do about it."""


def explain(error: EmbeddedError | OSError, data_dir: Path) -> str:
    """The message of an error; of one of the operating system, in words that help the owner."""
    if isinstance(error, EmbeddedError):
        return str(error)
    hints = {
        errno.ENOSPC: "The disk is full: free some space, or pick another place with --data-dir.",
        errno.EDQUOT: "Your disk quota is used up: free some space, or pick another place with --data-dir.",
        errno.EROFS: "The file system is read-only: pick another place with --data-dir.",
        errno.ENOTDIR: "It has to be a directory: pick another place with --data-dir.",
    }
    for denied in (errno.EACCES, errno.EPERM):
        hints[denied] = "Run filmer as the user who owns it, or pick another place with --data-dir."
    reason = error.strerror or str(error)
    path = f" ({os.fsdecode(error.filename)})" if error.filename else ""
    hint = hints.get(error.errno or 0, "")
    return f"Cannot use the data directory {data_dir}: {reason}{path}. {hint}".strip()
