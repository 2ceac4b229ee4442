"""The exception handler: every error gets the envelope of its API or a page; server errors are logged."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from filmer import errors
from filmer.errors import FilmerError
from filmer.http.envelopes import FailurePage, error_response, is_page

if TYPE_CHECKING:
    from filmer.clock import Clock

log = structlog.get_logger()

SERVER_LOST = "filmer.server_lost"  # in a request's scope: the edge may retry it with another database server
FailurePageFor = Callable[[Request[Any, Any, Any], FilmerError], Awaitable[FailurePage]]  # with the visitor's name

_BY_STATUS: dict[int, type[FilmerError]] = {
    400: errors.InvalidRequest,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.PayloadTooLarge,
    415: errors.UnsupportedMediaType,
    429: errors.RateLimited,
}


def answer_failure(request: Request[Any, Any, Any], raised: Exception) -> Response[bytes]:
    """The one exception handler of the application."""
    clock: Clock = request.app.state.clock
    failure_page: FailurePage = request.app.state.failure_page
    path = request.scope["path"]
    error = as_filmer_error(raised)
    if isinstance(error, errors.ServerLost):
        request.scope[SERVER_LOST] = True  # type: ignore[literal-required]
    if is_page(path):
        if isinstance(error, errors.Unauthorized):
            return _to_sign_in(request)
        if isinstance(error, errors.MethodNotAllowed) and request.method == "GET":
            redirect: Callable[[str], Response[bytes]] = request.app.state.redirect
            return redirect(_page_of(path))

    def respond(page: FailurePage) -> Response[bytes]:
        headers, body = error_response(path, error, clock.now(), page)
        return Response(body, status_code=error.status, headers=headers, media_type=headers["content-type"])

    page_for: FailurePageFor | None = request.app.state.get("failure_page_for")
    if page_for is None or not is_page(path):
        return respond(failure_page)

    async def make() -> Response[bytes]:
        return respond(await page_for(request, error))

    return _DeferredResponse(make)


class _DeferredResponse(Response[bytes]):
    """Made when it is sent: finding the visitor needs the database, and an exception handler can't await."""

    def __init__(self, make: Callable[[], Awaitable[Response[bytes]]]) -> None:
        super().__init__(b"")
        self._make = make

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **_: Any) -> Any:
        async def respond(scope: Any, receive: Any, send: Any) -> None:
            made = await self._make()
            await made.to_asgi_response(app, request)(scope, receive, send)

        return respond


def _to_sign_in(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Redirect to the page where one signs in, and from there back to this page, or the one whose form was sent."""
    to_sign_in: Callable[[Request[Any, Any, Any], str], Response[bytes]] = request.app.state.to_sign_in
    if request.method != "GET":
        return to_sign_in(request, _path_of(request.headers.get("referer", "")))
    address = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    return to_sign_in(request, f"{address}?{query}" if query else address)


def _page_of(path: str) -> str:
    """The page that has the form of an address that only takes POST: ``/cart`` of ``/cart/items/tt0111161``."""
    segments = path.split("/")[1:]
    depth = 2 if segments[0] == "admin" else 1
    return "/" + "/".join(segments[:depth]) if len(segments) > depth else "/"


def _path_of(address: str) -> str:
    """Path and query of an address, so that a redirect never leaves this server."""
    try:
        url = urlsplit(address)
    except ValueError:
        return "/"
    return urlunsplit(("", "", url.path, url.query, "")) or "/"


def as_filmer_error(raised: Exception) -> FilmerError:
    """The error that a caller is told of. Those of the server are logged."""
    if isinstance(raised, FilmerError):
        if raised.status >= 500:  # noqa: PLR2004 - where HTTP's server errors begin
            log.warning("request failed", error=raised.message, cause=type(raised.__cause__).__name__)
        return raised
    if isinstance(raised, HTTPException) and raised.status_code in _BY_STATUS:
        error = _BY_STATUS[raised.status_code]()
        error.headers = dict(raised.headers or {})
        return error
    log.error("request failed", exc_info=raised)
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    return errors.InternalError(details={"requestId": request_id})
