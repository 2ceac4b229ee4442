"""``filmer tmdb-sandbox``: a stand-in for TMDB, for development and tests."""

import asyncio
import socket
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from filmer.errors import CommandFailed
from filmer.server.serving import ServeError, free_port, require_loopback
from filmer.tmdb.sandbox.responses import SandboxApi, read_films
from filmer.tmdb.sandbox.server import serve


def tmdb_sandbox(
    *,
    host: Annotated[str, Parameter(help="Address to listen on, which only this machine can reach.")] = "127.0.0.1",
    port: Annotated[
        int, Parameter(help="Port to listen on; 0: any free port.", validator=Number(gte=0, lte=65535))
    ] = 8001,
    key: Annotated[str | None, Parameter(help="The only API key or access token to accept. Default: any.")] = None,
) -> None:
    """Start a stand-in for TMDB, for development: it has the demo's films, needs no internet, and fails on demand."""
    try:
        require_loopback(host)
    except ServeError:
        raise CommandFailed(
            f"Everybody who reaches the sandbox controls it, and other machines can reach {host}. Let it listen on "
            "127.0.0.1."
        ) from None
    free_port(host, port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listening:
        shown = f"[{host}]" if ":" in host else host
        _say_ready(f"http://{shown}:{listening.getsockname()[1]}", key or "any")
        asyncio.run(serve(listening, SandboxApi(read_films(), key)))


def _say_ready(address: str, key: str) -> None:
    print(
        f"\nThe TMDB sandbox is ready at {address}\n\n"
        f"  Popular      curl '{address}/3/movie/popular?api_key={key}'\n"
        f'  No response  curl {address}/faults -d \'{{"fault":"black-hole"}}\'\n'
        f'  Fail twice   curl {address}/faults -d \'{{"fault":"503","times":2}}\'\n'
        f"  Work again   curl -X DELETE {address}/faults\n"
        f"  Requests     curl {address}/calls\n"
        f"  filmer       TMDB_BASE_URL={address}/3 TMDB_API_KEY={key} filmer serve\n"
        f"  Stop         Ctrl-C\n",
        flush=True,
    )
