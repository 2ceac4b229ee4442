"""What the tables of operations share: errors, and examples of answers put together of what shop-api.md prints."""

from typing import Any

from filmer.errors import FieldError, FilmerError, InvalidRequest, NotFound
from filmer.openapi.document import ResponseDoc

NOW = "2026-02-08T12:00:00Z"


def ok(data: Any) -> dict[str, Any]:
    """A whole answer around its data."""
    return {"success": True, "data": data}


def page(items: list[Any], total_items: int, total_pages: int) -> dict[str, Any]:
    """The data of a list."""
    return {"items": items, "page": 1, "size": 20, "totalItems": total_items, "totalPages": total_pages}


def refusal(description: str, *raised: FilmerError) -> ResponseDoc:
    """What the server raises with one status."""
    return ResponseDoc(description=description, errors=raised)


def invalid(description: str, field: str, reason: str) -> ResponseDoc:
    """A 400 with one field error."""
    return refusal(description, InvalidRequest([FieldError(field, reason)]))


def missing(noun: str, identifier: str) -> ResponseDoc:
    """A 404 that names what was asked for."""
    return refusal(f"{noun} not found", NotFound(f"{noun} not found with id: {identifier}"))


BAD_PAGE = invalid("Invalid query parameters", "page", "must be at least 1")
