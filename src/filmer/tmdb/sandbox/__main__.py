"""Runs the sandbox as a child of the process that opened its socket: ``python -m filmer.tmdb.sandbox FD``."""

import asyncio
import socket
import sys

from filmer.tmdb.sandbox.responses import SandboxApi, read_films
from filmer.tmdb.sandbox.server import serve

asyncio.run(serve(socket.socket(fileno=int(sys.argv[1])), SandboxApi(read_films()), end_with_input=True))
