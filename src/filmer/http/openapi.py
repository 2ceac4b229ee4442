"""The OpenAPI 3.1 document, made from what the code goes by: the query structs, the answer structs, the errors."""

from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from filmer import __version__
from filmer.errors import FilmerError
from filmer.http.query import Query

JSON = "application/json"
_REF = "#/components/schemas/{name}"


class PathParameter(msgspec.Struct, frozen=True):
    name: str
    schema: dict[str, Any]
    description: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One status of an operation, with the type of its ``data`` and an example of the whole body."""

    description: str
    data: Any = None
    example: Any = None
    envelope: bool = True
    headers: tuple[str, ...] = ()


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path, as the document tells it."""

    method: str
    path: str
    name: str
    summary: str
    tag: str
    description: str = ""
    query: type[Query] | None = None
    path_parameters: tuple[PathParameter, ...] = ()
    answers: dict[int, Answer]
    public: bool = False  # has an ETag, and answers 304 to who holds it


def shop_error_answer(error: type[FilmerError], description: str, example: Any = None) -> Answer:
    """An error of the v1 envelope."""
    sample = example or {"code": error.code, "message": error.message, "details": {}}
    body = {"success": False, "error": sample, "timestamp": "2026-02-08T12:00:00Z"}
    return Answer(description=description, data="ShopError", example=body, envelope=False)


@cache
def openapi_document() -> bytes:
    """The document of the whole service, as JSON."""
    from filmer.catalogue.operations import OPERATIONS as CATALOGUE

    return msgspec.json.format(msgspec.json.encode(document([*CATALOGUE])), indent=1)


def document(operations: list[Operation]) -> dict[str, Any]:
    types = [answer.data for op in operations for answer in op.answers.values() if _is_type(answer.data)]
    _, components = msgspec.json.schema_components(types, ref_template=_REF)
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "filmer",
            "version": __version__,
            "description": "A movie catalogue and rental server: the shop API under `/api/v1`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "this server"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {"schemas": {**components, **_ERRORS}, "responses": _COMMON, "headers": _HEADERS},
    }


def _is_type(data: Any) -> bool:
    return data is not None and not isinstance(data, str)


def _operation(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {
        str(status): _answer(answer, public=operation.public and status == 200)  # noqa: PLR2004 - OK
        for status, answer in operation.answers.items()
    }
    if operation.public:
        responses["304"] = {"description": "What If-None-Match names still holds", "headers": _refs("ETag")}
    responses["500"] = {"$ref": "#/components/responses/InternalError"}
    responses.setdefault("503", {"$ref": "#/components/responses/ServiceUnavailable"})
    parameters = [_path_parameter(one) for one in operation.path_parameters]
    if operation.query is not None:
        parameters += _query_parameters(operation.query)
    if operation.public:
        parameters.append({"name": "If-None-Match", "in": "header", "schema": {"type": "string"}, "description":
                           "The ETag of the answer you hold."})  # fmt: skip
    return {
        "operationId": operation.name,
        "summary": operation.summary,
        **({"description": operation.description} if operation.description else {}),
        "tags": [operation.tag],
        **({"parameters": parameters} if parameters else {}),
        "responses": responses,
    }


def _answer(answer: Answer, *, public: bool) -> dict[str, Any]:
    if isinstance(answer.data, str):
        schema: dict[str, Any] = {"$ref": _REF.format(name=answer.data)}
    else:
        schema = {"$ref": _REF.format(name=answer.data.__name__)}
    if answer.envelope:
        schema = {
            "type": "object",
            "properties": {"success": {"const": True}, "data": schema},
            "required": ["success", "data"],
        }
    content: dict[str, Any] = {"schema": schema}
    if answer.example is not None:
        content["example"] = answer.example
    headers = _refs("ETag", "Cache-Control") if public else {}
    return {
        "description": answer.description,
        "headers": headers | _refs("X-Request-Id", *answer.headers),
        "content": {JSON: content},
    }


def _path_parameter(parameter: PathParameter) -> dict[str, Any]:
    return {
        "name": parameter.name, "in": "path", "required": True, "schema": parameter.schema,
        "description": parameter.description,
    }  # fmt: skip


def _query_parameters(struct: type[Query]) -> list[dict[str, Any]]:
    schemas = msgspec.json.schema(struct)["$defs"][struct.__name__]["properties"]
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - by the type of the argument
    parameters = []
    for field in info.fields:
        schema = _without_null(schemas[field.encode_name])
        description = schema.pop("description", "")
        parameters.append(
            {
                "name": field.encode_name,
                "in": "query",
                "required": False,
                "schema": schema,
                **({"description": description} if description else {}),
            }
        )
    return parameters


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is not given is absent, never null."""
    schema = dict(schema)
    if "anyOf" in schema:
        (only,) = [one for one in schema.pop("anyOf") if one != {"type": "null"}]
        schema = {**only, **schema}
    if schema.get("default", 0) is None:
        del schema["default"]
    return schema


def _refs(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


_HEADERS = {
    "ETag": _header("Names this state of the answer."),
    "Cache-Control": _header("`public, no-cache`: keep it, and ask before using it again."),
    "X-Request-Id": _header("Of this request, as our log has it; yours, if you sent one."),
    "Retry-After": _header("Seconds after which trying again makes sense.", "integer"),
}

_FIELD_ERROR = {
    "type": "object",
    "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
    "required": ["field", "reason"],
}
_ERRORS = {
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
                            "NOT_FOUND", "METHOD_NOT_ALLOWED", "CONFLICT", "PAYLOAD_TOO_LARGE",
                            "UNSUPPORTED_MEDIA_TYPE", "RATE_LIMITED", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE",
                        ]
                    },
                    "message": {"type": "string"},
                    "details": {
                        "type": "object",
                        "properties": {"fields": {"type": "array", "items": _FIELD_ERROR}},
                    },
                },
                "required": ["code", "message", "details"],
            },
            "timestamp": {"type": "string", "format": "date-time"},
        },
        "required": ["success", "error", "timestamp"],
    }
}  # fmt: skip


def _common(description: str, code: str, message: str, details: dict[str, Any], *headers: str) -> dict[str, Any]:
    example = {
        "success": False,
        "error": {"code": code, "message": message, "details": details},
        "timestamp": "2026-02-08T12:00:00Z",
    }
    return {
        "description": description,
        "headers": _refs("X-Request-Id", *headers),
        "content": {JSON: {"schema": {"$ref": _REF.format(name="ShopError")}, "example": example}},
    }


_COMMON = {
    "InternalError": _common(
        "A fault of ours; tell us the request id",
        "INTERNAL_ERROR",
        "Something went wrong on our side",
        {"requestId": "5f0c7a1e9b3d2468"},
    ),
    "ServiceUnavailable": _common(
        "The database is away or too busy; try again",
        "SERVICE_UNAVAILABLE",
        "The database is not available right now",
        {},
        "Retry-After",
    ),
}
