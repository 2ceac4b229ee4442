"""``filmer tmdb-sandbox``, and the sandbox that ``filmer serve --demo`` brings along."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from tests.commands import filmer
from tests.conftest import MakeDatabase, Serve, Server
from tests.machine import at_most
from tests.sandbox import Sandbox

from filmer.server import serving
from filmer.server.serving import ServeError, free_port
from filmer.settings import Settings
from filmer.store.embedded import Engines
from filmer.tmdb.sandbox.child import sandbox_for_demo, start_child
from filmer.tmdb.sandbox.faults import NAMES

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

CREDENTIALS = ("TMDB_ACCESS_TOKEN", "TMDB_API_KEY", "TMDB_BASE_URL")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "filmer", "tmdb-sandbox", *arguments]


@contextmanager
def running(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The command, and the address it prints."""
    with subprocess.Popen(
        command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            match = re.search(r"ready at (http://\S+)", process.stdout.readline() + process.stdout.readline())
            assert match
            yield process, match[1]
        finally:
            process.kill()


def status(url: str, **query: str) -> int:
    return httpx.get(url, params=query, timeout=10, trust_env=False, verify=False).status_code


def listens(address: str) -> bool:
    host, _, port = address.removeprefix("http://").rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def eventually(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- the command ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_what_to_try_and_ends_at_once_and_quietly(number: int) -> None:
    with running("--port", "0") as (process, address):
        assert status(f"{address}/3/movie/popular", api_key="any") == 200
        for fault in NAMES:  # each is under way when the sandbox is told to end
            needed: dict[str, dict[str, object]] = {"latency": {"seconds": 60}, "flawed": {"flaw": "no-title"}}
            order = {"fault": fault, "times": 1, **needed.get(fault, {})}
            assert httpx.post(f"{address}/faults", json=order, trust_env=False, verify=False).status_code == 201
        open_ones = [socket.create_connection(("127.0.0.1", httpx.URL(address).port or 0)) for _ in NAMES]
        for sock in open_ones:
            sock.sendall(b"GET /3/configuration HTTP/1.1\r\nHost: sandbox\r\n\r\n")
        eventually(lambda: httpx.get(f"{address}/faults", trust_env=False, verify=False).json() == {"faults": []})
        begun = time.monotonic()
        process.send_signal(number)
        process.wait(10)
        at_most(2, since=begun)
        for sock in open_ones:
            sock.close()
        assert process.stdout
        assert process.stderr
        output, errors = process.stdout.read(), process.stderr.read()
    assert (process.returncode, errors) == (0, "")
    for part in (f"{address}/3/movie/popular", f"{address}/faults", "black-hole", "DELETE", f"{address}/calls"):
        assert part in output
    assert not listens(address)


def test_it_can_insist_on_one_key() -> None:
    with running("--port", "0", "--key", "mine") as (_, address):
        url = f"{address}/3/movie/popular"
        assert [status(url, api_key=key) for key in ("mine", "other", "wrong", "")] == [200, 401, 401, 401]
        bearer = httpx.get(url, headers={"authorization": "Bearer mine"}, trust_env=False, verify=False)
        assert bearer.status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_it_does_not_listen_beyond_this_machine(host: str) -> None:
    done = filmer("tmdb-sandbox", "--host", host)
    assert (done.returncode, done.stdout) == (1, "")
    assert host in done.stderr
    assert "127.0.0.1" in done.stderr


def test_a_port_in_use_is_told(sandbox: Sandbox) -> None:
    done = filmer("tmdb-sandbox", "--port", sandbox.port)
    assert done.returncode == 1
    assert "--port" in done.stderr


def test_a_port_that_cannot_be_is_not_understood() -> None:
    done = filmer("tmdb-sandbox", "--port", "65536")
    assert done.returncode == 2
    assert "65535" in done.stderr


# --- as a child -----------------------------------------------------------------------------------


def test_it_ends_with_its_parent_however_that_went() -> None:
    parent = (
        "from filmer.tmdb.sandbox.child import start_child; import time\n"
        "print(start_child(0).address, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = process.stdout.readline().strip()
        assert status(f"{address}/health") == 200
        process.kill()
    eventually(lambda: not listens(address))


def test_the_ctrl_c_of_a_terminal_is_not_for_it(sandbox: Sandbox) -> None:
    """Who started it ends it, after the last requests."""
    assert os.getsid(sandbox.process.pid) != os.getsid(0)


def test_it_takes_another_port_where_its_own_is_used(sandbox: Sandbox) -> None:
    child = start_child(sandbox.port)
    with child.process:
        assert child.address != sandbox.address
        assert status(f"{child.address}/health") == 200
        child.process.kill()


def test_a_demo_on_the_last_port_there_is_has_one_too() -> None:
    with sandbox_for_demo(Settings(demo=True, port=65535)) as (_, child):
        assert child
        assert status(f"{child.address}/health") == 200


def test_one_that_was_killed_can_come_back_where_it_was() -> None:
    with Sandbox(free_port("127.0.0.1")) as first:
        assert first.calls("/3/configuration") == 0
    assert not listens(first.address)
    with Sandbox(first.port) as again:
        assert again.port == first.port


def test_its_demo_asks_it(sandbox: Sandbox) -> None:
    asked = Settings(demo=True, port=sandbox.port, tmdb_language="de-DE")
    with sandbox_for_demo(asked) as (settings, child):
        assert child
        assert settings.tmdb_base_url == f"{child.address}/3"
        assert (settings.tmdb_api_key, settings.tmdb_access_token) == ("sandbox", None)
        assert (settings.port, settings.tmdb_language, settings.demo) == (sandbox.port, "de-DE", True)
        assert status(f"{settings.tmdb_base_url}/movie/popular", api_key="sandbox") == 200
    assert not listens(child.address)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(demo=True, tmdb_api_key="key"),
        Settings(demo=True, tmdb_access_token="token"),
        Settings(demo=True, tmdb_base_url="http://127.0.0.1:9/3"),
    ],
)
def test_who_can_ask_tmdb_or_is_no_demo_gets_none(settings: Settings) -> None:
    with sandbox_for_demo(settings) as (same, child):
        assert same is settings
        assert child is None


# --- beside a server ------------------------------------------------------------------------------


def told_of(server: Server) -> tuple[str, int]:
    """The address and the process id that the server tells."""
    eventually(lambda: "Stop  " in server.output())
    match = re.search(r"TMDB +a sandbox at (\S+),(?s:.)*?`kill (\d+)`", server.output())
    assert match, server.output()
    return match[1], int(match[2])


@pytest.fixture
def demo(make_database: MakeDatabase, serve: Serve) -> Server:
    return serve(make_database(films=True), "--demo", **dict.fromkeys(CREDENTIALS, ""))


def test_the_demo_brings_it_along_and_takes_it_away(demo: Server) -> None:
    address, _ = told_of(demo)
    assert status(f"{address}/3/movie/popular", api_key="sandbox") == 200
    demo.stop()
    assert not listens(address)


def test_the_shop_survives_it(demo: Server) -> None:
    address, pid = told_of(demo)
    assert status(f"{address}/health") == 200
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: not listens(address))
    assert demo.client.get("/api/v1/movies").status_code == 200
    time.sleep(0.5)  # in which it would have come back
    assert not listens(address)
    assert demo.process.poll() is None
    assert "Traceback" not in demo.output()


def test_it_does_not_survive_the_server_that_is_killed(demo: Server) -> None:
    address, _ = told_of(demo)
    demo.process.kill()
    eventually(lambda: not listens(address))


def test_with_credentials_the_demo_has_none(make_database: MakeDatabase, serve: Serve) -> None:
    server = serve(make_database(films=True), "--demo", TMDB_API_KEY="given")
    eventually(lambda: "Stop  " in server.output())
    assert "sandbox" not in server.output()


def test_the_workers_get_its_address_and_a_start_that_fails_ends_it(
    database_url: str, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Settings] = []

    def fail(_: object, settings: Settings, *, when_ready: Callable[[str], None]) -> None:  # noqa: ARG001 - as it is called
        given.append(settings)
        assert status(f"{settings.tmdb_base_url}/movie/popular", api_key=settings.tmdb_api_key or "") == 200
        raise ServeError("it was not to be")

    monkeypatch.setattr(serving, "serve", fail)
    settings = {"DATABASE_URL": database_url, "REDIS_URL": engines.redis_url, "FILMER_DEMO": "true"}
    done = filmer("serve", "--port", free_port("127.0.0.1"), **settings)
    assert done.returncode == 1
    assert "it was not to be" in done.stderr
    assert not listens(given[0].tmdb_base_url.removesuffix("/3"))
