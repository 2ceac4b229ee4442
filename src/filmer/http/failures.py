"""Whatever goes wrong becomes an answer in the right envelope; what is our fault is logged with its request id."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from filmer import errors
from filmer.errors import FilmerError
from filmer.http.envelopes import FailurePage, error_answer, is_page

if TYPE_CHECKING:
    from filmer.clock import Clock

log = structlog.get_logger()

SERVER_LOST = "filmer.server_lost"  # of a request's scope: another database server may answer it
FailurePageFor = Callable[[Request[Any, Any, Any], FilmerError], Awaitable[FailurePage]]  # with who asked on it

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
    error = _as_ours(raised)
    if isinstance(error, errors.ServerLost):
        request.scope[SERVER_LOST] = True  # type: ignore[literal-required]
    if is_page(path):
        if isinstance(error, errors.Unauthorized):
            return _to_sign_in(request)
        if isinstance(error, errors.MethodNotAllowed) and request.method == "GET":
            go_on: Callable[[str], Response[bytes]] = request.app.state.go_on
            return go_on(_page_of(path))

    def answer(page: FailurePage) -> Response[bytes]:
        headers, body = error_answer(path, error, clock.now(), page)
        return Response(body, status_code=error.status, headers=headers, media_type=headers["content-type"])

    page_for: FailurePageFor | None = request.app.state.get("failure_page_for")
    if page_for is None or not is_page(path):
        return answer(failure_page)

    async def make() -> Response[bytes]:
        return answer(await page_for(request, error))

    return _LateAnswer(make)


class _LateAnswer(Response[bytes]):
    """Made when it is sent: who is signed in is asked of the database, and an exception handler can't wait."""

    def __init__(self, make: Callable[[], Awaitable[Response[bytes]]]) -> None:
        super().__init__(b"")
        self._make = make

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **_: Any) -> Any:
        async def answer(scope: Any, receive: Any, send: Any) -> None:
            made = await self._make()
            await made.to_asgi_response(app, request)(scope, receive, send)

        return answer


def _to_sign_in(request: Request[Any, Any, Any]) -> Response[bytes]:
    """And from there back to the page, or to the one whose form was sent."""
    to_sign_in: Callable[[Request[Any, Any, Any], str], Response[bytes]] = request.app.state.to_sign_in
    if request.method != "GET":
        return to_sign_in(request, _path_of(request.headers.get("referer", "")))
    address = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    return to_sign_in(request, f"{address}?{query}" if query else address)


def _page_of(path: str) -> str:
    """The page whose forms are sent to an address that is no page: ``/cart`` of ``/cart/items/tt0111161``."""
    parts = path.split("/")[1:]
    known = 2 if parts[0] == "admin" else 1
    return "/" + "/".join(parts[:known]) if len(parts) > known else "/"


def _path_of(address: str) -> str:
    """The page's own address without the server's: whoever it names, we stay here."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    return urlunsplit(("", "", parts.path, parts.query, "")) or "/"


def _as_ours(raised: Exception) -> FilmerError:
    if isinstance(raised, FilmerError):
        if raised.status >= 500:  # noqa: PLR2004 - where HTTP's server errors begin
            log.warning("request failed", error=raised.message, cause=type(raised.__cause__).__name__)
        return raised
    if isinstance(raised, HTTPException) and raised.status_code in _BY_STATUS:
        known = _BY_STATUS[raised.status_code]()
        known.headers = dict(raised.headers or {})
        return known
    log.error("request failed", exc_info=raised)
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    return errors.InternalError(details={"requestId": request_id})
