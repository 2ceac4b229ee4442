"""When something on our side is broken or away (contract §1.4, §6.6)."""

import re

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.conftest import MakeDatabase, Serve, ServeHere, Server
from tests.current_edition import BREAK, connect
from tests.machine import answered_within
from tests.responses import TIME, error_of
from tests.server_in_thread import ServerInThread


@pytest.fixture(scope="module")
def broken(make_database: MakeDatabase, serve: Serve) -> Server:
    """A server whose tables are not what it expects."""
    url = make_database(films=True)
    server: Server = serve(url, CACHE_DURATION_SECONDS="0")
    with connect(url, autocommit=True) as conn:
        conn.execute(BREAK)
    return server


@pytest.fixture(scope="module")
def abandoned(make_database: MakeDatabase, serve_here: ServeHere) -> ServerInThread:
    """A server whose database is gone, which it logs over and over: it must not outlive this module."""
    url = make_database(films=True)
    server = serve_here(url, CACHE_DURATION_SECONDS="0")
    name = str(conninfo_to_dict(url)["dbname"])
    with psycopg.connect(make_conninfo(url, dbname="postgres"), autocommit=True) as conn:
        conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
    return server


def test_a_fault_of_ours_is_500_and_tells_a_request_id_and_nothing_else(broken: Server) -> None:
    response = broken.client.get("/api/v1/movies/tt0111161")
    error = error_of(response, 500, "INTERNAL_ERROR")
    assert error["details"] == {"requestId": response.headers["x-request-id"]}
    assert not re.search(r"sql|relation|catalogue|psycopg|error:|traceback|tt0111161", str(error), re.IGNORECASE)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-request-id"] in broken.output()


def test_a_database_that_is_away_is_503_with_retry_after(abandoned: ServerInThread) -> None:
    response = abandoned.client.get("/api/v1/movies/tt0111161")
    error = error_of(response, 503, "SERVICE_UNAVAILABLE")
    assert error["details"] == {}
    assert int(response.headers["retry-after"]) >= 1
    assert response.headers["cache-control"] == "no-store"


def test_health_without_a_database_is_503_as_the_spec_prints_it_within_two_seconds(abandoned: ServerInThread) -> None:
    """contract §6.6: "success" stays true"""
    response = abandoned.client.get("/api/v1/health")
    assert response.status_code == 503
    body = response.json()
    assert TIME.fullmatch(body["data"].pop("timestamp"))
    assert body == {"success": True, "data": {"status": "DOWN", "database": "DOWN"}}
    answered_within(2, response)
