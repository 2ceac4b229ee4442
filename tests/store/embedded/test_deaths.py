"""The supervisor or a server dies: no data is lost, and leftover processes and files are removed."""

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
from tests.server_processes import accepts, eventually
from tests.store.embedded.clients import IS_ROOT, another_client, ping, process_named, processes, sql

from filmer.store.embedded import EmbeddedError, Engines, client, find_postgres, running_engines

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="NOT SHOWN HERE: needs Linux's death signal")


@on_linux
def test_a_killed_keeper_takes_the_servers_along_and_its_users_start_another(data_dir: Path) -> None:
    with another_client(data_dir) as (_, engines):
        sql(engines, "CREATE TABLE film AS SELECT 'Mirror' AS title")
        with psycopg.connect(engines.database_url):  # an open connection must not delay the restart
            for _ in range(3):
                old, server = process_named(data_dir, "supervisor_program.py"), process_named(data_dir, "postgres")
                old.kill()
                server.wait(10)
                assert eventually(lambda: accepts(engines.database_url))
                assert process_named(data_dir, "supervisor_program.py") != old
                assert sql(engines, "SELECT title FROM film") == "Mirror"
                assert eventually(lambda: is_pinged(engines))
        with running_engines(data_dir) as engines_again:  # another client can connect
            assert engines_again == engines
    assert eventually(lambda: not processes(data_dir))


@on_linux
def test_several_users_of_a_killed_keeper_get_one_in_its_place(data_dir: Path) -> None:
    with another_client(data_dir) as (_, engines), another_client(data_dir), running_engines(data_dir) as ours:
        old = process_named(data_dir, "supervisor_program.py")
        for victim in (old, process_named(data_dir, "postgres"), valkey_of(engines)):
            victim.kill()
        assert eventually(lambda: accepts(ours.database_url), 20)
        assert process_named(data_dir, "supervisor_program.py") != old
        assert ours == engines


def test_what_happens_to_the_servers_is_logged_by_their_users(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    with running_engines(data_dir) as engines:
        supervisor, server = process_named(data_dir, "supervisor_program.py"), valkey_of(engines)
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
    """The client is notified, so that it can end, and the error has the reason."""
    monkeypatch.setattr(client, "RECONNECT_LIMIT", 0.5)
    lost = threading.Event()
    version = data_dir / "postgres" / "PG_VERSION"
    content = version.read_text()

    def use_and_lose() -> None:
        with running_engines(data_dir, when_lost=lost.set):
            version.write_text("9\n")
            process_named(data_dir, "supervisor_program.py").kill()
            assert lost.wait(30)

    with pytest.raises(EmbeddedError, match=r"are gone, and do not come back.* PostgreSQL 9"):
        use_and_lose()
    version.write_text(content)
    with running_engines(data_dir) as engines:
        assert sql(engines, "SELECT 1") == 1


@on_linux
def test_a_user_who_leaves_just_when_the_keeper_dies_leaves_quietly(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a client no other supervisor is started."""
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
        process_named(data_dir, "supervisor_program.py").kill()
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
    # As happens on systems without a parent-death signal.
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
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=folder, **identity) as leftover:
        assert eventually(lambda: accepts(engines.database_url))
        with running_engines(data_dir, valkey=False) as again:
            assert leftover.wait() == 0
            assert sql(again, "SELECT title FROM film") == "Sacrifice"


def test_a_dead_postmaster_is_replaced_even_while_an_orphan_works_on(data_dir: Path) -> None:
    with running_engines(data_dir, valkey=False) as engines:
        sql(engines, "CREATE TABLE film AS SELECT 'Nostalghia' AS title")
        with closing(psycopg.connect(engines.database_url)) as busy:
            busy.pgconn.send_query(b"DO 'BEGIN LOOP END LOOP; END'")
            old = process_named(data_dir, "postgres")
            old.kill()
            assert eventually(lambda: accepts(engines.database_url))
            assert sql(engines, "SELECT title FROM film") == "Nostalghia"
            assert process_named(data_dir, "postgres") != old
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
    # As happens when a container is killed and started again: process ids are low there, and soon taken.
    with running_engines(data_dir, valkey=False):
        remaining_lines = (data_dir / "postgres" / "postmaster.pid").read_text().split("\n", 1)[1]
    with running_engines(data_dir, postgres=False) as engines:
        with redis.from_url(engines.redis_url) as client:
            other_pid = client.info("server")["process_id"]
        for path in (data_dir / "postgres" / "postmaster.pid", data_dir / "run" / ".s.PGSQL.5432.lock"):
            path.write_text(f"{other_pid}\n{remaining_lines}")
            path.chmod(0o600)
            owner = (data_dir / "postgres").stat()
            os.chown(path, owner.st_uid, owner.st_gid)
        with running_engines(data_dir) as both:
            assert sql(both, "SELECT 1") == 1
            assert ping(both) is True
