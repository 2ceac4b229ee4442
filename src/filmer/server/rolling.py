"""Worker processes that are replaced one by one (SIGHUP) and stopped (SIGTERM) without losing a request.

Granian starts and ends workers. Added here: a worker's listening socket outlives it, so that its successor accepts the
connections it has not; the successor is ready before its predecessor ends; and a worker that is to end drains: it
accepts no more connections, and answers on those it has with `Connection: close`, before it closes them. A worker that
dies is started again by itself (`server/restarts.py`), however often, while the others go on.
"""

import multiprocessing
import os
import signal
import socket
import time
from contextlib import suppress
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

import structlog
from granian._granian import ListenerSpec, SocketHolder
from granian.server.mp import MPServer

from filmer.server.restarts import MAX_UNREADY_ATTEMPTS, Restarts
from filmer.server.worker import DRAIN, DRAIN_LAST, load

log = structlog.get_logger()

READY_SECONDS = 30.0  # for a new worker to become ready; after that the old one stays
CHECK_SECONDS = 0.25  # between two checks whether a starting worker is ready, while another one waits
DRAIN_SECONDS = 2.0  # in which responses say that their connection closes

Listener = tuple[SocketHolder, socket.socket]


_MainProcess: Any = MPServer  # it has no types


class RollingServer(_MainProcess):  # type: ignore[misc]
    """Granian's main process."""

    has_failed = False  # no worker could be started
    _may_drain = False  # whether workers get time to drain before the server stops

    def start_early(self) -> None:
        """Starts workers, which import the application and then wait for ``serve``, and for the environment then.

        Nobody can connect before that. One core is left to this process and the engines: workers that would have to
        share it start when the first one is ready.
        """
        self._listeners: dict[int, Listener] = {}
        self._restarts = Restarts(self.workers)
        self._waiting: list[Connection] = []
        super()._init_shared_socket()
        self._spec: Any = self._ssp
        # Ctrl-C reaches every process of a terminal; only the main process, which ends the others, is to report it.
        resource_tracker.ensure_running()  # started later, it would unblock the signal
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            for idx in range(min(self.workers, max(1, (os.cpu_count() or 1) - 1))):
                self._listen(idx)
                environment, told = multiprocessing.Pipe(duplex=False)
                worker = self._spawn_worker(idx, self._spawn_asgi_lifespan_worker, None, environment)
                worker.start()
                environment.close()
                self.wrks.append(worker)
                self._waiting.append(told)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def end(self) -> None:
        """Ends workers that still wait for ``serve``, or that it left behind."""
        for worker in self.wrks:
            worker.kill()
            worker.join()
        self._drop_shared_socket()

    def _init_shared_socket(self) -> None:
        """Granian's ``serve`` calls it; ``start_early`` has made the sockets."""

    def _spawn_workers(self, spawn_target: Any, target_loader: Any) -> None:
        """Granian's ``serve`` calls it; the early workers run, and only wait to be told."""
        for told in self._waiting:
            with suppress(BrokenPipeError):  # it died: `_serve_loop` starts another one
                told.send(dict(os.environ))
            told.close()
        deadline = time.monotonic() + READY_SECONDS
        while not any(_is_ready(worker, 0.01) for worker in self.wrks) and time.monotonic() < deadline:
            if self.interrupt_children:
                break
            if self.interrupt_signal:
                return
        for idx in range(len(self.wrks), self.workers):
            self._listen(idx)
            self.wrks.append(self._spawn_worker(idx, spawn_target, target_loader))
            self.wrks[idx].start()

    def _listen(self, idx: int) -> None:
        holder = ListenerSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._listeners[idx] = holder, socket.socket(fileno=holder.get_fd())

    def _drop_shared_socket(self) -> None:
        for _, listener in self._listeners.values():
            listener.close()
        self._listeners.clear()

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any, environment: Connection | None = None) -> Any:
        """A worker gets the listening socket of its slot, if there is one; else it makes its own once it is ready."""
        del callback_loader  # Granian's, which loads the application and no more
        held = self._listeners.get(idx)
        self._ssp = None if held else self._spec
        self._shd: SocketHolder | None = held[0] if held else None
        self._sso: socket.socket | None = held[1] if held else None
        # A pipe, not an Event: a process that is killed while it sets an Event leaves it locked for ever.
        reader, writer = multiprocessing.Pipe(duplex=False)
        worker = super()._spawn_worker(idx, target, partial(load, self.target, writer, environment))
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
        _tell_to_drain(old, DRAIN)
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
            _tell_to_drain(worker, DRAIN_LAST)
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
