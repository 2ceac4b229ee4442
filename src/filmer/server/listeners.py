"""The listening sockets of a worker that goes.

It must not accept a connection and end before it has read the request: the caller, who has sent it, cannot know whether
it was done. Nor may the last worker close a socket in which callers wait who believe they are connected.
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
    (0x30, 0, 0, 13),  # load the byte of the flags
    (0x45, 0, 1, 0x02),  # is SYN set?
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # keep all of it
)


def is_listening() -> bool:
    """Whether anybody can connect to this process."""
    return any(True for _ in _listeners())


def stop_accepting() -> None:
    """Granian cannot be told: it goes on, but at a socket to which nobody connects. Other processes keep theirs."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nobody.setblocking(False)
        for listener in _listeners():
            if listener.fileno() != nobody.fileno():
                os.dup2(nobody.fileno(), listener.fileno())


def let_nobody_connect() -> None:
    """Who has connected can still be accepted. Does nothing but on Linux.

    Who begins to connect gets no answer, and is refused when his machine asks again after a second, if the socket is
    closed by then.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in _DROP_SYN))
    described = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(program))
    for listener in _listeners():
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)


def _listeners() -> Iterator[socket.socket]:
    """Those of this process. Whoever is given one leaves it open."""
    for number in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
        with suppress(OSError):  # no socket
            found = socket.socket(fileno=number)
            try:
                if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    yield found
            finally:
                found.detach()
