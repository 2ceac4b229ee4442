"""An export of films is of one catalogue: what is replaced meanwhile is not mixed with what replaced it."""

import asyncio
import csv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.conftest import MakeDatabase, import_films
from tests.importing.csv_files import write

from filmer.errors import ServiceUnavailable
from filmer.office import exports
from filmer.store.connecting import CancellableConnection
from filmer.store.postgres import Connection


@pytest.fixture
def url(make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The database of a shop with four films."""
    url = make_database()
    rows = [{"id": f"a{number}", "title": f"Film {number}"} for number in range(4)]
    import_films(url, write(tmp_path_factory.mktemp("films") / "films.csv", *rows))
    return url


async def exported(url: str, *, replaced_after: int) -> list[str]:
    """The titles in the file. The catalogue is replaced after so many parts."""
    lent = 0
    async with await CancellableConnection.connect(url, autocommit=True) as conn:
        await conn.use_current_edition()

        @asynccontextmanager
        async def lend() -> AsyncIterator[Connection]:
            nonlocal lent
            if lent == replaced_after:
                conn.search_path = "catalogue_9, public"
            lent += 1
            yield conn

        parts = [part.decode() async for part in exports.export(lend, "films")]
    return [row["title"] for row in csv.DictReader("".join(parts).lstrip("\ufeff").splitlines())]


def test_few_films_are_read_at_once(url: str) -> None:
    """So nothing can be replaced between two parts."""
    assert asyncio.run(exported(url, replaced_after=1)) == [f"Film {number}" for number in range(4)]


@pytest.mark.parametrize("at_once", [1, 3, 4])
def test_many_films_are_read_in_parts(url: str, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(exports, "AT_ONCE", at_once)
    assert asyncio.run(exported(url, replaced_after=9)) == [f"Film {number}" for number in range(4)]
    with pytest.raises(ServiceUnavailable, match="export it again"):
        asyncio.run(exported(url, replaced_after=1))
