"""The users' side: a process becomes a user of the keeper, starts it if there is none, and another one if it dies."""

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

from filmer.store.embedded.data_dir import KEEPER_SOCKET, fits_socket, is_private, make_data_dir
from filmer.store.embedded.errors import EmbeddedError, explain
from filmer.store.embedded.logs import log_end, open_log
from filmer.store.embedded.os_user import os_user_for

logger = logging.getLogger(__name__)

ATTACH_LIMIT = 90.0  # seconds to wait for an earlier keeper that is still shutting down
ANSWER_LIMIT = 600.0  # seconds to wait for the keeper's answer; a long crash recovery is part of it
LEAVE_LIMIT = 20.0  # seconds the last user waits for the servers to be down
ASK_AGAIN = 0.02  # seconds until a keeper that is shutting down is asked again
LOST_LIMIT = 60.0  # seconds in which another keeper is tried for when one has died
LONGEST_PAUSE = 5.0  # seconds between two such tries

Reply = dict[str, Any]  # of the keeper: an address for each server, "keeper" (its process id), or an "error"


@dataclass(frozen=True)
class Engines:
    """Where the running servers are; a server that was not asked for has an empty address."""

    database_url: str  # libpq connection URI over a unix socket, database and superuser "filmer"
    redis_url: str  # unix:///…/valkey.sock?db=0, for redis-py's from_url


@contextmanager
def running_engines(
    data_dir: Path, *, valkey: bool = True, postgres: bool = True, when_lost: Callable[[], None] = lambda: None
) -> Iterator[Engines]:
    """Have the asked-for servers running in `data_dir` for as long as the context lasts.

    Servers that run already, for another process, are shared. On the way out the last user waits until they
    are down (20 seconds at most); until then the data directory must not be moved or deleted.
    What the keeper has to say of the servers meanwhile is logged. If it dies, another one is started, with the servers
    at the same addresses; if that fails for a minute, `when_lost` is called, in a thread, and leaving the context
    raises EmbeddedError. So does entering it when a server cannot be started.
    """
    if not (valkey or postgres):
        yield Engines("", "")
        return
    data_dir = data_dir.expanduser().absolute()
    try:
        make_data_dir(data_dir)
        attachment = _SupervisorClient(data_dir, {"postgres": postgres, "valkey": valkey}, when_lost)
    except OSError as error:
        raise EmbeddedError(explain(error, data_dir)) from error
    owner = os.getpid()
    try:
        yield attachment.engines
    finally:
        if os.getpid() == owner:  # a forked child runs its parent's clean-up: the parent goes on using the servers
            attachment.end()
    if attachment.lost:
        raise EmbeddedError(f"The database servers are gone, and do not come back. {attachment.lost}")


class _SupervisorClient:
    """A process's use of the servers, from the first to the last; a thread of it listens to the keeper."""

    def __init__(self, data_dir: Path, wanted: dict[str, bool], when_lost: Callable[[], None]) -> None:
        self._data_dir, self._wanted, self._when_lost = data_dir, wanted, when_lost
        self._ending = threading.Event()
        self._changing = threading.Lock()  # held while a connection is taken into use, or none is any more
        self.lost = ""  # why the servers do not come back
        self._connection, answer = _attach(data_dir, wanted)
        if "error" in answer:
            self._connection.close()
            raise EmbeddedError(answer["error"])
        self.engines = _engines(answer)
        self._keeper = answer.get("keeper")
        self._listener = threading.Thread(target=self._listen, name="engines", daemon=True)
        self._listener.start()

    def end(self) -> None:
        """Give up our use. The keeper hangs up at once, or, when we were the last user, once all is down."""
        with self._changing:
            self._ending.set()
            with suppress(OSError):  # the keeper is gone already
                self._connection.shutdown(socket.SHUT_WR)
        self._listener.join(LEAVE_LIMIT)
        if self._listener.is_alive():
            logger.warning("the database servers are still shutting down after %.0f seconds", LEAVE_LIMIT)
        else:
            self._connection.close()

    def _listen(self) -> None:
        """Log what the keeper has to say; when it dies, have another one."""
        while not self.lost:
            _log_messages(self._connection)
            if self._ending.is_set():
                return
            logger.warning("the keeper of the database servers (process %s) died; starting another", self._keeper)
            begun = time.monotonic()
            self._connection.close()
            self.lost = self._attach_again()
            if not self.lost and not self._ending.is_set():
                logger.warning("the database servers are back after %.1f seconds", time.monotonic() - begun)
        if not self._ending.is_set():
            logger.error("the database servers do not come back: %s", self.lost)
            self._when_lost()

    def _attach_again(self) -> str:
        """Become a user of another keeper. Returns why that is not to be had, in the end."""
        deadline, pause, problem = time.monotonic() + LOST_LIMIT, 0.1, ""
        while not self._ending.wait(pause if problem else 0.0) and time.monotonic() < deadline:
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                connection, answer = _attach(self._data_dir, self._wanted)
            except (EmbeddedError, OSError) as error:
                problem = explain(error, self._data_dir) if isinstance(error, OSError) else str(error)
                logger.warning("%s", problem)
                continue
            with self._changing:
                if self._ending.is_set():
                    connection.close()
                    return ""
                self._connection = connection
            if "error" not in answer:
                self._keeper = answer.get("keeper")
                is_same = _engines(answer) == self.engines
                return "" if is_same else "They are at another address now; start again."
            problem = answer["error"]
            logger.warning("%s", problem)
            connection.close()
        return problem


def _engines(answer: Reply) -> Engines:
    return Engines(answer.get("postgres", ""), answer.get("valkey", ""))


def _log_messages(connection: socket.socket) -> None:
    """Log the lines the keeper sends, until it hangs up."""
    with suppress(OSError):  # it died, or we have closed the connection
        connection.settimeout(None)
        with connection.makefile("rb") as lines:
            for line in lines:
                logger.warning("%s", line.decode(errors="replace").strip())


def _attach(data_dir: Path, wanted: dict[str, bool]) -> tuple[socket.socket, Reply]:
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
            raise EmbeddedError(f"The keeper of the database servers ended at once. {log_end(log)}")
        # A keeper that is shutting down takes no new users and still holds the lock: ask again in a moment.
        time.sleep(ASK_AGAIN)
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
        if not is_private(run, os_user_for(data_dir)):
            return None
    path = run / KEEPER_SOCKET
    if not fits_socket(run):
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
    """Run the keeper's program, which inherits the descriptors of the lock and of its first user."""
    # -P: a file beside the program must not stand in for a module of the standard library.
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
    starter.wait()  # it forks the keeper and ends, so that the keeper is nobody's zombie later on


def _ask(connection: socket.socket, wanted: dict[str, bool]) -> Reply | None:
    """Ask the keeper for servers. None when it went away without an answer.

    The answer has an address for each of them, or an "error".
    """
    connection.settimeout(ANSWER_LIMIT)
    answer = b""
    try:
        connection.sendall(json.dumps(wanted).encode() + b"\n")
        while b"\n" not in answer:
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
    decoded: Reply = json.loads(answer.partition(b"\n")[0])
    return decoded
