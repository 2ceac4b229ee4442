"""What is logged, how, and what never is: the secrets that a request carries (promise 8)."""

import json
import os
import subprocess
import sys
from typing import Any

import psycopg
import pytest
from tests.conftest import Serve
from tests.responses import error_of
from tests.users import LOGIN, visitor

PASSWORD = "canary-password-1"
SAY = """
import logging, sys, structlog
from filmer.logs import configure_logs
from filmer.settings import load_settings

configure_logs(load_settings())
log = structlog.get_logger()
for level in ("debug", "info", "warning", "error"):
    getattr(log, level)("ours", at=level)
    getattr(logging.getLogger("theirs"), level)("theirs at %s", level)

def sign_in(password):
    kept = {"password": password}
    raise LookupError("it broke")

def attempt(say):
    secret = "canary-" + "password-1"
    try:
        sign_in(secret)
    except LookupError:
        say()

attempt(lambda: log.exception("ours failed"))
attempt(lambda: logging.getLogger("theirs").exception("theirs failed"))
"""


def output_of(**environment: str) -> str:
    """What goes to stderr; nothing goes to stdout."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FILMER_")}
    result = subprocess.run(
        [sys.executable, "-c", SAY],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    return result.stderr


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_traceback_tells_where_and_nothing_of_what_was_there(log_format: str) -> None:
    shown = output_of(FILMER_LOG_FORMAT=log_format)
    assert shown.count("it broke") >= 2
    assert shown.count("sign_in") >= 2
    assert "ours failed" in shown
    assert "theirs failed" in shown
    assert "canary-" + "password-1" not in shown
    assert "\x1b[" not in shown or log_format == "text"


@pytest.mark.parametrize(
    ("level", "ours", "theirs"),
    [
        ("debug", ["debug", "info", "warning", "error", "error"], ["warning", "error", "error"]),
        ("info", ["info", "warning", "error", "error"], ["warning", "error", "error"]),
        ("warning", ["warning", "error", "error"], ["warning", "error", "error"]),
        ("error", ["error", "error"], ["error", "error"]),
    ],
)
def test_levels(level: str, ours: list[str], theirs: list[str]) -> None:
    """Of libraries only what is a warning at least; one JSON object a line, where it is no terminal."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in output_of(FILMER_LOG_LEVEL=level).splitlines()]
    assert [line["level"] for line in lines if line["event"].startswith("ours")] == ours
    assert [line["level"] for line in lines if line["event"].startswith("theirs")] == theirs
    assert all(line["timestamp"].endswith("Z") for line in lines)
    failed = next(line for line in lines if line["event"] == "ours failed")
    assert failed["exception"][0]["exc_type"] == "LookupError"
    assert [frame["name"] for frame in failed["exception"][0]["frames"]] == ["attempt", "sign_in"]


@pytest.mark.proof
@pytest.mark.parallel
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_request_that_fails_is_logged_without_its_secrets(log_format: str, database_url: str, serve: Serve) -> None:
    """An exception in a handler: its caller gets a request id, the log all but what they sent (contract §1.4)."""
    server = serve(database_url, FILMER_LOG_FORMAT=log_format, FILMER_LOG_LEVEL="debug", FILMER_ACCESS_LOG="true")
    with psycopg.connect(database_url) as conn:  # where a password was looked at, and what is kept of it is at hand
        conn.execute("ALTER TABLE familiar_address RENAME COLUMN seen TO unseen")
    body = {"email": "canary@example.com", "password": PASSWORD, "firstName": "Mary", "lastName": "Major"}
    with visitor(server.client) as client:
        headers = {"x-request-id": "this-one", "authorization": "Bearer canary-token", "cookie": "JSESSIONID=canary-id"}
        failed = client.post("/api/v1/auth/register", json=body, headers=headers)
        details = error_of(failed, 500, "INTERNAL_ERROR")["details"]
        assert details == {"requestId": "this-one"}
        assert client.post(LOGIN, json=body, headers=headers).status_code == 401
        with psycopg.connect(database_url) as conn:
            conn.execute("ALTER TABLE account RENAME TO gone")
        assert client.post(LOGIN, json=body, headers=headers).status_code == 500
    shown = server.output()
    assert shown.count("UndefinedColumn") >= 1
    assert shown.count("UndefinedTable") >= 1
    assert shown.count("this-one") >= 3
    for secret in (PASSWORD, "$argon2id$", "canary-token", "canary-id", "canary@example.com"):
        assert secret not in shown
    server.stop()
