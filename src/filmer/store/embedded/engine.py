"""What the supervisor does with either server: start it, restart it, and stop it."""

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
from filmer.store.embedded.processes import engine_env, send, servers_in, signal_at_parents_death

logger = logging.getLogger(__name__)

START_LIMIT = 60.0  # seconds without a new line in its log after which a starting server counts as stuck
STOP_LIMIT = 60.0  # seconds a server gets to shut down in order before it is killed
LONGEST_DELAY = 3.0  # seconds at most between two attempts to start a server that keeps dying
POLL = 0.01  # seconds between two checks for something that takes milliseconds


class Engine(ABC):
    """A server that is started at the first request, restarted whenever it dies, and stopped at the end."""

    title: str  # its name in messages
    folder_name: str
    pid_file: str  # in its folder; it exists from the start to an orderly shutdown
    socket_name: str
    stop_signal: signal.Signals  # requests an orderly shutdown

    def __init__(self, data_dir: DataDir) -> None:
        self.data_dir = data_dir
        self.folder = data_dir.path / self.folder_name
        self.log = data_dir.path / f"{self.folder_name}.log"
        self.command: list[str] = []
        self.process: asyncio.subprocess.Process | None = None
        self.watch: asyncio.Task[None] | None = None
        self.changing = asyncio.Lock()  # held while it is being started or stopped
        self.is_running = asyncio.Event()

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
                self.watch = asyncio.create_task(self._restart_when_it_dies())
        try:
            await asyncio.wait_for(self.is_running.wait(), START_LIMIT)
        except TimeoutError:  # it died, and does not start again
            raise EmbeddedError(f"{self.title} keeps failing. {log_end(self.log)}") from None

    async def stop(self) -> None:
        """Shut the server down, and do not start it again."""
        async with self.changing:
            if self.watch is not None:
                self.watch.cancel()
                await asyncio.wait([self.watch])
            await self._end()

    async def _restart_when_it_dies(self) -> None:
        """Start the server again whenever it dies: at once, then after growing delays, without end."""
        delay = 0.0
        while True:
            started = time.monotonic()
            if self.process is not None:
                await self.process.wait()
            self.is_running.clear()
            was_steady = time.monotonic() - started > LONGEST_DELAY
            delay = 0.0 if was_steady else min(2 * delay + 0.1, LONGEST_DELAY)
            pid = self.process.pid if self.process is not None else 0
            logger.warning("%s (process %d) died; starting it again in %.1f seconds", self.title, pid, delay)
            await asyncio.sleep(delay)
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
                **self._spawn_options(self.stop_signal, self.folder),
            )
        try:
            await self._until_ready(self.process, log_start)
        except EmbeddedError:
            await self._end()
            raise
        self.is_running.set()

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
        """Shut the process down, by force after STOP_LIMIT seconds."""
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

    def _spawn_options(self, at_parents_death: signal.Signals, cwd: Path = Path("/")) -> dict[str, Any]:
        """Arguments for a child process that runs as the servers' user and does not outlive the supervisor."""
        preexec = signal_at_parents_death(at_parents_death)
        return {"cwd": cwd, "env": engine_env(), "preexec_fn": preexec, **self.data_dir.os_user.popen}

    def _pid_in_file(self) -> int:
        """The process id in the server's own pid file; 0 when there is none."""
        with suppress(OSError, ValueError, IndexError):
            return int((self.folder / self.pid_file).read_text().split()[0])
        return 0

    async def _end_leftovers(self) -> None:
        """End the processes of a server that was not shut down in order, and remove its lock files.

        There is only one supervisor, so no other process uses the folder. A complete server, left behind when a
        supervisor was killed, is shut down in order. PostgreSQL's children without their postmaster get SIGKILL:
        on another signal some of them would still write to the database, which needs a recovery anyway.
        The lock files are removed because in a container the process id in them soon belongs to another
        process, which PostgreSQL would take for a running server.
        """
        pid_file, lock = self.folder / self.pid_file, self.data_dir.sockets / f"{self.socket_name}.lock"
        signalled, deadline = 0, time.monotonic() + STOP_LIMIT
        while pid_file.exists() and (leftovers := servers_in(self.folder)):
            main = next((process for process in leftovers if process.pid == self._pid_in_file()), None)
            is_ending = signalled in {process.pid for process in leftovers}  # it removes its pid file before it ends
            if (main is None and not is_ending) or time.monotonic() > deadline:
                for process in leftovers:
                    send(process.pid, signal.SIGKILL)
            elif main is not None and main.pid != signalled:
                logger.info("ending %s, left behind by an earlier supervisor", self.title)
                send(main.pid, self.stop_signal)
                signalled = main.pid
            await asyncio.sleep(2 * POLL)
        pid_file.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)
