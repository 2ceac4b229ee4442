"""A way to PostgreSQL or Valkey that can be cut, frozen, slowed, or closed, and mended again."""

import socket
import struct
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from filmer.store.embedded import Engines

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


class Proxy:
    """A TCP port that leads to a unix socket. ``delay``: seconds each answer is held back."""

    def __init__(self, target: str) -> None:
        self.delay = 0.0
        self._target = target
        self._flowing = threading.Event()
        self._flowing.set()
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._is_cut = self._is_refusing = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._start(self._accept, self._listener)

    def cut(self) -> None:
        """Every connection breaks, and every new one."""
        with self._lock:
            self._is_cut = True
            for sock in self._sockets:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            self._sockets.clear()

    def refuse(self) -> None:
        """Every connection breaks, and every new one is refused. The port stays ours."""
        self._is_refusing = True
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self.cut()

    def reset(self) -> int:
        """Every connection ends in the middle of whatever it does (RST); new ones are welcome. How many."""
        count = 0
        with self._lock:
            for near in self._sockets[::2]:
                with suppress(OSError):  # it is over already
                    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    near.shutdown(socket.SHUT_RD)  # wakes the pump, which closes it
                    count += 1
            self._sockets.clear()
        return count

    def freeze(self) -> None:
        """Connections stand, new ones are taken, and nothing goes through."""
        self._flowing.clear()

    def mend(self) -> None:
        self.delay = 0.0
        self._is_cut = False
        self._flowing.set()
        if self._is_refusing:
            self._is_refusing = False
            self._listener.listen()
            self._start(self._accept, self._listener)

    def close(self) -> None:
        self._flowing.set()
        if not self._is_refusing:
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def _start(self, target: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                if self._is_cut:
                    near.close()
                    continue
                far = socket.socket(socket.AF_UNIX)
                try:
                    far.connect(self._target)
                except OSError:
                    near.close()
                    far.close()
                    continue
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets += [near, far]
            self._start(self._pump, near, far)
            self._start(self._pump, far, near)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if source.family == socket.AF_UNIX and self.delay:
                    time.sleep(self.delay)
                self._flowing.wait()
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                if end.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET)) != _RESET:
                    end.shutdown(socket.SHUT_RDWR)
        source.close()  # each pump closes the end it reads from


@contextmanager
def proxied_database(database_url: str) -> Iterator[tuple[str, Proxy]]:
    host = str(conninfo_to_dict(database_url)["host"])
    proxy = Proxy(f"{host}/.s.PGSQL.5432")
    try:
        yield make_conninfo(database_url, host="127.0.0.1", port=proxy.port), proxy
    finally:
        proxy.close()


@contextmanager
def proxied_valkey(engines: Engines) -> Iterator[tuple[str, Proxy]]:
    proxy = Proxy(urllib.parse.unquote(urllib.parse.urlsplit(engines.redis_url).path))
    try:
        yield f"redis://127.0.0.1:{proxy.port}/0", proxy
    finally:
        proxy.close()
