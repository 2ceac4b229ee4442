"""PostgreSQL and Valkey inside the data directory, for owners who run no such servers of their own.

The first process that enters `running_engines` (`client.py`) starts a supervisor (`supervisor.py`): a program in a
session of its own, which owns both servers as its children. Every process that uses the servers is a client: it holds
a connection to the supervisor's unix socket for as long as it lives. The kernel closes that connection on any death,
`kill -9` included, so the supervisor always knows its clients; after the last one it shuts the servers down and exits.
A server that dies by itself is started again. Nothing listens on TCP.

What lies in the data directory:
    keeper.lock                             locked (flock) by the supervisor for its whole life: there is only one
    run/                                    the unix sockets; a symbolic link to a short temporary directory
                                            where the path would be too long for a socket
    postgres/, valkey/                      the servers' own files
    engines/                                copies of binaries the servers' user can't reach (as root only)
    engines.log, postgres.log, valkey.log   the logs of the supervisor, PostgreSQL and Valkey
"""

from filmer.store.embedded.binaries import find_postgres, find_valkey
from filmer.store.embedded.client import Engines, running_engines, starting_engines
from filmer.store.embedded.data_dir import data_dir_of
from filmer.store.embedded.errors import EmbeddedError

__all__ = [
    "EmbeddedError",
    "Engines",
    "data_dir_of",
    "find_postgres",
    "find_valkey",
    "running_engines",
    "starting_engines",
]
