"""``filmer tmdb-sandbox``: a TMDB to try things out with, and to let fail."""

import asyncio
import socket
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from filmer.errors import CommandFailed
from filmer.server.serving import ServeError, require_free_port, require_loopback
from filmer.tmdb.sandbox.responses import SandboxApi, read_films
from filmer.tmdb.sandbox.server import serve


def tmdb_sandbox(
    *,
    host: Annotated[str, Parameter(help="Address to listen on, of this machine alone.")] = "127.0.0.1",
    port: Annotated[
        int, Parameter(help="Port to listen on; 0: any free one.", validator=Number(gte=0, lte=65535))
    ] = 8001,
    key: Annotated[str | None, Parameter(help="The only API key or access token to take. Default: any.")] = None,
) -> None:
    """Answer as TMDB does, from the demo's films and without internet, and fail on demand."""
    try:
        require_loopback(host)
    except ServeError:
        raise CommandFailed(
            f"Whoever reaches the sandbox can order it about, and {host} can be reached from elsewhere. Let it listen "
            "on 127.0.0.1."
        ) from None
    require_free_port(host, port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listening:
        shown = f"[{host}]" if ":" in host else host
        _say_ready(f"http://{shown}:{listening.getsockname()[1]}", key or "any")
        asyncio.run(serve(listening, SandboxApi(read_films(), key)))


def _say_ready(address: str, key: str) -> None:
    print(
        f"\nThe TMDB sandbox is ready at {address}\n\n"
        f"  Popular      curl '{address}/3/movie/popular?api_key={key}'\n"
        f'  Be silent    curl {address}/faults -d \'{{"fault":"black-hole"}}\'\n'
        f'  Fail twice   curl {address}/faults -d \'{{"fault":"503","times":2}}\'\n'
        f"  Heal         curl -X DELETE {address}/faults\n"
        f"  What came    curl {address}/calls\n"
        f"  filmer       TMDB_BASE_URL={address}/3 TMDB_API_KEY={key} filmer serve\n"
        f"  Stop         Ctrl-C\n",
        flush=True,
    )
