"""A read that its database server left in the lurch is done once more: another server may answer."""

from typing import Any

from litestar.types import ASGIApp, Receive, Send

UNAVAILABLE = 503


class OnceMore:
    """In front of the framework, where there are several servers to read of. A GET changes nothing, and has no body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            has_failed = False

            async def send_unless_failed(message: Any) -> None:
                nonlocal has_failed
                has_failed = has_failed or message.get("status") == UNAVAILABLE
                if not has_failed:
                    await send(message)

            await self._app(scope.copy(), receive, send_unless_failed)
            if not has_failed:
                return
        await self._app(scope, receive, send)
