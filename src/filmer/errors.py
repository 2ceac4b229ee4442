"""What can go wrong, as one tree. Each API renders it in its own envelope (``http/envelopes.py``)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


class Offence(msgspec.Struct, frozen=True):
    """One thing wrong with one field of a request (contract §1.5)."""

    field: str
    reason: str


class FilmerError(Exception):
    """An answer other than the one hoped for: an HTTP status, a code of the specification, a sentence."""

    status = 500
    code = "INTERNAL_ERROR"
    message = "Something went wrong on our side"

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.message = message or self.message
        self.details = dict(details or {})
        self.headers = dict(headers or {})
        super().__init__(self.message)


class InvalidRequest(FilmerError):
    status = 400
    code = "VALIDATION_ERROR"
    message = "Request validation failed"

    def __init__(self, offences: Sequence[Offence] = (), message: str | None = None) -> None:
        details = {"fields": [{"field": o.field, "reason": o.reason} for o in offences]} if offences else {}
        super().__init__(message, details=details)


class NotFound(FilmerError):
    status = 404
    code = "NOT_FOUND"
    message = "Resource not found"


class MethodNotAllowed(FilmerError):
    status = 405
    code = "METHOD_NOT_ALLOWED"
    message = "Method not allowed here"


class PayloadTooLarge(FilmerError):
    status = 413
    code = "PAYLOAD_TOO_LARGE"
    message = "Request body is too large"


class UriTooLong(FilmerError):
    status = 414
    code = "VALIDATION_ERROR"
    message = "Request address is too long"


class UnsupportedMediaType(FilmerError):
    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"
    message = "Request body must be application/json"


class RateLimited(FilmerError):
    status = 429
    code = "RATE_LIMITED"
    message = "Too many requests"


class InternalError(FilmerError):
    """Tells the caller a request id and nothing else (contract §1.4)."""


class ServiceUnavailable(FilmerError):
    """Something we stand on is away for the moment; the caller may try again."""

    status = 503
    code = "SERVICE_UNAVAILABLE"
    message = "Service temporarily unavailable"

    def __init__(self, message: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})
