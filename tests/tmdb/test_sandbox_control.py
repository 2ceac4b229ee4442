"""The control endpoints of the sandbox: orders to fail, and the list of its requests."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.machine import at_most
from tests.sandbox import Sandbox

from filmer.tmdb.sandbox.faults import NAMES

POPULAR = "/3/movie/popular"


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.address, timeout=10, trust_env=False, verify=False) as made:
        yield made


def waiting(client: httpx.Client) -> list[dict[str, Any]]:
    answer = client.get("/faults")
    assert answer.status_code == 200
    assert list(answer.json()) == ["faults"]
    return list(answer.json()["faults"])


# --- faults ---------------------------------------------------------------------------------------


def test_a_fault_is_told_as_it_is_kept(client: httpx.Client) -> None:
    answer = client.post("/faults", json={"fault": "500"})
    assert answer.status_code == 201
    assert answer.json() == {"fault": "500", "path": "/3", "times": None}
    asked = {"fault": "429", "path": POPULAR, "times": 2, "retry_after": 3}
    assert client.post("/faults", json=asked).json() == asked
    assert waiting(client) == [{"fault": "500", "path": "/3", "times": None}, asked]


def test_the_list_says_how_often_each_still_applies(client: httpx.Client) -> None:
    client.post("/faults", json={"fault": "500", "times": 2})
    client.post("/faults", json={"fault": "503", "times": 1})
    left = []
    for _ in range(4):
        left.append([(fault["fault"], fault["times"]) for fault in waiting(client)])
        client.get(POPULAR)
    assert left == [[("500", 2), ("503", 1)], [("500", 1), ("503", 1)], [("503", 1)], []]


def test_clearing_clears_all(client: httpx.Client) -> None:
    for fault in ("500", "503"):
        client.post("/faults", json={"fault": fault})
    cleared = client.delete("/faults")
    assert (cleared.status_code, cleared.content) == (204, b"")
    assert waiting(client) == []
    assert client.delete("/faults").status_code == 204


@pytest.mark.parametrize(
    "order",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b'{"fault":"\xff"}',
        b"[]",
        b"null",
        b"{}",
        b'{"fault":"418"}',
        b'{"fault":500}',
        b'{"fault":"500","fautl":"503"}',
        b'{"fault":"500","path":"/4"}',
        b'{"fault":"500","path":"/30"}',
        b'{"fault":"500","path":"movie"}',
        b'{"fault":"500","times":0}',
        b'{"fault":"500","times":-1}',
        b'{"fault":"500","times":1.5}',
        b'{"fault":"500","times":"2"}',
        b'{"fault":"500","seconds":1}',
        b'{"fault":"500","retry_after":1}',
        b'{"fault":"500","location":"http://127.0.0.1/"}',
        b'{"fault":"latency"}',
        b'{"fault":"latency","seconds":-1}',
        b'{"fault":"latency","seconds":3601}',
        b'{"fault":"latency","seconds":"1"}',
        b'{"fault":"flawed"}',
        b'{"fault":"flawed","flaw":"none"}',
        b'{"fault":"flawed","flaw":"no-title","films":0}',
        b'{"fault":"flawed","flaw":"no-title","path":"/t/p"}',
        b'{"fault":"500","flaw":"no-title"}',
        b'{"fault":"500","films":1}',
        b'{"fault":"429","retry_after":1.5}',
        b'{"fault":"429","retry_after":""}',
        b'{"fault":"redirect","location":"http://a\\r\\nset-cookie: a=b"}',
        b'{"fault":"redirect","location":" "}',
        b'{"fault":"redirect","location":"http://a\\n"}',
        b'{"fault":"500","path":"/3\\n"}',
    ],
)
def test_what_is_no_fault_is_told_with_those_there_are(order: bytes, client: httpx.Client) -> None:
    answer = client.post("/faults", content=order)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error", "faults"]
    assert answer.json()["error"].startswith("This is no fault: ")
    assert answer.json()["faults"] == list(NAMES)
    assert waiting(client) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/faults"), ("PATCH", "/faults"), ("POST", "/calls"), ("DELETE", "/health"), ("POST", "/health")],
)
def test_other_methods_are_not_offered(method: str, path: str, client: httpx.Client) -> None:
    assert client.request(method, path).status_code == 405


# --- calls ----------------------------------------------------------------------------------------


def test_calls_are_counted_by_path(client: httpx.Client, sandbox: Sandbox) -> None:
    for path in (POPULAR, POPULAR, "/3/movie/603", "/3/nothing", "/health", "/elsewhere"):
        client.get(path, params={"api_key": "k"})
    counted = client.get("/calls").json()
    assert counted["calls"] == {POPULAR: 2, "/3/movie/603": 1, "/3/nothing": 1}
    assert sandbox.calls(POPULAR) == 2
    assert sandbox.calls("/3/configuration") == 0


def test_requests_are_remembered_without_credentials(client: httpx.Client, sandbox: Sandbox) -> None:
    before = time.monotonic()
    client.get(POPULAR, params={"api_key": "tell-nobody", "page": "2", "language": "pt-BR"})
    client.get("/3/search/movie?query=a%20b%26c", headers={"authorization": "Bearer tell-nobody"})
    after = time.monotonic()
    assert "tell-nobody" not in client.get("/calls").text
    first, second = sandbox.requests()
    assert (first.path, first.query, first.fault) == (POPULAR, {"page": "2", "language": "pt-BR"}, None)
    assert (second.path, second.query, second.fault) == ("/3/search/movie", {"query": "a b&c"}, None)
    assert before <= first.at <= second.at <= after


def test_requests_that_failed_are_counted_with_their_fault(client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fail("reset", times=1)
    with pytest.raises(httpx.HTTPError):
        client.get(POPULAR)
    client.get(POPULAR)
    assert [request.fault for request in sandbox.requests()] == ["reset", None]
    assert sandbox.calls(POPULAR) == 2


def test_the_last_thousand_are_remembered(client: httpx.Client, sandbox: Sandbox) -> None:
    for number in range(1, 1003):
        client.get(f"/3/movie/{number}")
    paths = [request.path for request in sandbox.requests()]
    assert (len(paths), paths[0], paths[-1]) == (1000, "/3/movie/3", "/3/movie/1002")
    assert len(client.get("/calls").json()["calls"]) == 1002


def test_what_came_can_be_forgotten(client: httpx.Client) -> None:
    client.get(POPULAR)
    forgotten = client.delete("/calls")
    assert (forgotten.status_code, forgotten.content) == (204, b"")
    assert client.get("/calls").json() == {"calls": {}, "requests": []}


# --- connections ----------------------------------------------------------------------------------


def raw(sandbox: Sandbox, sent: bytes) -> bytes:
    """All that comes back until the other side hangs up."""
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as sock:
        sock.sendall(sent)
        got = b""
        while piece := sock.recv(65536):
            got += piece
    return got


def test_one_connection_carries_many_requests(sandbox: Sandbox) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: sandbox\r\n\r\n"
    got = raw(sandbox, request * 3 + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert got.count(b"HTTP/1.1 200") == got.count(b'{"status":"ok"}') == 4


def test_http_1_0_hangs_up_after_the_answer(sandbox: Sandbox) -> None:
    assert raw(sandbox, b"GET /health HTTP/1.0\r\n\r\n").endswith(b'{"status":"ok"}')


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: sandbox\r\nContent-Length: one\r\n\r\n", 400),
        (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: sandbox\r\n\r\n", 431),
        (b"POST /faults HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000, 413),
    ],
)
def test_what_is_no_http_is_told_so(sent: bytes, status: int, sandbox: Sandbox, client: httpx.Client) -> None:
    assert raw(sandbox, sent).startswith(b"HTTP/1.1 %d " % status)
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    "sent", [b"", b"GET /health", b"POST /faults HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"]
)
def test_those_who_hang_up_are_let_go(sent: bytes, sandbox: Sandbox, client: httpx.Client) -> None:
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as sock:
        sock.sendall(sent)
    assert client.get("/health").status_code == 200


def test_many_are_answered_at_once(sandbox: Sandbox, client: httpx.Client) -> None:
    """Three hundred connections that wait, and one that need not."""
    sandbox.fail("latency", seconds=1, times=300)
    waiting: list[socket.socket] = []
    try:
        begun = time.monotonic()
        for _ in range(300):
            sock = socket.create_connection(("127.0.0.1", sandbox.port), timeout=20)
            sock.sendall(b"GET /3/configuration?api_key=k HTTP/1.1\r\nHost: sandbox\r\n\r\n")
            waiting.append(sock)
        assert client.get("/health").status_code == 200
        assert all(sock.recv(12) == b"HTTP/1.1 200" for sock in waiting)
        at_most(15, since=begun)  # one after another it would be five minutes
    finally:
        for sock in waiting:
            sock.close()


def test_threads_may_order_and_ask_at_once(sandbox: Sandbox) -> None:
    """Each order applies as often as it says, to any client."""
    sandbox.fail("503", path=POPULAR, times=40)
    statuses: list[int] = []

    def ask() -> None:
        with httpx.Client(params={"api_key": "k"}, timeout=10, trust_env=False, verify=False) as own:
            statuses.extend(own.get(f"{sandbox.url}/movie/popular").status_code for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 40 + [503] * 40
