"""Retries a read that lost its database server, or its edition of the catalogue: another may be there."""

from typing import Any

from litestar.types import ASGIApp, Receive, Send

from filmer.http.failures import SERVER_LOST


class Retry:
    """Only a GET is retried: it changes nothing, and has no body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            first_scope = scope.copy()

            async def send_unless_lost(message: Any) -> None:
                if not first_scope.get(SERVER_LOST):
                    await send(message)

            await self._app(first_scope, receive, send_unless_lost)
            if not first_scope.get(SERVER_LOST):
                return
        await self._app(scope, receive, send)
