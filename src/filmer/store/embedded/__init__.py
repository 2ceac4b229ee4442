"""PostgreSQL and Valkey inside the data directory, for owners who run no such servers of their own.

The first process that enters `running_engines` (`client.py`) starts a supervisor (`supervisor.py`): a program in a
session of its own, which owns both servers as its children. Every process that uses the servers holds a connection
to the supervisor's unix socket for as long as it lives. The kernel closes that connection on any death, `kill -9`
included, so the supervisor always knows who is left; when nobody is, it shuts the servers down and exits. It starts a
server again that died by itself. Nothing listens on TCP.

What lies in the data directory:
    keeper.lock                             locked (flock) by the keeper for its whole life: there is only one
    run/                                    the unix sockets; a symbolic link to a short temporary directory
                                            where the path would be too long for a socket
    postgres/, valkey/                      the servers' own files
    engines/                                copies of binaries the servers' user can't reach (as root only)
    engines.log, postgres.log, valkey.log   what the keeper, PostgreSQL and Valkey have to say
"""

from filmer.store.embedded.binaries import find_postgres, find_valkey
from filmer.store.embedded.client import Engines, running_engines
from filmer.store.embedded.data_dir import default_data_dir
from filmer.store.embedded.errors import EmbeddedError

__all__ = ["EmbeddedError", "Engines", "default_data_dir", "find_postgres", "find_valkey", "running_engines"]
