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


class CancellableConnection(AsyncConnection[TupleRow]):
    """A connection whose work can be cancelled at once, also when the server hangs."""

    async def _try_cancel(self, *, timeout: float = CANCEL_SECONDS) -> None:  # noqa: ASYNC109 - psycopg's signature
        """By default, psycopg waits for a server that hangs for five seconds, and then for five more."""
        try:
            await self.cancel_safe(timeout=min(timeout, CANCEL_SECONDS))
        except psycopg.Error:
            self.pgconn.finish()
            raise asyncio.CancelledError from None
