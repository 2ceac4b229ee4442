"""The errors of commands, and the tree of errors of requests, which each API renders in its own envelope."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """An error in one field of a request (contract §1.5)."""

    field: str
    reason: str


class CommandFailed(Exception):
    """A command failed. The text says why, and what to do; ``cli.main`` prints it."""


class FilmerError(Exception):
    """An error of a request: an HTTP status, a code of the specification, and a sentence."""

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
    """The message names the first error, for clients that show it alone; the details list all (contract §1.5)."""

    status = 400
    code = "VALIDATION_ERROR"
    message = "Request validation failed"

    def __init__(self, field_errors: Sequence[FieldError] = (), message: str | None = None) -> None:
        self.field_errors = tuple(field_errors)
        details = {"fields": [{"field": e.field, "reason": e.reason} for e in field_errors]} if field_errors else {}
        first = f"{self.field_errors[0].field}: {self.field_errors[0].reason}" if self.field_errors else None
        super().__init__(message or first, details=details)


class InvalidRating(InvalidRequest):
    """A rating that is a number, but not one of 0 to 5 (contract §7.2)."""

    code = "INVALID_RATING"


class EmptyCart(InvalidRequest):
    """A checkout of an empty cart (contract §6.1)."""

    message = "Cart is empty"

    def __init__(self) -> None:
        super().__init__()
        self.details = {"reason": self.message}


class InvalidOperation(FilmerError):
    """What is asked for was possible before, but no longer is (contract §9.4)."""

    status = 400
    code = "INVALID_OPERATION"
    message = "This is no longer possible"


class Unauthorized(FilmerError):
    status = 401
    code = "UNAUTHORIZED"
    message = "Authentication required"


class InvalidToken(FilmerError):
    """The token is missing, wrong, expired or revoked: the same body for all (contract §7.1)."""

    status = 401
    code = "INVALID_TOKEN"
    message = "Missing or invalid authentication token"

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": "Bearer"})


class InvalidCredentials(FilmerError):
    """A wrong password, an unknown e-mail address or a closed account: the same body for all (contract §4.2)."""

    status = 401
    code = "INVALID_CREDENTIALS"
    message = "Invalid email or password"


class PaymentFailed(FilmerError):
    """A card was refused. The response has the same text for every reason (contract §6.3)."""

    status = 402
    code = "PAYMENT_FAILED"
    message = "Credit card validation failed"

    def __init__(self) -> None:
        super().__init__(details={"reason": "Card information does not match"})


class Conflict(FilmerError):
    status = 409
    code = "CONFLICT"
    message = "Resource conflict"


class KeyUsed(Conflict):
    """The key belongs to an order that was paid for with another card. ``order_id``: the id of that order."""

    def __init__(self, order_id: int) -> None:
        super().__init__("This Idempotency-Key was used for another checkout; take a new one")
        self.order_id = order_id


class CartChanged(Conflict):
    """The cart has other lines, or costs another amount, than the user agreed to."""

    def __init__(self) -> None:
        super().__init__("The cart has changed since it was seen")


Reason = Literal["No copy left", "Not available"]  # contract §9.5


class Unavailable(Conflict):
    """A film that can't be had, or not that often (contract §9.5). ``reason``: as the contract words it."""

    def __init__(self, film_id: str, reason: Reason) -> None:
        super().__init__(f"{reason}: {film_id}", details={"reason": reason, "movieId": film_id})
        self.film_id = film_id
        self.reason = reason


class Forbidden(FilmerError):
    status = 403
    code = "FORBIDDEN"
    message = "Access denied"


class NoAccess(Forbidden):
    """No rental of the film gives access to it now (contract §9.2)."""

    code = "NO_ACCESS"
    message = "You have not rented this film, or your rental of it is over"


class InsufficientPermissions(FilmerError):
    """The token is valid, but does not permit this request (contract §7.1)."""

    status = 403
    code = "INSUFFICIENT_PERMISSIONS"
    message = "This token may not do that"


class NotFound(FilmerError):
    status = 404
    code = "NOT_FOUND"
    message = "Resource not found"


class MovieNotFound(NotFound):
    """TMDB has no such film (contract §7.8)."""

    code = "MOVIE_NOT_FOUND"
    message = "Movie not found in TheMovieDB"


class RatingNotFound(NotFound):
    code = "RATING_NOT_FOUND"
    message = "Rating not found"


class FavoriteNotFound(NotFound):
    code = "FAVORITE_NOT_FOUND"
    message = "Favorite not found"


class UserNotFound(NotFound):
    code = "USER_NOT_FOUND"
    message = "User not found"


class MethodNotAllowed(FilmerError):
    status = 405
    code = "METHOD_NOT_ALLOWED"
    message = "Method not allowed here"


class RequestTimeout(FilmerError):
    status = 408
    code = "REQUEST_TIMEOUT"
    message = "Request body did not arrive in time"


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

    def __init__(self, message: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})


class InternalError(FilmerError):
    """The response has the request id, and says nothing about the cause (contract §1.4)."""


class ServiceUnavailable(FilmerError):
    """The database or TMDB is unavailable for the moment; the caller may try again."""

    status = 503
    code = "SERVICE_UNAVAILABLE"
    message = "Service temporarily unavailable"

    def __init__(self, message: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})


class DatabaseUnavailable(ServiceUnavailable):
    """What ``GET /health/db`` answers without a database."""

    code = "DB_CONNECTION_ERROR"
    message = "The database is not available right now"


class ServerLost(ServiceUnavailable):
    """A database server was lost during the request; a retry may reach another one."""


class ExternalApiError(ServiceUnavailable):
    """TMDB did not respond, and nothing is cached (contract §7.9)."""

    code = "EXTERNAL_API_ERROR"
    message = "TheMovieDB is not available right now"


class UnusableTmdbResponse(ExternalApiError):
    """TMDB sent a response that can't be used, and nothing is cached (contract §7.12)."""

    message = "TheMovieDB answers, but with nothing that can be used right now"
