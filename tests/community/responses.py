"""What every answer of the community API looks like, and what it makes of bodies and ids of every kind."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from string import ascii_lowercase, ascii_uppercase
from typing import Any

import httpx
from tests.connections import fetch
from tests.responses import TIME, require_error
from tests.sandbox import Sandbox
from tests.shop.conftest import assert_not_cached

__all__ = ["assert_not_cached", "fetch"]

FAVORITE = ["id", "movie_id", "created_at"]
FAVORITE_FILM = [
    "id", "movie_id", "title", "release_date", "overview", "popularity", "vote_average", "user_rating", "created_at",
]  # fmt: skip
RATING = ["id", "movie_id", "rating", "created_at"]
UPDATED_RATING = ["id", "movie_id", "rating", "updated_at"]
POPULAR_FILM = ["id", "title", "release_date", "overview", "popularity", "vote_average"]

# contract §1.3: JSON that is no integer, or no number.
NOT_NUMBERS = ['"4"', "true", "false", "null", "[4]", '{"rating":4}', '""']
NOT_INTEGERS = [*NOT_NUMBERS, "1.5", "278.5", "2.785e2"]
# Texts that are no id of anything, each a 400 in a path; and ids that nothing has, each a 404.
NO_IDS = ["abc", "-1", "0", "1.5", "1_0", "%D9%A1%D9%A2", "+2", "2%20", "0x2", "%00", "9" * 65]
NOBODYS_IDS = [str(2**31 - 1), str(2**31), str(2**63), str(10**30)]


def community_error_of(response: httpx.Response, status: int, code: str) -> Any:
    """The error as community-api.txt prints it, with nothing besides; nobody keeps it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["error"]
    error = body["error"]
    require_error(error, code)
    assert ("www-authenticate" in response.headers) == (status == 401)
    assert_not_cached(response)
    return error


def community_offences_of(response: httpx.Response, code: str = "VALIDATION_ERROR") -> dict[str, str]:
    """The reasons of a 400, by field (contract §1.5)."""
    details = community_error_of(response, 400, code)["details"]
    assert list(details) == ["fields"]
    assert all(list(offence) == ["field", "reason"] and offence["reason"] for offence in details["fields"])
    reasons = {offence["field"]: offence["reason"] for offence in details["fields"]}
    assert len(reasons) == len(details["fields"]), "one offence is listed twice"
    return reasons


def record_of(response: httpx.Response, status: int, keys: list[str]) -> Any:
    """A favourite or a rating: nothing but these keys, in this order; nobody else's to keep."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    record = response.json()
    assert list(record) == keys
    assert type(record["id"]) is int
    assert type(record["movie_id"]) is int
    assert TIME.fullmatch(record[keys[-1]])
    assert_not_cached(response)
    return record


def gone(response: httpx.Response) -> None:
    """204 No Content."""
    assert response.status_code == 204, response.text
    assert response.content == b""
    assert_not_cached(response)


def send(client: httpx.Client, method: str, address: str, text: str) -> httpx.Response:
    """A body as it is written."""
    return client.request(method, address, content=text.encode(), headers={"Content-Type": "application/json"})


def own_language() -> str:
    """For a server that must find nothing another server has cached of TMDB: each language has its own entries."""
    start = "".join(secrets.choice(ascii_lowercase) for _ in range(3))
    return start + "-" + "".join(secrets.choice(ascii_uppercase) for _ in range(2))


@contextmanager
def failing(sandbox: Sandbox, fault: str = "503", **order: Any) -> Iterator[None]:
    """While TMDB fails; it is well for those who come after."""
    sandbox.fail(fault, **order)
    try:
        yield
    finally:
        sandbox.heal()
