"""Token 401, permission 403, body 400, existence 404, upstream 503: each beats the next (contract §7.1, §1.3)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest
from tests.community.conftest import POPULAR, RATINGS, UNKNOWN, ApiUser, Community, tmdb_settings
from tests.community.responses import community_error_of, failing, own_language
from tests.conftest import MakeDatabase, ServeHere
from tests.connections import fetch
from tests.sandbox import Sandbox
from tests.users import token_of, visitor

OWN, NOBODYS = "{own}", str(2**31 - 1)


class Layer(NamedTuple):
    """An error in a request, the response to it, and how to make such a request."""

    status: int
    code: str
    wrong: dict[str, Any]


NO_TOKEN = Layer(401, "INVALID_TOKEN", {"who": "nobody"})
NOT_THEIRS = Layer(403, "INSUFFICIENT_PERMISSIONS", {"who": "user", "user_id": NOBODYS})
NO_SUCH_USER = Layer(404, "USER_NOT_FOUND", {"who": "admin", "user_id": NOBODYS})
TMDB_AWAY = Layer(503, "EXTERNAL_API_ERROR", {})  # which it is for every request here


def bad(**wrong: Any) -> Layer:
    return Layer(400, "VALIDATION_ERROR", wrong)


# Of each endpoint: a request that is right, and what may be wrong with it, in the order of the checks.
RIGHT: dict[str, Any] = {"who": "user", "user_id": OWN, "id": "1", "body": None, "query": ""}
ENDPOINTS: dict[str, tuple[dict[str, Any], list[Layer]]] = {
    f"GET {POPULAR}": ({"who": "nobody"}, [bad(query="?page=0"), TMDB_AWAY]),
    "POST /api/users/{user_id}/favorites": (
        {"body": {"movie_id": UNKNOWN}},
        [NO_TOKEN, NOT_THEIRS, bad(body={"movie_id": "x"}), NO_SUCH_USER, TMDB_AWAY],
    ),
    "GET /api/users/{user_id}/favorites": ({}, [NO_TOKEN, NOT_THEIRS, bad(query="?sort=x"), NO_SUCH_USER]),
    "DELETE /api/users/{user_id}/favorites/{id}": (
        {},
        [NO_TOKEN, NOT_THEIRS, bad(id="x"), NO_SUCH_USER, Layer(404, "FAVORITE_NOT_FOUND", {"id": NOBODYS})],
    ),
    "POST /api/users/{user_id}/watchlist": (
        {"body": {"movie_id": UNKNOWN}},
        [NO_TOKEN, NOT_THEIRS, bad(body={"movie_id": "x"}), NO_SUCH_USER, TMDB_AWAY],
    ),
    "GET /api/users/{user_id}/watchlist": ({}, [NO_TOKEN, NOT_THEIRS, bad(query="?sort=x"), NO_SUCH_USER]),
    "DELETE /api/users/{user_id}/watchlist/{id}": (
        {},
        [NO_TOKEN, NOT_THEIRS, bad(id="x"), NO_SUCH_USER, Layer(404, "NOT_FOUND", {"id": NOBODYS})],
    ),
    "POST /api/users/{user_id}/seen": (
        {"body": {"movie_id": UNKNOWN}},
        [NO_TOKEN, NOT_THEIRS, bad(body={"movie_id": 1, "seen_on": "x"}), NO_SUCH_USER, TMDB_AWAY],
    ),
    "GET /api/users/{user_id}/seen": ({}, [NO_TOKEN, NOT_THEIRS, bad(query="?sort=x"), NO_SUCH_USER]),
    "DELETE /api/users/{user_id}/seen/{id}": (
        {},
        [NO_TOKEN, NOT_THEIRS, bad(id="x"), NO_SUCH_USER, Layer(404, "NOT_FOUND", {"id": NOBODYS})],
    ),
    f"POST {RATINGS}": (
        {"body": {"movie_id": UNKNOWN, "rating": 4}},
        [NO_TOKEN, bad(body={"movie_id": "x", "rating": 4}), TMDB_AWAY],
    ),
    f"PUT {RATINGS}/{{id}}": (
        {"body": {"rating": 4}},
        [NO_TOKEN, bad(body={"rating": "x"}), Layer(404, "RATING_NOT_FOUND", {"id": NOBODYS})],
    ),
    f"DELETE {RATINGS}/{{id}}": ({}, [NO_TOKEN, bad(id="x"), Layer(404, "RATING_NOT_FOUND", {"id": NOBODYS})]),
    "DELETE /api/admin/users/{user_id}/favorites": ({}, [NO_TOKEN, NOT_THEIRS, bad(user_id="x", who="admin")]),
}
JSON = "application/json"
# Bodies that can't be read, whatever is asked for (contract §1.3, §1.4).
UNREADABLE = {
    "empty": (b"", JSON, 400, "VALIDATION_ERROR"),
    "cut off": (b'{"movie_id":278', JSON, 400, "VALIDATION_ERROR"),
    "a list": (b"[]", JSON, 400, "VALIDATION_ERROR"),
    "a text": (b'"movie_id"', JSON, 400, "VALIDATION_ERROR"),
    "null": (b"null", JSON, 400, "VALIDATION_ERROR"),
    "two": (b"{}{}", JSON, 400, "VALIDATION_ERROR"),
    "no number of JSON's": (b'{"movie_id":NaN,"rating":Infinity}', JSON, 400, "VALIDATION_ERROR"),
    "no UTF-8": (b'{"x":"\xff"}', JSON, 400, "VALIDATION_ERROR"),
    "a lone surrogate": (b'{"x":"\\ud800"}', JSON, 400, "VALIDATION_ERROR"),
    "nested 33 levels": (b'{"x":' + b"[" * 32 + b"]" * 32 + b"}", JSON, 400, "VALIDATION_ERROR"),
    "nested without end": (b'{"x":' + b"[" * 60_000, JSON, 400, "VALIDATION_ERROR"),
    "over 64 KiB": (b'{"x":"' + b"x" * 2**16 + b'"}', JSON, 413, "PAYLOAD_TOO_LARGE"),
    "a form": (b"movie_id=278&rating=4", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),
    "plain text": (b'{"movie_id":278,"rating":4}', "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
    "another charset": (b"{}", "application/json; charset=utf-16", 415, "UNSUPPORTED_MEDIA_TYPE"),
    "of no type": (b'{"movie_id":278,"rating":4}', "", 415, "UNSUPPORTED_MEDIA_TYPE"),
}
WITH_BODY = [endpoint for endpoint, (right, _) in ENDPOINTS.items() if "body" in right]


class Place(NamedTuple):
    """A server whose TMDB fails, and people of its."""

    community: Community
    user: ApiUser
    admin: ApiUser
    nobody: httpx.Client

    def ask(self, endpoint: str, wrongs: list[dict[str, Any]], content: tuple[bytes, str] | None = None) -> Any:
        """What is answered to a request with all of this wrong with it; what is named first goes before."""
        request_parts = RIGHT | ENDPOINTS[endpoint][0]
        for wrong in reversed(wrongs):
            request_parts |= wrong
        method, _, path = endpoint.partition(" ")
        user_id = request_parts["user_id"].format(own=self.user.person.id)
        address = path.format(user_id=user_id, id=request_parts["id"]) + request_parts["query"]
        clients = {"user": self.user.client, "admin": self.admin.client, "nobody": self.nobody}
        if content is None:
            return clients[request_parts["who"]].request(method, address, json=request_parts["body"])
        headers = {"Content-Type": content[1]} if content[1] else {}
        return clients[request_parts["who"]].request(method, address, content=content[0], headers=headers)


@pytest.fixture(scope="module")
def place(make_database: MakeDatabase, serve_here: ServeHere, shared_sandbox: Sandbox) -> Iterator[Place]:
    url = make_database()
    settings = tmdb_settings(shared_sandbox) | {"TMDB_LANGUAGE": own_language(), "TMDB_DEADLINE_SECONDS": "1"}
    community = Community(url, serve_here(url, **settings).client)
    with visitor(community.server) as nobody:
        yield Place(community, community.user(), community.user("admin"), nobody)
    community.close()


@pytest.fixture(autouse=True)
def _tmdb_is_away(sandbox: Sandbox) -> Iterator[None]:
    with failing(sandbox):
        yield


def cells() -> Iterator[tuple[str, int]]:
    for endpoint, (_, layers) in ENDPOINTS.items():
        yield from ((endpoint, number) for number in range(len(layers)))


@pytest.mark.parametrize(("endpoint", "number"), list(cells()))
def test_each_check_comes_before_the_next_ones(place: Place, endpoint: str, number: int) -> None:
    """Everything from this check on is wrong: the response reports the first."""
    layers = ENDPOINTS[endpoint][1][number:]
    response = place.ask(endpoint, [layer.wrong for layer in layers])
    community_error_of(response, layers[0].status, layers[0].code)


@pytest.mark.parametrize("endpoint", WITH_BODY)
@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_body_that_can_not_be_read(place: Place, endpoint: str, kind: str) -> None:
    """It comes after the token and the permission, before existence and TMDB."""
    body, content_type, status, code = UNREADABLE[kind]
    layers = ENDPOINTS[endpoint][1]
    place_of_body = next(number for number, layer in enumerate(layers) if layer.status == 400)
    later = [layer.wrong for layer in layers[place_of_body + 1 :]]
    response = place.ask(endpoint, later, (body, content_type))
    community_error_of(response, status, code)
    for number, layer in enumerate(layers[:place_of_body]):
        wrongs = [earlier.wrong for earlier in layers[number:place_of_body]]
        community_error_of(place.ask(endpoint, [*wrongs, *later], (body, content_type)), layer.status, layer.code)


def test_a_body_of_32_levels_and_64_kib_is_read(place: Place) -> None:
    """contract §1.3: what is over is over; unknown fields are ignored, whatever they hold."""
    start = b'{"movie_id":"x","deep":' + b"[" * 31 + b"]" * 31 + b',"long":"'
    body = start + b"x" * (2**16 - len(start) - 2) + b'"}'
    assert len(body) == 2**16
    response = place.ask("POST /api/users/{user_id}/favorites", [], (body, JSON))
    error = community_error_of(response, 400, "VALIDATION_ERROR")
    assert error["details"] == {"fields": [{"field": "movie_id", "reason": "must be an integer"}]}


def test_what_needs_no_body_ignores_one(place: Place) -> None:
    response = place.ask("GET /api/users/{user_id}/favorites", [], (b"{", "text/plain"))
    assert response.status_code == 200
    response = place.ask("DELETE /api/admin/users/{user_id}/favorites", [{"who": "admin"}], (b"[" * 1000, JSON))
    assert response.status_code == 204


@pytest.fixture(scope="module")
def no_tokens(place: Place) -> list[list[tuple[str, str]]]:
    """Authorization headers that let nobody in."""
    url = place.community.database_url
    expired = token_of(url, place.user.person, expires=datetime.now(UTC) - timedelta(seconds=1))
    revoked = token_of(url, place.user.person, name="revoked")
    fetch(url, "DELETE FROM token WHERE name = 'revoked'")
    disabled = place.community.user()
    fetch(url, "UPDATE account SET disabled = true WHERE id = %s", disabled.person.id)
    good = place.user.token
    values = ["", "Bearer", f"Basic {good}", good, f"Bearer {good} {good}", f"Bearer {good}x",
              f"Bearer {good.upper()}", f'Bearer "{good}"', "Bearer abcdef1234567890", "Bearer 1234567890",
              f"Bearer {expired}", f"Bearer {revoked}", f"Bearer {disabled.token}", f"Bearer {'x' * 5000}"]  # fmt: skip
    return [[], *([("Authorization", value)] for value in values), [("Authorization", f"Bearer {good}")] * 2]


@pytest.mark.parametrize("endpoint", [one for one, (_, layers) in ENDPOINTS.items() if layers[0] is NO_TOKEN])
def test_every_token_that_is_none_is_401_in_the_same_words(
    place: Place, endpoint: str, no_tokens: list[list[tuple[str, str]]]
) -> None:
    method, _, path = endpoint.partition(" ")
    address = path.format(user_id=place.user.person.id, id="1")
    bodies = set()
    for headers in no_tokens:
        response = place.nobody.request(method, address, headers=headers, json=ENDPOINTS[endpoint][0].get("body"))
        community_error_of(response, 401, "INVALID_TOKEN")
        assert response.headers["www-authenticate"] == "Bearer"
        bodies.add(response.content)
    assert len(bodies) == 1
