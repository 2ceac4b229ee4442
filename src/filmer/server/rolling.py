"""Worker processes that are replaced one by one (SIGHUP) and stopped (SIGTERM) without losing a request.

Granian starts and ends workers. Added here: a worker's listening socket outlives it, so that its successor accepts the
connections it has not; the successor is ready before its predecessor ends; and a worker that is to end drains: it
accepts no more connections, and answers on those it has with `Connection: close`, before it closes them. A worker that
dies is started again by itself (`server/restarts.py`), however often, while the others go on.
"""

import asyncio
import multiprocessing
import os
import signal
import socket
import time
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import structlog
from granian._granian import ListenerSpec, SocketHolder
from granian.server.mp import MPServer

from filmer.server.listeners import drop_new_connections, is_listening, stop_accepting
from filmer.server.restarts import MAX_UNREADY_ATTEMPTS, Restarts

if TYPE_CHECKING:  # the main process does without the framework
    from collections.abc import Callable

    from litestar.types import ASGIApp, Receive, Send

log = structlog.get_logger()

READY_SECONDS = 30.0  # for a new worker to become ready; after that the old one stays
CHECK_SECONDS = 0.25  # between two checks whether a starting worker is ready, while another one waits
LISTEN_SECONDS = 0.01  # between two checks whether this worker listens, once the application has started
DRAIN_SECONDS = 2.0  # in which responses say that their connection closes
QUEUE_SECONDS = 0.2  # for the clients in the queue to be accepted

_DRAIN, _DRAIN_LAST = signal.SIGUSR1, signal.SIGUSR2  # to a worker that ends: with a successor, or without one

Listener = tuple[SocketHolder, socket.socket]


class DrainingWorker:
    """Wraps the application in each worker: reports when the worker is ready, and drains it before it ends."""

    def __init__(self, app: "ASGIApp", ready: Connection) -> None:
        self._app: Any = app
        self._ready = ready
        self._is_draining = False

    async def __call__(self, scope: Any, receive: "Receive", send: "Send") -> None:
        if scope["type"] == "lifespan":
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(_DRAIN, self._drain)
            loop.add_signal_handler(_DRAIN_LAST, self._drain_last)
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


_MainProcess: Any = MPServer  # it has no types


class RollingServer(_MainProcess):  # type: ignore[misc]
    """Granian's main process."""

    has_failed = False  # no worker could be started
    _may_drain = False  # whether workers get time to drain before the server stops

    def _init_shared_socket(self) -> None:
        super()._init_shared_socket()
        self._spec: Any = self._ssp
        self._listeners: dict[int, Listener] = {}
        self._restarts = Restarts(self.workers)
        for idx in range(self.workers):
            self._listen(idx)

    def _listen(self, idx: int) -> None:
        holder = ListenerSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._listeners[idx] = holder, socket.socket(fileno=holder.get_fd())

    def _drop_shared_socket(self) -> None:
        for _, listener in self._listeners.values():
            listener.close()
        self._listeners.clear()

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any) -> Any:
        """A worker gets the listening socket of its slot, if there is one; else it makes its own once it is ready."""
        held = self._listeners.get(idx)
        self._ssp = None if held else self._spec
        self._shd: SocketHolder | None = held[0] if held else None
        self._sso: socket.socket | None = held[1] if held else None
        # A pipe, not an Event: a process that is killed while it sets an Event leaves it locked for ever.
        reader, writer = multiprocessing.Pipe(duplex=False)
        worker = super()._spawn_worker(idx, target, partial(_load, callback_loader, writer))
        worker.reader, worker.is_ready = reader, False
        return worker

    def _respawn_workers(self, workers: list[int], spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
        """Replaces running workers. `_serve_loop` starts those again that died meanwhile."""
        del delay
        for idx in workers:
            self._note_deaths()
            if idx not in self._restarts.running:
                continue
            if not self._replace(idx, spawn_target, target_loader):
                if not self.interrupt_signal:
                    log.error("new worker did not start", advice="the old ones go on; the lines above say why")
                return
        log.info("workers replaced", workers=len(workers))

    def _note_deaths(self) -> None:
        """Records which workers died, and when their successors are to be started."""
        died = []
        while self.interrupt_children:
            died.append(self.interrupt_children.pop(0))
        for idx in died:
            dead = self.wrks[idx]
            was_ready = _is_ready(dead)
            delay = self._restarts.died(idx, was_ready=was_ready)
            log.error(
                "worker died; another one starts",
                pid=dead.inner.pid,
                exit_code=dead.inner.exitcode,
                was_ready=was_ready,
                in_seconds=round(delay, 2),
            )
        self._close_abandoned()

    def _close_abandoned(self) -> None:
        """Closes the sockets of workers that died, if another worker is ready: their clients connect to that one."""
        running = self._restarts.running
        if any(self.wrks[idx].is_alive() and _is_ready(self.wrks[idx]) for idx in running):
            for idx in self._listeners.keys() - running:
                self._listeners.pop(idx)[1].close()

    def _start_due(self, spawn_target: Any, target_loader: Any) -> None:
        for idx in self._restarts.due_slots():
            if not self._restarts.running and idx not in self._listeners:
                self._listen(idx)  # clients wait in its queue, where otherwise they would be refused
            self.wrks[idx] = self._spawn_worker(idx, spawn_target, target_loader)
            self.wrks[idx].start()
            self._restarts.started(idx)

    def _replace(self, idx: int, spawn_target: Any, target_loader: Any) -> bool:
        """Replaces a worker by a new one. Returns whether that succeeded."""
        try:
            if idx not in self._listeners:
                self._listen(idx)
            new = self._spawn_worker(idx, spawn_target, target_loader)
            new.interrupt_by_parent = True  # until it is ready its death is ignored
            new.start()
        except OSError:  # out of memory, processes or files
            log.exception("no new worker")
            return False
        deadline = time.monotonic() + READY_SECONDS
        while not _is_ready(new, 0.05):
            if not new.is_alive() or time.monotonic() > deadline or self.interrupt_signal:
                new.kill()
                return False
        new.interrupt_by_parent = False
        if not new.is_alive():  # it died while its death was still ignored
            return False
        old, self.wrks[idx] = self.wrks[idx], new
        self._restarts.started(idx)
        while idx in self.interrupt_children:  # the old one died while it was being replaced
            self.interrupt_children.remove(idx)
        _tell_to_drain(old, _DRAIN)
        time.sleep(DRAIN_SECONDS)
        old.terminate()
        old.join(self.workers_kill_timeout)
        if old.is_alive():
            old.kill()
        return True

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        """Replaces Granian's loop, which ends the whole server when one worker dies twice within five seconds."""
        try:
            while not self.interrupt_signal:
                delay = self._restarts.seconds_until_due()
                self.main_loop_interrupt.wait(delay if delay is None else min(delay, CHECK_SECONDS))
                self.main_loop_interrupt.clear()  # before the checks: a signal during them sets it again
                self._note_deaths()
                if self._restarts.is_hopeless:
                    log.error(
                        "no worker can be started", attempts=MAX_UNREADY_ATTEMPTS, advice="the lines above say why"
                    )
                    self.has_failed = True
                    return
                self._start_due(spawn_target, target_loader)
                if self.reload_signal and not self.interrupt_signal:
                    self._reload(spawn_target, target_loader)
                    self.main_loop_interrupt.set()  # Granian clears it, and with it a signal that came just before
        except OSError:  # out of memory, processes or files: stop the workers that are left before this process ends
            self._stop_workers()
            raise

    def signal_handler_interrupt(self, number: int, *frame: Any) -> None:
        """SIGTERM leaves workers time to drain; SIGINT, or a second signal, does not."""
        self._may_drain = number == signal.SIGTERM and not self.interrupt_signal
        super().signal_handler_interrupt(number, *frame)

    def _stop_workers(self) -> None:
        for worker in self.wrks:
            _tell_to_drain(worker, _DRAIN_LAST)
        end = time.monotonic() + DRAIN_SECONDS
        while self._may_drain and time.monotonic() < end:
            time.sleep(0.05)
        super()._stop_workers()


def _tell_to_drain(worker: Any, number: signal.Signals) -> None:
    worker.interrupt_by_parent = True  # its end is intended
    if worker.is_alive():
        with suppress(ProcessLookupError):
            os.kill(worker.inner.pid, number)


def _is_ready(worker: Any, seconds: float = 0) -> bool:
    """Whether a worker has reported that it is ready, or does within some seconds. A dead worker's pipe just ends."""
    with suppress(EOFError):
        worker.is_ready = worker.is_ready or (worker.reader.poll(seconds) and bool(worker.reader.recv_bytes()))
    return bool(worker.is_ready)


def _load(make_app: "Callable[[], ASGIApp]", ready: Connection) -> "ASGIApp":
    for number in (_DRAIN, _DRAIN_LAST):
        signal.signal(number, signal.SIG_IGN)  # a worker that is not ready yet has no connections to drain
    return DrainingWorker(make_app(), ready)
