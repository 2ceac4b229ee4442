"""The reference: the same server with an application that always sends the same headers and body."""

import json
import os
from typing import Any

BODY = b"x" * int(os.environ.get("CONSTANT_BYTES", "1000"))
# Header for header as filmer's own answer: what a header costs the server is no matter of ours.
HEAD = [(name.encode(), value.encode()) for name, value in json.loads(os.environ.get("CONSTANT_HEAD", "[]"))]


async def app(scope: Any, _receive: Any, send: Any) -> None:
    """The smallest ASGI application there is."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": HEAD})
        await send({"type": "http.response.body", "body": BODY, "more_body": False})
