"""The listening sockets of a worker that is about to end.

A worker must not accept a connection and end before it has read the request: the client, which has sent it, could not
know whether it was carried out. Nor may the last worker close a socket whose queue holds clients that believe they are
connected.
"""

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_SO_ATTACH_FILTER = 26  # socket(7), Linux
_DROP_SYN = (  # classic BPF on a TCP header: code, lines to skip if true, if false, operand
    (0x30, 0, 0, 13),  # load the byte with the flags
    (0x45, 0, 1, 0x02),  # is SYN set?
    (0x06, 0, 0, 0),  # drop the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # pass the whole packet
)


def is_listening() -> bool:
    """Whether clients can connect to this process."""
    return any(True for _ in _listeners())


def stop_accepting() -> None:
    """Replaces this process's listening sockets by one that no client knows, as Granian has no call to stop accepting.

    The listening sockets of other processes stay open.
    """
    with socket.create_server(("127.0.0.1", 0)) as unknown:
        unknown.setblocking(False)
        for listener in _listeners():
            if listener.fileno() != unknown.fileno():
                os.dup2(unknown.fileno(), listener.fileno())


def drop_new_connections() -> None:
    """Ignores clients that begin to connect; those already in the queue can still be accepted. On Linux only.

    A client that is ignored tries again after a second, and is refused then if the socket has been closed.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in _DROP_SYN))
    sock_fprog = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(program))
    for listener in _listeners():
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, sock_fprog)


def _listeners() -> Iterator[socket.socket]:
    """The listening sockets of this process. The caller must not close them."""
    for descriptor in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
        with suppress(OSError):  # not a socket
            candidate = socket.socket(fileno=descriptor)
            try:
                if candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    yield candidate
            finally:
                candidate.detach()
