"""GET /openapi.json tells what the specification says and what the server does."""

import asyncio
import re
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from litestar import Litestar
from openapi_spec_validator import OpenAPIV31SpecValidator

from filmer.app import create_app
from filmer.http.edge import Edge
from filmer.settings import Settings

PAGE = {"type": "integer", "default": 1, "minimum": 1}
SIZE = {"type": "integer", "default": 20, "minimum": 1, "maximum": 100}
ORDER = {"enum": ["asc", "desc"], "default": "asc"}
MOVIE_SORT = {"enum": ["rating", "title", "year"], "default": "title"}
STAR_SORT = {"enum": ["birthYear", "name"], "default": "name"}
TEXT = {"type": "string"}
YEAR = {"type": "integer"}

# Every parameter of shop-api.md's tables: type, default, bounds and values. All are optional.
QUERIES: dict[str, dict[str, dict[str, Any]]] = {
    "/api/v1/health": {},
    "/api/v1/movies": {
        "page": PAGE,
        "size": SIZE,
        "sortBy": MOVIE_SORT,
        "order": ORDER,
        "startsWith": {"type": "string", "minLength": 1, "maxLength": 1},
    },
    "/api/v1/movies/{movieId}": {},
    "/api/v1/stars/{starId}": {},
    "/api/v1/stars": {"page": PAGE, "size": SIZE, "sortBy": STAR_SORT, "order": ORDER, "name": TEXT},
    "/api/v1/genres": {},
    "/api/v1/genres/{genreId}/movies": {"page": PAGE, "size": SIZE, "sortBy": MOVIE_SORT, "order": ORDER},
    "/api/v1/search/movies": {
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
    },
}
PATHS = {
    "/api/v1/movies/{movieId}": ("movieId", {"type": "string", "maxLength": 10}),
    "/api/v1/stars/{starId}": ("starId", {"type": "string", "maxLength": 10}),
    "/api/v1/genres/{genreId}/movies": ("genreId", {"type": "integer", "minimum": 1}),
}
STATUSES = {
    "/api/v1/health": {"200", "503"},
    "/api/v1/movies": {"200", "400"},
    "/api/v1/movies/{movieId}": {"200", "404"},
    "/api/v1/stars": {"200", "400"},
    "/api/v1/stars/{starId}": {"200", "404"},
    "/api/v1/genres": {"200"},
    "/api/v1/genres/{genreId}/movies": {"200", "404"},
    "/api/v1/search/movies": {"200", "400"},
}

SHAWSHANK = {
    "id": "tt0000001",
    "title": "The Shawshank Redemption",
    "year": 1994,
    "director": "Frank Darabont",
}
RATED = {**SHAWSHANK, "rating": 9.3}
ROBBINS = {"id": "nm0000209", "name": "Tim Robbins"}
LISTED = {**RATED, "numVotes": 2500000, "genres": ["Drama"], "stars": [ROBBINS]}
DETAILED = {
    **RATED,
    "numVotes": 2500000,
    "genres": [{"id": 3, "name": "Drama"}],
    "stars": [
        {"id": "nm0000209", "name": "Tim Robbins", "birthYear": 1958},
        {"id": "nm0000151", "name": "Morgan Freeman", "birthYear": 1937},
    ],
}
GENRES = [{"id": 1, "name": "Action"}, {"id": 2, "name": "Comedy"}, {"id": 3, "name": "Drama"}]
NOW = "2026-02-08T12:00:00Z"


def page(item: dict[str, Any], total: int, pages: int) -> dict[str, Any]:
    return {"items": [item], "page": 1, "size": 20, "totalItems": total, "totalPages": pages}


# The data that shop-api.md prints.
EXAMPLES: dict[tuple[str, int], dict[str, Any]] = {
    ("/api/v1/health", 200): {"status": "UP", "database": "UP", "timestamp": NOW},
    ("/api/v1/health", 503): {"status": "DOWN", "database": "DOWN", "timestamp": NOW},
    ("/api/v1/movies", 200): page(LISTED, 150, 8),
    ("/api/v1/movies/{movieId}", 200): DETAILED,
    ("/api/v1/stars/{starId}", 200): {**ROBBINS, "birthYear": 1958, "movies": [SHAWSHANK]},
    ("/api/v1/stars", 200): page({**ROBBINS, "birthYear": 1958, "movieCount": 45}, 500, 25),
    ("/api/v1/genres", 200): {"items": GENRES},
    ("/api/v1/genres/{genreId}/movies", 200): {"genre": GENRES[2], **page(RATED, 50, 3)},
    ("/api/v1/search/movies", 200): page(LISTED, 5, 1),
}


@pytest.fixture(scope="session")
def document(shop: httpx.Client) -> Any:
    answer = shop.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def parameters(document: Any, path: str, where: str) -> dict[str, Any]:
    found = [one for one in document["paths"][path]["get"].get("parameters", []) if one["in"] == where]
    assert len({one["name"] for one in found}) == len(found)
    return {one["name"]: one for one in found}


def response(document: Any, path: str, status: int | str) -> Any:
    found = document["paths"][path]["get"]["responses"][str(status)]
    if "$ref" in found:
        found = document["components"]["responses"][found["$ref"].rpartition("/")[2]]
    return found


def validator(document: Any, path: str, status: int | str) -> Draft202012Validator:
    schema = response(document, path, status)["content"]["application/json"]["schema"]
    return Draft202012Validator({**schema, "components": document["components"]})


def test_document_is_valid_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


@pytest.mark.filterwarnings("ignore::litestar.exceptions.LitestarDeprecationWarning")
def test_document_covers_every_route_and_nothing_else(document: Any) -> None:
    """Names of path parameters are the document's own."""

    async def routes() -> set[tuple[str, str]]:
        edge = create_app(Settings(database_url="postgresql://nowhere"))
        assert isinstance(edge, Edge)
        app = edge._app
        assert isinstance(app, Litestar)
        return {
            (method, re.sub(r"{[^}]*}", "{}", route.path))
            for route in app.routes
            for method in route.methods or ()
            if method not in {"OPTIONS", "HEAD"} and route.path.startswith("/api")
        }

    told = {
        (method.upper(), re.sub(r"{[^}]*}", "{}", path))
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert told == asyncio.run(routes())
    assert {("GET", re.sub(r"{[^}]*}", "{}", path)) for path in QUERIES} <= told


@pytest.mark.parametrize("path", QUERIES)
def test_query_parameters_are_those_of_the_tables(document: Any, path: str) -> None:
    told = parameters(document, path, "query")
    assert list(told) == list(QUERIES[path])
    assert not any(one.get("required") for one in told.values())
    for name, rules in QUERIES[path].items():
        schema = told[name]["schema"]
        schema = {**schema, "enum": sorted(schema.get("enum", []))}  # in whatever order
        assert {rule: schema.get(rule) for rule in rules} == rules, name
        assert ("default" in schema) == ("default" in rules), name


@pytest.mark.parametrize("path", PATHS)
def test_path_parameters_are_those_of_the_tables(document: Any, path: str) -> None:
    name, rules = PATHS[path]
    told = parameters(document, path, "path")
    assert list(told) == [name]
    assert told[name]["required"] is True
    assert {rule: told[name]["schema"].get(rule) for rule in rules} == rules


@pytest.mark.parametrize("path", STATUSES)
def test_statuses_are_those_of_the_tables(document: Any, path: str) -> None:
    assert STATUSES[path] <= set(document["paths"][path]["get"]["responses"])


@pytest.mark.parametrize(("path", "status"), EXAMPLES)
def test_examples_are_those_of_the_specification(document: Any, path: str, status: int) -> None:
    example = response(document, path, status)["content"]["application/json"]["example"]
    assert example == {"success": True, "data": EXAMPLES[path, status]}


def test_the_example_of_an_error_is_that_of_the_specification(document: Any) -> None:
    missing = response(document, "/api/v1/movies/{movieId}", 404)["content"]["application/json"]["example"]
    message = "Movie not found with id: tt9999999"
    error = {"code": "NOT_FOUND", "message": message, "details": {}}
    assert missing == {"success": False, "error": error, "timestamp": NOW}


def test_every_example_fits_its_schema(document: Any) -> None:
    for path, methods in document["paths"].items():
        for status in methods.get("get", {}).get("responses", {}):
            content = response(document, path, status).get("content", {})
            for media in content.values():
                validator(document, path, status).validate(media["example"])


@pytest.mark.parametrize(
    ("path", "status", "address"),
    [
        ("/api/v1/health", 200, "/api/v1/health"),
        ("/api/v1/movies", 200, "/api/v1/movies?size=100"),
        ("/api/v1/movies", 400, "/api/v1/movies?page=0&size=x"),
        ("/api/v1/movies/{movieId}", 200, "/api/v1/movies/tt0111161"),
        ("/api/v1/movies/{movieId}", 200, "/api/v1/movies/tt0000003"),
        ("/api/v1/movies/{movieId}", 404, "/api/v1/movies/tt9999999"),
        ("/api/v1/stars", 200, "/api/v1/stars?size=100"),
        ("/api/v1/stars", 400, "/api/v1/stars?order=x"),
        ("/api/v1/stars/{starId}", 200, "/api/v1/stars/nm9000002"),
        ("/api/v1/stars/{starId}", 404, "/api/v1/stars/nm9999999"),
        ("/api/v1/genres", 200, "/api/v1/genres"),
        ("/api/v1/genres/{genreId}/movies", 200, "/api/v1/genres/1/movies?page=9"),
        ("/api/v1/genres/{genreId}/movies", 200, "/api/v1/genres/6/movies?size=100"),
        ("/api/v1/genres/{genreId}/movies", 400, "/api/v1/genres/0/movies"),
        ("/api/v1/genres/{genreId}/movies", 404, "/api/v1/genres/999999/movies"),
        ("/api/v1/search/movies", 200, "/api/v1/search/movies?title=a&size=100"),
        ("/api/v1/search/movies", 400, "/api/v1/search/movies"),
    ],
)
def test_live_answers_fit_the_schemas(shop: httpx.Client, document: Any, path: str, status: int, address: str) -> None:
    answer = shop.get(address)
    assert answer.status_code == status
    fits = validator(document, path, status)
    fits.validate(answer.json())
    for damaged in lacking_something(answer.json()):
        assert not fits.is_valid(damaged), f"would have passed as well: {damaged}"


def lacking_something(body: Any) -> list[Any]:
    """The same body without one of its members, or with one in it that is something else, at any depth."""
    if isinstance(body, list):
        return [[inner] for one in body[:1] for inner in lacking_something(one)]
    if not isinstance(body, dict):
        return []
    found: list[Any] = []
    for name, value in body.items():
        found += [{**body, name: inner} for inner in lacking_something(value)]
        if name != "fields":  # there are details of other kinds
            found += [{**body, name: [[value]]}, {other: body[other] for other in body if other != name}]
    return found
