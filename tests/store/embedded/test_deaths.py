"""The keeper or a server dies: nothing is lost, and what was left behind is cleared away."""

import os
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis
from tests.store.embedded.users import IS_ROOT, another_user, answers, eventually, named, ping, processes, sql

from filmer.store.embedded import find_postgres, running_engines

pytestmark = pytest.mark.proof

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="NOT SHOWN HERE: needs Linux's death signal")


@on_linux
def test_a_killed_keeper_takes_the_servers_along(data_dir: Path) -> None:
    with another_user(data_dir) as (_, engines):
        sql(engines, "CREATE TABLE film AS SELECT 'Mirror' AS title")
        with psycopg.connect(engines.database_url):  # an open connection holds nothing up
            named(data_dir, "keeper.py").kill()
            with running_engines(data_dir) as again:  # even while they are still going down
                assert again == engines
                assert sql(again, "SELECT title FROM film") == "Mirror"
        assert eventually(lambda: len(processes(data_dir)) == 1)  # the other user, whose keeper is gone
    with another_user(data_dir):
        named(data_dir, "keeper.py").kill()
        assert eventually(lambda: len(processes(data_dir)) == 1)


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
