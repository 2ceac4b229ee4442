"""The errors that a layer finds by itself, as responses: a page, or the envelope of the API that was asked."""

from litestar.types import Send

from filmer.clock import Clock
from filmer.edge.cache import CachedResponse
from filmer.edge.default_headers import with_defaults
from filmer.errors import FilmerError
from filmer.http.envelopes import FailurePage, error_response


class Refusals:
    def __init__(self, clock: Clock, failure_page: FailurePage) -> None:
        self._clock = clock
        self._failure_page = failure_page

    def response(self, path: str, error: FilmerError) -> CachedResponse:
        fields, body = error_response(path, error, self._clock.now(), self._failure_page)
        headers = [(name.encode(), value.encode()) for name, value in fields.items()]
        headers.append((b"content-length", str(len(body)).encode()))
        return CachedResponse(error.status, with_defaults(headers, path), body)

    async def send(self, send: Send, path: str, error: FilmerError) -> None:
        await self.response(path, error).send(send)
