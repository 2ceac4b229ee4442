"""Worker processes that are replaced one by one without a request lost (SIGHUP), and that leave with a word (SIGTERM).

Granian starts and ends workers. What is added here: a worker's listening socket outlives it, so that connections not
yet accepted are its successor's; the successor is ready before the predecessor goes; and whoever goes accepts nothing
more, and says so on the connections it holds, as long as they are busy, before it closes them. A worker that dies is
started again by itself (`server/restarts.py`), however often, while the others go on.
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

from filmer.server.listeners import is_listening, let_nobody_connect, stop_accepting
from filmer.server.restarts import ATTEMPTS, Restarts

if TYPE_CHECKING:  # the main process does without the framework
    from collections.abc import Callable

    from litestar.types import ASGIApp, Receive, Send

log = structlog.get_logger()

READY_SECONDS = 30.0  # for a worker to start, before its predecessor stays
LOOK_SECONDS = 0.25  # between two looks whether a worker that starts is ready, while another one waits
LISTEN_SECONDS = 0.01  # between two looks whether this worker listens, once it has started
LEAVE_SECONDS = 2.0  # in which answers say that their connection closes
QUEUE_SECONDS = 0.2  # for whoever has connected to be accepted

_SUCCEEDED, _LAST = signal.SIGUSR1, signal.SIGUSR2  # to a worker: go; another listens on, or nobody does

Listener = tuple[SocketHolder, socket.socket]


class Leaving:
    """Around the application in each worker: tells when it is ready, and then those who ask that it goes."""

    def __init__(self, app: "ASGIApp", ready: Connection) -> None:
        self._app: Any = app
        self._ready = ready
        self._is_leaving = False

    async def __call__(self, scope: Any, receive: "Receive", send: "Send") -> None:
        if scope["type"] == "lifespan":
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(_SUCCEEDED, self._leave)
            loop.add_signal_handler(_LAST, self._leave_nobody)
            await self._app(scope, receive, partial(self._send_in_life, send))
        elif self._is_leaving:
            await self._app(scope, receive, partial(_send_and_close, send))
        else:
            await self._app(scope, receive, send)

    def _leave(self) -> None:
        self._is_leaving = True
        stop_accepting()

    def _leave_nobody(self) -> None:
        self._is_leaving = True
        asyncio.get_running_loop().call_later(QUEUE_SECONDS, stop_accepting)
        let_nobody_connect()

    async def _send_in_life(self, send: "Send", message: Any) -> None:
        await send(message)
        if message["type"] == "lifespan.startup.complete":
            self._say_ready()

    def _say_ready(self) -> None:
        """Only once callers can connect: Granian listens after the application's start."""
        if is_listening():
            self._ready.send_bytes(b"ready")
        else:
            asyncio.get_running_loop().call_later(LISTEN_SECONDS, self._say_ready)


async def _send_and_close(send: "Send", message: Any) -> None:
    if message["type"] == "http.response.start":
        message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
    await send(message)


_MainProcess: Any = MPServer  # which has no types


class RollingServer(_MainProcess):  # type: ignore[misc]
    """Granian's main process."""

    has_given_up = False  # as no worker could be started
    _has_time = False  # to say goodbye before it stops

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
        """With its listener, if there is one; else it makes one of its own, once it is ready."""
        held = self._listeners.get(idx)
        self._ssp = None if held else self._spec
        self._shd: SocketHolder | None = held[0] if held else None
        self._sso: socket.socket | None = held[1] if held else None
        # A pipe, not an Event: a process that is killed while it sets one leaves it locked for ever.
        reader, writer = multiprocessing.Pipe(duplex=False)
        worker = super()._spawn_worker(idx, target, partial(_load, callback_loader, writer))
        worker.reader, worker.is_ready = reader, False
        return worker

    def _respawn_workers(self, workers: list[int], spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
        """Replaces workers that run; those that died meanwhile are `_serve_loop`'s."""
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
        """Take in which workers died, and decide when their successors start."""
        died = []
        while self.interrupt_children:
            died.append(self.interrupt_children.pop(0))
        for idx in died:
            dead = self.wrks[idx]
            was_ready = _is_ready(dead)
            pause = self._restarts.died(idx, was_ready=was_ready)
            log.error(
                "worker died; another one starts",
                pid=dead.inner.pid,
                exit_code=dead.inner.exitcode,
                was_ready=was_ready,
                in_seconds=round(pause, 2),
            )
        self._close_unattended()

    def _close_unattended(self) -> None:
        """Whoever waits for a worker that died is better served by the others, if one is ready."""
        running = self._restarts.running
        if any(self.wrks[idx].is_alive() and _is_ready(self.wrks[idx]) for idx in running):
            for idx in self._listeners.keys() - running:
                self._listeners.pop(idx)[1].close()

    def _start_due(self, spawn_target: Any, target_loader: Any) -> None:
        for idx in self._restarts.due():
            if not self._restarts.running and idx not in self._listeners:
                self._listen(idx)  # callers wait, where otherwise they would be refused
            self.wrks[idx] = self._spawn_worker(idx, spawn_target, target_loader)
            self.wrks[idx].start()
            self._restarts.started(idx)

    def _replace(self, idx: int, spawn_target: Any, target_loader: Any) -> bool:
        """Whether a new worker has taken the old one's place."""
        try:
            if idx not in self._listeners:
                self._listen(idx)
            new = self._spawn_worker(idx, spawn_target, target_loader)
            new.interrupt_by_parent = True  # until it is ready its end is no loss
            new.start()
        except OSError:  # no memory, process or file can be had
            log.exception("no new worker")
            return False
        deadline = time.monotonic() + READY_SECONDS
        while not _is_ready(new, 0.05):
            if not new.is_alive() or time.monotonic() > deadline or self.interrupt_signal:
                new.kill()
                return False
        new.interrupt_by_parent = False
        if not new.is_alive():  # it died before anybody would have noticed
            return False
        old, self.wrks[idx] = self.wrks[idx], new
        self._restarts.started(idx)
        while idx in self.interrupt_children:  # the old one died while it was being replaced
            self.interrupt_children.remove(idx)
        _say_goodbye(old, _SUCCEEDED)
        time.sleep(LEAVE_SECONDS)
        old.terminate()
        old.join(self.workers_kill_timeout)
        if old.is_alive():
            old.kill()
        return True

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        """Granian's own ends the whole server when one worker dies twice within five seconds."""
        try:
            while not self.interrupt_signal:
                pause = self._restarts.seconds_until_due()
                self.main_loop_interrupt.wait(pause if pause is None else min(pause, LOOK_SECONDS))
                self.main_loop_interrupt.clear()  # before looking: who comes in between sets it again
                self._note_deaths()
                if self._restarts.is_hopeless:
                    log.error("no worker can be started", attempts=ATTEMPTS, advice="the lines above say why")
                    self.has_given_up = True
                    return
                self._start_due(spawn_target, target_loader)
                if self.reload_signal and not self.interrupt_signal:
                    self._reload(spawn_target, target_loader)
                    self.main_loop_interrupt.set()  # Granian forgets what came just before
        except OSError:  # no memory, process or file: the workers that are left would have nobody to tell them to stop
            self._stop_workers()
            raise

    def signal_handler_interrupt(self, number: int, *frame: Any) -> None:
        """SIGTERM leaves time for callers to hear that we go; SIGINT, or a second signal, does not."""
        self._has_time = number == signal.SIGTERM and not self.interrupt_signal
        super().signal_handler_interrupt(number, *frame)

    def _stop_workers(self) -> None:
        for worker in self.wrks:
            _say_goodbye(worker, _LAST)
        end = time.monotonic() + LEAVE_SECONDS
        while self._has_time and time.monotonic() < end:
            time.sleep(0.05)
        super()._stop_workers()


def _say_goodbye(worker: Any, word: signal.Signals) -> None:
    worker.interrupt_by_parent = True  # its end is no accident
    if worker.is_alive():
        with suppress(ProcessLookupError):
            os.kill(worker.inner.pid, word)


def _is_ready(worker: Any, seconds: float = 0) -> bool:
    """Whether a worker has said so, or does within some seconds. One that died without is at its end of file."""
    with suppress(EOFError):
        worker.is_ready = worker.is_ready or (worker.reader.poll(seconds) and bool(worker.reader.recv_bytes()))
    return bool(worker.is_ready)


def _load(make_app: "Callable[[], ASGIApp]", ready: Connection) -> "ASGIApp":
    for word in (_SUCCEEDED, _LAST):
        signal.signal(word, signal.SIG_IGN)  # whoever goes before it is ready has nobody to tell
    return Leaving(make_app(), ready)
