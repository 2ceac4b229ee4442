"""The data directory of the servers, and the directory of their sockets, in it or in /tmp."""

import errno
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from filmer.store.embedded.errors import EmbeddedError
from filmer.store.embedded.os_user import OsUser, may_enter, os_user_for

SOCKET_PATH_LIMIT = 103  # bytes; sockaddr_un takes 107 on Linux and 103 on macOS and the BSDs

# Earlier versions called the supervisor a keeper. Its files keep their names: the versions must find each other.
LOCK_FILE = "keeper.lock"
SUPERVISOR_SOCKET, POSTGRES_SOCKET, VALKEY_SOCKET = "keeper.sock", ".s.PGSQL.5432", "valkey.sock"


def sync_folder(folder: Path) -> None:
    """Sync the folder, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def data_dir_of(configured: str | None) -> Path:
    """The data directory that the owner names, or else the default of this system user."""
    return Path(configured).expanduser().absolute() if configured else default_data_dir()


def default_data_dir() -> Path:
    """A system directory for root, one in the home otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/filmer")
    import platformdirs  # here, because the supervisor starts faster without it

    return platformdirs.user_data_path("filmer", appauthor=False)


def make_data_dir(data_dir: Path) -> None:
    """Make the data directory and what is missing above it. What exists already keeps its permissions."""
    missing = [folder for folder in (data_dir, *data_dir.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        if os.geteuid() == 0:  # the servers' user must be able to enter, whatever the umask says
            folder.chmod(0o711 if folder == data_dir else 0o755)
        elif folder == data_dir:
            folder.chmod(0o700)
    if not data_dir.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(data_dir))


@dataclass(frozen=True)
class DataDir:
    """Where the servers' files and sockets are, and which system user runs them."""

    path: Path
    os_user: OsUser
    sockets: Path  # directory of the unix sockets, private to the user and short enough

    @classmethod
    def prepare(cls, path: Path) -> Self:
        """Check that the servers' user can enter the directory, and make the directory for their sockets."""
        os_user = os_user_for(path)
        _require_access(path, os_user)
        return cls(path, os_user, _make_socket_dir(path, os_user))

    def folder(self, name: str) -> Path:
        """A server's own directory, made if it is missing."""
        path = self.path / name
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, self.os_user.uid, self.os_user.gid, follow_symlinks=False)
        return path


def _require_access(data_dir: Path, os_user: OsUser) -> None:
    """Raise EmbeddedError when the user cannot enter the data directory, naming the directory that it may not enter."""
    try:
        if may_enter(data_dir, os_user):
            return
        ancestry = [*reversed(data_dir.resolve().parents), data_dir.resolve()]
        blocked = next((folder for folder in ancestry if not may_enter(folder, os_user)), data_dir)
    except OSError as error:
        raise EmbeddedError(f"Cannot run the database servers as user {os_user.name}: {error.strerror}.") from error
    raise EmbeddedError(
        f"The database servers run as user {os_user.name} (PostgreSQL refuses root), who may not enter "
        f"{blocked}, so they cannot work in {data_dir}. Pick another place with --data-dir, such as "
        "/var/lib/filmer, run filmer as an ordinary user, or open the directory yourself: "
        f"chmod o+x '{blocked}'"
    )


def _make_socket_dir(data_dir: Path, os_user: OsUser) -> Path:
    """The private directory for the sockets: run/ itself, or a short one that run/ then links to."""
    run = data_dir / "run"
    if run.is_symlink():  # left by a supervisor that was killed
        if is_private(run.readlink(), os_user):
            return run.readlink()
        run.unlink()
    if not fits_socket(run):
        base = tempfile.gettempdir()  # from TMPDIR, which may be long or root's own
        if not (fits_socket(Path(base, "filmer-12345678")) and may_enter(Path(base), os_user)):
            base = "/tmp"  # noqa: S108 - mkdtemp makes a directory that only we can use
        short = Path(tempfile.mkdtemp(prefix="filmer-", dir=base))
        os.chown(short, os_user.uid, os_user.gid)
        with suppress(OSError):
            run.rmdir()
        run.symlink_to(short)
        return short
    run.mkdir(mode=0o700, exist_ok=True)
    os.chown(run, os_user.uid, os_user.gid, follow_symlinks=False)
    run.chmod(0o700)
    return run


def remove_socket_dir(data_dir: DataDir) -> None:
    """Remove the sockets that are left, and the short directory if there is one."""
    for name in (SUPERVISOR_SOCKET, POSTGRES_SOCKET, f"{POSTGRES_SOCKET}.lock", VALKEY_SOCKET):
        (data_dir.sockets / name).unlink(missing_ok=True)
    if (run := data_dir.path / "run").is_symlink():
        with suppress(OSError):  # it contains other files
            data_dir.sockets.rmdir()
        run.unlink()


def fits_socket(folder: Path) -> bool:
    """Whether every client library can connect to sockets in the folder.

    A comma separates hosts for libpq, and unprintable characters (and bytes that are not UTF-8) cannot be
    passed on in a URL.
    """
    path = str(folder / POSTGRES_SOCKET)
    return path.isprintable() and "," not in path and len(os.fsencode(path)) <= SOCKET_PATH_LIMIT


def is_private(folder: Path, os_user: OsUser) -> bool:
    """Whether the folder is a directory only the user can use."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return status.st_uid == os_user.uid and stat.filemode(status.st_mode) == "drwx------"
