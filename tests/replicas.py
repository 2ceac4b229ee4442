"""PostgreSQL servers of a test's own on loopback ports: a primary, its standbys, and what can befall them."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from tests.conftest import in_memory

from filmer.server.serving import free_port
from filmer.store.embedded import find_postgres
from filmer.store.embedded.os_user import os_user_for

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "hot_standby_feedback": "on",
    "max_standby_streaming_delay": "5s",
    "wal_receiver_status_interval": "1s",
    "fsync": "off",  # processes are killed here, not machines
    "shared_buffers": "32MB",
}


class PostgresServer:
    """One server; ``stop``, ``kill`` and the like as operators and accidents do it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port("127.0.0.1")
        self.application = folder.name
        self._account = os_user_for(folder.parent)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"postgresql://filmer@{self.address}/filmer"

    def init(self) -> None:
        self._make_folder()
        options = ["--username=filmer", "--auth=trust", "--no-sync", "--encoding=UTF8"]
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--lc-ctype=C.UTF-8"]
        self._run("initdb", "-D", self.folder, *options, *locale)
        self.start()
        with psycopg.connect(self.url, dbname="postgres", autocommit=True) as conn:
            conn.execute("CREATE DATABASE filmer")

    def copy(self, primary: "PostgresServer") -> None:
        """Becomes a standby of it, whatever it was before."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._make_folder()
        source = f"host=127.0.0.1 port={primary.port} user=filmer application_name={self.application}"
        self._run("pg_basebackup", "-D", self.folder, "-d", source, "-R", "-c", "fast", "--no-sync")
        with (self.folder / "postgresql.auto.conf").open("a") as settings:
            settings.write("synchronous_standby_names = ''\n")  # it has none of its own, should it be promoted
        self.start()

    def start(self) -> None:
        command = [str(find_postgres() / "postgres"), "-D", str(self.folder), "-p", str(self.port)]
        for name, value in _SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen[bytes](command, stdout=log, stderr=log, cwd="/", **self._account.popen)
        self.wait_ready()

    def wait_ready(self, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                psycopg.connect(self.url, dbname="postgres", connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """In order, yet at once (pg_ctl stop -m fast)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def kill(self) -> None:
        """SIGKILL to every process of it."""
        if self._process is not None:
            self._signal_all(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def promote(self) -> None:
        """Returns when it takes changes."""
        with psycopg.connect(self.url, dbname="postgres", autocommit=True) as conn:
            conn.execute("SELECT pg_promote(true, 30)")

    def set(self, **settings: str) -> None:
        """For good, and for those connected already."""
        with psycopg.connect(self.url, dbname="postgres", autocommit=True) as conn:
            conn.execute("SET default_transaction_read_only = off")
            for name, value in settings.items():
                conn.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
            conn.execute("SELECT pg_reload_conf()")

    def pause_replay(self) -> None:
        """From here on it falls behind, and answers all the same."""
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute("SELECT pg_wal_replay_pause()")

    def resume_replay(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute("SELECT pg_wal_replay_resume()")

    def wait_for_standby(self, *, state: str = "streaming", seconds: float = 20) -> None:
        """Waits until a standby follows, in this ``sync_state`` if one is given."""
        deadline = time.monotonic() + seconds
        statement = "SELECT count(*) FROM pg_stat_replication WHERE state = %s OR sync_state = %s"
        with psycopg.connect(self.url, dbname="postgres", autocommit=True) as conn:
            while not (conn.execute(statement, [state, state]).fetchone() or (0,))[0]:
                assert time.monotonic() < deadline, f"no standby got {state}"
                time.sleep(0.02)

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700)
        os.chown(self.folder, self._account.uid, self._account.gid)

    def _run(self, tool: str, *arguments: str | Path) -> None:
        command = [find_postgres() / tool, *arguments]
        result = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", **self._account.popen)
        assert result.returncode == 0, result.stderr

    def _signal_all(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        main = psutil.Process(self._process.pid)
        family = [main, *main.children(recursive=True)]  # taken before: orphans are nobody's children
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)


@contextmanager
def postgres_servers(count: int) -> Iterator[list[PostgresServer]]:
    """Servers with nothing in them yet; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="filmer-replicas-", dir=in_memory()))
    folder.chmod(0o711)
    servers = [PostgresServer(folder / f"server{number}") for number in range(count)]
    try:
        yield servers
    finally:
        for server in servers:
            server.thaw()
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def several(*servers: PostgresServer) -> str:
    """One address that names all of them."""
    return f"postgresql://filmer@{','.join(server.address for server in servers)}/filmer"
