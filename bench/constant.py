"""The reference: the same server with an application that always answers the same bytes."""

import os
from typing import Any

BODY = b"x" * int(os.environ.get("CONSTANT_BYTES", "1000"))
HEAD = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(BODY)).encode()),
    # as long as filmer's own head, so that both send the same number of bytes
    (b"x-padding", b"x" * int(os.environ.get("CONSTANT_PADDING", "0"))),
]


async def app(scope: Any, _receive: Any, send: Any) -> None:
    """The smallest ASGI application there is."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": HEAD})
        await send({"type": "http.response.body", "body": BODY, "more_body": False})
