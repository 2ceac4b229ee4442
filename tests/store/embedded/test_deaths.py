"""The supervisor or a server dies: nothing is lost, and what was left behind is cleared away."""

import os
import subprocess
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis
from tests.store.embedded.users import IS_ROOT, another_user, eventually, named, ping, processes, responses, sql

from filmer.store.embedded import EmbeddedError, Engines, client, find_postgres, running_engines

pytestmark = pytest.mark.proof

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="NOT SHOWN HERE: needs Linux's death signal")


@on_linux
def test_a_killed_keeper_takes_the_servers_along_and_its_users_start_another(data_dir: Path) -> None:
    with another_user(data_dir) as (_, engines):
        sql(engines, "CREATE TABLE film AS SELECT 'Mirror' AS title")
        with psycopg.connect(engines.database_url):  # an open connection holds nothing up
            for _ in range(3):
                old, server = named(data_dir, "supervisor_program.py"), named(data_dir, "postgres")
                old.kill()
                server.wait(10)
                assert eventually(lambda: responses(engines.database_url))
                assert named(data_dir, "supervisor_program.py") != old
                assert sql(engines, "SELECT title FROM film") == "Mirror"
                assert eventually(lambda: is_pinged(engines))
        with running_engines(data_dir) as again:  # another client can connect
            assert again == engines
    assert eventually(lambda: not processes(data_dir))


@on_linux
def test_several_users_of_a_killed_keeper_get_one_in_its_place(data_dir: Path) -> None:
    with another_user(data_dir) as (_, engines), another_user(data_dir), running_engines(data_dir) as ours:
        old = named(data_dir, "supervisor_program.py")
        for victim in (old, named(data_dir, "postgres"), valkey_of(engines)):
            victim.kill()
        assert eventually(lambda: responses(ours.database_url), 20)
        assert named(data_dir, "supervisor_program.py") != old
        assert ours == engines


def test_what_happens_to_the_servers_is_logged_by_their_users(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    with running_engines(data_dir) as engines:
        supervisor, server = named(data_dir, "supervisor_program.py"), valkey_of(engines)
        server.kill()
        assert eventually(lambda: "Valkey is back" in caplog.text)
        assert f"Valkey (process {server.pid}) died; starting it again" in caplog.text
        supervisor.kill()
        assert eventually(lambda: "the database servers are back after" in caplog.text)
        assert (
            f"the supervisor of the database servers (process {supervisor.pid}) died; starting another" in caplog.text
        )
        assert sql(engines, "SELECT 1") == 1


def test_servers_that_do_not_come_back_are_an_error(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that uses them is notified of the reason, so that it can end."""
    monkeypatch.setattr(client, "RECONNECT_LIMIT", 0.5)
    lost = threading.Event()
    version = data_dir / "postgres" / "PG_VERSION"
    known = version.read_text()

    def use_and_lose() -> None:
        with running_engines(data_dir, when_lost=lost.set):
            version.write_text("9\n")
            named(data_dir, "supervisor_program.py").kill()
            assert lost.wait(30)

    with pytest.raises(EmbeddedError, match=r"are gone, and do not come back.* PostgreSQL 9"):
        use_and_lose()
    version.write_text(known)
    with running_engines(data_dir) as engines:
        assert sql(engines, "SELECT 1") == 1


@on_linux
def test_a_user_who_leaves_just_when_the_keeper_dies_leaves_quietly(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No client is left to start another supervisor for."""
    hung_up, leaving = threading.Event(), threading.Event()
    before = set(threading.enumerate())  # other servers may be in use

    def reconnect_late(_: Any) -> str:
        hung_up.set()
        assert leaving.wait(10)
        return ""

    monkeypatch.setattr(client._SupervisorClient, "_reconnect", reconnect_late)
    disconnect = client._SupervisorClient.disconnect

    def disconnect_late(self: Any) -> None:
        threading.Timer(0.1, leaving.set).start()
        disconnect(self)

    monkeypatch.setattr(client._SupervisorClient, "disconnect", disconnect_late)
    with running_engines(data_dir, valkey=False):
        named(data_dir, "supervisor_program.py").kill()
        assert hung_up.wait(10)
    assert "engines" not in {thread.name for thread in set(threading.enumerate()) - before}


def valkey_of(engines: Engines) -> psutil.Process:
    with redis.from_url(engines.redis_url) as client:
        return psutil.Process(client.info("server")["process_id"])


def is_pinged(engines: Engines) -> bool:
    with suppress(redis.ConnectionError):
        return bool(ping(engines))
    return False


def test_a_server_that_outlived_its_keeper_is_ended_in_order(data_dir: Path) -> None:
    # So it may be where the system has no parent-death signal.
    with running_engines(data_dir, valkey=False) as engines:
        sql(engines, "CREATE TABLE film AS SELECT 'Sacrifice' AS title")
    folder, owner = data_dir / "postgres", (data_dir / "postgres").stat()
    command: list[str | Path] = [
        find_postgres() / "postgres",
        "-D",
        folder,
        "-h",
        "",
        "-k",
        data_dir / "run",
    ]
    identity: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if IS_ROOT else {}
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=folder, **identity) as left_behind:
        assert eventually(lambda: responses(engines.database_url))
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
            assert eventually(lambda: responses(engines.database_url))
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
