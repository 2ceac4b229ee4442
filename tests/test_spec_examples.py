"""The live server answers shop-api.md to the letter: statuses, codes, keys in order, types, and what it prints.

Promise 9; ``FILMER_SPECIFICATIONS`` has it look into the file (tests/specifications.py).
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests import specifications
from tests.conftest import MakeDatabase, ServeHere
from tests.figures import record_figure
from tests.responses import TIME, error_of
from tests.shop_examples import CASES, JOHN, PRINTED, Case, Stage

CODES = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    402: "PAYMENT_FAILED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
}
# The statuses of the 19 tables.
TABLES = {
    "GET /api/v1/health": {200, 503},
    "POST /api/v1/auth/login": {200, 400, 401},
    "POST /api/v1/auth/logout": {200, 401},
    "GET /api/v1/auth/session": {200, 401},
    "GET /api/v1/movies": {200, 400},
    "GET /api/v1/movies/{movieId}": {200, 404},
    "GET /api/v1/stars": {200, 400},
    "GET /api/v1/stars/{starId}": {200, 404},
    "GET /api/v1/genres": {200},
    "GET /api/v1/genres/{genreId}/movies": {200, 404},
    "GET /api/v1/search/movies": {200, 400},
    "GET /api/v1/cart": {200, 401},
    "POST /api/v1/cart/items": {200, 400, 401, 404},
    "PUT /api/v1/cart/items/{movieId}": {200, 400, 401, 404},
    "DELETE /api/v1/cart/items/{movieId}": {200, 401, 404},
    "DELETE /api/v1/cart": {200, 401},
    "POST /api/v1/checkout": {200, 400, 401, 402},
    "GET /api/v1/orders": {200, 401},
    "GET /api/v1/orders/{orderId}": {200, 401, 403, 404},
}
# What is another one every time, or counts what is there: only the kind of it is printed for good.
FREE = {"timestamp", "orderId", "saleId", "orderDate", "totalItems", "totalPages", "movieCount"}
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@pytest.fixture(scope="module")
def stage(
    make_database: MakeDatabase, serve_here: ServeHere, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    running_stage = Stage(make_database, serve_here, tmp_path_factory.mktemp("letter"))
    yield running_stage
    running_stage.close()


def kind(value: Any) -> str:
    """The JSON type; of a text, whether it is a time or a day."""
    if isinstance(value, str):
        return "time" if TIME.fullmatch(value) else "day" if DAY.fullmatch(value) else "text"
    return type(value).__name__


def assert_as_printed(live: Any, printed: Any, where: str = "") -> None:
    """The same keys in the same order, the same types; the same values but for FREE ones. Lists may be longer."""
    if isinstance(printed, dict):
        assert isinstance(live, dict), where
        assert list(live) == list(printed), where
        for name, value in printed.items():
            if name in FREE:
                assert kind(live[name]) == kind(value), f"{where}.{name}"
            else:
                assert_as_printed(live[name], value, f"{where}.{name}")
    elif isinstance(printed, list):
        assert isinstance(live, list), where
        assert len(live) >= len(printed), where
        assert printed or not live, where
        for number, example in enumerate(printed):
            assert_as_printed(live[number], example, f"{where}[{number}]")
    elif isinstance(printed, float):  # a number is one, however many decimals it is written with
        assert type(live) in {int, float}, where
        assert live == printed, where
    else:
        assert type(live) is type(printed), where
        assert live == printed, where


class Answered(NamedTuple):
    """Each case with its answer, and the codes of those that no table names a status for."""

    cases: list[tuple[Case, httpx.Response]]
    more: list[httpx.Response]


@pytest.fixture(scope="module")
def answered(stage: Stage) -> Answered:
    conflict = stage.client.post("/api/v1/auth/register", json={**JOHN, "firstName": "John", "lastName": "Doe"})
    with stage.broken("shop_order"):
        fault = stage.client_of("john").get("/api/v1/orders")
    return Answered([(case, stage.ask(case)) for case in CASES], [conflict, fault])


@pytest.fixture(scope="module")
def without_database(make_database: MakeDatabase, serve_here: ServeHere) -> httpx.Response:
    """Health's answer."""
    url = make_database()
    server = serve_here(url)
    name = str(conninfo_to_dict(url)["dbname"])
    with psycopg.connect(make_conninfo(url, dbname="postgres"), autocommit=True) as conn:
        conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
    return server.client.get("/api/v1/health")


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: str(CASES[number]))
def test_every_status_is_answered_as_printed(answered: Answered, number: int) -> None:
    case, response = answered.cases[number]
    assert response.status_code == case.status, response.text
    printed = PRINTED.get((case.operation, case.status))
    if printed is not None:
        assert_as_printed(response.json(), printed)
    if case.status >= 400:
        is_login = case.operation == "POST /api/v1/auth/login"
        error_of(
            response, case.status, "INVALID_CREDENTIALS" if is_login and case.status == 401 else CODES[case.status]
        )


def test_codes_that_no_table_names_a_status_for(answered: Answered) -> None:
    conflict, fault = answered.more
    error_of(conflict, 409, "CONFLICT")
    error_of(fault, 500, "INTERNAL_ERROR")


def test_a_service_that_is_down_says_so_as_printed(without_database: httpx.Response) -> None:
    assert without_database.status_code == 503
    assert_as_printed(without_database.json(), PRINTED["GET /api/v1/health", 503])


def test_nothing_of_the_specification_is_left_out(answered: Answered, without_database: httpx.Response) -> None:
    """Each status of the tables, each answer printed, each code: answered by a live server."""
    answered_pairs = {(case.operation, response.status_code) for case, response in answered.cases}
    answered_pairs.add(("GET /api/v1/health", without_database.status_code))
    responses = [response.json() for _, response in answered.cases] + [response.json() for response in answered.more]
    codes = {response["error"]["code"] for response in responses if "error" in response}
    assert len(TABLES) == 19
    assert answered_pairs == {(operation, status) for operation, statuses in TABLES.items() for status in statuses}
    assert answered_pairs >= set(PRINTED)
    assert codes == {*CODES.values(), "INVALID_CREDENTIALS", "CONFLICT", "INTERNAL_ERROR"}
    source = "as transcribed"
    if specifications.FOLDER:
        printed = specifications.shop_api()
        assert as_written(PRINTED) == as_written(printed.responses)
        assert answered_pairs == printed.statuses
        assert codes == printed.codes
        sent = {case.operation: set(case.body) for case in CASES if case.status == 200 and case.body}
        assert {operation: set(body) for operation, body in printed.bodies.items()} == sent
        source = "from the file"
    record_figure(
        f"shop-api.md, {source}: {len(PRINTED)} of {len(PRINTED)} examples, "
        f"{len(answered_pairs)} of {len(answered_pairs)} statuses, {len(codes)} of {len(codes)} codes"
    )


def as_written(responses: dict[tuple[str, int], Any]) -> dict[tuple[str, int], str]:
    """With the order of their keys."""
    return {which: json.dumps(response) for which, response in responses.items()}


@pytest.mark.parametrize(
    "live",
    [
        {"b": 1, "a": 4.99, "list": [1]},
        {"a": 4.99, "list": [1], "b": 1},
        {"a": "4.99", "b": 1, "list": [1]},
        {"a": 4.99, "b": True, "list": [1]},
        {"a": 4.99, "b": 1.0, "list": [1]},
        {"a": 4.99, "b": 1, "list": []},
        {"a": 4.99, "b": 1, "list": None},
        {"a": 4.99, "b": 1, "list": [1], "more": 1},
        {"a": 4.99, "b": 1},
        [],
    ],
)
def test_the_comparison_sees_differences(live: Any) -> None:
    printed = {"a": 4.99, "b": 1, "list": [1]}
    assert_as_printed(printed, printed)
    with pytest.raises(AssertionError):
        assert_as_printed(live, printed)
