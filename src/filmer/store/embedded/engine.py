"""A server as the keeper owns it."""

import asyncio
import logging
import signal
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any

from filmer.store.embedded.data_dir import DataDir
from filmer.store.embedded.errors import EmbeddedError
from filmer.store.embedded.logs import log_end, open_log
from filmer.store.embedded.processes import engine_env, send, servers_in, tie_to_keeper

logger = logging.getLogger(__name__)

START_LIMIT = 60.0  # seconds a starting server may be silent (its log does not grow) until it counts as stuck
STOP_LIMIT = 60.0  # seconds a server gets to shut down in order before it is killed
LONGEST_PAUSE = 3.0  # seconds at most between two attempts to start a server that keeps dying
POLL = 0.01  # seconds between two looks at something that comes within milliseconds


class Engine(ABC):
    """A server the keeper owns: started when first asked for, again whenever it dies, and stopped at last."""

    title: str  # its name for people
    folder_name: str
    pid_file: str  # in its folder; there from its start to its orderly end
    socket_name: str
    stop_signal: signal.Signals  # asks for an orderly end

    def __init__(self, place: DataDir) -> None:
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
            raise EmbeddedError(f"{self.title} keeps failing. {log_end(self.log)}") from None

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
            process = self.process.pid if self.process is not None else 0
            logger.warning("%s (process %d) died; starting it again in %.1f seconds", self.title, process, pause)
            await asyncio.sleep(pause)
            try:
                await self._launch()
            except Exception:
                logger.exception("%s does not start", self.title)
            else:
                logger.warning("%s is back", self.title)

    async def _launch(self) -> None:
        """Start the process and wait until it is ready; on failure it is ended, and EmbeddedError raised."""
        await self._end_leftovers()
        with open_log(self.log) as log:
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
                raise EmbeddedError(f"{self.title} did not start. {log_end(self.log, log_start)}")
            if time.monotonic() > deadline:
                problem = f"{self.title} was not ready after {START_LIMIT:.0f} seconds."
                raise EmbeddedError(f"{problem} {log_end(self.log, log_start)}")
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
        tie = tie_to_keeper(at_keepers_end)
        return {"cwd": cwd, "env": engine_env(), "preexec_fn": tie, **self.place.account.popen}

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
        while pid_file.exists() and (left := servers_in(self.folder)):
            chief = next((process for process in left if process.pid == self._known_pid()), None)
            is_ending = asked in {process.pid for process in left}  # its pid file goes before it does
            if (chief is None and not is_ending) or time.monotonic() > deadline:
                for process in left:
                    send(process.pid, signal.SIGKILL)
            elif chief is not None and chief.pid != asked:
                logger.info("ending %s, left behind by an earlier keeper", self.title)
                send(chief.pid, self.stop_signal)
                asked = chief.pid
            await asyncio.sleep(2 * POLL)
        pid_file.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)
