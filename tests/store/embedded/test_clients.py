"""Several client processes share the servers: they connect, disconnect and are killed."""

import os
import signal
import time
from pathlib import Path

import pytest
from tests.machine import at_most
from tests.server_processes import eventually
from tests.store.embedded.clients import another_client, engines_of, ping, process_named, processes, sql, start_client

from filmer.store.embedded import running_engines

pytestmark = pytest.mark.proof


def test_a_second_user_shares_the_servers_and_outlives_the_first(data_dir: Path) -> None:
    with another_client(data_dir) as (first, engines):
        postmaster = process_named(data_dir, "postgres")
        with another_client(data_dir) as (_, shared):
            assert shared == engines
            began = time.monotonic()
            first.communicate()
            at_most(5, since=began)  # it does not wait for the other client
            assert sql(shared, "SELECT 1") == 1
            assert ping(shared) is True
            assert process_named(data_dir, "postgres") == postmaster
        assert not postmaster.is_running()


def test_users_who_come_all_at_once_get_the_same_servers(home: Path) -> None:
    data_dir = home / "data"
    clients = [start_client(data_dir) for _ in range(4)]
    assert len({engines_of(other_client) for other_client in clients}) == 1
    assert process_named(data_dir, "postgres")
    for other_client in clients:
        other_client.communicate()


def test_a_user_who_comes_while_the_servers_go_down_gets_new_ones(data_dir: Path) -> None:
    for _ in range(2):
        leaving = start_client(data_dir)
        engines_of(leaving)
        assert leaving.stdin is not None
        leaving.stdin.close()
        with running_engines(data_dir) as engines:
            assert sql(engines, "SELECT 1") == 1
            assert ping(engines) is True
            leaving.wait()
        assert leaving.stdout is not None
        leaving.stdout.close()


def test_a_killed_user_leaves_nothing_running(data_dir: Path) -> None:
    with another_client(data_dir) as (other_client, engines):
        sql(engines, "CREATE TABLE film AS SELECT 'Stalker' AS title")
        other_client.kill()
        assert eventually(lambda: not processes(data_dir))
    with running_engines(data_dir, valkey=False) as engines:
        assert sql(engines, "SELECT title FROM film") == "Stalker"


def test_a_user_killed_in_the_first_start_leaves_nothing_half_made(home: Path) -> None:
    data_dir = home / "data"
    with start_client(data_dir, "p") as other_client:
        assert eventually(lambda: list(data_dir.glob("postgres.new-*/base")))
        process_named(data_dir, "supervisor_program.py").kill()
        other_client.kill()
        other_client.communicate()
    assert not (data_dir / "postgres").exists()
    with running_engines(data_dir, valkey=False) as engines:
        assert sql(engines, "SELECT 1") == 1
    assert not list(data_dir.glob("postgres.new-*"))


def test_ctrl_c_does_not_reach_the_servers(data_dir: Path) -> None:
    with another_client(data_dir) as (other_client, engines), running_engines(data_dir):
        before = process_named(data_dir, "postgres")
        os.killpg(other_client.pid, signal.SIGINT)
        other_client.wait()
        process_named(data_dir, "supervisor_program.py").terminate()  # it ignores the signal while it has clients
        assert sql(engines, "SELECT 1") == 1
        assert process_named(data_dir, "postgres") == before


def test_a_forked_child_that_ends_does_not_give_up_its_parents_use(data_dir: Path) -> None:
    with another_client(data_dir, "p") as (other_client, engines):
        assert other_client.stdin is not None
        assert other_client.stdout is not None
        print("fork", file=other_client.stdin, flush=True)
        assert other_client.stdout.readline() == "forked\n"
        assert sql(engines, "SELECT 1") == 1
