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

import psycopg
import pytest
from tests.community.conftest import tmdb_settings
from tests.conftest import MakeDatabase, Serve, import_films
from tests.people import open_account, put_card, token_of
from tests.sandbox import Sandbox, sandbox, shared_sandbox
from tests.shop.faults import customers, fill_carts
from tests.told import tell

import filmer.importing

pytestmark = pytest.mark.proof

__all__ = ["sandbox", "shared_sandbox"]
EXAMPLES = os.environ.get("FILMER_TRUST_EXAMPLES") or "10"
FILMS = Path(filmer.importing.__file__).parent / "demo.csv"
LEFT_OUT = {
    "ensure_resource_availability": "a rating is changed by the id of its film, not by its own",
    "ignored_auth": "each request is given somebody's credential; tests/*/test_nobody_elses.py take them away",
    "missing_required_header": "the same",
    "positive_data_acceptance": "no schema says that one filter at least must be there, or a name hold no control sign",
    "allow_header_conformance": "Litestar's OPTIONS tells only the first method of a path that has several",
}


def callers(database_url: str) -> str:
    """Who they are, for tests/http/callers.py."""
    people = customers(database_url, 30)
    with psycopg.connect(database_url) as conn:
        fill_carts(conn, [person.account_id for person in people])
    user, admin = open_account(database_url), open_account(database_url, role="admin")
    return json.dumps(
        {
            "sessions": [person.cookie for person in people],
            "user": token_of(database_url, user),
            "admin": token_of(database_url, admin),
            "known": {
                "user_id": [user.id],
                "userId": [user.id, admin.id],
                "movieId": ["tt0111161", "tt0372784"],
                "starId": ["nm0000209"],
                "genreId": list(range(1, 8)),
                "id": list(range(1, 20)),
            },
        }
    )


@pytest.mark.timeout(1800)
def test_every_operation_answers_as_the_document_says(
    make_database: MakeDatabase, serve: Serve, sandbox: Sandbox, tmp_path: Path
) -> None:
    url = make_database()
    import_films(url, FILMS)
    put_card(url)
    server = serve(url, FILMER_TRUSTED_PROXIES="127.0.0.1", **tmdb_settings(sandbox))
    report = tmp_path / "report.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.client.base_url}/openapi.json", "--no-color"),
            *("--phases=examples,coverage,fuzzing,stateful", "--workers=2", "--continue-on-failure"),
            *(f"--max-examples={EXAMPLES}", f"--exclude-checks={','.join(LEFT_OUT)}", "--generation-database=none"),
            *("--suppress-health-check=all", "--report=json", f"--report-json-path={report}"),
        ],
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.http.callers", "FILMER_CALLERS": callers(url)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    found = json.loads(report.read_text("utf-8"))
    assert done.returncode == 0, done.stdout
    assert found["errors"] == found["failures"] == []
    assert {phase["status"] for phase in found["phases"].values()} == {"success"}
    operations = found["operations"]
    assert operations["tested"] == operations["total"] == len(operations_of(server.client.get("/openapi.json").json()))
    assert server.client.get("/api/v1/health").status_code == 200
    assert not re.search(r'"level": "(error|critical)"', server.output()), server.output()
    cases = found["test_cases"]["generated"]
    tell(f"schemathesis: {cases:,} requests of {operations['tested']} operations, {EXAMPLES} examples each, 0 failures")


def operations_of(document: dict[str, dict[str, dict[str, object]]]) -> list[str]:
    return [f"{method} {path}" for path, methods in document["paths"].items() for method in methods]
