"""Connections to PostgreSQL: which of several servers, and how long one is waited for."""

import asyncio
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

CANCEL_SECONDS = 0.5  # to be heard when we tell it to stop
CONNECT_SECONDS = 2  # for each server named


def to_primary(url: str) -> str:
    """Of several servers the one that takes changes; unless the address says itself which it wants."""
    if not names_several(url) or "target_session_attrs" in conninfo_to_dict(url):
        return url
    return make_conninfo(url, target_session_attrs="read-write")


def names_several(url: str) -> bool:
    """Whether it is the address of more than one server."""
    if "," not in url:
        return False
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # whoever connects is told
        return False
    return "," in str(parts.get("host") or parts.get("hostaddr") or "")


CATALOGUE_TABLES = ("film", "star", "listing", "listing_size", "tally", "term")
# Each edition of the catalogue is a schema, named in the table "edition" and put before the rest of the search path.
_SET_PATH = """
    SELECT database, version, set_config('search_path',
        schema || ', ' || regexp_replace(current_setting('search_path'), '^catalogue[0-9_]*, ', ''), {is_local})
    FROM edition
"""
USE_CURRENT_EDITION = _SET_PATH.format(is_local="false").encode()
USE_CURRENT_EDITION_LOCALLY = _SET_PATH.format(is_local="true").encode()  # until the transaction ends


def edition_key(database: UUID, version: int) -> str:
    """Names an edition of the catalogue, and tells apart databases that share one cache."""
    return f"{database.hex}:{version}"


class BriefConnection(AsyncConnection[TupleRow]):
    """One whose work can be given up at once, also when the server hangs."""

    edition = ""  # of the catalogue: the one that it reads, as ``edition_key`` names it

    async def use_current_edition(self) -> int:
        """From here on it reads the edition that is current on its server. Returns its version."""
        row = await (await self.execute(USE_CURRENT_EDITION)).fetchone()
        if row is None:
            raise RuntimeError("the table edition has lost its row")
        self.edition = edition_key(row[0], row[1])
        return int(row[1])

    async def _try_cancel(self, *, timeout: float = CANCEL_SECONDS) -> None:  # noqa: ASYNC109 - psycopg's own
        """Left to itself psycopg waits five seconds, and then five more, for a server that hangs."""
        try:
            await self.cancel_safe(timeout=min(timeout, CANCEL_SECONDS))
        except psycopg.Error:
            self.pgconn.finish()
            raise asyncio.CancelledError from None
