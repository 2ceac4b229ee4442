"""The OpenAPI 3.1 document, made from what the server itself uses and from the docs of its endpoints.

The routes tell path, method, status and who may call; the structs of queries and bodies are the ones that requests are
read with, those of responses the ones that are sent, and examples of errors are rendered as the server does.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from litestar import Router
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from msgspec import inspect

from filmer import __version__
from filmer.http.body import Body
from filmer.http.bounds import DIGITS, STORABLE, kind_of, pattern_of
from filmer.http.query import Query
from filmer.openapi.endpoints import EndpointDoc, EndpointDocs, Parameter, ResponseDoc
from filmer.openapi.reusable import (
    DESCRIPTION,
    HEADERS,
    JSON,
    SCHEMA,
    SECURITY,
    Api,
    api_of,
    common_response,
    common_responses,
    error_response,
    error_schemas,
    header_references,
    schema_reference,
)


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A route together with its doc."""

    operation_id: str
    method: str
    path: str
    status: int  # of the responses whose docs name none
    is_public: bool  # the response has an ETag, and is 304 for a client that has it already
    is_personal: bool  # needs a session or a token
    doc: EndpointDoc


def make_document(routers: Iterable[Router], docs: EndpointDocs) -> dict[str, Any]:
    """The document of all endpoints of the routers, in the order of ``docs``."""
    endpoints = _endpoints(routers, docs)
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "filmer",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "this server"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(endpoint.doc.tag for endpoint in endpoints)],
        "paths": paths,
        "components": {
            "schemas": {**_schemas([endpoint.doc for endpoint in endpoints]), **error_schemas()},
            "responses": common_responses(),
            "headers": HEADERS,
            "securitySchemes": SECURITY,
        },
    }


def _endpoints(routers: Iterable[Router], docs: EndpointDocs) -> list[Endpoint]:
    """Raises LookupError for a route without a doc, and for a doc without a route."""
    routes: dict[Callable[..., Any], tuple[str, HTTPRouteHandler]] = {
        handler.fn.__func__: (route.path_format, handler)  # type: ignore[attr-defined]  # handlers are bound methods
        for router in routers
        for route in router.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if "OPTIONS" not in handler.http_methods
    }
    if unmatched := routes.keys() ^ docs.keys():
        names = ", ".join(sorted(handler.__qualname__ for handler in unmatched))
        raise LookupError(
            f"An endpoint has a route in urls.py and a doc in api_docs.py. One of them is missing: {names}"
        )
    return [_endpoint(*routes[handler], doc) for handler, doc in docs.items()]


def _endpoint(path: str, handler: HTTPRouteHandler, doc: EndpointDoc) -> Endpoint:
    (method,) = handler.http_methods
    arguments, parameters = re.findall(r"{\w+}", path), doc.path_parameters
    if len(arguments) != len(parameters):
        name = handler.fn.__qualname__
        raise LookupError(f"{name} has {len(arguments)} parameters in its path, its doc has {len(parameters)}")
    for argument, parameter in zip(arguments, parameters, strict=True):
        path = path.replace(argument, f"{{{parameter.name}}}")
    return Endpoint(
        operation_id=doc.operation_id or _camel_case(handler.fn.__name__),
        method=method,
        path=path,
        status=handler.status_code,
        is_public="public" in handler.opt,
        is_personal="personal" in handler.opt,
        doc=doc,
    )


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _schemas(docs: list[EndpointDoc]) -> dict[str, Any]:
    data = [response.data for doc in docs for response in doc.responses if response.data is not None]
    bodies = [doc.body for doc in docs if doc.body is not None]
    _, of_responses = msgspec.json.schema_components(data, ref_template=SCHEMA)
    _, of_bodies = msgspec.json.schema_components(bodies, schema_hook=_schema_of_read, ref_template=SCHEMA)
    for body in bodies:
        properties = of_bodies[body.__name__]["properties"]
        for field in _fields(body):
            properties[field.encode_name] = _with_pattern(properties[field.encode_name], field)
    return {**_with_money(of_responses), **of_bodies}


def _fields(struct: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - by the type of the argument
    return info.fields


def _with_pattern(schema: dict[str, Any], field: inspect.Field) -> dict[str, Any]:
    """The schema with the pattern of texts that the database can store, unless it has a pattern of its own."""
    if kind_of(field.type).extra.get("text"):
        return {"anyOf": [schema, {"type": "string", "pattern": DIGITS}]}
    pattern = pattern_of(field.type)
    if pattern is None:
        return schema
    if "anyOf" in schema:
        return {**schema, "anyOf": [_matching(option, pattern) for option in schema["anyOf"]]}
    return _matching(schema, pattern)


def _matching(schema: dict[str, Any], pattern: str) -> dict[str, Any]:
    return {"pattern": pattern, **schema} if schema.get("type") == "string" else schema


def _with_money(schema: Any) -> Any:
    """A Decimal is sent as a number (``envelopes.encode``); msgspec's schemas say that it is a string."""
    if isinstance(schema, list):
        return [_with_money(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "decimal":
        return {**schema, "type": "number"}
    return {name: _with_money(inner) for name, inner in schema.items()}


def _schema_of_read(_: type) -> dict[str, Any]:
    """A field that a function of its own reads into some other type is sent as a text (``body.Body``)."""
    return {"type": "string"}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    doc = endpoint.doc
    parameters = [_parameter(parameter, "path") for parameter in doc.path_parameters]
    if doc.query is not None:
        parameters += _query_parameters(doc.query)
    parameters += [_parameter(header, "header") for header in doc.headers]
    if endpoint.is_public:
        parameters.append(_parameter(_IF_NONE_MATCH, "header"))
    return {
        "operationId": endpoint.operation_id,
        "summary": doc.summary,
        **({"description": doc.description} if doc.description else {}),
        "tags": [doc.tag],
        **({"security": [{api_of(endpoint.path).scheme: []}]} if endpoint.is_personal else {}),
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": _request_body(doc.body, doc.body_example)} if doc.body else {}),
        "responses": _responses(endpoint),
    }


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    api = api_of(endpoint.path)
    responses = {response.status or endpoint.status: _response(api, response) for response in endpoint.doc.responses}
    if endpoint.is_public:
        headers = responses[200]["headers"]
        headers |= header_references("ETag", "Cache-Control")
        responses[304] = {"description": "What If-None-Match names still holds", "headers": headers}
    for status in _common_statuses(endpoint) - responses.keys():
        responses[status] = common_response(api, status)
    return {str(status): responses[status] for status in sorted(responses)}


def _common_statuses(endpoint: Endpoint) -> set[int]:
    """The errors of every endpoint of this kind; the doc need not name them, unless in words of its own."""
    statuses = {500, 503}
    if endpoint.is_personal:
        statuses |= {401} if endpoint.method == "GET" else {401, 403}
    if endpoint.doc.body is not None:
        statuses |= {400, 408, 413, 415}
    if endpoint.doc.rate_limited:
        statuses.add(429)
    return statuses


def _response(api: Api, response: ResponseDoc) -> dict[str, Any]:
    if response.errors:
        return error_response(api, response)
    described = {
        "description": response.description,
        "headers": header_references("X-Request-Id", *response.headers),
    }
    if response.data is None:
        return described
    ((schema,), _), example = msgspec.json.schema_components([response.data], ref_template=SCHEMA), response.example
    if api.has_envelope:
        schema = {
            "type": "object",
            "properties": {"success": {"const": True}, "data": schema},
            "required": ["success", "data"],
        }
        example = {"success": True, "data": example}
    return {**described, "content": {JSON: {"schema": schema, "example": example}}}


def _request_body(struct: type[Body], example: Any) -> dict[str, Any]:
    content = {"schema": schema_reference(struct.__name__), "example": example}
    return {"required": True, "content": {JSON: content}}


_IF_NONE_MATCH = Parameter("If-None-Match", {"type": "string"}, "The ETag of the answer you hold.")


def _parameter(parameter: Parameter, location: str) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": location,
        "required": location == "path",
        "schema": _matching(parameter.schema, STORABLE),
        "description": parameter.description,
    }


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
    """A query parameter that is not sent is absent, never null."""
    schema = dict(schema)
    if "anyOf" in schema:
        (only,) = [option for option in schema.pop("anyOf") if option != {"type": "null"}]
        schema = {**only, **schema}
    if schema.get("default", 0) is None:
        del schema["default"]
    return schema
