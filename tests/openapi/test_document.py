"""GET /openapi.json tells what the specification says and what the server does."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests import community_examples as community
from tests.community_examples import REQUESTS, Circle, Request
from tests.conftest import MakeDatabase, ServeHere
from tests.layers import framework_of
from tests.sandbox import Sandbox
from tests.shop_examples import CASES, ITEM, JOHN, KEY, LINE, PRINTED, Case, Stage
from tests.users import CARD, PASSWORD

from filmer import demo
from filmer.accounts import api_docs as accounts_docs
from filmer.accounts.schemas import read_name
from filmer.app import create_app
from filmer.catalogue import api_docs as catalogue_docs
from filmer.community import api_docs as community_docs
from filmer.http.body import MAX_BODY
from filmer.http.bounds import require_storable
from filmer.rentals import api_docs as rentals_docs
from filmer.settings import Settings
from filmer.shop import api_docs as shop_docs
from filmer.tmdb.sandbox.responses import read_films

PAGE = {"type": "integer", "default": 1, "minimum": 1}
SIZE = {"type": "integer", "default": 20, "minimum": 1, "maximum": 100}
ORDER = {"enum": ["asc", "desc"], "default": "asc"}
MOVIE_SORT = {"enum": ["rating", "title", "year"], "default": "title"}
STAR_SORT = {"enum": ["birthYear", "name"], "default": "name"}
TEXT = {"type": "string"}
YEAR = {"type": "integer"}

# Every operation, with every query parameter of shop-api.md's tables and of community-api.txt: type, default, bounds,
# values. All of these are optional; of what is ours, REQUIRED are not.
QUERIES: dict[str, dict[str, dict[str, Any]]] = {
    "GET /api/v1/health": {},
    "POST /api/v1/auth/login": {},
    "POST /api/v1/auth/logout": {},
    "GET /api/v1/auth/session": {},
    "GET /api/v1/movies": {
        "page": PAGE,
        "size": SIZE,
        "sortBy": {"enum": ["popularity", "rating", "title", "year"], "default": "title"},
        "order": ORDER,
        "startsWith": {"type": "string", "minLength": 1, "maxLength": 1},
        "title": TEXT,  # from here on beyond the specification, as clients also send it
        "type": TEXT,
        "genreId": {"type": "integer", "minimum": 1},
        "minRating": {"type": "number", "minimum": 0, "maximum": 10},
        "minVotes": {"type": "integer", "minimum": 0},
    },
    "GET /api/v1/movies/{movieId}": {},
    "GET /api/v1/stars/{starId}": {},
    "GET /api/v1/stars": {"page": PAGE, "size": SIZE, "sortBy": STAR_SORT, "order": ORDER, "name": TEXT},
    "GET /api/v1/genres": {},
    "GET /api/v1/genres/{genreId}/movies": {"page": PAGE, "size": SIZE, "sortBy": MOVIE_SORT, "order": ORDER},
    "GET /api/v1/search/movies": {
        "query": {"type": "string", "minLength": 1},
        "title": TEXT,
        "year": YEAR,
        "yearFrom": YEAR,
        "yearTo": YEAR,
        "director": TEXT,
        "star": TEXT,
        "genreId": {"type": "integer"},
        "page": PAGE,
        "size": SIZE,
        "sortBy": {"enum": ["rating", "relevance", "title", "year"], "default": "title"},  # contract §3.4
        "order": ORDER,
        "minVotes": {"type": "integer", "minimum": 0},  # beyond the specification
    },
    "GET /api/v1/search/suggestions": {
        "query": {"type": "string", "minLength": 1},
        "size": {"type": "integer", "default": 8, "minimum": 1, "maximum": 10},
    },
    "GET /api/v1/cart": {},
    "POST /api/v1/cart/items": {},
    "PUT /api/v1/cart/items/{movieId}": {},
    "DELETE /api/v1/cart/items/{movieId}": {},
    "DELETE /api/v1/cart": {},
    "POST /api/v1/checkout": {},
    "GET /api/v1/orders/{orderId}": {},
    "GET /api/v1/orders": {"page": PAGE, "size": SIZE},
    "GET /api/v1/health/db": {},  # from here: client-api.md
    "POST /api/v1/orders/cancel": {},
    "GET /api/v1/orders/{orderId}/track": {},
    "GET /api/v1/orders/{orderId}/refund": {},
    "GET /api/v1/library": {},
    "GET /api/v1/library/progress": {},
    "POST /api/v1/library/progress": {},
    "GET /api/v1/library/{movieId}/access": {},
    "GET /api/v1/library/{movieId}/stream": {
        "season": {"type": "integer", "minimum": 0},
        "episode": {"type": "integer", "minimum": 0},
    },
    "POST /api/v1/auth/register": {},  # contract §4.4
    community.POPULAR: {"page": {**PAGE, "maximum": 500}},  # contract §7.6
    community.ADD: {},
    community.REMOVE: {},
    community.LIST: {
        "sort": {"enum": ["rating", "release_date"], "default": "release_date"},
        "order": {"enum": ["asc", "desc"], "default": "desc"},
    },
    **{on[operation]: {} for on in community.ON_LISTS.values() for operation in (community.ADD, community.REMOVE)},
    **{
        community.ON_LISTS[name][community.LIST]: {
            "sort": {"enum": sorted([first, "rating", "release_date"]), "default": first},
            "order": {"enum": ["asc", "desc"], "default": "desc"},
        }
        for name, first in (("watchlist", "created_at"), ("seen", "seen_on"))
    },
    community.RATINGS_OF: {},
    community.RATE: {},
    community.CHANGE: {},
    community.TAKE_BACK: {},
    community.CLEAR: {},
}
REQUIRED = {"GET /api/v1/search/suggestions": {"query"}}
ID = {"type": "string", "maxLength": 10}
NUMBER = {"type": "integer", "minimum": 1}
PATHS: dict[str, dict[str, dict[str, Any]]] = {
    "GET /api/v1/movies/{movieId}": {"movieId": ID},
    "GET /api/v1/stars/{starId}": {"starId": ID},
    "GET /api/v1/genres/{genreId}/movies": {"genreId": NUMBER},
    "PUT /api/v1/cart/items/{movieId}": {"movieId": ID},
    "DELETE /api/v1/cart/items/{movieId}": {"movieId": ID},
    "GET /api/v1/orders/{orderId}": {"orderId": NUMBER},
    "GET /api/v1/orders/{orderId}/track": {"orderId": NUMBER},
    "GET /api/v1/orders/{orderId}/refund": {"orderId": NUMBER},
    "GET /api/v1/library/{movieId}/access": {"movieId": ID},
    "GET /api/v1/library/{movieId}/stream": {"movieId": ID},
    community.ADD: {"user_id": NUMBER},
    community.LIST: {"user_id": NUMBER},
    community.REMOVE: {"user_id": NUMBER, "id": NUMBER},
    **{
        on[operation]: {"user_id": NUMBER} | ({"id": NUMBER} if operation == community.REMOVE else {})
        for on in community.ON_LISTS.values()
        for operation in on
    },
    community.RATINGS_OF: {"movie_id": NUMBER},
    community.CHANGE: {"id": NUMBER},
    community.TAKE_BACK: {"id": NUMBER},
    community.CLEAR: {"userId": NUMBER},
}
EMAIL = {"type": "string", "format": "email", "maxLength": 255}
NAME = {"type": "string", "minLength": 1, "maxLength": 100}
QUANTITY = {"type": "integer", "minimum": 1, "maximum": 10}
FILM = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
RATING = {"type": "number", "minimum": 0, "maximum": 5, "multipleOf": 0.5}  # contract §7.2
MONTH = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
# The tables of the bodies. A field that has a default is optional, others are required.
BODIES: dict[str, dict[str, dict[str, Any]]] = {
    "POST /api/v1/auth/login": {"email": EMAIL, "password": {"type": "string", "minLength": 1}},
    "POST /api/v1/auth/register": {  # contract §4.4
        "firstName": NAME,
        "lastName": NAME,
        "email": EMAIL,
        "password": {"type": "string", "minLength": 8, "maxLength": 128},
    },
    "POST /api/v1/cart/items": {"movieId": ID, "quantity": {**QUANTITY, "default": 1}},
    "PUT /api/v1/cart/items/{movieId}": {"quantity": QUANTITY},
    "POST /api/v1/checkout": {
        "creditCardId": {"type": "string", "maxLength": 20},
        "firstName": NAME,
        "lastName": NAME,
        "expiration": {"type": "string", "pattern": MONTH},
    },
    "POST /api/v1/orders/cancel": {
        "orderId": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"}]},
        "reason": {"default": None},
    },
    "POST /api/v1/library/progress": {
        "movieId": ID,
        "isSeries": {"type": "boolean"},
        "season": {"default": None},
        "episode": {"default": None},
        "position": {"default": None},
        "duration": {"default": None},
    },
    community.ADD: {"movie_id": FILM},
    community.ON_LISTS["watchlist"][community.ADD]: {"movie_id": FILM},
    community.ON_LISTS["seen"][community.ADD]: {"movie_id": FILM, "seen_on": {"default": None}},
    community.RATE: {"movie_id": FILM, "rating": RATING},
    community.CHANGE: {"rating": RATING},
}
# The tables say of these: Auth Required: Yes.
SIGNED_IN = {
    "POST /api/v1/auth/logout",
    "GET /api/v1/auth/session",
    "GET /api/v1/cart",
    "POST /api/v1/cart/items",
    "PUT /api/v1/cart/items/{movieId}",
    "DELETE /api/v1/cart/items/{movieId}",
    "DELETE /api/v1/cart",
    "POST /api/v1/checkout",
    "GET /api/v1/orders",
    "GET /api/v1/orders/{orderId}",
    "POST /api/v1/orders/cancel",
    "GET /api/v1/orders/{orderId}/track",
    "GET /api/v1/orders/{orderId}/refund",
    "GET /api/v1/library",
    "GET /api/v1/library/progress",
    "POST /api/v1/library/progress",
    "GET /api/v1/library/{movieId}/access",
    "GET /api/v1/library/{movieId}/stream",
}
OF_SHOP = [operation for operation in QUERIES if " /api/v1/" in operation]
BODIES_OF_SHOP = [operation for operation in OF_SHOP if operation in BODIES]
CHANGING = [operation for operation in OF_SHOP if not operation.startswith("GET ")]


def address(operation: str) -> str:
    return LINE if "{movieId}" in operation else operation.partition(" ")[2]


def elsewhere(number: int) -> tuple[str, str]:
    """Another address, whose tries are its own."""
    return ("x-forwarded-for", f"192.0.2.{number}")


JOHN_AGAIN = {"firstName": "John", "lastName": "Doe", "email": "USER@example.com", "password": PASSWORD}
OTHER_CARD = {**CARD, "creditCardId": "4000 0000 0000 0002"}
LIBRARY, PROGRESS = "/api/v1/library", "POST /api/v1/library/progress"
SEEN = {"movieId": "tt0000002", "isSeries": False, "position": 1.5}
# client-api.md, contract §9.
OF_CLIENTS = [
    Case("GET /api/v1/health/db", 200),
    Case("POST /api/v1/cart/items", 409, who="john", body={**ITEM, "quantity": 10}),
    Case("PUT /api/v1/cart/items/{movieId}", 409, LINE, "john", {"quantity": 10}, in_cart=1),
    Case("POST /api/v1/orders/cancel", 200, who="john", body={"orderId": "{soon}", "reason": "twice"}),
    Case("POST /api/v1/orders/cancel", 400, who="john", body={"orderId": "{gone}"}),
    Case("POST /api/v1/orders/cancel", 401, body={"orderId": "{one}"}),
    Case("POST /api/v1/orders/cancel", 403, who="john", body={"orderId": "{hers}"}),
    Case("POST /api/v1/orders/cancel", 404, who="john", body={"orderId": "{nobodys}"}),
    *(
        case
        for path in ("track", "refund")
        for case in (
            Case(f"GET /api/v1/orders/{{orderId}}/{path}", 200, f"/api/v1/orders/{{gone}}/{path}", "john"),
            Case(f"GET /api/v1/orders/{{orderId}}/{path}", 200, f"/api/v1/orders/{{one}}/{path}", "john"),
            Case(f"GET /api/v1/orders/{{orderId}}/{path}", 400, f"/api/v1/orders/x/{path}", "john"),
            Case(f"GET /api/v1/orders/{{orderId}}/{path}", 401, f"/api/v1/orders/{{one}}/{path}"),
            Case(f"GET /api/v1/orders/{{orderId}}/{path}", 403, f"/api/v1/orders/{{hers}}/{path}", "john"),
            Case(f"GET /api/v1/orders/{{orderId}}/{path}", 404, f"/api/v1/orders/{{nobodys}}/{path}", "john"),
        )
    ),
    Case("GET /api/v1/library", 200, who="john"),
    Case("GET /api/v1/library", 401),
    Case(PROGRESS, 200, who="john", body=SEEN),
    Case(PROGRESS, 400, who="john", body={**SEEN, "position": -1}),
    Case(PROGRESS, 401, body=SEEN),
    Case(PROGRESS, 403, who="jane", body=SEEN),
    Case("GET /api/v1/library/progress", 200, who="john"),
    Case("GET /api/v1/library/progress", 401),
    Case("GET /api/v1/library/{movieId}/access", 200, f"{LIBRARY}/tt0000002/access", "john"),
    Case("GET /api/v1/library/{movieId}/access", 401, f"{LIBRARY}/tt0000002/access"),
    Case("GET /api/v1/library/{movieId}/access", 404, f"{LIBRARY}/tt000000002/access", "john"),
    Case("GET /api/v1/library/{movieId}/stream", 200, f"{LIBRARY}/tt0000002/stream?season=1", "john"),
    Case("GET /api/v1/library/{movieId}/stream", 400, f"{LIBRARY}/tt0000002/stream?season=x", "john"),
    Case("GET /api/v1/library/{movieId}/stream", 401, f"{LIBRARY}/tt0000002/stream"),
    Case("GET /api/v1/library/{movieId}/stream", 403, f"{LIBRARY}/tt0000002/stream", "jane"),
    Case("GET /api/v1/library/{movieId}/stream", 404, f"{LIBRARY}/tt0000001/stream", "john"),
]
# What the contract adds to the tables' statuses.
MORE = [
    *OF_CLIENTS,
    Case("GET /api/v1/movies", 200, "/api/v1/movies?size=100"),
    Case("GET /api/v1/genres/{genreId}/movies", 200, "/api/v1/genres/1/movies?page=9"),
    Case("GET /api/v1/genres/{genreId}/movies", 400, "/api/v1/genres/0/movies"),
    Case("GET /api/v1/search/suggestions", 200, "/api/v1/search/suggestions?query=a"),
    Case("GET /api/v1/search/suggestions", 400),
    Case("GET /api/v1/orders", 400, "/api/v1/orders?page=0&size=101", "john"),
    Case("GET /api/v1/orders/{orderId}", 400, "/api/v1/orders/x", "john"),
    Case("POST /api/v1/auth/register", 201, body={**JOHN_AGAIN, "email": "new@example.com"}),
    Case("POST /api/v1/auth/register", 400, body={"email": "new@example.com", "password": "short"}),
    Case("POST /api/v1/auth/register", 409, body=JOHN_AGAIN),
    Case("POST /api/v1/checkout", 409, who="john", body=OTHER_CARD, headers=(KEY,)),
    Case("POST /api/v1/checkout", 400, who="john", body=CARD, headers=(("idempotency-key", "x" * 256),)),
    # contract §4.2: one more than there are at once
    Case("POST /api/v1/auth/login", 429, body={**JOHN, "email": "a@example.com"}, headers=(elsewhere(1),), times=11),
    Case("POST /api/v1/auth/register", 429, body=JOHN_AGAIN, headers=(elsewhere(2),), times=31),
    Case("POST /api/v1/checkout", 429, who="mary", body=OTHER_CARD, in_cart=1, headers=(elsewhere(3),), times=11),
    # contract §4.3
    *(
        Case(operation, 403, address(operation), "john", {}, headers=(("sec-fetch-site", "cross-site"),))
        for operation in CHANGING
    ),
    # contract §1.3, §1.4
    *(Case(operation, 413, address(operation), "john", content=b" " * (MAX_BODY + 1)) for operation in BODIES_OF_SHOP),
    *(
        Case(operation, 415, address(operation), "john", content=b"{}", headers=(("content-type", "text/plain"),))
        for operation in BODIES_OF_SHOP
    ),
]
# Described in the same words for all operations (openapi/reusable.py). The tests that provoke them are those of the
# faults: http/test_faults.py, http/test_body.py, http/test_envelopes.py.
COMMON = {"304", "408", "500", "503"}
COMMON_CODES = {"REQUEST_TIMEOUT", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE"}
CODES_OF_BOTH = {
    "VALIDATION_ERROR", "FORBIDDEN", "NOT_FOUND", "METHOD_NOT_ALLOWED", "REQUEST_TIMEOUT", "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE", "RATE_LIMITED", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE",
}  # fmt: skip
CODES = {  # the specifications', and contract §1.4's
    "ShopError": CODES_OF_BOTH | {"INVALID_CREDENTIALS", "UNAUTHORIZED", "PAYMENT_FAILED", "CONFLICT"} | {
        "INVALID_OPERATION", "NO_ACCESS", "DB_CONNECTION_ERROR",  # contract §9, client-api.md
    },
    "CommunityError": CODES_OF_BOTH | {
        "INVALID_TOKEN", "INSUFFICIENT_PERMISSIONS", "INVALID_RATING", "MOVIE_NOT_FOUND", "RATING_NOT_FOUND",
        "FAVORITE_NOT_FOUND", "USER_NOT_FOUND", "EXTERNAL_API_ERROR",
    },
}  # fmt: skip
# The document lists one of these headers exactly where the server sends it.
CHECKED_HEADERS = {"age", "etag", "retry-after", "set-cookie", "www-authenticate", "x-cache", "x-request-id"}


@pytest.fixture(scope="module")
def stage(
    make_database: MakeDatabase, serve_here: ServeHere, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    made = Stage(make_database, serve_here, tmp_path_factory.mktemp("letter"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def circle(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[Circle]:
    with Sandbox() as tmdb:
        yield Circle(make_database, serve_here, tmdb)


@pytest.fixture(scope="session")
def document(shop: httpx.Client) -> Any:
    response = shop.get("/openapi.json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    return response.json()


def operation_of(document: Any, operation: str) -> Any:
    method, _, path = operation.partition(" ")
    return document["paths"][path][method.lower()]


def operations(document: Any) -> list[str]:
    return [f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods]


def parameters(document: Any, operation: str, where: str) -> dict[str, Any]:
    described = [each for each in operation_of(document, operation).get("parameters", []) if each["in"] == where]
    by_name = {parameter["name"]: parameter for parameter in described}
    assert len(by_name) == len(described)
    return by_name


def response_of(document: Any, operation: str, status: int | str) -> Any:
    described = operation_of(document, operation)["responses"][str(status)]
    if "$ref" in described:
        described = document["components"]["responses"][described["$ref"].rpartition("/")[2]]
    return described


def media(document: Any, operation: str, status: int | str) -> Any:
    content = response_of(document, operation, status)["content"]
    assert list(content) == ["application/json"]
    return content["application/json"]


def examples(document: Any, operation: str, status: int | str) -> list[Any]:
    described = media(document, operation, status)
    if "examples" in described:
        return [example["value"] for example in described["examples"].values()]
    return [described["example"]]


def validator(document: Any, schema: Any) -> Draft202012Validator:
    return Draft202012Validator(
        {**schema, "components": document["components"]}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def body(document: Any, operation: str) -> Any:
    request = operation_of(document, operation)["requestBody"]
    assert request["required"] is True
    assert list(request["content"]) == ["application/json"]
    return request["content"]["application/json"]


def test_document_is_valid_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    names = [operation_of(document, operation)["operationId"] for operation in operations(document)]
    assert len(set(names)) == len(names)


def test_document_covers_every_route_and_nothing_else(document: Any) -> None:
    """Names of path parameters are the document's own."""

    async def routes() -> set[str]:
        app = framework_of(create_app(Settings(database_url="postgresql://nowhere")))
        return {
            re.sub(r"{[^}]*}", "{}", f"{method} {route.path}")
            for route in app.routes
            for method in route.methods or ()
            if method not in {"OPTIONS", "HEAD"} and route.path.startswith("/api")
        }

    described = set(operations(document))
    assert {re.sub(r"{[^}]*}", "{}", operation) for operation in described} == asyncio.run(routes())
    assert described == set(QUERIES)


@pytest.mark.parametrize("domain", [accounts_docs, catalogue_docs, community_docs, rentals_docs, shop_docs])
def test_a_doc_has_one_response_a_status(domain: Any) -> None:
    """A second one would take the place of the first."""
    for handler, doc in domain.DOCS.items():
        statuses = [response.status for response in doc.responses]
        assert len(set(statuses)) == len(statuses), handler
        for response in doc.responses:
            assert {error.status for error in response.errors} <= {response.status}, handler


def test_document_tells_how_to_sign_in(document: Any) -> None:
    assert "POST /api/v1/auth/login" in document["info"]["description"]
    assert "no payment network" in document["info"]["description"]  # promises.md, at its end


def test_document_tells_how_to_get_a_token_and_the_demos_work(document: Any) -> None:
    """contract §8"""
    description = document["info"]["description"]
    assert "filmer token create --account ID --name NAME" in description
    tokens = {person.token: person for person in demo.USERS if person.token}
    for text in (description, document["components"]["securitySchemes"]["bearerToken"]["description"]):
        assert {word for word in re.findall(r"`(\w+)`", text) if re.fullmatch(r"\w*[0-9]{5}\w*", word)} == set(tokens)
    (user,) = [person for person in tokens.values() if person.role == "customer"]
    assert f"`{user.token}` that of account {user.account_id}" in re.sub(" is ", " ", description.replace("\n", " "))
    for operation in (community.ADD, community.LIST, community.REMOVE):
        assert parameters(document, operation, "path")["user_id"]["schema"]["example"] == user.account_id


def test_document_carries_the_notice_that_tmdb_asks_for(document: Any) -> None:
    notice = "This product uses the TMDB API but is not endorsed or certified by TMDB."
    assert notice in document["info"]["description"].replace("\n", " ")


@pytest.mark.parametrize("operation", QUERIES)
def test_query_parameters_are_those_of_the_tables(document: Any, operation: str) -> None:
    described = parameters(document, operation, "query")
    assert list(described) == list(QUERIES[operation])
    required = {name for name, parameter in described.items() if parameter["required"]}
    assert required == REQUIRED.get(operation, set())
    for name, rules in QUERIES[operation].items():
        schema = described[name]["schema"]
        schema = {**schema, "enum": sorted(schema.get("enum", []))}  # in whatever order
        assert {rule: schema.get(rule) for rule in rules} == rules, name
        assert ("default" in schema) == ("default" in rules), name


@pytest.mark.parametrize("operation", QUERIES)
def test_path_parameters_are_those_of_the_tables(document: Any, operation: str) -> None:
    described = parameters(document, operation, "path")
    if operation not in PATHS:
        assert described == {}
        return
    assert list(described) == list(PATHS[operation])
    for name, rules in PATHS[operation].items():
        assert described[name]["required"] is True
        assert {rule: described[name]["schema"].get(rule) for rule in rules} == rules


@pytest.mark.parametrize("operation", QUERIES)
def test_bodies_are_those_of_the_tables(document: Any, operation: str) -> None:
    if operation not in BODIES:
        assert "requestBody" not in operation_of(document, operation)
        return
    schema = document["components"]["schemas"][body(document, operation)["schema"]["$ref"].rpartition("/")[2]]
    fields = BODIES[operation]
    assert schema["type"] == "object"
    assert schema.get("additionalProperties", True) is True  # contract §1.3: unknown ones are ignored
    assert list(schema["properties"]) == list(fields)
    assert schema["required"] == [name for name, rules in fields.items() if "default" not in rules]
    for name, rules in fields.items():
        field = schema["properties"][name]
        assert {rule: field.get(rule) for rule in rules} == rules, name
        assert ("default" in field) == ("default" in rules), name


def texts(document: Any) -> dict[str, Any]:
    """The schema of each text that may be sent: in a path, a query, a header or a body."""
    schemas = {}
    for operation in operations(document):
        for parameter in operation_of(document, operation).get("parameters", []):
            schemas[f"{operation} {parameter['name']}"] = parameter["schema"]
        if operation in BODIES:
            schema = document["components"]["schemas"][body(document, operation)["schema"]["$ref"].rpartition("/")[2]]
            schemas |= {f"{operation} {name}": field for name, field in schema["properties"].items()}
    return {where: schema for where, schema in schemas.items() if schema.get("type") == "string"}


def test_no_text_may_hold_u_0000(document: Any) -> None:
    """What is refused stands in the schema (contract §1.3)."""
    schemas = texts(document)
    assert len(schemas) >= 28
    for where, schema in schemas.items():
        fits = validator(document, schema)
        assert "pattern" in schema, where
        assert not any(fits.is_valid(text) for text in ("\0", "a\0", "\0a", "a\nb\0")), where
        assert not any(re.search(schema["pattern"], text) for text in ("a\0", "a\0b", "\0\n")), where
        assert "\\p" not in schema["pattern"], "not every dialect of patterns knows such a class"


def test_a_text_that_must_not_be_empty_must_not_be_blank(document: Any) -> None:
    schemas = texts(document)
    for where in (
        "GET /api/v1/search/movies query", "POST /api/v1/cart/items movieId", "POST /api/v1/checkout creditCardId",
        "POST /api/v1/checkout firstName", "POST /api/v1/checkout lastName", "POST /api/v1/auth/register firstName",
    ):  # fmt: skip
        fits = re.compile(schemas[where]["pattern"])
        for character in map(chr, range(0x10000)):
            if character.isspace():
                assert not fits.search(character), where
                assert not fits.search(f" {character}\n"), where
                assert fits.search(f"{character}a{character}"), where
    for where in (
        "POST /api/v1/auth/login password",
        "GET /api/v1/search/suggestions query",
        "GET /api/v1/movies startsWith",
    ):
        assert re.search(schemas[where]["pattern"], " "), where


def test_a_name_fits_its_schema_where_it_is_taken(document: Any) -> None:
    for where in ("POST /api/v1/auth/register firstName", "POST /api/v1/auth/register lastName"):
        fits = re.compile(texts(document)[where]["pattern"])
        differing = [
            name
            for character in map(chr, [*range(0xD800), *range(0xE000, 0x10000), 0x1F600, 0x110BD, 0xE0067])
            for name in (character, f"a{character}b", f"{character}a", f"a {character}")
            if bool(fits.search(name)) != is_name(name)
        ]
        assert differing == []
        assert not fits.search("a\u202eb")
        assert fits.search("\u0645\u06cc\u200c\u062e")


def is_name(text: str) -> bool:
    try:
        read_name(text)
        require_storable(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("operation", BODIES)
def test_examples_of_bodies_name_what_the_specification_does_and_fit(document: Any, operation: str) -> None:
    described = body(document, operation)
    assert list(described["example"]) == list(BODIES[operation])
    validator(document, described["schema"]).validate(described["example"])


def test_examples_of_bodies_work_on_the_demo(document: Any) -> None:
    """contract §8"""
    login, card = (body(document, f"POST /api/v1/{path}")["example"] for path in ("auth/login", "checkout"))
    (user,) = [user for user in demo.USERS if user.email == login["email"]]
    assert login["password"] == demo.PASSWORD
    number = card["creditCardId"].replace(" ", "")
    names = (card["firstName"], card["lastName"], card["expiration"])
    assert (number, *names, user.account_id) in demo.CARDS
    films = {film.tmdb_id for film in read_films()}
    assert {body(document, operation)["example"]["movie_id"] for operation in (community.ADD, community.RATE)} <= films


def test_a_session_is_the_cookie(document: Any) -> None:
    """shop-api.md, "Authentication" """
    scheme = document["components"]["securitySchemes"]["sessionCookie"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "cookie", "JSESSIONID")


def test_a_token_is_a_bearers(document: Any) -> None:
    """community-api.txt: "All protected endpoints require Bearer token authentication in the Authorization header" """
    scheme = document["components"]["securitySchemes"]["bearerToken"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_an_operation_needs_what_its_api_knows_people_by(document: Any) -> None:
    assert set(document["components"]["securitySchemes"]) == {"sessionCookie", "bearerToken"}
    assert "security" not in document
    security = {each: operation_of(document, each).get("security", []) for each in operations(document)}
    assert {each for each, needed in security.items() if needed == [{"sessionCookie": []}]} == SIGNED_IN
    assert {each for each, needed in security.items() if needed == [{"bearerToken": []}]} == set(community.PROTECTED)
    assert {each for each, needed in security.items() if needed} == SIGNED_IN | set(community.PROTECTED)


def test_a_checkout_takes_an_idempotency_key(document: Any) -> None:
    """contract §6.4"""
    for operation in operations(document):
        headers = parameters(document, operation, "header")
        assert ("Idempotency-Key" in headers) == (operation == "POST /api/v1/checkout"), operation
    key = parameters(document, "POST /api/v1/checkout", "header")["Idempotency-Key"]
    assert key["required"] is False
    fits = validator(document, key["schema"])
    for good in ("x", "3f1c", "x" * 255, "a key, with blanks"):
        fits.validate(good)
    for bad in ("", "x" * 256, " x", "é", "a\tb"):
        assert not fits.is_valid(bad), bad
    assert not {"example", "examples", "default"} & {*key, *key["schema"]}, "a page would send it with every order"


@pytest.mark.parametrize(
    ("operation", "status", "printed"),
    [(*case, printed) for case, printed in (PRINTED | community.PRINTED).items()],
)
def test_examples_are_those_of_the_specification(document: Any, operation: str, status: int, printed: Any) -> None:
    (example,) = examples(document, operation, status)
    assert example == printed
    assert json.dumps(example) == json.dumps(printed)


@pytest.mark.parametrize("schema", CODES)
def test_errors_have_the_codes_of_their_api(document: Any, schema: str) -> None:
    error = document["components"]["schemas"][schema]["properties"]["error"]
    assert set(error["properties"]["code"]["enum"]) == CODES[schema]


def test_every_error_is_in_the_envelope_of_its_api(document: Any) -> None:
    schemas = {
        (" /api/v1/" in operation, media(document, operation, status)["schema"]["$ref"].rpartition("/")[2])
        for operation in operations(document)
        for status in operation_of(document, operation)["responses"]
        if int(status) >= 400 and (operation, status) != ("GET /api/v1/health", "503")
    }
    assert schemas == {(True, "ShopError"), (False, "CommunityError")}


def test_every_part_is_referred_to(document: Any) -> None:
    references = set(re.findall(r'"#/components/([^"]*)"', json.dumps(document)))
    components = {f"{kind}/{name}" for kind, named in document["components"].items() for name in named}
    schemes = {component for component in components if component.startswith("securitySchemes/")}
    assert references == components - schemes


def test_every_example_fits_its_schema(document: Any) -> None:
    count = 0
    for operation in operations(document):
        for status, response in operation_of(document, operation)["responses"].items():
            if status in {"204", "304"}:
                assert "content" not in response
                continue
            fits = validator(document, media(document, operation, status)["schema"])
            for example in examples(document, operation, status):
                fits.validate(example)
                count += 1
    assert count > 150


def test_every_status_told_is_one_that_was_seen(document: Any) -> None:
    described = {(each, status) for each in OF_SHOP for status in operation_of(document, each)["responses"]}
    provoked = {(case.operation, str(case.status)) for case in [*CASES, *MORE]}
    assert {(operation, status) for operation, status in described if status not in COMMON} == provoked


def test_every_code_told_of_the_community_is_one_that_was_seen(document: Any) -> None:
    described = {
        (operation, status, code)
        for operation in set(QUERIES) - set(OF_SHOP)
        for status in operation_of(document, operation)["responses"]
        for code in codes(document, operation, status) - COMMON_CODES
    }
    assert described == {(request.operation, str(request.status), request.code) for request in REQUESTS}


def codes(document: Any, operation: str, status: str) -> set[str]:
    """Of the errors that have this status; "" where it is none."""
    if int(status) < 400:
        return {""}
    return {example["error"]["code"] for example in examples(document, operation, status)}


@pytest.mark.parametrize("case", [*CASES, *MORE], ids=str)
def test_live_answers_fit_the_schemas(stage: Stage, document: Any, case: Case) -> None:
    response = stage.ask(case)
    assert response.status_code == case.status, response.text
    assert_described(document, case.operation, response)


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_live_answers_of_the_community_fit_the_schemas(circle: Circle, document: Any, request_: Request) -> None:
    response = circle.ask(request_)
    assert response.status_code == request_.status, response.text
    if request_.code:
        error = response.json()["error"]
        errors = [example["error"] for example in examples(document, request_.operation, request_.status)]
        (example,) = [each for each in errors if each["code"] == error["code"] == request_.code]
        if "fields" not in error["details"]:  # else it says what is wrong with this very request
            assert error["message"].startswith(example["message"])
    assert_described(document, request_.operation, response)


def assert_described(document: Any, operation: str, response: httpx.Response) -> None:
    """The document describes all of the response: its headers and its whole body."""
    described = response_of(document, operation, response.status_code)
    headers = {name.lower(): document["components"]["headers"][name]["schema"] for name in described["headers"]}
    assert set(headers) & CHECKED_HEADERS == set(response.headers) & CHECKED_HEADERS
    assert ("cache-control" in headers) == response.headers.get("cache-control", "").startswith("public")
    for name, schema in headers.items():
        value = response.headers[name]
        validator(document, schema).validate(int(value) if schema["type"] == "integer" else value)
    if "content" not in described:
        assert response.content == b""
        return
    fits = validator(document, media(document, operation, response.status_code)["schema"])
    fits.validate(response.json())
    for damaged in lacking_something(response.json()):
        assert not fits.is_valid(damaged), f"would have passed as well: {damaged}"


@pytest.mark.parametrize(
    ("operation", "status", "address"),
    [
        ("GET /api/v1/movies", 200, "/api/v1/movies?size=100"),
        ("GET /api/v1/movies/{movieId}", 200, "/api/v1/movies/tt0111161"),
        ("GET /api/v1/movies/{movieId}", 200, "/api/v1/movies/tt0000003"),
        ("GET /api/v1/stars", 200, "/api/v1/stars?size=100"),
        ("GET /api/v1/stars/{starId}", 200, "/api/v1/stars/nm9000002"),
        ("GET /api/v1/genres/{genreId}/movies", 200, "/api/v1/genres/6/movies?size=100"),
        ("GET /api/v1/search/movies", 200, "/api/v1/search/movies?title=a&size=100"),
    ],
)
def test_films_with_gaps_fit_the_schemas(
    shop: httpx.Client, document: Any, operation: str, status: int, address: str
) -> None:
    response = shop.get(address)
    assert response.status_code == status
    validator(document, media(document, operation, status)["schema"]).validate(response.json())


def test_a_cart_with_a_film_without_a_year_fits_the_schema(stage: Stage, document: Any) -> None:
    assert stage.ask(Case("POST /api/v1/cart/items", 200, who="jane", body={**ITEM, "movieId": "tt0000004"})).is_success
    cart = stage.client_of("jane").get("/api/v1/cart").json()
    assert [line["year"] for line in cart["data"]["items"]] == [None]
    validator(document, media(document, "GET /api/v1/cart", 200)["schema"]).validate(cart)


def test_a_favourite_with_gaps_fits_the_schema(circle: Circle, document: Any) -> None:
    user_id, user = circle.newcomer()
    (film,) = [film.tmdb_id for film in read_films() if film.release_date is None][:1]
    assert film is not None
    circle.keep(user_id, user, film)
    response = circle.client.get(f"/api/users/{user_id}/favorites", headers=user)
    (listed,) = response.json()["favorites"]
    assert (listed["release_date"], listed["user_rating"]) == (None, None)
    assert_described(document, community.LIST, response)


def lacking_something(body: Any, within: str = "") -> list[Any]:
    """The same body without one of its members, or with one in it that is something else, at any depth."""
    if isinstance(body, list):
        return [[inner] for item in body[:1] for inner in lacking_something(item)]
    if not isinstance(body, dict):
        return []
    damaged: list[Any] = []
    for name, value in body.items():
        damaged += [{**body, name: inner} for inner in lacking_something(value, name)]
        damaged.append({**body, name: [[value]]})
        if within != "details":  # there are some of other kinds
            damaged.append({key: body[key] for key in body if key != name})
    return damaged
