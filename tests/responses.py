"""The envelopes of the shop API's responses, checked and opened."""

import re
from typing import Any

import httpx

TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")  # contract §1.1
PAGE = ["items", "page", "size", "totalItems", "totalPages"]


def data_of(response: httpx.Response) -> Any:
    """The data of a 200 in the envelope the spec prints."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["success", "data"]
    assert body["success"] is True
    return body["data"]


def page_of(response: httpx.Response) -> Any:
    """The data of a list, with nothing in it but what a list has."""
    data = data_of(response)
    assert list(data) == PAGE
    assert all(type(data[name]) is int for name in PAGE[1:])
    return data


def ids_of(response: httpx.Response) -> list[str]:
    return [item["id"] for item in data_of(response)["items"]]


def error_of(response: httpx.Response, status: int, code: str) -> Any:
    """The error in the "Standard Error Format" of the spec, with nothing besides."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["success", "error", "timestamp"]
    assert body["success"] is False
    assert TIME.fullmatch(body["timestamp"])
    require_error(body["error"], code)
    return body["error"]


def require_error(error: Any, code: str) -> None:
    """What both APIs have in common."""
    assert list(error) == ["code", "message", "details"]
    assert error["code"] == code
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["details"], dict)
    require_message(error)


def is_unavailable(response: httpx.Response) -> bool:
    """Whether it is a 503 with Retry-After, as a page or in the envelope of its API."""
    if response.status_code != 503 or "retry-after" not in response.headers:
        return False
    path = response.request.url.path
    if not path.startswith("/api/"):
        return response.headers["content-type"].startswith("text/html") and "<h1" in response.text
    body = response.json()
    has_envelope = body["success"] is False if path.startswith("/api/v1/") else "success" not in body
    return has_envelope and body["error"]["code"] == "SERVICE_UNAVAILABLE"


def require_message(error: Any) -> None:
    """A validation error says its first offence, for clients that show nothing else (contract §1.5)."""
    assert error["message"] != "Request validation failed"
    for first in error["details"].get("fields", [])[:1]:
        assert error["message"] == f"{first['field']}: {first['reason']}"


def not_found(response: httpx.Response, message: str) -> None:
    error = error_of(response, 404, "NOT_FOUND")
    assert error == {"code": "NOT_FOUND", "message": message, "details": {}}


def offences_of(response: httpx.Response) -> dict[str, str]:
    """The reasons of a 400, by field (contract §1.5)."""
    details = error_of(response, 400, "VALIDATION_ERROR")["details"]
    assert list(details) == ["fields"]
    assert all(list(offence) == ["field", "reason"] and offence["reason"] for offence in details["fields"])
    reasons = {offence["field"]: offence["reason"] for offence in details["fields"]}
    assert len(reasons) == len(details["fields"]), "one offence is listed twice"
    return reasons
