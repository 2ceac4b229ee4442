"""What runs in a worker process: it loads the application, reports when it is ready, and drains before it ends."""

import asyncio
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from functools import partial
from importlib import import_module
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from filmer.server.listeners import drop_new_connections, is_listening, stop_accepting

if TYPE_CHECKING:  # the main process does without the framework
    from litestar.types import ASGIApp, Receive, Send

LISTEN_SECONDS = 0.01  # between two checks whether this worker listens, once the application has started
QUEUE_SECONDS = 0.2  # for the clients in the queue to be accepted

DRAIN, DRAIN_LAST = signal.SIGUSR1, signal.SIGUSR2  # to a worker that ends: with a successor, or without one

# The framework, httpx and structlog import these where they are installed, for handlers and terminals that we do not
# have: 6 MiB and 60 ms of each worker, and as much again for pydantic, which the tools of developers bring. A module
# that is None is one that is not installed.
_UNUSED = ("attr", "attrs", "click", "pydantic", "rich")


def load(target: str, ready: Connection, environment: Connection | None) -> "ASGIApp":
    """The application that the function ``target`` (``module:name``) makes.

    ``ready`` is told when clients can connect. From ``environment`` come the variables of the main process, once the
    engines run; meanwhile the application is imported. None: this process has the right ones.
    """
    for number in (DRAIN, DRAIN_LAST):
        signal.signal(number, signal.SIG_IGN)  # a worker that is not ready yet has no connections to drain
    for name in _UNUSED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    gc.disable()  # until all is loaded: nothing of it is garbage, and looking for some takes 40 ms
    module, _, factory = target.partition(":")
    make_app = getattr(import_module(module), factory)
    if environment:
        try:
            variables = environment.recv()
        except EOFError:  # the main process has ended
            raise SystemExit(1) from None
        os.environ.clear()
        os.environ.update(variables)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    app = _DrainingWorker(make_app(), ready)
    gc.freeze()
    gc.enable()
    return app


def exit_with_parent() -> None:
    """Ends this worker when its main process has died, even by SIGKILL: nothing else would end it."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        while parent is None or os.getppid() == parent.pid:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


class _DrainingWorker:
    """Wraps the application in each worker: reports when the worker is ready, and drains it before it ends."""

    def __init__(self, app: "ASGIApp", ready: Connection) -> None:
        self._app: Any = app
        self._ready = ready
        self._is_draining = False

    async def __call__(self, scope: Any, receive: "Receive", send: "Send") -> None:
        if scope["type"] == "lifespan":
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(DRAIN, self._drain)
            loop.add_signal_handler(DRAIN_LAST, self._drain_last)
            await self._app(scope, receive, partial(self._send_lifespan, send))
        elif self._is_draining:
            await self._app(scope, receive, partial(_send_and_close, send))
        else:
            await self._app(scope, receive, send)

    def _drain(self) -> None:
        self._is_draining = True
        stop_accepting()

    def _drain_last(self) -> None:
        """No successor will accept the clients in the queue, so they are accepted here, and no new ones let in."""
        self._is_draining = True
        asyncio.get_running_loop().call_later(QUEUE_SECONDS, stop_accepting)
        drop_new_connections()

    async def _send_lifespan(self, send: "Send", message: Any) -> None:
        await send(message)
        if message["type"] == "lifespan.startup.complete":
            self._report_ready()

    def _report_ready(self) -> None:
        """Waits until clients can connect: Granian listens only after the application has started."""
        if is_listening():
            self._ready.send_bytes(b"ready")
        else:
            asyncio.get_running_loop().call_later(LISTEN_SECONDS, self._report_ready)


async def _send_and_close(send: "Send", message: Any) -> None:
    if message["type"] == "http.response.start":
        message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
    await send(message)
