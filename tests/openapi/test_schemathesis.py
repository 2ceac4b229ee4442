"""Whatever the OpenAPI document allows, and much that it does not, is answered as the document says, never with 5xx.

Promise 10: schemathesis, all its phases, against a real server with the demo's films and people who are known.
``FILMER_TRUST_EXAMPLES=1000``: so many of each operation.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from tests.community.conftest import tmdb_settings
from tests.conftest import MakeDatabase, Serve, Server, import_films
from tests.figures import record_figure
from tests.sandbox import Sandbox, sandbox, shared_sandbox
from tests.shop.stress_shop import customers, fill_carts
from tests.users import open_account, put_card, token_of

import filmer.importing
from filmer.accounts.schemas import User

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

__all__ = ["sandbox", "shared_sandbox"]
EXAMPLES = os.environ.get("FILMER_TRUST_EXAMPLES") or "4"
FILMS = Path(filmer.importing.__file__).parent / "demo.csv"
EXCLUDED_CHECKS = {
    "ignored_auth": "each request is given somebody's credential; the other test gives them as the document says",
    "missing_required_header": "the same",
    "ensure_resource_availability": "who made something is not who asks for it next",
}
# What there is, by the path parameter that names it.
KNOWN: dict[str, list[Any]] = {
    "movieId": ["tt0111161", "tt0372784"],
    "movie_id": [278, 155],
    "starId": ["nm0000209"],
    "genreId": list(range(1, 8)),
    "id": list(range(1, 20)),
}


class Town(NamedTuple):
    """A server with the demo's films, and people who are known."""

    url: str
    server: Server
    user: User
    admin: User

    @property
    def users(self) -> dict[str, list[int]]:
        return {"user_id": [self.user.id], "userId": [self.user.id, self.admin.id]}


@pytest.fixture
def town(make_database: MakeDatabase, serve: Serve, sandbox: Sandbox) -> Town:
    url = make_database()
    import_films(url, FILMS)
    put_card(url)
    server = serve(url, FILMER_TRUSTED_PROXIES="127.0.0.1", **tmdb_settings(sandbox))
    return Town(url, server, open_account(url), open_account(url, role="admin"))


def shoppers(url: str, count: int) -> list[str]:
    """The sessions of people with something in the cart."""
    people = customers(url, count)
    with psycopg.connect(url) as conn:
        fill_carts(conn, [person.account_id for person in people])
    return [person.cookie for person in people]


@pytest.mark.timeout(1800)
def test_every_operation_answers_many_people_as_the_document_says(town: Town, tmp_path: Path) -> None:
    """Whoever they are: most of 30 customers, a user and an admin."""
    callers = {
        "known": KNOWN | town.users,
        "sessions": shoppers(town.url, 30),
        "user": token_of(town.url, town.user),
        "admin": token_of(town.url, town.admin),
    }
    result = run(town, tmp_path, callers, f"--exclude-checks={','.join(EXCLUDED_CHECKS)}")
    assert result["operations"]["tested"] == len(operations_of(town.server.client.get("/openapi.json").json()))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("role", ["user", "admin"])
def test_every_check_holds_with_one_session_and_one_token(town: Town, tmp_path: Path, role: str) -> None:
    """Given as the document says that they are; but for signing out, after which there is no session."""
    config = tmp_path / "schemathesis.toml"
    token = token_of(town.url, town.user if role == "user" else town.admin)
    config.write_text(
        f'[auth.openapi.sessionCookie]\napi_key = "{shoppers(town.url, 1)[0]}"\n'
        f'[auth.openapi.bearerToken]\nbearer = "{token}"\n'
    )
    result = run(town, tmp_path, {"known": town.users}, "--exclude-path=/api/v1/auth/logout", config=config)
    assert result["operations"]["tested"] == len(operations_of(town.server.client.get("/openapi.json").json())) - 1


def run(town: Town, folder: Path, callers: dict[str, Any], *options: str, config: Path | None = None) -> Any:
    """Schemathesis's report, in which nothing failed."""
    report = folder / "report.json"
    config_option = [f"--config-file={config}"] if config else []
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "schemathesis.cli",
                *config_option,
                "run",
                f"{town.server.client.base_url}/openapi.json",
            ),
            # One thread: Python 3.11 fails with a SystemError where several parse source at once, as hypothesis does.
            *("--phases=examples,coverage,fuzzing,stateful", "--workers=1", "--continue-on-failure", "--no-color"),
            *(f"--max-examples={EXAMPLES}", "--generation-database=none", *options),
            *("--suppress-health-check=all", "--report=json", f"--report-json-path={report}"),
        ],
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "tests.http.schemathesis_hooks",
            "FILMER_CALLERS": json.dumps(callers),
        },
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    result = json.loads(report.read_text("utf-8"))
    assert done.returncode == 0, done.stdout
    assert result["errors"] == result["failures"] == []
    assert {phase["status"] for phase in result["phases"].values()} == {"success"}
    assert town.server.client.get("/api/v1/health").status_code == 200
    assert not re.search(r'"level": "(error|critical)"', town.server.output()), town.server.output()
    cases, operations = result["test_cases"]["generated"], result["operations"]["tested"]
    record_figure(f"schemathesis: {cases:,} requests of {operations} operations, {EXAMPLES} examples each, 0 failures")
    return result


def operations_of(document: dict[str, dict[str, dict[str, object]]]) -> list[str]:
    return [f"{method} {path}" for path, methods in document["paths"].items() for method in methods]
