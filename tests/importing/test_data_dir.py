"""Imports into the embedded database: without a server, beside a running one, and after it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Server
from tests.importing.shops import FILM, PAGE, seen_in, write


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="filmer-test-"))
    folder.chmod(0o711)
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)


def filmer(*arguments: str | Path) -> str:
    """The command line without settings; returns what it prints."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "REDIS_URL", "FILMER_DATA_DIR"}
    }
    done = subprocess.run(
        [sys.executable, "-m", "filmer", *map(str, arguments)],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_import_works_without_a_server_and_beside_one(data_dir: Path, tmp_path: Path) -> None:
    old, new = write("old", tmp_path / "old"), write("new", tmp_path / "new")
    assert filmer("import", "imdb", old, "--data-dir", data_dir).startswith("120 films and 50 stars")
    server = Server({"FILMER_WORKERS": "1"}, ["--data-dir", str(data_dir)])
    try:
        assert "(120 films)" in server.output()
        assert seen_in(PAGE, server.client.get(PAGE)) == "old"
        assert seen_in(FILM, server.client.get(FILM)) == "old"
        assert filmer("import", "imdb", new, "--data-dir", data_dir).startswith("131 films and 50 stars")
        assert seen_in(PAGE, server.client.get(PAGE)) == "new"
        assert seen_in(FILM, server.client.get(FILM)) == "new"
    finally:
        server.stop()
    shown = filmer("catalogue", "--data-dir", data_dir).split()
    for name, value in [("version", "2"), ("films", "131"), ("stars", "50")]:
        assert shown[shown.index(name) + 1] == value
