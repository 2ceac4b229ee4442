"""All SQL about bearer tokens."""

from datetime import datetime

import msgspec

from filmer.accounts.schemas import Role, User
from filmer.store.postgres import Connection


class StoredToken(msgspec.Struct, frozen=True):
    id: int
    user: User
    expires: datetime | None


class ListedToken(msgspec.Struct, frozen=True):
    """A token as pages and commands list it, without the token itself."""

    id: int
    account_id: int
    role: Role
    name: str
    created: datetime
    expires: datetime | None
    used: datetime | None
    demo: bool
    disabled: bool  # its account is closed


async def insert_token(
    conn: Connection,
    digest: bytes,
    account_id: int,
    *,
    name: str,
    created: datetime,
    expires: datetime | None = None,
    demo: bool = False,
) -> bool:
    """False: there is no such account, it is closed or, for the demo's, no demo account; or the token exists."""
    done = await conn.execute(
        """
        INSERT INTO token (digest, account_id, name, created, expires, demo)
        SELECT %(digest)s, id, %(name)s, %(created)s, %(expires)s, %(demo)s
        FROM account WHERE id = %(account)s AND NOT disabled AND (demo OR NOT %(demo)s)
        ON CONFLICT (digest) DO NOTHING
        """,
        {
            "digest": digest, "account": account_id, "name": name, "created": created, "expires": expires, "demo": demo,
        },
    )  # fmt: skip
    return done.rowcount == 1


async def select_token(conn: Connection, digest: bytes, *, demo: bool) -> StoredToken | None:
    """The token and its user, if the account is open; the caller judges whether it has expired.

    A public token ends with the demo account: an account with a password of its own is an ordinary one.
    """
    cursor = await conn.execute(
        """
        SELECT t.id, t.expires, a.id, a.email, a.first_name, a.last_name, a.role
        FROM token t JOIN account a ON a.id = t.account_id
        WHERE t.digest = %(digest)s AND NOT a.disabled
            AND (NOT a.demo OR %(demo)s) AND (NOT t.demo OR (a.demo AND %(demo)s))
        """,
        {"digest": digest, "demo": demo},
    )
    row = await cursor.fetchone()
    return None if row is None else StoredToken(id=row[0], user=User(*row[2:]), expires=row[1])


async def select_tokens(conn: Connection, account_id: int | None) -> list[ListedToken]:
    """All of them, or those of one account."""
    cursor = await conn.execute(
        """
        SELECT t.id, a.id, a.role, t.name, t.created, t.expires, t.used, t.demo, a.disabled
        FROM token t JOIN account a ON a.id = t.account_id
        WHERE %(account)s::numeric IS NULL OR a.id = %(account)s::numeric
        ORDER BY t.id
        """,
        {"account": account_id},
    )
    return [ListedToken(*row) for row in await cursor.fetchall()]


async def update_tokens_used(conn: Connection, uses: dict[int, datetime]) -> None:
    """When each was last used. In order, so that two processes doing this do not wait for each other in a ring."""
    await conn.execute(
        """
        WITH mine AS (SELECT id FROM token WHERE id = ANY(%(ids)s::integer[]) ORDER BY id FOR NO KEY UPDATE)
        UPDATE token t SET used = u.used
        FROM unnest(%(ids)s::integer[], %(moments)s::timestamptz[]) u(id, used) JOIN mine USING (id)
        WHERE t.id = u.id AND (t.used IS NULL OR t.used < u.used)
        """,
        {"ids": list(uses), "moments": list(uses.values())},
    )


async def delete_token(conn: Connection, token_id: int) -> tuple[int, str] | None:
    """Whose it was, and its name. None: there is no such token."""
    cursor = await conn.execute("DELETE FROM token WHERE id = %s RETURNING account_id, name", [token_id])
    return await cursor.fetchone()


async def delete_token_of(conn: Connection, account_id: int, token_id: int) -> str | None:
    """The deleted token's name. None: the account has no such token."""
    cursor = await conn.execute(
        "DELETE FROM token WHERE id = %s AND account_id = %s RETURNING name", [token_id, account_id]
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def delete_expired_tokens(conn: Connection, *, before: datetime) -> None:
    await conn.execute("DELETE FROM token WHERE expires < %s", [before])
