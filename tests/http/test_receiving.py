"""Bodies on the wire: whatever a client sends, a sound connection and no failure of ours (contract §1.3)."""

import asyncio
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, post
from litestar.datastructures import State
from tests.http.sample_body import JSON, Sample
from tests.machine import at_most
from tests.responses import error_of, offences_of

from filmer.app import in_front_of
from filmer.clock import SystemClock
from filmer.components import Components
from filmer.edge import body_drain
from filmer.errors import FilmerError, InvalidRequest, PayloadTooLarge, RequestTimeout, Unauthorized
from filmer.http import body as module
from filmer.http.body import MAX_BODY, ReceivedBody, receive_body
from filmer.http.failures import answer_failure
from filmer.server.serving import free_port
from filmer.settings import Settings

# --- on the wire ----------------------------------------------------------------------------------


@post("/api/v1/echo", status_code=200)
async def echo(request: Request[Any, Any, Any]) -> dict[str, Any]:
    module.BODY_SECONDS = float(request.headers.get("x-body-seconds", "20"))
    body_drain.DRAIN_SECONDS = float(request.headers.get("x-drain-seconds", "1"))
    received = await receive_body(request)
    sys.stderr.write("received\n")
    if request.headers.get("x-stranger"):
        raise Unauthorized
    body = received.read(Sample)
    return {"movieId": body.movie_id, "quantity": body.quantity}


def no_page(_path: str, _error: FilmerError) -> bytes:
    raise AssertionError("these are no pages")


def make_app() -> Any:
    """What the servers of these tests run: a handler, and the edge's way with bodies around it."""
    app = Litestar(
        [echo],
        exception_handlers={Exception: answer_failure},
        state=State({"clock": SystemClock(), "failure_page": no_page}),
        openapi_config=None,
        logging_config=None,
    )
    settings = Settings(database_url="postgresql://nowhere")
    return in_front_of(app, Components(settings, SystemClock()), settings)


SOON = "x-body-seconds: 1"  # the time for a body, where a test waits for its end

RUN = """
import sys
from granian.server import Server
from granian.constants import Interfaces
app = "tests.http.test_receiving:make_app"
Server(app, port=int(sys.argv[1]), interface=Interfaces.ASGI, factory=True, websockets=False).serve()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port of a real server, and its log."""
    port, log = free_port("127.0.0.1"), tmp_path_factory.mktemp("body") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(port)], cwd=Path(__file__).parents[2], stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + 30
        with httpx.Client(trust_env=False, verify=False) as client:
            while True:
                assert process.poll() is None, log.read_text()
                try:
                    client.post(f"http://127.0.0.1:{port}/api/v1/echo")
                    break
                except httpx.TransportError:
                    assert time.monotonic() < deadline, log.read_text()
                    time.sleep(0.05)
        yield port, log
        assert "Traceback" not in log.read_text()
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def client(server: tuple[int, Path]) -> Iterator[httpx.Client]:
    limits = httpx.Limits(max_connections=1)
    with httpx.Client(
        base_url=f"http://127.0.0.1:{server[0]}", timeout=10, trust_env=False, verify=False, limits=limits
    ) as client_made:
        yield client_made


def send(client: httpx.Client, content: Any, content_type: str | None = JSON, **headers: str) -> httpx.Response:
    sent_headers = headers | ({"content-type": content_type} if content_type is not None else {})
    return client.post("/api/v1/echo", content=content, headers=sent_headers)


def in_pieces(raw: bytes, size: int) -> Iterator[bytes]:
    """Sent chunked, so without a length."""
    yield from (raw[start : start + size] for start in range(0, len(raw), size))


def padded(size: int) -> bytes:
    return b'{"movieId": "a"}'.ljust(size)


def test_a_body_arrives(client: httpx.Client) -> None:
    raw = b'{"movieId": "tt1", "quantity": 2}'
    for content in (raw, in_pieces(raw, 3)):
        response = send(client, content)
        assert (response.status_code, response.json()) == (200, {"movieId": "tt1", "quantity": 2})
    assert offences_of(send(client, b'{"quantity": 0}')) == {"movieId": "is required", "quantity": "must be at least 1"}
    error_of(send(client, b"{}", "text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE")
    error_of(send(client, b"{}", None), 415, "UNSUPPORTED_MEDIA_TYPE")
    error_of(send(client, b""), 400, "VALIDATION_ERROR")
    error_of(send(client, b"", None), 400, "VALIDATION_ERROR")


def test_two_content_types_are_none(client: httpx.Client) -> None:
    response = client.post(
        "/api/v1/echo", content=b"{}", headers=[("content-type", JSON), ("content-type", "text/plain")]
    )
    error_of(response, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("content_type", [JSON, "text/plain", None])
def test_64_kib_are_read_and_no_more(client: httpx.Client, content_type: str | None) -> None:
    """contract §1.3; whatever else is wrong with it."""
    at_most = send(client, padded(MAX_BODY), content_type)
    assert at_most.status_code == (200 if content_type == JSON else 415)
    assert send(client, in_pieces(padded(MAX_BODY), 1000), content_type).status_code == at_most.status_code
    for content in (padded(MAX_BODY + 1), in_pieces(padded(MAX_BODY + 1), 1000), b"\xff" * 200_000):
        error_of(send(client, content, content_type), 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("content", [b"{}", b"not json", padded(MAX_BODY + 1)])
def test_who_is_a_stranger_is_told_so_first(client: httpx.Client, content: bytes) -> None:
    error_of(send(client, content, "text/plain", **{"x-stranger": "1"}), 401, "UNAUTHORIZED")


class RawConnection:
    """One connection, byte by byte."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._file = self._socket.makefile("rb")

    def send(self, head: str, content: bytes = b"") -> None:
        lines = f"POST /api/v1/echo HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{head}\r\n\r\n"
        self._socket.sendall(lines.encode() + content)

    def more(self, content: bytes) -> None:
        self._socket.sendall(content)

    def is_answered(self, *, within: float) -> bool:
        return bool(select.select([self._socket], [], [], within)[0])

    def response(self) -> tuple[int, dict[str, str]]:
        status = int(self._file.readline().split()[1])
        headers = {}
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        self._file.read(int(headers["content-length"]))
        return status, headers

    def is_closed(self) -> bool:
        try:
            return self._file.read(1) == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture
def wire(server: tuple[int, Path]) -> Iterator[RawConnection]:
    connection = RawConnection(server[0])
    yield connection
    connection.close()


@pytest.mark.parametrize("refused", [b"not json", b"[]", b"{}", b'"' + b"a" * 70_000, padded(200_000)])
def test_a_refused_body_leaves_the_connection_usable(wire: RawConnection, refused: bytes) -> None:
    for _ in range(3):
        wire.send(f"content-length: {len(refused)}", refused)
        status, headers = wire.response()
        assert status == (413 if len(refused) > MAX_BODY else 400)
        assert "connection" not in headers
        wire.send("content-length: 16", b'{"movieId": "a"}')
        assert wire.response()[0] == 200


def test_a_body_too_long_to_be_dropped_closes_the_connection(wire: RawConnection) -> None:
    wire.send("content-length: 100000000", b"x" * 400_000)
    status, headers = wire.response()
    assert (status, headers["connection"]) == (413, "close")
    assert wire.is_closed()


def test_an_announced_length_is_refused_before_it_comes(wire: RawConnection) -> None:
    begun = time.monotonic()
    wire.send("content-length: 65537")
    status, headers = wire.response()
    assert (status, headers["connection"]) == (413, "close")
    at_most(5, since=begun)
    assert wire.is_closed()


@pytest.mark.parametrize("head", ["content-length: 16", "transfer-encoding: chunked"])
def test_who_sends_slowly_is_told_so(wire: RawConnection, head: str) -> None:
    begun = time.monotonic()
    wire.send(f"{head}\r\n{SOON}", b'{"mov' if "length" in head else b'5\r\n{"mov\r\n')
    status, headers = wire.response()
    assert (status, headers["connection"]) == (408, "close")
    assert time.monotonic() - begun > 0.9
    at_most(8, since=begun)
    assert wire.is_closed()


def test_a_drop_now_and_then_gains_no_time(wire: RawConnection) -> None:
    begun = time.monotonic()
    wire.send(f"content-length: 60000\r\n{SOON}")
    while not wire.is_answered(within=0.1):
        wire.more(b" ")
        at_most(8, since=begun)
    assert wire.response()[0] == 408


def test_what_comes_just_after_its_time_leaves_the_connection_usable(
    wire: RawConnection, server: tuple[int, Path]
) -> None:
    before = server[1].read_text().count("received")
    wire.send(f"content-length: 16\r\n{SOON}\r\nx-drain-seconds: 60", b'{"mov')
    deadline = time.monotonic() + 30
    while server[1].read_text().count("received") == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    wire.more(b'ieId": "a"}')
    status, headers = wire.response()
    assert status == 408
    assert "connection" not in headers
    wire.send("content-length: 16", b'{"movieId": "a"}')
    assert wire.response()[0] == 200


def test_who_hangs_up_within_a_body_harms_nobody(server: tuple[int, Path], client: httpx.Client) -> None:
    for head, content in [("content-length: 16", b'{"mov'), ("transfer-encoding: chunked", b"5\r\nab")]:
        quitter = RawConnection(server[0])
        quitter.send(head, content)
        quitter.close()
    for broken in (b"zz\r\nab\r\n", b"-1\r\n\r\n", b"2\r\nabc\r\n0\r\n\r\n"):
        quitter = RawConnection(server[0])
        quitter.send("transfer-encoding: chunked", broken)
        quitter.is_closed()
        quitter.close()
    assert send(client, b'{"movieId": "a"}').status_code == 200


# --- whatever a server passes on ------------------------------------------------------------------


def received_of(messages: list[dict[str, Any]], *headers: tuple[bytes, bytes]) -> ReceivedBody:
    """What comes of the given ASGI messages; nothing follows the last."""
    waiting = iter(messages)

    async def receive() -> Any:
        message = next(waiting, None)
        if message is None:
            await asyncio.sleep(60)
        return message

    async def run() -> ReceivedBody:
        app = Litestar([echo], openapi_config=None, logging_config=None)
        scope: Any = {"type": "http", "headers": list(headers), "method": "POST", "path": "/", "query_string": b""}
        scope |= {"litestar_app": app, "app": app, "route_handler": echo, "state": {}}
        return await receive_body(Request(scope, receive))

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("messages", "headers", "expected"),
    [
        ([{"type": "http.disconnect"}], [], InvalidRequest),
        ([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}], [], InvalidRequest),
        ([], [(b"content-length", b"65537")], PayloadTooLarge),
        ([], [(b"content-length", b"9" * 5000)], InvalidRequest),
        ([], [(b"content-length", b"x")], InvalidRequest),
        ([{"type": "http.request", "body": b" " * 60_000, "more_body": True}] * 2, [], PayloadTooLarge),
        ([{"type": "http.request", "body": b"", "more_body": True}], [], RequestTimeout),
    ],
)
def test_receiving_raises_nothing(
    monkeypatch: pytest.MonkeyPatch,
    messages: list[dict[str, Any]],
    headers: list[tuple[bytes, bytes]],
    expected: type[FilmerError],
) -> None:
    monkeypatch.setattr(module, "BODY_SECONDS", 0.2)
    received = received_of(messages, *headers)
    assert isinstance(received.failure, expected)
    with pytest.raises(expected):
        received.read(Sample)
