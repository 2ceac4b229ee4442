"""What many operations of the OpenAPI document refer to: errors, headers, and how each API knows who asks."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from filmer import errors
from filmer.errors import FieldError, FilmerError
from filmer.http import envelopes

JSON = "application/json"
SCHEMA = "#/components/schemas/{name}"
_NOW = datetime(2026, 2, 8, 12, tzinfo=UTC)  # of the examples

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
DATABASE_AWAY = errors.ServiceUnavailable("The database is not available right now")
_COMMON: tuple[tuple[str, FilmerError], ...] = (
    ("The request carries the shop's session, and comes from another site's page", errors.Forbidden()),
    ("The body did not arrive within 8 seconds", errors.RequestTimeout()),
    ("The body is over 64 KiB", errors.PayloadTooLarge()),
    ("The body is not `application/json` in UTF-8", errors.UnsupportedMediaType()),
    ("A fault of ours; tell us the request id", errors.InternalError(details={"requestId": "5f0c7a1e9b3d2468"})),
    ("The database is away or too busy; try again", DATABASE_AWAY),
)


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """What tells one API from the other."""

    name: str  # begins the names of its parts in the document
    scheme: str  # of SECURITY, by which it knows who asks
    render: Callable[[FilmerError], bytes]  # an error, as the server does
    envelope: bool  # around what it answers
    codes: tuple[str, ...]  # of errors, that it alone has
    common: tuple[tuple[str, FilmerError], ...]  # what many of its operations answer, beside _COMMON


SHOP = Api(
    name="Shop",
    scheme="sessionCookie",
    render=lambda error: envelopes.shop_error(error, _NOW),
    envelope=True,
    codes=("INVALID_CREDENTIALS", "UNAUTHORIZED", "PAYMENT_FAILED", "CONFLICT"),
    common=(
        (_INVALID, errors.InvalidRequest([FieldError("quantity", "must be an integer")])),
        ("There is no session, or it has ended", errors.Unauthorized()),
        ("Too many requests; come back later", errors.RateLimited()),
    ),
)
COMMUNITY = Api(
    name="Community",
    scheme="bearerToken",
    render=envelopes.community_error,
    envelope=False,
    codes=(
        "INVALID_TOKEN", "INSUFFICIENT_PERMISSIONS", "INVALID_RATING", "MOVIE_NOT_FOUND", "RATING_NOT_FOUND",
        "FAVORITE_NOT_FOUND", "USER_NOT_FOUND", "EXTERNAL_API_ERROR",
    ),
    common=(
        (_INVALID, errors.InvalidRequest([FieldError("movie_id", "must be an integer")])),
        ("There is no token, or it is wrong, has expired or was revoked", errors.InvalidToken()),
    ),
)  # fmt: skip
_CODES = (
    "VALIDATION_ERROR", "FORBIDDEN", "NOT_FOUND", "METHOD_NOT_ALLOWED", "REQUEST_TIMEOUT", "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE", "RATE_LIMITED", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE",
)  # fmt: skip


def api_of(path: str) -> Api:
    """As ``envelopes.error_response`` has it."""
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
        "requestId": {"type": "string"},
    },
}


def _error_schema(api: Api) -> dict[str, Any]:
    """Of every error of an API, whatever its code."""
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
    if api.envelope:
        time = {"type": "string", "format": "date-time"}
        properties = {"success": {"const": False}, "error": error, "timestamp": time}
    return {
        "title": f"{api.name}Error",
        "description": f"Every error of the {api.name.lower()} API. Validation errors list each offending field.",
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def error_response(api: Api, description: str, raised: Sequence[FilmerError]) -> dict[str, Any]:
    """An answer that some errors of one status have: their examples, named by their codes if there are several."""
    samples = {error.code: msgspec.json.decode(api.render(error)) for error in raised}
    examples: dict[str, Any] = {"examples": {code: {"value": sample} for code, sample in samples.items()}}
    if len(samples) == 1:
        examples = {"example": samples[raised[0].code]}
    headers = dict.fromkeys(name for error in raised for name in error.headers)
    return {
        "description": description,
        "headers": header_references("X-Request-Id", *headers),
        "content": {JSON: {"schema": schema_reference(f"{api.name}Error"), **examples}},
    }


def common_answer(api: Api, status: int) -> dict[str, Any]:
    (name,) = [_name(api, error) for _, error in (*api.common, *_COMMON) if error.status == status]
    return {"$ref": f"#/components/responses/{name}"}


def _name(api: Api, error: FilmerError) -> str:
    return api.name + type(error).__name__


def error_schemas() -> dict[str, Any]:
    return {f"{api.name}Error": _error_schema(api) for api in (SHOP, COMMUNITY)}


def common_answers() -> dict[str, Any]:
    return {
        _name(api, error): error_response(api, description, [error])
        for api in (SHOP, COMMUNITY)
        for description, error in (*api.common, *_COMMON)
    }
