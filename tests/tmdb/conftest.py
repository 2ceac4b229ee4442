"""Fixtures of the TMDB tests: the sandbox, and caches in this process."""

import pytest
from tests.conftest import MakeDatabase
from tests.sandbox import Sandbox, sandbox, shared_sandbox
from tests.tmdb.cluster import Run, make_run

from filmer.store.embedded import Engines

__all__ = ["database", "run", "sandbox", "shared_sandbox"]


@pytest.fixture(scope="module")
def database(make_database: MakeDatabase) -> str:
    """A database without TMDB films."""
    return make_database()


@pytest.fixture
def run(sandbox: Sandbox, engines: Engines, database: str) -> Run:
    return make_run(sandbox, engines, database)
