"""What the shop API's tables of operations share: examples of answers, put together of what shop-api.md prints."""

from typing import Any

from filmer.errors import FilmerError, InvalidRequest, NotFound, Offence
from filmer.http.openapi import Answer, shop_error_answer

NOW = "2026-02-08T12:00:00Z"


def ok(data: Any) -> dict[str, Any]:
    """A whole answer around its data."""
    return {"success": True, "data": data}


def page(items: list[Any], total_items: int, total_pages: int) -> dict[str, Any]:
    """The data of a list."""
    return {"items": items, "page": 1, "size": 20, "totalItems": total_items, "totalPages": total_pages}


def refusal(error: FilmerError, description: str) -> Answer:
    """An error as the server raises it."""
    sample = {"code": error.code, "message": error.message, "details": error.details}
    return shop_error_answer(type(error), description, sample)


def invalid(description: str, field: str, reason: str) -> Answer:
    """A 400 with one offence."""
    return refusal(InvalidRequest([Offence(field, reason)]), description)


def missing(noun: str, identifier: str) -> Answer:
    """A 404 that names what was asked for."""
    return refusal(NotFound(f"{noun} not found with id: {identifier}"), f"{noun} not found")


BAD_PAGE = invalid("Invalid query parameters", "page", "must be at least 1")
