"""Connections to PostgreSQL: which of several servers, how long to wait for one, and how to cancel its work."""

import asyncio
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

CANCEL_SECONDS = 0.5  # for the server to accept a cancel request
CONNECT_SECONDS = 2  # for each server in the URL


def to_primary(url: str) -> str:
    """The URL that connects to the primary of several servers, unless it has a ``target_session_attrs`` of its own."""
    if not names_several(url) or "target_session_attrs" in conninfo_to_dict(url):
        return url
    return make_conninfo(url, target_session_attrs="read-write")


def names_several(url: str) -> bool:
    """Whether the URL has more than one host."""
    if "," not in url:
        return False
    try:
        fields = conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # a malformed URL is reported when connecting
        return False
    return "," in str(fields.get("host") or fields.get("hostaddr") or "")


# Each edition of the catalogue is a schema, whose name is in the table "edition". It is put before the search path.
_SET_PATH = """
    SELECT database, version, set_config('search_path',
        schema || ', ' || regexp_replace(current_setting('search_path'), '^catalogue[0-9_]*, ', ''), {is_local})
    FROM edition
"""
USE_CURRENT_EDITION = _SET_PATH.format(is_local="false").encode()
USE_CURRENT_EDITION_LOCALLY = _SET_PATH.format(is_local="true").encode()  # until the transaction ends


def edition_key(database: UUID, version: int) -> str:
    """The name of an edition of the catalogue. It tells apart databases that share one cache."""
    return f"{database.hex}:{version}"


class CancellableConnection(AsyncConnection[TupleRow]):
    """A connection whose work can be cancelled at once, also when the server hangs."""

    edition = ""  # the ``edition_key`` of the edition that it reads
    search_path = ""  # the edition's schema comes first

    async def use_current_edition(self) -> int:
        """Read the edition that is current on this server from now on. Returns its version."""
        row = await (await self.execute(USE_CURRENT_EDITION)).fetchone()
        if row is None:
            raise RuntimeError("the table edition has lost its row")
        self.edition, self.search_path = edition_key(row[0], row[1]), row[2]
        return int(row[1])

    async def _try_cancel(self, *, timeout: float = CANCEL_SECONDS) -> None:  # noqa: ASYNC109 - psycopg's signature
        """By default, psycopg waits for a server that hangs for five seconds, and then for five more."""
        try:
            await self.cancel_safe(timeout=min(timeout, CANCEL_SECONDS))
        except psycopg.Error:
            self.pgconn.finish()
            raise asyncio.CancelledError from None
