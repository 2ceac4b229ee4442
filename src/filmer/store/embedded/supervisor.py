"""The supervisor: it owns the servers, and runs them for as long as it has clients."""

import asyncio
import json
import logging
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filmer.store.embedded.data_dir import SUPERVISOR_SOCKET, DataDir, remove_socket_dir
from filmer.store.embedded.errors import EmbeddedError, explain
from filmer.store.embedded.logs import log_end
from filmer.store.embedded.postgres import Postgres
from filmer.store.embedded.valkey import Valkey

if TYPE_CHECKING:
    from filmer.store.embedded.engine import Engine

logger = logging.getLogger(__name__)


def supervise(lock: int, client: int, path: Path) -> None:
    """Run the supervisor, given the descriptors of the lock and of the first client's connection."""
    if os.fork():
        os._exit(0)
    del lock  # held for as long as its descriptor is open
    os.umask(0o077)
    # The supervisor outlives Ctrl-C, a closed terminal and a `kill` meant for its clients: it ends after them.
    # The signals are handled rather than ignored, because the servers would inherit SIG_IGN.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    logging.basicConfig(format="%(asctime)s [%(process)d] %(message)s", level=logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    connection = socket.socket(fileno=client)
    try:
        data_dir = DataDir.prepare(path)
    except (EmbeddedError, OSError) as error:
        message = explain(error, path)
        logger.warning("%s", message)
        connection.recv(65536)  # the request: closing the socket with it unread would discard our reply
        connection.sendall(json.dumps({"error": message}).encode() + b"\n")
        return
    logger.info("running the servers in %s", path)
    asyncio.run(Supervisor(data_dir).run(connection))


class Supervisor:
    """Starts the servers its clients request, and ends everything after the last client."""

    def __init__(self, data_dir: DataDir) -> None:
        self.data_dir = data_dir
        self.engines: dict[str, Engine] = {"postgres": Postgres(data_dir), "valkey": Valkey(data_dir)}
        self.clients = 0
        self.listening: set[asyncio.StreamWriter] = set()  # clients that have their reply: log messages go to them
        self.last_client_left = asyncio.Event()
        self.stopping = False
        self.waiting: list[asyncio.StreamWriter] = []  # clients that left last, and wait until the servers are down

    async def run(self, first: socket.socket) -> None:
        """Serve until the last client is gone, and end the process. ``first``: the connection of the first client."""
        logging.getLogger().addHandler(_ClientLogHandler(self.listening))
        listener = socket.socket(socket.AF_UNIX)
        (self.data_dir.sockets / SUPERVISOR_SOCKET).unlink(missing_ok=True)
        listener.bind(str(self.data_dir.sockets / SUPERVISOR_SOCKET))
        server = await asyncio.start_unix_server(self._serve_client, sock=listener)
        connection = await asyncio.open_unix_connection(sock=first)
        first_client = asyncio.create_task(self._serve_client(*connection))
        while not self.stopping:
            await self.last_client_left.wait()
            self.last_client_left.clear()
            self.stopping = not self.clients
            if not self.stopping:  # a client has connected in the meantime
                for writer in self.waiting:
                    writer.close()
                self.waiting.clear()
        server.close()  # we hang up on clients that connect from now on; they try again until the lock is free
        await asyncio.gather(first_client, *(engine.stop() for engine in self.engines.values()))
        remove_socket_dir(self.data_dir)
        logger.info("the servers are down")
        # Not a return: the kernel must close the waiting connections and free the lock at the very end.
        os._exit(0)

    async def _serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Start the servers a client requests, send it their addresses, and wait until it hangs up."""
        if self.stopping:
            writer.close()
            return
        self.clients += 1
        with suppress(ConnectionError):
            if request := await reader.readline():
                writer.write(json.dumps(await self._reply(request)).encode() + b"\n")
                await writer.drain()
                self.listening.add(writer)
            await reader.read()
        self.listening.discard(writer)
        self.clients -= 1
        if self.clients:
            writer.close()
        else:
            self.waiting.append(writer)
            self.last_client_left.set()

    async def _reply(self, request: bytes) -> dict[str, str | int]:
        """The addresses of the requested servers once they run, or an "error"."""
        try:
            requested = [self.engines[name] for name, is_requested in json.loads(request).items() if is_requested]
            await asyncio.gather(*(engine.ensure() for engine in requested))
        except EmbeddedError as error:
            logger.warning("%s", error)
            return {"error": str(error)}
        except OSError as error:
            logger.exception("cannot start the servers")
            return {"error": explain(error, self.data_dir.path)}
        except Exception as error:  # whatever it is, the client waits for a reply
            logger.exception("cannot start the servers")
            log = self.data_dir.path / "engines.log"
            return {"error": f"Cannot start the database servers: {error!r}. {log_end(log)}"}
        return {"supervisor": os.getpid(), **{engine.folder_name: engine.url for engine in requested}}


class _ClientLogHandler(logging.Handler):
    """Sends clients what is logged from WARNING up: that a server died, and whether it is back."""

    def __init__(self, clients: set[asyncio.StreamWriter]) -> None:
        super().__init__(logging.WARNING)
        self._clients = clients

    def emit(self, record: logging.LogRecord) -> None:
        """Send the message, which is one line. `Supervisor._serve_client` notices a client that is gone."""
        for writer in self._clients:
            writer.write(record.getMessage().encode() + b"\n")
