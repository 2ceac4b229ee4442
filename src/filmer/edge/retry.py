"""A read that its database server left in the lurch is done once more: another server may answer."""

from typing import Any

from litestar.types import ASGIApp, Receive, Send

from filmer.http.failures import SERVER_LOST


class Retry:
    """In front of the framework, where there are several servers to read of. A GET changes nothing, and has no body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            first = scope.copy()

            async def send_unless_lost(message: Any) -> None:
                if not first.get(SERVER_LOST):
                    await send(message)

            await self._app(first, receive, send_unless_lost)
            if not first.get(SERVER_LOST):
                return
        await self._app(scope, receive, send)
