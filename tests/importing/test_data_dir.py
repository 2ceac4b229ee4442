"""Imports into the embedded database: without a server, beside a running one, and after it."""

from pathlib import Path

from tests.commands import filmer
from tests.conftest import Server
from tests.importing.two_catalogues import FILM, PAGE, catalogue_in, write


def printed(*arguments: str | Path) -> str:
    result = filmer(*arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_an_import_works_without_a_server_and_beside_one(data_dir: Path, tmp_path: Path) -> None:
    old, new = write("old", tmp_path / "old"), write("new", tmp_path / "new")
    assert printed("import", "imdb", old, "--data-dir", data_dir).startswith("120 films and 50 stars")
    server = Server({"FILMER_WORKERS": "1"}, ["--data-dir", str(data_dir)])
    try:
        assert "(120 films)" in server.output()
        assert catalogue_in(PAGE, server.client.get(PAGE)) == "old"
        assert catalogue_in(FILM, server.client.get(FILM)) == "old"
        assert printed("import", "imdb", new, "--data-dir", data_dir).startswith("131 films and 50 stars")
        assert catalogue_in(PAGE, server.client.get(PAGE)) == "new"
        assert catalogue_in(FILM, server.client.get(FILM)) == "new"
    finally:
        server.stop()
    shown = printed("catalogue", "--data-dir", data_dir).split()
    for name, value in [("version", "2"), ("films", "131"), ("stars", "50")]:
        assert shown[shown.index(name) + 1] == value
