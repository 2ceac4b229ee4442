"""The client's side: a process connects to the supervisor, starts one if none runs, and starts another if it dies."""

import fcntl
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filmer.store.embedded.data_dir import LOCK_FILE, SUPERVISOR_SOCKET, fits_socket, is_private, make_data_dir
from filmer.store.embedded.errors import EmbeddedError, explain
from filmer.store.embedded.logs import log_end, open_log
from filmer.store.embedded.os_user import os_user_for

logger = logging.getLogger(__name__)

CONNECT_LIMIT = 90.0  # seconds to wait for an earlier supervisor that is still shutting down
REPLY_LIMIT = 600.0  # seconds to wait for the supervisor's reply; a long crash recovery is part of it
SHUTDOWN_LIMIT = 20.0  # seconds the last client waits for the servers to be down
RETRY_DELAY = 0.02  # seconds until the next attempt while a supervisor is shutting down
RECONNECT_LIMIT = 60.0  # seconds in which we try to get another supervisor when one has died
LONGEST_DELAY = 5.0  # seconds between two such attempts

Reply = dict[str, Any]  # of the supervisor: an address for each server, "supervisor" (its process id), or an "error"


@dataclass(frozen=True)
class Engines:
    """Where the running servers are; a server that was not requested has an empty address."""

    database_url: str  # libpq connection URI over a unix socket, database and superuser "filmer"
    redis_url: str  # unix:///…/valkey.sock?db=0, for redis-py's from_url


@contextmanager
def running_engines(
    data_dir: Path, *, valkey: bool = True, postgres: bool = True, when_lost: Callable[[], None] = lambda: None
) -> Iterator[Engines]:
    """Keep the requested servers running in `data_dir` for as long as the context lasts.

    Servers that run already, for another process, are shared. On leaving, the last client waits until they
    are down (20 seconds at most); until then the data directory must not be moved or deleted.
    Warnings of the supervisor are logged. If it dies, another one is started, with the servers at the same
    addresses; if that fails for a minute, `when_lost` is called, in a thread, and leaving the context
    raises EmbeddedError. So does entering it when a server cannot be started.
    """
    if not (valkey or postgres):
        yield Engines("", "")
        return
    data_dir = data_dir.expanduser().absolute()
    try:
        make_data_dir(data_dir)
        client = _SupervisorClient(data_dir, {"postgres": postgres, "valkey": valkey}, when_lost)
    except OSError as error:
        raise EmbeddedError(explain(error, data_dir)) from error
    pid = os.getpid()
    try:
        yield client.engines
    finally:
        if os.getpid() == pid:  # not in a forked child that runs this clean-up: its parent still uses the servers
            client.disconnect()
    if client.error:
        raise EmbeddedError(f"The database servers are gone, and do not come back. {client.error}")


@contextmanager
def starting_engines(data_dir: Path, *, valkey: bool = True, postgres: bool = True) -> Iterator[None]:
    """Have the servers start while the context does something else, before it enters `running_engines`.

    Why they can't be started, that will say.
    """
    clients: list[_SupervisorClient] = []

    def start() -> None:
        with suppress(EmbeddedError, OSError):
            make_data_dir(data_dir)
            clients.append(_SupervisorClient(data_dir, {"postgres": postgres, "valkey": valkey}, lambda: None))

    thread = threading.Thread(target=start, name="starting engines", daemon=True)
    if valkey or postgres:
        thread.start()
    try:
        yield
    finally:
        if thread.is_alive():  # the context failed: what is being started ends with this process
            thread.join(1.0)
        for client in clients:
            client.disconnect()


class _SupervisorClient:
    """A process's connection to the supervisor; a thread listens to it, and reconnects when the supervisor dies."""

    def __init__(self, data_dir: Path, requested: dict[str, bool], when_lost: Callable[[], None]) -> None:
        self._data_dir, self._requested, self._when_lost = data_dir, requested, when_lost
        self._disconnecting = threading.Event()
        self._changing = threading.Lock()  # held while the connection is replaced or closed
        self.error = ""  # why the servers do not come back
        self._connection, reply = _connect_or_start(data_dir, requested)
        if "error" in reply:
            self._connection.close()
            raise EmbeddedError(reply["error"])
        self.engines = _engines(reply)
        self._supervisor_pid = reply.get("supervisor")
        self._listener = threading.Thread(target=self._listen, name="engines", daemon=True)
        self._listener.start()

    def disconnect(self) -> None:
        """Tell the supervisor that we are done. It hangs up at once, or after the last client, once all is down."""
        with self._changing:
            self._disconnecting.set()
            with suppress(OSError):  # the supervisor is gone already
                self._connection.shutdown(socket.SHUT_WR)
        self._listener.join(SHUTDOWN_LIMIT)
        if self._listener.is_alive():
            logger.warning("the database servers are still shutting down after %.0f seconds", SHUTDOWN_LIMIT)
        else:
            self._connection.close()

    def _listen(self) -> None:
        """Log the supervisor's messages; when it dies, connect to another one."""
        while not self.error:
            _log_messages(self._connection)
            if self._disconnecting.is_set():
                return
            pid = self._supervisor_pid
            logger.warning("the supervisor of the database servers (process %s) died; starting another", pid)
            begun = time.monotonic()
            self._connection.close()
            self.error = self._reconnect()
            if not self.error and not self._disconnecting.is_set():
                logger.warning("the database servers are back after %.1f seconds", time.monotonic() - begun)
        if not self._disconnecting.is_set():
            logger.error("the database servers do not come back: %s", self.error)
            self._when_lost()

    def _reconnect(self) -> str:
        """Connect to another supervisor. Returns the reason when that fails until the deadline, else ""."""
        deadline, delay, problem = time.monotonic() + RECONNECT_LIMIT, 0.1, ""
        while not self._disconnecting.wait(delay if problem else 0.0) and time.monotonic() < deadline:
            delay = min(2 * delay, LONGEST_DELAY)
            try:
                connection, reply = _connect_or_start(self._data_dir, self._requested)
            except (EmbeddedError, OSError) as error:
                problem = explain(error, self._data_dir)
                logger.warning("%s", problem)
                continue
            with self._changing:
                if self._disconnecting.is_set():
                    connection.close()
                    return ""
                self._connection = connection
            if "error" not in reply:
                self._supervisor_pid = reply.get("supervisor")
                is_same = _engines(reply) == self.engines
                return "" if is_same else "They are at another address now; start again."
            problem = reply["error"]
            logger.warning("%s", problem)
            connection.close()
        return problem


def _engines(reply: Reply) -> Engines:
    return Engines(reply.get("postgres", ""), reply.get("valkey", ""))


def _log_messages(connection: socket.socket) -> None:
    """Log the lines the supervisor sends, until it hangs up."""
    with suppress(OSError):  # it died, or we have closed the connection
        connection.settimeout(None)
        with connection.makefile("rb") as lines:
            for line in lines:
                logger.warning("%s", line.decode(errors="replace").strip())


def _connect_or_start(data_dir: Path, requested: dict[str, bool]) -> tuple[socket.socket, Reply]:
    """Connect to the supervisor, starting it if none runs. Returns the connection and its reply to our request."""
    deadline = time.monotonic() + CONNECT_LIMIT
    while time.monotonic() < deadline:
        running = _connect(data_dir)
        started = None if running else _start_supervisor(data_dir)
        if connection := running or started:
            try:
                if reply := _request(connection, requested):
                    return connection, reply
            except BaseException:
                connection.close()
                raise
            connection.close()
        if started:
            log = data_dir / "engines.log"
            raise EmbeddedError(f"The supervisor of the database servers ended at once. {log_end(log)}")
        # A supervisor that is shutting down takes no new clients and still holds the lock: try again in a moment.
        time.sleep(RETRY_DELAY)
    raise EmbeddedError(
        f"Another process holds {data_dir / LOCK_FILE} and does not answer: the database servers of an "
        f"earlier run are still shutting down, or their supervisor hangs. Look into {data_dir / 'engines.log'}; "
        "if nothing moves there, end the process that `fuser` names for the lock file, and start again."
    )


def _connect(data_dir: Path) -> socket.socket | None:
    """A connection to the running supervisor; None when none runs."""
    run = data_dir / "run"
    if run.is_symlink():
        run = run.readlink()
        # A directory in /tmp that was cleared away can be made again by any user: trust only our own.
        if not is_private(run, os_user_for(data_dir)):
            return None
    path = run / SUPERVISOR_SOCKET
    if not fits_socket(run):
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        if isinstance(error, FileNotFoundError | ConnectionError):
            return None
        error.filename = str(path)
        raise
    return connection


def _start_supervisor(data_dir: Path) -> socket.socket | None:
    """Start the supervisor with us as its first client. None when one runs already (perhaps shutting down).

    The supervisor inherits the locked file, so the lock is never free between our taking it and its start.
    """
    descriptor = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "rb+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                _spawn_supervisor(data_dir, lock.fileno(), theirs.fileno())
        except BaseException:
            ours.close()
            raise
    return ours


def _spawn_supervisor(data_dir: Path, *inherited: int) -> None:
    """Run the supervisor's program, which inherits the descriptors of the lock and of its first client."""
    # -P: a file beside the program must not be imported in place of a module of the standard library.
    program = Path(__file__).with_name("supervisor_program.py")
    command = [sys.executable, "-P", str(program), *map(str, inherited), str(data_dir)]
    with open_log(data_dir / "engines.log") as log:
        starter = subprocess.Popen(
            command,
            pass_fds=inherited,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,  # Ctrl-C in the terminal must not reach the servers
        )
    starter.wait()  # it forks the supervisor and ends, so that the supervisor never becomes our zombie


def _request(connection: socket.socket, requested: dict[str, bool]) -> Reply | None:
    """Request servers of the supervisor. None when it hung up without a reply."""
    connection.settimeout(REPLY_LIMIT)
    reply = b""
    try:
        connection.sendall(json.dumps(requested).encode() + b"\n")
        while b"\n" not in reply:
            block = connection.recv(65536)
            if not block:
                return None
            reply += block
    except ConnectionError:
        return None
    except TimeoutError:
        raise EmbeddedError(
            f"The database servers did not get ready in {REPLY_LIMIT:.0f} seconds. Look into the *.log "
            "files in the data directory."
        ) from None
    decoded: Reply = json.loads(reply.partition(b"\n")[0])
    return decoded
