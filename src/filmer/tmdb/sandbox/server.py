"""The server of the sandbox: TMDB's API under ``/3``, its images under ``/t/p``, and the control endpoints."""

import asyncio
import signal
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

import msgspec

from filmer.tmdb.sandbox.connection import HttpConnection, SandboxRequest
from filmer.tmdb.sandbox.faults import NAMES, Fault, Faults, apply_fault
from filmer.tmdb.sandbox.images import respond_with_image
from filmer.tmdb.sandbox.responses import (
    NOT_OFFERED,
    UNKNOWN_PATH,
    SandboxApi,
    SandboxResponse,
    error_response,
    json_response,
)

BACKLOG = 1024  # connections that wait to be accepted
MAX_RECORDED_REQUESTS = 1000
NO_CONTENT = SandboxResponse(HTTPStatus.NO_CONTENT, b"", ())
Control = Callable[[SandboxRequest], SandboxResponse]


class RecordedRequest(msgspec.Struct, frozen=True):
    """A request as ``/calls`` lists it, without its credentials."""

    path: str
    query: dict[str, str]
    at: float  # seconds of the monotonic clock
    fault: str | None


class Sandbox:
    """Serves connections, counts requests by path and records the last ones."""

    def __init__(self, tmdb: SandboxApi) -> None:
        self._tmdb = tmdb
        self._faults = Faults()
        self._calls: Counter[str] = Counter()
        self._requests: deque[RecordedRequest] = deque(maxlen=MAX_RECORDED_REQUESTS)
        self._controls: dict[str, dict[str, Control]] = {
            "/health": {"GET": self._health},
            "/faults": {"GET": self._list_faults, "POST": self._order_fault, "DELETE": self._clear_faults},
            "/calls": {"GET": self._list_calls, "DELETE": self._forget_calls},
        }

    async def handle_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = HttpConnection(reader, writer)
        try:
            # The client closed the connection, or the server stops. Streams of Python 3.11 log both as errors.
            with suppress(OSError, asyncio.CancelledError):
                while request := await connection.next_request():
                    if not await self._respond(request, connection):
                        break
        finally:
            writer.close()

    async def _respond(self, request: SandboxRequest, connection: HttpConnection) -> bool:
        """Respond to one request. Return whether the connection stays open for another."""
        is_image = request.path.startswith("/t/p/")
        if not is_image and not f"{request.path}/".startswith("/3/"):
            await connection.send(*self._control(request))
            return connection.is_open
        fault = self._faults.take(request.path)
        self._record(request, fault)
        respond = respond_with_image if is_image else self._tmdb.respond
        response = respond(request.method, request.path, request.query, request.authorization)
        if fault:
            return await apply_fault(fault, response, connection, self._tmdb)
        await connection.send(*response)
        return connection.is_open

    def _record(self, request: SandboxRequest, fault: Fault | None) -> None:
        self._calls[request.path] += 1
        query = {name: value for name, value in request.query.items() if name != "api_key"}
        self._requests.append(RecordedRequest(request.path, query, time.monotonic(), fault.fault if fault else None))

    def _control(self, request: SandboxRequest) -> SandboxResponse:
        if request.path not in self._controls:
            return error_response(UNKNOWN_PATH)
        control = self._controls[request.path].get(request.method)
        return control(request) if control else error_response(NOT_OFFERED)

    def _health(self, _request: SandboxRequest) -> SandboxResponse:
        return json_response({"status": "ok"})

    def _list_faults(self, _request: SandboxRequest) -> SandboxResponse:
        return json_response({"faults": self._faults.waiting})

    def _clear_faults(self, _request: SandboxRequest) -> SandboxResponse:
        self._faults.waiting.clear()
        return NO_CONTENT

    def _list_calls(self, _request: SandboxRequest) -> SandboxResponse:
        return json_response({"calls": self._calls, "requests": list(self._requests)})

    def _forget_calls(self, _request: SandboxRequest) -> SandboxResponse:
        self._calls.clear()
        self._requests.clear()
        return NO_CONTENT

    def _order_fault(self, request: SandboxRequest) -> SandboxResponse:
        try:
            fault = msgspec.json.decode(request.body, type=Fault)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return json_response({"error": f"This is no fault: {error}.", "faults": NAMES}, HTTPStatus.BAD_REQUEST)
        self._faults.waiting.append(fault)
        return json_response(fault, HTTPStatus.CREATED)


async def serve(listening: socket.socket, tmdb: SandboxApi, *, end_with_input: bool = False) -> None:
    """Serve until a signal, or until standard input ends, as a child's does when its parent dies."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    if end_with_input:
        loop.add_reader(sys.stdin, stopping.set)
    server = await asyncio.start_server(Sandbox(tmdb).handle_connection, sock=listening, backlog=BACKLOG)
    await stopping.wait()
    server.close()
