"""What a domain's ``api_docs.py`` consists of: one ``EndpointDoc`` for each handler, and what several of them share.

Path, method, status, and who may call an endpoint stand in ``urls.py`` alone.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from filmer.errors import FieldError, FilmerError, InvalidRequest, NotFound
from filmer.http.body import Body
from filmer.http.query import Query

NOW = "2026-02-08T12:00:00Z"  # of the examples


class Parameter(msgspec.Struct, frozen=True):
    """A parameter in a path, or a header that a request may carry."""

    name: str
    schema: dict[str, Any]
    description: str


class ResponseDoc(msgspec.Struct, frozen=True):
    """One response of an endpoint: a body, one of several errors, or nothing."""

    description: str
    data: Any = None  # the type of the body; the document adds the envelope of the shop API to it and to the example
    example: Any = None
    status: int | None = None  # None: that of the route
    errors: tuple[FilmerError, ...] = ()  # all of this status
    headers: tuple[str, ...] = ()  # names of ``reusable.HEADERS``; those of errors are added


class EndpointDoc(msgspec.Struct, frozen=True, kw_only=True):
    """What the OpenAPI document says of an endpoint beside what its route tells."""

    summary: str
    tag: str
    description: str = ""
    operation_id: str = ""  # "": the name of the handler in camel case
    path_parameters: tuple[Parameter, ...] = ()  # in the order of the path, named as the specification does
    query: type[Query] | None = None
    headers: tuple[Parameter, ...] = ()
    body: type[Body] | None = None
    body_example: Any = None
    rate_limited: bool = False  # answers 429 to too many attempts
    responses: tuple[ResponseDoc, ...]  # without those that every endpoint of its kind has: see ``document``


EndpointDocs = Mapping[Callable[..., Any], EndpointDoc]  # by handler: ``{CatalogueApi.list_genres: EndpointDoc(…)}``


def imdb_id(name: str, description: str, *, example: str) -> Parameter:
    return Parameter(name, {"type": "string", "maxLength": 10, "example": example}, description)


def number_id(name: str, description: str, **rules: int) -> Parameter:
    return Parameter(name, {"type": "integer", "minimum": 1, **rules}, description)


def page(items: list[Any], total_items: int, total_pages: int) -> dict[str, Any]:
    """An example of a page of a list."""
    return {"items": items, "page": 1, "size": 20, "totalItems": total_items, "totalPages": total_pages}


def failure(description: str, *errors: FilmerError) -> ResponseDoc:
    """The errors that an endpoint raises with one status."""
    return ResponseDoc(description, status=errors[0].status, errors=errors)


def invalid(description: str, field: str, reason: str) -> ResponseDoc:
    """A 400 that names one wrong field."""
    return failure(description, InvalidRequest([FieldError(field, reason)]))


def not_found(noun: str, identifier: str) -> ResponseDoc:
    """A 404 that names what was looked for."""
    return failure(f"{noun} not found", NotFound(f"{noun} not found with id: {identifier}"))


INVALID_PAGE = invalid("Invalid query parameters", "page", "must be at least 1")
