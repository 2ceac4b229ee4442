"""One database for all tests here. It is emptied before each test, which is faster than creating it."""

import pytest
from tests.conftest import MakeDatabase
from tests.connections import fetch_value
from tests.importing.datasets import execute
from tests.importing.random_catalogue import Stored, store

from filmer.importing.pipeline import import_connection

FIRST = "catalogue"  # the schema of a database's first edition


@pytest.fixture(scope="session")
def shared_database(make_database: MakeDatabase) -> str:
    return make_database()


@pytest.fixture
def database_url(shared_database: str) -> str:
    """A database that is migrated and empty."""
    with import_connection(shared_database):
        pass  # schemas of other editions are gone now
    current = fetch_value(shared_database, "SELECT schema FROM edition")
    tables = fetch_value(
        shared_database,
        "SELECT string_agg(format('%%I.%%I', schemaname, tablename), ', ') FROM pg_tables"
        " WHERE schemaname = %s OR schemaname = 'public' AND tablename NOT IN ('migration', 'edition', 'audit_entry')",
        current,
    )
    execute(
        shared_database,
        f"TRUNCATE {tables} RESTART IDENTITY",
        *([] if current == FIRST else [f"ALTER SCHEMA {current} RENAME TO {FIRST}"]),
        "UPDATE edition SET version = 0, schema = 'catalogue', database = gen_random_uuid()",
    )
    return shared_database


@pytest.fixture(scope="session")
def stored(make_database: MakeDatabase) -> Stored:
    """A random catalogue that is imported once, for tests that only read it."""
    return store(make_database())
