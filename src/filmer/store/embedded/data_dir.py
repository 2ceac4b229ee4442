"""Where the servers live: the data directory, and in it or beside it the one of their sockets."""

import errno
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from filmer.store.embedded.errors import EmbeddedError
from filmer.store.embedded.os_user import Account, may_enter, os_user_for

SOCKET_PATH_LIMIT = 103  # bytes; sockaddr_un takes 107 on Linux and 103 on macOS and the BSDs

KEEPER_SOCKET, POSTGRES_SOCKET, VALKEY_SOCKET = "keeper.sock", ".s.PGSQL.5432", "valkey.sock"


def default_data_dir() -> Path:
    """The data directory when the owner names none: the system's for root, the user's own otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/filmer")
    import platformdirs  # here, because the keeper starts faster without it

    return platformdirs.user_data_path("filmer", appauthor=False)


def make_data_dir(data_dir: Path) -> None:
    """Make the data directory and what is missing above it. What exists already keeps its permissions."""
    missing = [folder for folder in (data_dir, *data_dir.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        if os.geteuid() == 0:  # the servers' user must get through, whatever the umask says
            folder.chmod(0o711 if folder == data_dir else 0o755)
        elif folder == data_dir:
            folder.chmod(0o700)
    if not data_dir.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(data_dir))


@dataclass(frozen=True)
class DataDir:
    """Where the servers live, and as whom."""

    data_dir: Path
    account: Account
    sockets: Path  # directory of the unix sockets, private to the account and short enough

    @classmethod
    def prepare(cls, data_dir: Path) -> Self:
        """Check that the servers can live in `data_dir`, and make the directory for their sockets."""
        account = os_user_for(data_dir)
        _check_way(data_dir, account)
        return cls(data_dir, account, _make_socket_dir(data_dir, account))

    def folder(self, name: str) -> Path:
        """A server's own directory, made if it is missing."""
        path = self.data_dir / name
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)
        return path


def _check_way(data_dir: Path, account: Account) -> None:
    """Raise EmbeddedError when the account cannot get to the data directory, naming what is in the way."""
    try:
        if may_enter(data_dir, account):
            return
        way = [*reversed(data_dir.resolve().parents), data_dir.resolve()]
        blocked = next((folder for folder in way if not may_enter(folder, account)), data_dir)
    except OSError as error:
        raise EmbeddedError(f"Cannot run the database servers as user {account.name}: {error.strerror}.") from error
    raise EmbeddedError(
        f"The database servers run as user {account.name} (PostgreSQL refuses root), who may not enter "
        f"{blocked}, so they cannot work in {data_dir}. Pick another place with --data-dir, such as "
        "/var/lib/filmer, run filmer as an ordinary user, or open the directory yourself: "
        f"chmod o+x '{blocked}'"
    )


def _make_socket_dir(data_dir: Path, account: Account) -> Path:
    """The private directory for the sockets: run/ itself, or a short one that run/ then links to."""
    run = data_dir / "run"
    if run.is_symlink():  # left by a keeper that was killed
        if is_private(run.readlink(), account):
            return run.readlink()
        run.unlink()
    if not fits_socket(run):
        base = tempfile.gettempdir()  # from TMPDIR, which may be long or root's own
        if not (fits_socket(Path(base, "filmer-12345678")) and may_enter(Path(base), account)):
            base = "/tmp"  # noqa: S108 - mkdtemp makes a directory that is nobody else's
        short = Path(tempfile.mkdtemp(prefix="filmer-", dir=base))
        os.chown(short, account.uid, account.gid)
        with suppress(OSError):
            run.rmdir()
        run.symlink_to(short)
        return short
    run.mkdir(mode=0o700, exist_ok=True)
    os.chown(run, account.uid, account.gid, follow_symlinks=False)
    run.chmod(0o700)
    return run


def remove_socket_dir(place: DataDir) -> None:
    """Remove the sockets that are left, and the short directory if there is one."""
    for name in (KEEPER_SOCKET, POSTGRES_SOCKET, f"{POSTGRES_SOCKET}.lock", VALKEY_SOCKET):
        (place.sockets / name).unlink(missing_ok=True)
    if (run := place.data_dir / "run").is_symlink():
        with suppress(OSError):  # something else is in it
            place.sockets.rmdir()
        run.unlink()


def fits_socket(folder: Path) -> bool:
    """Whether sockets in the folder have an address every client takes.

    A comma separates hosts for libpq, and what is not printable (bytes that are no UTF-8, too) does not
    survive the way through a URL.
    """
    path = str(folder / POSTGRES_SOCKET)
    return path.isprintable() and "," not in path and len(os.fsencode(path)) <= SOCKET_PATH_LIMIT


def is_private(folder: Path, account: Account) -> bool:
    """Whether the folder is a directory only the account can use."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return found.st_uid == account.uid and stat.filemode(found.st_mode) == "drwx------"
