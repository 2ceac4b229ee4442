"""``filmer serve`` as a whole: starting, stopping, dying, and what it says."""

import json
import resource
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.commands import filmer
from tests.conftest import MakeDatabase, Serve, Server
from tests.current_edition import BREAK, LOCK, connect
from tests.responses import data_of
from tests.server_processes import eventually, workers
from tests.store.embedded.clients import processes

from filmer.server.serving import free_port
from filmer.store.embedded import Engines

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

MOVIES = "/api/v1/movies?size=1"
FILM = "/api/v1/movies/tt0111161"
ONE_FILM = "id,title,year\nown1,A Film of Our Own,2001\n"


def family_of(server: Server) -> list[psutil.Process]:
    """The main process and what it has started."""
    main = psutil.Process(server.process.pid)
    return [main, *main.children(recursive=True)]


def left_of(family: list[psutil.Process]) -> list[psutil.Process]:
    """Which of them still run: a process that has ended may remain as a zombie until its parent collects it."""
    return psutil.wait_procs([process for process in family if not is_zombie(process)], timeout=0)[1]


def is_zombie(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    return True


def listening_workers_of(server: Server) -> set[int]:
    return {worker.pid for worker in workers(server) if listening_sockets(worker.pid)}


def listening_sockets(pid: int) -> list[object]:
    """Of a process; none, if it is gone."""
    with suppress(psutil.Error):
        return [
            connection
            for connection in psutil.Process(pid).net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        ]
    return []


def is_listened_to(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def films_of(server: Server) -> int:
    return int(data_of(server.client.get(MOVIES))["totalItems"])


def log_lines(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.output().splitlines() if line.startswith("{")]


@pytest.fixture
def start(data_dir: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers with engines of their own."""
    servers: list[Server] = []

    def run(*arguments: str, **environment: str) -> Server:
        servers.append(Server(environment, ["--data-dir", str(data_dir), *arguments]))
        return servers[-1]

    yield run
    for server in servers:
        server.stop()
    for process in processes(data_dir):  # only where a test has failed
        process.kill()


# --- with engines of its own ----------------------------------------------------------------------


def test_the_demo_from_nothing_an_import_beside_it_and_a_second_start(
    start: Callable[..., Server], data_dir: Path, tmp_path: Path
) -> None:
    server = start("--demo", "--workers", "1")
    films = films_of(server)
    assert films > 300
    assert f"is ready at http://127.0.0.1:{server.port}  ({films:,} films)" in server.output()
    films_csv = tmp_path / "own.csv"
    films_csv.write_text(ONE_FILM, "utf-8")
    result = filmer("import", "csv", films_csv, "--data-dir", data_dir)
    assert result.returncode == 0, result.stderr
    assert films_of(server) == films + 1, "the next answer is of the new catalogue, although the last was cached"
    assert data_of(server.client.get("/api/v1/movies/own1"))["title"] == "A Film of Our Own"
    family = family_of(server)
    assert processes(data_dir)
    server.process.terminate()
    assert server.process.wait(30) == 0
    assert eventually(lambda: not left_of(family))
    assert processes(data_dir) == []
    assert "Traceback" not in server.output()

    again = start("--demo", "--workers", "1")
    assert films_of(again) == films + 1, "what is in stays in"
    assert data_of(again.client.get("/api/v1/movies/own1"))["year"] == 2001


def test_a_killed_server_leaves_nothing_running_and_loses_nothing(
    start: Callable[..., Server], data_dir: Path, tmp_path: Path
) -> None:
    films_csv = tmp_path / "own.csv"
    films_csv.write_text(ONE_FILM, "utf-8")
    assert filmer("import", "csv", films_csv, "--data-dir", data_dir).returncode == 0
    server = start("--workers", "2")
    assert films_of(server) == 1
    family = family_of(server)
    assert len(workers(server)) == 2
    server.process.kill()
    server.process.wait(10)
    assert eventually(lambda: not left_of(family))
    assert eventually(lambda: not processes(data_dir))
    assert not is_listened_to(server.port)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", server.port))

    again = start("--workers", "1")
    assert data_of(again.client.get("/api/v1/movies/own1"))["title"] == "A Film of Our Own"


# --- stopping and dying ---------------------------------------------------------------------------


@pytest.fixture
def filled(make_database: MakeDatabase) -> str:
    return make_database(films=True)


def waiting(database_url: str) -> int:
    """How many connections of servers wait for a lock."""
    statement = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'filmer' AND wait_event_type = 'Lock'"
    )
    with psycopg.connect(make_conninfo(database_url, application_name="onlooker"), autocommit=True) as conn:
        return int((conn.execute(statement).fetchone() or (0,))[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_under_way_are_finished_before_it_stops(filled: str, serve: Serve, number: signal.Signals) -> None:
    server = serve(filled, "--workers", "2")
    family = family_of(server)
    responses: list[httpx.Response] = []

    def ask(page: int) -> None:
        url = f"http://127.0.0.1:{server.port}/api/v1/movies?size=2&page={page}"
        responses.append(httpx.get(url, timeout=30, trust_env=False, verify=False))

    asking = [threading.Thread(target=ask, args=(page,)) for page in range(1, 7)]
    with connect(filled) as conn:
        conn.execute(LOCK)
        for thread in asking:
            thread.start()
        assert eventually(lambda: waiting(filled) == len(asking))
        server.process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(1)  # it does not go before they have their answers
        conn.rollback()
    for thread in asking:
        thread.join(20)
    assert [response.status_code for response in responses] == [200] * len(asking)
    assert server.process.wait(20) == 0
    assert eventually(lambda: not left_of(family))
    assert not is_listened_to(server.port)
    assert "Traceback" not in server.output()


def test_a_worker_that_is_killed_is_replaced(filled: str, serve: Serve) -> None:
    server = serve(filled, "--workers", "2")
    assert eventually(lambda: len(listening_workers_of(server)) == 2), "one of them says ready for both"
    before = listening_workers_of(server)
    victim = min(before)
    psutil.Process(victim).kill()
    assert eventually(lambda: victim not in listening_workers_of(server))
    # A client that connects before the main process has noticed waits at the dead worker's socket, and is refused.
    assert eventually(lambda: len(listening_sockets(server.process.pid)) == 1)
    for _ in range(5):
        response = httpx.get(f"http://127.0.0.1:{server.port}{FILM}", timeout=10, trust_env=False, verify=False)
        assert response.status_code == 200
    assert eventually(lambda: len(listening_workers_of(server) - {victim}) == 2)
    assert (before - {victim}) <= listening_workers_of(server), "the other goes on"
    for _ in range(20):  # each on a connection of its own: any worker may get it
        response = httpx.get(f"http://127.0.0.1:{server.port}{FILM}", timeout=10, trust_env=False, verify=False)
        assert data_of(response)["id"] == "tt0111161"
    server.process.terminate()
    assert server.process.wait(20) == 0


# --- not starting ---------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_told_with_advice(engines: Engines, filled: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = filmer("serve", "--port", str(port), DATABASE_URL=filled, REDIS_URL=engines.redis_url)
    assert result.returncode == 1
    assert f"127.0.0.1:{port}" in result.stderr
    assert "--port" in result.stderr
    assert "Traceback" not in result.stderr
    assert "is ready" not in result.stdout


def test_an_address_that_is_not_ours_is_told(engines: Engines, filled: str) -> None:
    result = filmer("serve", "--port", "0", "--host", "192.0.2.1", DATABASE_URL=filled, REDIS_URL=engines.redis_url)
    assert result.returncode == 1
    assert "192.0.2.1" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_database_that_is_behind_is_served_after_migrate(
    engines: Engines, make_database: MakeDatabase, serve: Serve
) -> None:
    url = make_database()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("DROP SCHEMA catalogue, public CASCADE")
        conn.execute("CREATE SCHEMA public")
    settings = {"DATABASE_URL": url, "REDIS_URL": engines.redis_url}
    refused = filmer("serve", "--port", "0", **settings)
    assert refused.returncode == 1
    assert "filmer migrate" in refused.stderr
    assert "Traceback" not in refused.stderr
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT to_regclass('edition')").fetchone() == (None,), "it was not touched"
    assert filmer("migrate", **settings).returncode == 0
    server = serve(url)
    assert films_of(server) == 0
    assert "The catalogue is empty" in server.output()
    server.stop()


@pytest.mark.parametrize("command", ["serve", "migrate", "catalogue"])
def test_a_database_that_cannot_be_reached_is_told_in_a_sentence(engines: Engines, command: str) -> None:
    url = f"postgresql://filmer:tell-nobody@127.0.0.1:{free_port('127.0.0.1')}/filmer"
    more = ["--port", "0"] if command == "serve" else []
    result = filmer(command, *more, DATABASE_URL=url, REDIS_URL=engines.redis_url)
    assert result.returncode == 1
    assert "the database can't be reached" in result.stderr
    assert "DATABASE_URL" in result.stderr
    assert "Traceback" not in result.stderr
    assert "tell-nobody" not in result.stdout + result.stderr


@pytest.mark.parametrize("value", ["nonsense", "mysql://shop/filmer", "postgresql://[::1/filmer"])
def test_an_address_of_no_database_is_told_in_a_sentence(engines: Engines, value: str) -> None:
    result = filmer("serve", "--port", "0", DATABASE_URL=value, REDIS_URL=engines.redis_url)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "DATABASE_URL" in result.stderr


def test_an_address_of_no_cache_is_told_in_a_sentence(filled: str) -> None:
    result = filmer("serve", "--port", "0", DATABASE_URL=filled, REDIS_URL="http://127.0.0.1/0", FILMER_WORKERS="1")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "REDIS_URL" in result.stderr


# --- ready, and what is logged --------------------------------------------------------------------


def test_when_it_says_ready_it_is(filled: str, serve: Serve) -> None:
    """The line is there: the first request is answered, on a connection of its own, by whichever worker."""
    server = serve(filled, "--workers", "2")
    address = (
        next(line for line in server.output().splitlines() if "is ready at" in line).split("is ready at ")[1].split()[0]
    )
    assert address == f"http://127.0.0.1:{server.port}"
    responses = [
        httpx.get(f"{address}{path}", trust_env=False, verify=False) for path in ("/api/v1/health", FILM, "/docs")
    ]
    assert [response.status_code for response in responses] == [200] * 3
    server.stop()


def test_idle_visitors_keep_nobody_waiting(filled: str, serve: Serve) -> None:
    """Each browser keeps its connection for a while: another must not wait until one of them is closed."""
    many = 1100  # more than Granian would take of itself, or a process may have files by default
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    server = serve(filled)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * many)), hard))
    with ExitStack() as stack:
        visitors = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 6)) for _ in range(many)]
        for visitor in visitors:
            visitor.sendall(f"GET {FILM} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
        assert all(visitor.recv(12) == b"HTTP/1.1 200" for visitor in visitors)


def test_a_failure_is_one_json_line_with_the_request_s_id_and_successes_are_none(filled: str, serve: Serve) -> None:
    server = serve(filled)
    for path in (FILM, "/api/v1/movies/nobody", "/api/v1/health", "/docs", "/nowhere"):
        server.client.get(path)
    assert [line for line in log_lines(server) if line["event"] == "request" or "request_id" in line] == []
    with connect(filled, autocommit=True) as conn:
        conn.execute(BREAK)
    response = server.client.get("/api/v1/stars", headers={"x-request-id": "find-me.42"})
    assert response.status_code == 500
    assert response.json()["error"]["details"] == {"requestId": "find-me.42"}
    matching = [line for line in server.output().splitlines() if "find-me.42" in line]
    assert len(matching) == 1
    line = json.loads(matching[0])
    assert line["request_id"] == "find-me.42"
    assert line["level"] == "error"
    assert "UndefinedColumn" in json.dumps(line["exception"]), "the cause is in it"
    server.stop()


def test_an_access_log_is_kept_when_it_is_asked_for(filled: str, serve: Serve) -> None:
    server = serve(filled, FILMER_ACCESS_LOG="true")
    requests = [
        ("GET", FILM, 200),
        ("GET", FILM, 200),  # from the cache
        ("HEAD", FILM, 200),
        ("GET", "/api/v1/movies/nobody", 404),
        ("GET", "/api/v1/health", 200),
        ("GET", "/docs", 200),
        ("POST", "/api/v1/movies", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/stream/token-of-a-link/film.webm", 403),
        ("GET", "/api/v1/movies/" + "x" * 9000, 414),
    ]
    for at, (method, path, status) in enumerate(requests):
        response = server.client.request(method, path, headers={"x-request-id": f"asked-{at}"})
        assert response.status_code == status
    lines = [line for line in log_lines(server) if line["event"] == "request" and "asked-" in line["request_id"]]
    assert [(line["request_id"], line["method"], line["path"], line["status"]) for line in lines] == [
        (f"asked-{at}", method, "/stream/" if path.startswith("/stream/") else path, status)  # the rest is a secret
        for at, (method, path, status) in enumerate(requests)
    ]
    assert all(0 <= line["milliseconds"] < 10_000 for line in lines)
    server.stop()
