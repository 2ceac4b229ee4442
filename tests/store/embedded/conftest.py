"""Data directories of the embedded servers."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.embedded.clients import temporary_directory

from filmer.store.embedded import running_engines


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory with room for a data directory."""
    with temporary_directory() as path:
        yield path


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """A data directory with an empty database, to copy: making one writes a thousand files to the disk."""
    with temporary_directory() as path:
        with running_engines(path, valkey=False):
            pass
        yield path


@pytest.fixture
def data_dir(home: Path, template: Path) -> Path:
    """A data directory with an empty database."""
    subprocess.run(["cp", "-a", template, home / "data"], check=True)
    return home / "data"
