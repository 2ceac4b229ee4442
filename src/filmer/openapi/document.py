"""The OpenAPI 3.1 document, made from what the code goes by: the structs of queries, bodies and answers, the errors."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import inspect

from filmer import __version__
from filmer.errors import FilmerError
from filmer.http.body import Body
from filmer.http.bounds import STORABLE, pattern_of
from filmer.http.query import Query
from filmer.openapi.reusable import (
    DESCRIPTION,
    HEADERS,
    JSON,
    SCHEMA,
    SECURITY,
    Api,
    api_of,
    common_answer,
    common_answers,
    error_response,
    error_schemas,
    header_references,
    schema_reference,
)


class PathParameter(msgspec.Struct, frozen=True):
    name: str
    schema: dict[str, Any]
    description: str


class HeaderParameter(msgspec.Struct, frozen=True):
    """A header that a request may carry."""

    name: str
    schema: dict[str, Any]
    description: str
    required: bool = False


class ResponseDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One status of an operation: the type of what it tells and an example of the whole body, or errors, or no body.

    ``headers`` are names of ``openapi_parts.HEADERS``; errors bring theirs with them.
    """

    description: str
    data: Any = None
    example: Any = None
    errors: tuple[FilmerError, ...] = ()
    headers: tuple[str, ...] = ()


class EndpointDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path, as the document tells it."""

    method: str
    path: str
    name: str
    summary: str
    tag: str
    description: str = ""
    query: type[Query] | None = None
    path_parameters: tuple[PathParameter, ...] = ()
    headers: tuple[HeaderParameter, ...] = ()
    body: type[Body] | None = None
    body_example: Any = None
    answers: dict[int, ResponseDoc]  # those of its own; what every operation like it answers comes by itself
    public: bool = False  # has an ETag, and answers 304 to who holds it
    protected: bool = False  # needs to know who asks: by the session's cookie, or a token
    slowed: bool = False  # answers 429 to who asks too often


def document(*tables: Iterable[EndpointDoc]) -> dict[str, Any]:
    """The document of some tables of operations."""
    operations = [operation for table in tables for operation in table]
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "filmer",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "this server"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {
            "schemas": {**_schemas(operations), **error_schemas()},
            "responses": common_answers(),
            "headers": HEADERS,
            "securitySchemes": SECURITY,
        },
    }


def _schemas(operations: list[EndpointDoc]) -> dict[str, Any]:
    answers = [answer.data for op in operations for answer in op.answers.values() if answer.data is not None]
    bodies = [operation.body for operation in operations if operation.body is not None]
    _, of_answers = msgspec.json.schema_components(answers, ref_template=SCHEMA)
    of_answers = _with_money(of_answers)
    _, of_bodies = msgspec.json.schema_components(bodies, schema_hook=_schema_of_read, ref_template=SCHEMA)
    for body in bodies:
        fields = of_bodies[body.__name__]["properties"]
        fields.update({field.encode_name: _with_pattern(fields[field.encode_name], field) for field in _fields(body)})
    return {**of_answers, **of_bodies}


def _fields(struct: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - by the type of the argument
    return info.fields


def _with_pattern(schema: dict[str, Any], field: inspect.Field) -> dict[str, Any]:
    """What no text may hold stands in the schema, unless the field has a pattern of its own."""
    pattern = pattern_of(field.type)
    if pattern is None or "anyOf" not in schema:
        return _matching(schema, pattern) if pattern else schema
    return {**schema, "anyOf": [_matching(one, pattern) for one in schema["anyOf"]]}


def _matching(schema: dict[str, Any], pattern: str) -> dict[str, Any]:
    return {"pattern": pattern, **schema} if schema.get("type") == "string" else schema


def _with_money(schema: Any) -> Any:
    """A Decimal leaves as a number (``envelopes.encode``), of which msgspec's own schemas know nothing."""
    if isinstance(schema, list):
        return [_with_money(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "decimal":
        return {**schema, "type": "number"}
    return {name: _with_money(inner) for name, inner in schema.items()}


def _schema_of_read(_: type) -> dict[str, Any]:
    """What a body's field is read into by a function of its own was a text (``body.Body``)."""
    return {"type": "string"}


def _operation(operation: EndpointDoc) -> dict[str, Any]:
    parameters = [_path_parameter(one) for one in operation.path_parameters]
    if operation.query is not None:
        parameters += _query_parameters(operation.query)
    parameters += [_header_parameter(one) for one in operation.headers]
    if operation.public:
        parameters.append(_header_parameter(_IF_NONE_MATCH))
    return {
        "operationId": operation.name,
        "summary": operation.summary,
        **({"description": operation.description} if operation.description else {}),
        "tags": [operation.tag],
        **({"security": [{api_of(operation.path).scheme: []}]} if operation.protected else {}),
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": _request_body(operation.body, operation.body_example)} if operation.body else {}),
        "responses": _responses(operation),
    }


def _responses(operation: EndpointDoc) -> dict[str, Any]:
    api = api_of(operation.path)
    responses = {status: _answer(api, answer) for status, answer in operation.answers.items()}
    if operation.public:
        told = responses[200]["headers"]
        told |= header_references("ETag", "Cache-Control")
        responses[304] = {"description": "What If-None-Match names still holds", "headers": told}
    for status in _common_to(operation):
        responses.setdefault(status, common_answer(api, status))
    return {str(status): responses[status] for status in sorted(responses)}


def _common_to(operation: EndpointDoc) -> set[int]:
    """What every operation like this one answers, too, unless it has its own words for it."""
    found = {500, 503}
    if operation.protected:
        found.add(401)
        if operation.method not in {"GET", "HEAD"}:
            found.add(403)
    if operation.body is not None:
        found |= {400, 408, 413, 415}
    if operation.slowed:
        found.add(429)
    return found


def _answer(api: Api, answer: ResponseDoc) -> dict[str, Any]:
    if answer.errors:
        return error_response(api, answer.description, answer.errors)
    told = {
        "description": answer.description,
        "headers": header_references("X-Request-Id", *answer.headers),
    }
    if answer.data is None:
        return told
    schema = schema_reference(answer.data.__name__)
    if api.envelope:
        schema = {
            "type": "object",
            "properties": {"success": {"const": True}, "data": schema},
            "required": ["success", "data"],
        }
    return {**told, "content": _content(schema, answer.example)}


def _request_body(struct: type[Body], example: Any) -> dict[str, Any]:
    return {"required": True, "content": _content(schema_reference(struct.__name__), example)}


def _content(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {JSON: {"schema": schema, **({"example": example} if example is not None else {})}}


_IF_NONE_MATCH = HeaderParameter("If-None-Match", {"type": "string"}, "The ETag of the answer you hold.")


def _header_parameter(parameter: HeaderParameter) -> dict[str, Any]:
    return {
        "name": parameter.name, "in": "header", "required": parameter.required,
        "schema": _matching(parameter.schema, STORABLE), "description": parameter.description,
    }  # fmt: skip


def _path_parameter(parameter: PathParameter) -> dict[str, Any]:
    return {
        "name": parameter.name, "in": "path", "required": True,
        "schema": _matching(parameter.schema, STORABLE), "description": parameter.description,
    }  # fmt: skip


def _query_parameters(struct: type[Query]) -> list[dict[str, Any]]:
    schemas = msgspec.json.schema(struct)["$defs"][struct.__name__]["properties"]
    parameters = []
    for field in _fields(struct):
        schema = _with_pattern(_without_null(schemas[field.encode_name]), field)
        description = schema.pop("description", "")
        parameters.append(
            {
                "name": field.encode_name,
                "in": "query",
                "required": field.required,
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
