"""Connections to PostgreSQL: which of several servers, and how long one is waited for."""

import asyncio

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


class BriefConnection(AsyncConnection[TupleRow]):
    """One whose work can be given up at once, also when the server hangs."""

    async def _try_cancel(self, *, timeout: float = CANCEL_SECONDS) -> None:  # noqa: ASYNC109 - psycopg's own
        """Left to itself psycopg waits five seconds, and then five more, for a server that hangs."""
        try:
            await self.cancel_safe(timeout=min(timeout, CANCEL_SECONDS))
        except psycopg.Error:
            self.pgconn.finish()
            raise asyncio.CancelledError from None
