"""The Valkey server."""

import signal
import socket
from contextlib import suppress
from urllib.parse import quote

from filmer.store.embedded.binaries import usable_valkey
from filmer.store.embedded.data_dir import VALKEY_SOCKET
from filmer.store.embedded.engine import Engine


class Valkey(Engine):
    """The Valkey server: a cache, so it stores nothing on disk."""

    title = "Valkey"
    folder_name = "valkey"
    pid_file = "valkey.pid"
    socket_name = VALKEY_SOCKET
    stop_signal = signal.SIGTERM

    @property
    def url(self) -> str:
        """A URL for redis-py's from_url."""
        return f"unix://{quote(str(self.data_dir.sockets / VALKEY_SOCKET))}?db=0"

    async def prepare(self) -> list[str]:
        """Make the folder; the settings are those of a private cache of a bounded size."""
        server = usable_valkey(self.data_dir)
        folder = self.data_dir.folder(self.folder_name)
        settings = {
            "port": "0",
            "unixsocket": f"{self.data_dir.sockets / VALKEY_SOCKET}",
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "allkeys-lru",
            "dir": f"{folder}",
            "pidfile": f"{folder / self.pid_file}",
            "daemonize": "no",
            "logfile": "",  # to stdout, which we redirect: the servers' user may not write outside its folder
        }
        return [str(server), *(word for key, value in settings.items() for word in (f"--{key}", value))]

    def ready(self) -> bool:
        """Whether it answers a PING."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(self.data_dir.sockets / VALKEY_SOCKET))
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith(b"+PONG")
        return False
