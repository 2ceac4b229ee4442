"""Requests that are refused unseen: those whose address is too long, and those that do not name one host."""

from typing import Any

from litestar.types import ASGIApp, Receive, Send

from filmer.edge.refusals import Refusals
from filmer.edge.request import EDGE_REQUEST, EdgeRequest
from filmer.errors import InvalidRequest, UriTooLong
from filmer.http.hosts import host_objection

MAX_ADDRESS = 8192  # bytes of path and query
_WITH_QUESTION_MARK = MAX_ADDRESS + 1


class Limits:
    def __init__(self, app: ASGIApp, *, refusals: Refusals) -> None:
        self._app = app
        self._refusals = refusals
        self._usual: list[bytes] | None = None  # the last name that was fit: nearly all clients use the same

    def __call__(self, scope: Any, receive: Receive, send: Send) -> Any:
        request: EdgeRequest = scope[EDGE_REQUEST]
        if request.hosts != self._usual:
            if objection := host_objection(scope["http_version"], request.hosts):
                return self._refusals.send(send, request.path, InvalidRequest(message=objection))
            if any(request.hosts):
                self._usual = request.hosts
        if len(request.address) > _WITH_QUESTION_MARK:
            return self._refusals.send(send, request.path, UriTooLong())
        return self._app(scope, receive, send)
