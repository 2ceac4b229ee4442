"""A shop, and its backup."""

import random
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.backup.random_shops import database_contents, draw_shop, write_backup
from tests.conftest import MakeDatabase


class StoredBackup(NamedTuple):
    """A shop that tests only read, its backup, and the contents of its database."""

    url: str
    file: Path
    contents: dict[str, list[Any]]


@pytest.fixture(scope="module")
def stored_backup(make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory) -> StoredBackup:
    url = make_database()
    draw_shop(url, random.Random(29))
    file = tmp_path_factory.mktemp("backup") / "shop.backup"
    write_backup(url, file)
    return StoredBackup(url, file, database_contents(url))
