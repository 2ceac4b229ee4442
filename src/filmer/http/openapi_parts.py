"""What many operations of the OpenAPI document refer to: the errors' schema, common answers, headers, the session."""

from typing import Any

from filmer import errors
from filmer.errors import FilmerError

JSON = "application/json"
SCHEMA = "#/components/schemas/{name}"


def header_references(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def common_answer(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/responses/{name}"}


def shop_error(error: dict[str, Any]) -> dict[str, Any]:
    """An example of a whole error under /api/v1."""
    return {"success": False, "error": error, "timestamp": "2026-02-08T12:00:00Z"}


DESCRIPTION = """\
A movie catalogue and rental server: the shop API under `/api/v1`.

**To sign in here**, send `POST /api/v1/auth/login` with an account of yours, or open one with
`POST /api/v1/auth/register`; under `filmer serve --demo`, the account and the card of the examples work as they stand.
Your browser keeps the session's cookie and sends it along with what has a lock from then on, until
`POST /api/v1/auth/logout`, or 30 minutes without a request. Programs: keep the cookie `JSESSIONID`, and send it back.

To check a card means to find the same one on file. This is no payment network, and nothing here has been assessed for
PCI DSS.
"""

SECURITY = {
    "sessionCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "JSESSIONID",
        "description": "Set by `POST /api/v1/auth/login`, and kept by your browser: there is nothing to fill in here. "
        "30 minutes without a request end the session.",
    }
}


def _header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


HEADERS = {
    "ETag": _header("Names this state of the answer."),
    "Cache-Control": _header("`public, no-cache`: keep it, and ask before using it again."),
    "X-Request-Id": _header("Of this request, as our log has it; yours, if you sent one."),
    "Retry-After": _header("Seconds after which trying again makes sense.", "integer"),
    "Set-Cookie": _header("`JSESSIONID`, the session: `HttpOnly`, `SameSite=Lax`, `Path=/`, and `Secure` over https."),
}

_FIELD_ERROR = {
    "type": "object",
    "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
    "required": ["field", "reason"],
}
ERRORS = {
    "ShopError": {
        "title": "ShopError",
        "description": "Every error under /api/v1. Validation errors list each offending field.",
        "type": "object",
        "properties": {
            "success": {"const": False},
            "error": {
                "type": "object",
                "properties": {
                    "code": {
                        "enum": [
                            "VALIDATION_ERROR", "INVALID_CREDENTIALS", "UNAUTHORIZED", "PAYMENT_FAILED", "FORBIDDEN",
                            "NOT_FOUND", "METHOD_NOT_ALLOWED", "REQUEST_TIMEOUT", "CONFLICT", "PAYLOAD_TOO_LARGE",
                            "UNSUPPORTED_MEDIA_TYPE", "RATE_LIMITED", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE",
                        ]
                    },
                    "message": {"type": "string"},
                    "details": {
                        "type": "object",
                        "properties": {
                            "fields": {"type": "array", "items": _FIELD_ERROR},
                            "reason": {"type": "string"},
                            "requestId": {"type": "string"},
                        },
                    },
                },
                "required": ["code", "message", "details"],
            },
            "timestamp": {"type": "string", "format": "date-time"},
        },
        "required": ["success", "error", "timestamp"],
    }
}  # fmt: skip


def _common(
    description: str,
    error: type[FilmerError],
    *headers: str,
    message: str | None = None,
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    sample = {"code": error.code, "message": message or error.message, "details": details or {}}
    return {
        "description": description,
        "headers": header_references("X-Request-Id", *headers),
        "content": {JSON: {"schema": {"$ref": SCHEMA.format(name="ShopError")}, "example": shop_error(sample)}},
    }


COMMON = {
    "InvalidRequest": _common(
        "The body is no JSON object, or some of its fields are wrong",
        errors.InvalidRequest,
        details={"fields": [{"field": "quantity", "reason": "must be an integer"}]},
    ),
    "Unauthorized": _common("There is no session, or it has ended", errors.Unauthorized),
    "Forbidden": _common("The request comes from another site's page", errors.Forbidden),
    "RequestTimeout": _common("The body did not arrive within 10 seconds", errors.RequestTimeout),
    "PayloadTooLarge": _common("The body is over 64 KiB", errors.PayloadTooLarge),
    "UnsupportedMediaType": _common("The body is not `application/json` in UTF-8", errors.UnsupportedMediaType),
    "RateLimited": _common("Too many requests; come back later", errors.RateLimited, "Retry-After"),
    "InternalError": _common(
        "A fault of ours; tell us the request id",
        errors.InternalError,
        details={"requestId": "5f0c7a1e9b3d2468"},
    ),
    "ServiceUnavailable": _common(
        "The database is away or too busy; try again",
        errors.ServiceUnavailable,
        "Retry-After",
        message="The database is not available right now",
    ),
}
