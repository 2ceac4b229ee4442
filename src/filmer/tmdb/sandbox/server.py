"""The sandbox's server: TMDB's API under ``/3``, its pictures under ``/t/p``, and beside them what controls it."""

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

from filmer.tmdb.sandbox.answers import NOT_OFFERED, UNKNOWN_PATH, Answer, Tmdb, answered, error
from filmer.tmdb.sandbox.faults import NAMES, Fault, Faults, fail
from filmer.tmdb.sandbox.pictures import answer_picture
from filmer.tmdb.sandbox.wire import RecordedRequest, Wire

BACKLOG = 1024  # connections that wait to be accepted
KEPT_REQUESTS = 1000
NOTHING = Answer(HTTPStatus.NO_CONTENT, b"", ())
Control = Callable[[RecordedRequest], Answer]


class Request(msgspec.Struct, frozen=True):
    """A request as it is remembered: without its credentials."""

    path: str
    query: dict[str, str]
    at: float  # seconds of the monotonic clock
    fault: str | None


class Sandbox:
    """Answers connections. Of what is asked it remembers how often, and the last requests."""

    def __init__(self, tmdb: Tmdb) -> None:
        self._tmdb = tmdb
        self._faults = Faults()
        self._calls: Counter[str] = Counter()
        self._requests: deque[Request] = deque(maxlen=KEPT_REQUESTS)
        self._controls: dict[str, dict[str, Control]] = {
            "/health": {"GET": self._health},
            "/faults": {"GET": self._list_faults, "POST": self._order_fault, "DELETE": self._clear_faults},
            "/calls": {"GET": self._list_calls, "DELETE": self._forget_calls},
        }

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        try:
            # Whoever asked has hung up, or we were told to end, which Python 3.11's streams would make an error of.
            with suppress(OSError, asyncio.CancelledError):
                while asked := await wire.next_request():
                    if not await self._reply(asked, wire):
                        break
        finally:
            writer.close()

    async def _reply(self, asked: RecordedRequest, wire: Wire) -> bool:
        """Answers one request. Whether another may follow on the connection."""
        is_picture = asked.path.startswith("/t/p/")
        if not is_picture and not f"{asked.path}/".startswith("/3/"):
            await wire.send(*self._control(asked))
            return wire.is_open
        fault = self._faults.take(asked.path)
        self._remember(asked, fault)
        ask = answer_picture if is_picture else self._tmdb.answer
        answer = ask(asked.method, asked.path, asked.query, asked.authorization)
        if fault:
            return await fail(fault, answer, wire, self._tmdb)
        await wire.send(*answer)
        return wire.is_open

    def _remember(self, asked: RecordedRequest, fault: Fault | None) -> None:
        self._calls[asked.path] += 1
        query = {name: value for name, value in asked.query.items() if name != "api_key"}
        self._requests.append(Request(asked.path, query, time.monotonic(), fault.fault if fault else None))

    def _control(self, asked: RecordedRequest) -> Answer:
        if asked.path not in self._controls:
            return error(UNKNOWN_PATH)
        control = self._controls[asked.path].get(asked.method)
        return control(asked) if control else error(NOT_OFFERED)

    def _health(self, _asked: RecordedRequest) -> Answer:
        return answered({"status": "ok"})

    def _list_faults(self, _asked: RecordedRequest) -> Answer:
        return answered({"faults": self._faults.waiting})

    def _clear_faults(self, _asked: RecordedRequest) -> Answer:
        self._faults.waiting.clear()
        return NOTHING

    def _list_calls(self, _asked: RecordedRequest) -> Answer:
        return answered({"calls": self._calls, "requests": list(self._requests)})

    def _forget_calls(self, _asked: RecordedRequest) -> Answer:
        self._calls.clear()
        self._requests.clear()
        return NOTHING

    def _order_fault(self, asked: RecordedRequest) -> Answer:
        try:
            fault = msgspec.json.decode(asked.body, type=Fault)
        except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
            return answered({"error": f"This is no fault: {wrong}.", "faults": NAMES}, HTTPStatus.BAD_REQUEST)
        self._faults.waiting.append(fault)
        return answered(fault, HTTPStatus.CREATED)


async def serve(listening: socket.socket, tmdb: Tmdb, *, end_with_input: bool = False) -> None:
    """Serves until told to stop, or until standard input ends: that of a child ends with its parent."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    if end_with_input:
        loop.add_reader(sys.stdin, told.set)
    server = await asyncio.start_server(Sandbox(tmdb).talk, sock=listening, backlog=BACKLOG)
    await told.wait()
    server.close()
