"""The system user that the servers run as."""

import os
import pwd
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filmer.store.embedded.errors import EmbeddedError


@dataclass(frozen=True)
class OsUser:
    """The system user both servers run as."""

    name: str
    uid: int
    gid: int

    @property
    def popen(self) -> dict[str, Any]:
        """Arguments that make subprocess run a program as this user."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def os_user_for(data_dir: Path) -> OsUser:
    """The current user; for root, as whom PostgreSQL refuses to run, an unprivileged user.

    The owner of existing database files remains their user, even when a better one is added later. Otherwise
    it is `filmer`, then `postgres`, which exists for databases only, and at last `nobody`: other daemons run
    as nobody too, and each of them could read our files. Raises EmbeddedError when none of them exists.
    """
    if (uid := os.geteuid()) != 0:
        return OsUser(f"uid {uid}", uid, os.getegid())
    with suppress(FileNotFoundError, KeyError):
        if owner := (data_dir / "postgres").stat().st_uid:
            entry = pwd.getpwuid(owner)
            return OsUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in ("filmer", "postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return OsUser(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedError("PostgreSQL does not run as root, and there is no user filmer, postgres or nobody: add one.")


def may_enter(folder: Path, os_user: OsUser) -> bool:
    """Whether the user can enter the folder. Tried rather than computed, because of access control lists."""
    command = ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]
    completed = subprocess.run(command, check=False, stderr=subprocess.DEVNULL, cwd="/", **os_user.popen)
    return completed.returncode == 0
