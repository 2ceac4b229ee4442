"""What every handler for a user does first, in the order of contract §1: the body, a connection, the user."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from filmer.accounts.schemas import User
from filmer.accounts.sessions import Sessions
from filmer.accounts.tokens import Tokens
from filmer.http.body import ReceivedBody, receive_body
from filmer.http.handlers import AnyRequest
from filmer.store.postgres import Connection, Database


class Access(NamedTuple):
    """A request of a known user. ``body``: received, but not read yet; empty unless the method is POST or PUT."""

    conn: Connection
    user: User
    body: ReceivedBody


@asynccontextmanager
async def signed_in(database: Database, users: Sessions | Tokens, request: AnyRequest) -> AsyncIterator[Access]:
    """Receive the body before a connection is borrowed, so that a slow sender holds none; then find the user.

    What is wrong with the body is raised when it is read, after 401. Raises what ``users.require`` raises.
    """
    body = await receive_body(request) if request.method in {"POST", "PUT"} else ReceivedBody()
    async with database.connection() as conn:
        yield Access(conn, await users.require(conn, request), body)
