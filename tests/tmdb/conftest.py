"""TMDB for the tests here: the sandbox, and what asks it in this process."""

import pytest
from tests.conftest import MakeDatabase
from tests.sandbox import Sandbox, sandbox, shared_sandbox
from tests.tmdb.cluster import Run, make_run

from filmer.store.embedded import Engines

__all__ = ["database", "run", "sandbox", "shared_sandbox"]


@pytest.fixture(scope="module")
def database(make_database: MakeDatabase) -> str:
    """No film is kept in it."""
    return make_database()


@pytest.fixture
def run(sandbox: Sandbox, engines: Engines, database: str) -> Run:
    return make_run(sandbox, engines, database)
