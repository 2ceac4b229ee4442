"""The components of the OpenAPI document that many endpoints refer to: errors, headers, security schemes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from filmer import errors
from filmer.errors import FieldError, FilmerError
from filmer.http import envelopes
from filmer.openapi.endpoints import NOW, ResponseDoc, failure

JSON = "application/json"
SCHEMA = "#/components/schemas/{name}"
_NOW = datetime.fromisoformat(NOW)

DESCRIPTION = """\
A movie catalogue and rental server with two APIs: the **shop** under `/api/v1`, and the **community** (popular films,
favourites, ratings) under the rest of `/api`. Both know the same people; a customer of the shop is a user of the
community, with the same id.

**To sign in to the shop**, send `POST /api/v1/auth/login` with an account of yours, or open one with
`POST /api/v1/auth/register`; under `filmer serve --demo`, the account and the card of the examples work as they stand.
Your browser keeps the session's cookie and sends it along with what has a lock from then on, until
`POST /api/v1/auth/logout`, or 30 minutes without a request. Programs: keep the cookie `JSESSIONID`, and send it back.

**The community wants a token**: press *Authorize* and fill one in under `bearerToken`. Programs send it as
`Authorization: Bearer <token>`. `filmer token create --account ID --name NAME` makes one for an account; under
`filmer serve --demo`, and only there, `1234567890` is that of account 2, John Doe, whose id the examples name, and
`abcdef1234567890` that of account 1, an admin.

To check a card means to find the same one on file. This is no payment network, and nothing here has been assessed for
PCI DSS.

What the community tells of films comes from TMDB, and says how old it is. This product uses the TMDB API but is not
endorsed or certified by TMDB.
"""

SECURITY = {
    "sessionCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "JSESSIONID",
        "description": "Set by `POST /api/v1/auth/login`, and kept by your browser: there is nothing to fill in here. "
        "30 minutes without a request end the session.",
    },
    "bearerToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of yours, without the word Bearer. `filmer token create --account ID --name NAME` "
        "makes one; under `filmer serve --demo` there are `1234567890` (account 2) and `abcdef1234567890` (an admin).",
    },
}


def header_references(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def schema_reference(name: str) -> dict[str, Any]:
    return {"$ref": SCHEMA.format(name=name)}


def _header(description: str, kind: str = "string", **rules: Any) -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind, **rules}}


HEADERS = {
    "ETag": _header("Names this state of the answer."),
    "Cache-Control": _header("`public, no-cache`: keep it, and ask before using it again."),
    "X-Request-Id": _header("Of this request, as our log has it; yours, if you sent one."),
    "Retry-After": _header("Seconds after which trying again makes sense.", "integer"),
    "Set-Cookie": _header("`JSESSIONID`, the session: `HttpOnly`, `SameSite=Lax`, `Path=/`, and `Secure` over https."),
    "WWW-Authenticate": _header("How to say who you are: with a bearer token.", const="Bearer"),
    "Age": _header("Seconds since TMDB told it; of several films, the one told longest ago.", "integer", minimum=0),
    "X-Cache": _header(
        "`miss`: put together just now. `hit`: a copy. `stale`: a copy older than CACHE_DURATION_SECONDS, which is "
        "being brought up to date.",
        enum=["hit", "miss", "stale"],
    ),
}

_INVALID = "The body is no JSON object, or some of its fields are wrong"
DATABASE_UNAVAILABLE = errors.ServiceUnavailable("The database is not available right now")
_COMMON = (
    failure("The request carries the shop's session, and comes from another site's page", errors.Forbidden()),
    failure("The body did not arrive within 8 seconds", errors.RequestTimeout()),
    failure("The body is over 64 KiB", errors.PayloadTooLarge()),
    failure("The body is not `application/json` in UTF-8", errors.UnsupportedMediaType()),
    failure("A fault of ours; tell us the request id", errors.InternalError(details={"requestId": "5f0c7a1e9b3d2468"})),
    failure("The database is away or too busy; try again", DATABASE_UNAVAILABLE),
)


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """Where the two APIs differ."""

    name: str  # the names of its components begin with it
    scheme: str  # of SECURITY
    render: Callable[[FilmerError], bytes]  # makes the body of an error, as the server does
    has_envelope: bool  # around the bodies of its responses
    codes: tuple[str, ...]  # of errors that the other API does not have
    common: tuple[ResponseDoc, ...]  # errors of many of its endpoints, beside _COMMON


SHOP = Api(
    name="Shop",
    scheme="sessionCookie",
    render=lambda error: envelopes.shop_error(error, _NOW),
    has_envelope=True,
    codes=(
        "INVALID_CREDENTIALS", "UNAUTHORIZED", "PAYMENT_FAILED", "CONFLICT", "INVALID_OPERATION", "NO_ACCESS",
        "DB_CONNECTION_ERROR",
    ),
    common=(
        failure(_INVALID, errors.InvalidRequest([FieldError("quantity", "must be an integer")])),
        failure("There is no session, or it has ended", errors.Unauthorized()),
        failure("Too many requests; come back later", errors.RateLimited()),
    ),
)  # fmt: skip
COMMUNITY = Api(
    name="Community",
    scheme="bearerToken",
    render=envelopes.community_error,
    has_envelope=False,
    codes=(
        "INVALID_TOKEN", "INSUFFICIENT_PERMISSIONS", "INVALID_RATING", "MOVIE_NOT_FOUND", "RATING_NOT_FOUND",
        "FAVORITE_NOT_FOUND", "USER_NOT_FOUND", "EXTERNAL_API_ERROR",
    ),
    common=(
        failure(_INVALID, errors.InvalidRequest([FieldError("movie_id", "must be an integer")])),
        failure("There is no token, or it is wrong, has expired or was revoked", errors.InvalidToken()),
    ),
)  # fmt: skip
_CODES = (
    "VALIDATION_ERROR", "FORBIDDEN", "NOT_FOUND", "METHOD_NOT_ALLOWED", "REQUEST_TIMEOUT", "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE", "RATE_LIMITED", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE",
)  # fmt: skip


def api_of(path: str) -> Api:
    """Which API a path belongs to, as ``envelopes.error_response`` decides it."""
    return SHOP if path.startswith("/api/v1/") else COMMUNITY


_FIELD_ERROR = {
    "type": "object",
    "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
    "required": ["field", "reason"],
}
_DETAILS = {
    "type": "object",
    "properties": {
        "fields": {"type": "array", "items": _FIELD_ERROR},
        "reason": {"type": "string"},
        "movieId": {"type": "string"},
        "requestId": {"type": "string"},
    },
}


def _error_schema(api: Api) -> dict[str, Any]:
    error = {
        "type": "object",
        "properties": {
            "code": {"enum": sorted([*_CODES, *api.codes])},
            "message": {"type": "string"},
            "details": _DETAILS,
        },
        "required": ["code", "message", "details"],
    }
    properties: dict[str, Any] = {"error": error}
    if api.has_envelope:
        time = {"type": "string", "format": "date-time"}
        properties = {"success": {"const": False}, "error": error, "timestamp": time}
    return {
        "title": f"{api.name}Error",
        "description": f"Every error of the {api.name.lower()} API. Validation errors list each offending field.",
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def error_response(api: Api, response: ResponseDoc) -> dict[str, Any]:
    """A response for errors. If there are several, their codes are the names of the examples."""
    bodies = {error.code: msgspec.json.decode(api.render(error)) for error in response.errors}
    examples: dict[str, Any] = {"examples": {code: {"value": body} for code, body in bodies.items()}}
    if len(bodies) == 1:
        examples = {"example": bodies[response.errors[0].code]}
    headers = [name for error in response.errors for name in error.headers]
    return {
        "description": response.description,
        "headers": header_references("X-Request-Id", *headers),
        "content": {JSON: {"schema": schema_reference(f"{api.name}Error"), **examples}},
    }


def common_response(api: Api, status: int) -> dict[str, Any]:
    (name,) = [name for name, response in _common(api).items() if response.status == status]
    return {"$ref": f"#/components/responses/{name}"}


def common_responses() -> dict[str, Any]:
    return {name: error_response(api, response) for api in (SHOP, COMMUNITY) for name, response in _common(api).items()}


def _common(api: Api) -> dict[str, ResponseDoc]:
    """By their names in the document, such as ``ShopForbidden``."""
    return {api.name + type(response.errors[0]).__name__: response for response in (*api.common, *_COMMON)}


def error_schemas() -> dict[str, Any]:
    return {f"{api.name}Error": _error_schema(api) for api in (SHOP, COMMUNITY)}
