"""A server with thousands of made-up films, and an oracle of the same films beside it."""

from typing import NamedTuple

import httpx
import pytest
from tests.catalogue.oracle import Oracle
from tests.catalogue.synthetic import write_films
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.responses import data_of
from tests.search_index import wait_for_index


class Catalogue(NamedTuple):
    client: httpx.Client
    oracle: Oracle
    genres: dict[int, str]
    database_url: str


@pytest.fixture(scope="session")
def catalogue(
    tmp_path_factory: pytest.TempPathFactory, make_database: MakeDatabase, serve_here: ServeHere
) -> Catalogue:
    """The server keeps no answers, so that each one is computed."""
    path = tmp_path_factory.mktemp("synthetic") / "films.csv"
    write_films(path)
    url = make_database()
    report = import_films(url, path)
    assert not report.bad
    client = wait_for_index(serve_here(url, CACHE_DURATION_SECONDS="0").client)
    genres = {genre["id"]: genre["name"] for genre in data_of(client.get("/api/v1/genres"))["items"]}
    return Catalogue(client, Oracle(path), genres, url)


@pytest.fixture
def genres(shop: httpx.Client) -> dict[str, int]:
    """Numbers by name, of the shared server."""
    return {genre["name"]: genre["id"] for genre in data_of(shop.get("/api/v1/genres"))["items"]}
