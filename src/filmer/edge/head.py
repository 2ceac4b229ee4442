"""HEAD is answered as GET is, without the body (RFC 9110, 9.3.2)."""

from typing import Any

from litestar.types import ASGIApp, Receive, Send

from filmer.http.handlers import HEAD_KEY


class Head:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Any, receive: Receive, send: Send) -> Any:
        if scope["method"] != "HEAD":
            return self._app(scope, receive, send)

        def send_without_body(message: Any) -> Any:
            if message["type"] == "http.response.body":
                message["body"] = b""
            return send(message)

        scope["method"] = "GET"
        scope[HEAD_KEY] = True
        return self._app(scope, receive, send_without_body)
