"""Whatever goes wrong becomes an answer in the right envelope; what is our fault is logged with its request id."""

from typing import TYPE_CHECKING, Any

import structlog
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException

from filmer import errors
from filmer.errors import FilmerError
from filmer.http.envelopes import error_body, error_headers

if TYPE_CHECKING:
    from filmer.clock import Clock

log = structlog.get_logger()

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
    error = _as_ours(raised)
    return Response(
        error_body(request.scope["path"], error, clock.now()),
        status_code=error.status,
        headers=dict(error_headers(error)),
        media_type=MediaType.JSON,
    )


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
