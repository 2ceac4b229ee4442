"""The examples of the shop API's answers in the OpenAPI document, put together of what shop-api.md prints."""

from typing import Any

from filmer import errors
from filmer.http.openapi import Answer, shop_error_answer

NOW = "2026-02-08T12:00:00Z"


def ok(data: Any) -> dict[str, Any]:
    """A whole answer around its data."""
    return {"success": True, "data": data}


def page(items: list[Any], total_items: int, total_pages: int) -> dict[str, Any]:
    """The data of a list."""
    return {"items": items, "page": 1, "size": 20, "totalItems": total_items, "totalPages": total_pages}


def invalid(description: str, field: str, reason: str) -> Answer:
    """A 400 with one offence."""
    return shop_error_answer(
        errors.InvalidRequest,
        description,
        {
            "code": "VALIDATION_ERROR",
            "message": "Request validation failed",
            "details": {"fields": [{"field": field, "reason": reason}]},
        },
    )


def missing(said: str, identifier: str, *, description: str = "") -> Answer:
    """A 404 that names what was asked for."""
    return shop_error_answer(
        errors.NotFound,
        description or f"{said} not found",
        {"code": "NOT_FOUND", "message": f"{said} not found with id: {identifier}", "details": {}},
    )


BAD_PAGE = invalid("Invalid query parameters", "page", "must be at least 1")
