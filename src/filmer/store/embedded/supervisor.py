"""The keeper: who uses the servers, and what becomes of them."""

import asyncio
import json
import logging
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filmer.store.embedded.data_dir import KEEPER_SOCKET, DataDir, remove_socket_dir
from filmer.store.embedded.errors import EmbeddedError, explain
from filmer.store.embedded.logs import log_end
from filmer.store.embedded.postgres import Postgres
from filmer.store.embedded.valkey import Valkey

if TYPE_CHECKING:
    from filmer.store.embedded.engine import Engine

logger = logging.getLogger(__name__)


def supervise(lock: int, user: int, data_dir: Path) -> None:
    """The keeper's life, given the descriptors of the lock and of the first user's connection."""
    if os.fork():
        os._exit(0)
    del lock  # held by being open
    os.umask(0o077)
    # The keeper outlives Ctrl-C, a closed terminal and a `kill` meant for its users: it goes after them.
    # Not SIG_IGN, which the servers would inherit.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    logging.basicConfig(format="%(asctime)s [%(process)d] %(message)s", level=logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    first = socket.socket(fileno=user)
    try:
        place = DataDir.prepare(data_dir)
    except (EmbeddedError, OSError) as error:
        message = explain(error, data_dir) if isinstance(error, OSError) else str(error)
        logger.warning("%s", message)
        first.recv(65536)  # the question, so that closing does not break off our answer
        first.sendall(json.dumps({"error": message}).encode() + b"\n")
        return
    logger.info("keeping the servers in %s", data_dir)
    asyncio.run(Supervisor(place).run(first))


class Supervisor:
    """Knows who uses the servers, starts what they ask for, and ends everything after the last of them."""

    def __init__(self, place: DataDir) -> None:
        self.place = place
        self.engines: dict[str, Engine] = {"postgres": Postgres(place), "valkey": Valkey(place)}
        self.users = 0
        self.answered: set[asyncio.StreamWriter] = set()  # users who have their answer, and hear what happens since
        self.deserted = asyncio.Event()
        self.stopping = False
        self.waiting: list[asyncio.StreamWriter] = []  # users who left last: we hang up when all is down

    async def run(self, first: socket.socket) -> None:
        """Serve until the last user is gone, the first being connected already; ends the process."""
        logging.getLogger().addHandler(_UserLogHandler(self.answered))
        listener = socket.socket(socket.AF_UNIX)
        (self.place.sockets / KEEPER_SOCKET).unlink(missing_ok=True)
        listener.bind(str(self.place.sockets / KEEPER_SOCKET))
        server = await asyncio.start_unix_server(self._attend, sock=listener)
        connection = await asyncio.open_unix_connection(sock=first)
        first_user = asyncio.create_task(self._attend(*connection))
        while not self.stopping:
            await self.deserted.wait()
            self.deserted.clear()
            self.stopping = not self.users
            if not self.stopping:  # somebody came in the meantime
                for writer in self.waiting:
                    writer.close()
                self.waiting.clear()
        server.close()  # who connects from now on is hung up on, and asks again until the lock is free
        await asyncio.gather(first_user, *(engine.stop() for engine in self.engines.values()))
        remove_socket_dir(self.place)
        logger.info("all is down")
        # Not a return: the kernel hangs up on those who wait, and frees the lock, when nothing is left to do.
        os._exit(0)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one user: start what they ask for, tell them where it is, and wait until they are gone."""
        if self.stopping:
            writer.close()
            return
        self.users += 1
        with suppress(ConnectionError):
            if request := await reader.readline():
                writer.write(json.dumps(await self._answer(request)).encode() + b"\n")
                await writer.drain()
                self.answered.add(writer)
            await reader.read()
        self.answered.discard(writer)
        self.users -= 1
        if self.users:
            writer.close()
        else:
            self.waiting.append(writer)
            self.deserted.set()

    async def _answer(self, request: bytes) -> dict[str, str | int]:
        """The addresses of the wanted servers once they run, or an "error"."""
        try:
            wanted = [self.engines[name] for name, is_wanted in json.loads(request).items() if is_wanted]
            await asyncio.gather(*(engine.ensure() for engine in wanted))
        except EmbeddedError as error:
            logger.warning("%s", error)
            return {"error": str(error)}
        except OSError as error:
            logger.exception("cannot start the servers")
            return {"error": explain(error, self.place.data_dir)}
        except Exception as error:  # whatever it is, the user waits for an answer
            logger.exception("cannot start the servers")
            log = self.place.data_dir / "engines.log"
            return {"error": f"Cannot start the database servers: {error!r}. {log_end(log)}"}
        return {"keeper": os.getpid(), **{engine.folder_name: engine.url for engine in wanted}}


class _UserLogHandler(logging.Handler):
    """Tells users what the log says from WARNING up: that a server died, and whether it is back."""

    def __init__(self, users: set[asyncio.StreamWriter]) -> None:
        super().__init__(logging.WARNING)
        self._users = users

    def emit(self, record: logging.LogRecord) -> None:
        """Send the message, which is one line; a user who is gone is the business of who attends to him."""
        for writer in self._users:
            writer.write(record.getMessage().encode() + b"\n")
