"""What tests stand on: real engines (one pair a test process), a database a test asks for, a real server."""
# Which test runs when, and beside which others, is decided in tests/scheduling.py.

import atexit
import contextlib
import functools
import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import httpx
import httpx._transports.default
import psutil
import psycopg
import pytest
import structlog
from tests.compiled_once import compile_once
from tests.connections import close_connections, fetch
from tests.programs_in_threads import programs_as_processes, run_programs_in_threads
from tests.search_index import wait_for_index
from tests.server_in_thread import ServerInThread

from filmer.accounts import passwords
from filmer.audit.log import command_line
from filmer.importing import owner_films, pipeline
from filmer.importing.data_set import Report
from filmer.importing.progress import Progress
from filmer.server import periodic
from filmer.server.serving import free_port
from filmer.store import valkey
from filmer.store.embedded import Engines, running_engines
from filmer.store.embedded import data_dir as data_dirs
from filmer.store.migrate import migrate

pytest_plugins = ["tests.scheduling", "tests.machine"]

# A shell that starts the tests in the background (nohup, &) may make them inherit an ignored SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)

SECRET_KEY = "only the tests know this secret key"

# Servers in this process give Valkey more time than the product does: a busy machine is no fault of theirs.
VALKEY_TIMEOUT_SECONDS = valkey.TIMEOUT_SECONDS
# `make test` checks passwords in a millisecond instead of a tenth of a second, but where it tests just that.
PASSWORD_COST = {"MEMORY_KIB": passwords.MEMORY_KIB, "NICENESS": passwords.NICENESS}
valkey.TIMEOUT_SECONDS, valkey.POOL_WAIT_SECONDS = 5.0, 30.0
# Nor do they clear away what is over once a minute, at a moment of chance: tests that judge it call it themselves.
periodic.EVERY_SECONDS = 1e6
# Nor does each load the certificates of the world, which takes 30 ms: they are loaded once.
_transports = vars(httpx._transports.default)
_transports["create_ssl_context"] = functools.cache(httpx.create_ssl_context)
compile_once()
run_programs_in_threads()
os.environ["FILMER_SECRET_KEY"] = SECRET_KEY  # no test makes one where the tests' user keeps theirs
for variable in [name for name in os.environ if name.startswith("TMDB_")]:
    del os.environ[variable]  # no test asks the real TMDB, even if the environment has a credential for it
FILMS = Path(__file__).parent / "films.csv"
MEMORY_FOR_ENGINES = 4 * 2**30  # bytes; a whole run of `make test` uses about one
_EMPTY, _WITH_FILMS = "filmer_template", "filmer_template_films"

MakeDatabase = Callable[..., str]
Serve = Callable[..., "Server"]
ServeHere = Callable[..., ServerInThread]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing of what is collected is garbage: to look for it took a third of the time, and of the tests a tenth."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(50_000, 50, 50)


def in_memory() -> Path | None:
    """Where a temporary folder costs no disk, if there is such a place with room, and programs in it may run.

    Making a database is making 660 files: a disk that others write to takes twenty times as long for it.
    """
    memory = Path("/dev/shm")
    if not memory.is_dir() or os.statvfs(memory).f_flag & os.ST_NOEXEC:
        return None
    room = min(shutil.disk_usage(memory).free, psutil.virtual_memory().available)
    return memory if room > MEMORY_FOR_ENGINES and os.access(memory, os.W_OK) else None


@contextlib.contextmanager
def engines_folder() -> Iterator[Path]:
    """A folder whose path is short enough for sockets, and that the engines' user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="filmer-test-", dir=in_memory()))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def indexes_folder() -> Path:
    """Where this process's servers unpack search indexes: in memory, as each file is waited for until it is stored."""
    folder = Path(tempfile.mkdtemp(prefix="filmer-indexes-", dir=in_memory()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


vars(data_dirs)["default_data_dir"] = indexes_folder  # never where the tests' user keeps data


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory of this test's own, not made yet."""
    with engines_folder() as folder:
        yield folder / "data"


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    """PostgreSQL and Valkey of this test process.

    PostgreSQL does not wait for the disk: a database is made in a third of the time, and ends at once. Whether orders
    survive a crash is shown on databases that do (tests/shop/test_crashes.py). Nor does it clear up in databases that
    live for seconds.
    """
    with engines_folder() as folder, running_engines(folder) as running:
        with psycopg.connect(running.database_url, autocommit=True) as conn:
            for setting in ("fsync", "full_page_writes", "autovacuum"):
                conn.execute(f"ALTER SYSTEM SET {setting} = off")
            conn.execute("SELECT pg_reload_conf()")
        yield running


@pytest.fixture(scope="session")
def make_database(engines: Engines) -> Iterator[MakeDatabase]:
    """Makes a migrated database and returns its URL. It goes with the test or fixture that asked for it.

    It is empty, or with ``films=True`` has those of ``films.csv``, which are imported once and copied.
    """

    def copy(name: str, template: str = "template1") -> str:
        """The URL of a new database. To copy files takes a third of the time of a log."""
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY".encode())
        return psycopg.conninfo.make_conninfo(engines.database_url, dbname=name)

    @functools.cache
    def with_films() -> None:
        import_films(copy(_WITH_FILMS, _EMPTY))

    def make(*, films: bool = False) -> str:
        if films:
            with_films()
        name = f"test_{uuid.uuid4().hex}"
        url = copy(name, _WITH_FILMS if films else _EMPTY)
        # One Valkey serves all: no two may be taken for each other.
        own = uuid.uuid4()
        fetch(url, "UPDATE edition SET database = %s", own)
        _when_done(lambda: drop(name, url, own))
        return url

    def drop(name: str, url: str, own: uuid.UUID) -> None:
        close_connections(url)
        conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        for index in indexes_folder().glob(f"search/{own.hex}-*"):
            shutil.rmtree(index, ignore_errors=True)

    with psycopg.connect(engines.database_url, autocommit=True) as conn:
        with psycopg.connect(copy(_EMPTY), autocommit=True) as empty:
            list(migrate(empty))
        yield make
    close_connections()


@pytest.fixture
def real_programs() -> Iterator[None]:
    """For tests of the programs that servers start."""
    with programs_as_processes():
        yield


@pytest.fixture
def database_url(make_database: MakeDatabase) -> str:
    """A database of this test's own, migrated and empty."""
    return make_database()


def import_films(database_url: str, path: Path = FILMS, *, keep_others: bool = False) -> Report:
    """Bring a CSV file in, as ``filmer import csv`` does."""
    report = Report(list_all=True)
    with Progress(quiet=True) as progress, pipeline.import_connection(database_url) as conn:
        pipeline.import_data_set(
            conn,
            owner_films.read_csv(path, report),
            source="csv",
            origin=path.name,
            report=report,
            actor=command_line(),
            progress=progress,
            keep_others=keep_others,
        )
    return report


class Server:
    """A running ``filmer serve`` and a client that talks to it."""

    def __init__(self, environment: dict[str, str], arguments: list[str]) -> None:
        self.port = free_port("127.0.0.1")
        self.log = Path(tempfile.mkstemp(prefix="filmer-serve-", suffix=".log")[1])
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "filmer", "serve", "--port", str(self.port), *arguments],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30, trust_env=False, verify=False)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if "is ready at" in self.output():
                return
            time.sleep(0.02)
        output = self.output()
        self.stop()
        raise AssertionError(f"filmer serve did not get ready:\n{output}")

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # which, unlike SIGTERM, takes no time for goodbyes
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        self.log.unlink(missing_ok=True)


class _SettingUp:
    """Knows which fixture is being set up. It is a plugin, as hooks in a conftest do not see session fixtures."""

    def __init__(self) -> None:
        self._fixtures: list[pytest.FixtureDef[object]] = []

    @property
    def fixture(self) -> pytest.FixtureDef[object] | None:
        return self._fixtures[-1] if self._fixtures else None

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        self._fixtures.append(fixturedef)
        try:
            return (yield)
        finally:
            self._fixtures.pop()


_setting_up = _SettingUp()
_of_this_test = contextlib.ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_setting_up)
    if config.getoption("markexpr") in {"not proof", "proof and parallel"}:  # the other proofs judge times
        passwords.MEMORY_KIB, passwords.NICENESS = 64, 0


def _when_done(clean_up: Callable[[], object]) -> None:
    """Runs it when the fixture that is being set up ends, else when the test does."""
    if _setting_up.fixture:
        _setting_up.fixture.addfinalizer(lambda: clean_up() and None)
    else:
        _of_this_test.callback(clean_up)


@pytest.fixture(scope="session")
def serve(engines: Engines) -> Serve:
    """Starts real servers on this process's engines: ``serve(database_url, "--workers", "2", CACHE_…="5")``.

    One that a test or fixture starts ends with it: all together would use up PostgreSQL's connections.
    """

    def start(database_url: str, *arguments: str, **environment: str) -> Server:
        defaults = {
            "DATABASE_URL": database_url,
            "REDIS_URL": engines.redis_url,
            "FILMER_WORKERS": "1",
            "FILMER_DATA_DIR": str(indexes_folder()),
        }
        server = Server(defaults | environment, list(arguments))
        _when_done(server.stop)
        return server

    return start


@pytest.fixture(scope="session")
def serve_here(engines: Engines) -> ServeHere:
    """Starts real servers on threads of this process: ``serve_here(database_url, CACHE_DURATION_SECONDS="5")``.

    In a third of the time of ``serve``, for who needs a server's answers and nothing else of it.
    """

    def start(database_url: str, **environment: str) -> ServerInThread:
        defaults = {
            "DATABASE_URL": database_url,
            "REDIS_URL": engines.redis_url,
            "FILMER_DATA_DIR": str(indexes_folder()),
        }
        server = ServerInThread(defaults | environment)
        _when_done(server.stop)
        return server

    return start


def log_as_in_tests() -> None:
    """To standard output, with tracebacks as Python prints them: structlog's own, with variables, take 0.1 s each."""
    structlog.reset_defaults()
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback, colors=False),
        ]
    )


log_as_in_tests()


@pytest.fixture(autouse=True)
def _logs_go_where_they_went() -> Iterator[None]:
    """Whatever a test set up: its standard error is closed after it."""
    yield
    log_as_in_tests()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None]:
    """What a test made ends before its fixtures: a server whose database has gone needs two seconds to end."""
    try:
        _of_this_test.close()
    finally:
        yield


@pytest.fixture(scope="session")
def shop(make_database: MakeDatabase, serve_here: ServeHere) -> httpx.Client:
    """A client of a server with the films of ``films.csv``. Shared: tests that use it only read."""
    url = make_database(films=True)
    return wait_for_index(serve_here(url).client)
