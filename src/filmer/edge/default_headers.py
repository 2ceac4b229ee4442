"""The headers that a response gets besides its handler's: cookies, a strict policy, and no caching of the APIs."""

from collections.abc import Iterable
from typing import Any

from litestar.types import ASGIApp, Receive, Send

from filmer.edge.request import EDGE_REQUEST, EdgeRequest
from filmer.http.cache_headers import Headers
from filmer.http.cookies import SET_COOKIES

_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_NO_STORE = (b"cache-control", b"no-store")


class DefaultHeaders:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Any, receive: Receive, send: Send) -> Any:
        request: EdgeRequest = scope[EDGE_REQUEST]

        def send_with_defaults(message: Any) -> Any:
            if message["type"] == "http.response.start":
                message["headers"] = with_defaults([*message["headers"], *scope[SET_COOKIES]], request.path)
            return send(message)

        return self._app(scope, receive, send_with_defaults)


def with_defaults(headers: Iterable[tuple[bytes, bytes]], path: str) -> Headers:
    """Contract §1.7: what is not said to be public is personal."""
    complete = list(headers)
    names = {name for name, _ in complete}
    if _POLICY[0] not in names:
        complete.append(_POLICY)
    if _NO_STORE[0] not in names and path.startswith("/api"):
        complete.append(_NO_STORE)
    return complete
