"""All SQL of the links that are mailed: for new passwords, and for addresses that are to be confirmed."""

import secrets
from datetime import datetime
from typing import Any

import msgspec

from filmer.accounts.addresses import earlier_email_key, email_key
from filmer.accounts.queries import USER
from filmer.accounts.schemas import User
from filmer.store.postgres import Connection

_IDS = 10**18


class UnconfirmedAddress(msgspec.Struct, frozen=True):
    """``account_id``: whose next address it is. None: an account is to be opened, with the names and the password."""

    account_id: int | None
    email: str
    first_name: str | None = None
    last_name: str | None = None
    password: str | None = None


class Leaver(msgspec.Struct, frozen=True):
    """Somebody who has deleted their account. ``fields``: of the mail that told them how to undo it."""

    account_id: int
    email: str
    fields: dict[str, Any]


async def select_holder(conn: Connection, email: str, *, demo: bool) -> tuple[int, str] | None:
    """The id and the address, as it is spelled there, of the open account that is found by an address.

    Until the transaction ends it keeps the address: a link must not go to one that is left at the same moment. Where
    there is none, the first account is locked in its place: to lock takes time, and must not tell (contract §12.1).
    """
    is_holder = "email_key IN (%(key)s, %(earlier)s) AND NOT disabled AND (NOT demo OR %(demo)s)"
    cursor = await conn.execute(
        f"""
        SELECT id, email, {is_holder} FROM account WHERE id = coalesce(
            (SELECT id FROM account WHERE {is_holder} ORDER BY email_key = %(earlier)s DESC LIMIT 1),
            (SELECT min(id) FROM account)
        ) FOR KEY SHARE
        """.encode(),
        {"key": email_key(email), "earlier": earlier_email_key(email), "demo": demo},
    )
    row = await cursor.fetchone()
    return row[:2] if row and row[2] else None


async def select_account_id(conn: Connection, email: str) -> int | None:
    """The account that has the address, also a closed one."""
    row = await (await conn.execute("SELECT id FROM account WHERE email_key = %s", [email_key(email)])).fetchone()
    return row[0] if row else None


async def select_leaver(conn: Connection, email: str, now: datetime) -> Leaver | None:
    """Whoever has deleted the account of an address, for as long as that can be undone.

    Nobody where it was disabled since: its moment of leaving is another one then, and the link undoes nothing.
    """
    cursor = await conn.execute(
        """
        SELECT a.id, a.email, m.fields FROM account a JOIN mail m ON m.account_id = a.id AND m.kind = 'account_deleted'
        WHERE a.email_key IN (%(key)s, %(earlier)s) AND (m.fields->>'leaving')::timestamptz = a.leaving
            AND (m.fields->>'until')::timestamptz > %(now)s
        ORDER BY a.email_key = %(earlier)s DESC LIMIT 1
        """,
        {"key": email_key(email), "earlier": earlier_email_key(email), "now": now},
    )
    row = await cursor.fetchone()
    return Leaver(*row) if row else None


async def insert_new_password_link(conn: Connection, account_id: int | None, until: datetime) -> int:
    """The id of a link. Also for nobody, as all that is written is written for both (contract §12.1)."""
    link_id = secrets.randbelow(_IDS)
    await conn.execute("INSERT INTO new_password_link VALUES (%s, %s, %s)", [link_id, account_id, until])
    return link_id


async def lock_new_password_user(conn: Connection, link_id: int | None, now: datetime, *, demo: bool) -> User | None:
    """Whose password a link changes, if it is good. Until the transaction ends, others that ask for the user wait."""
    statement = f"""
        SELECT {USER} FROM new_password_link l JOIN account a ON a.id = l.account_id
        WHERE l.id = %s AND l.until > %s AND NOT a.disabled AND (NOT a.demo OR %s) FOR NO KEY UPDATE OF a
    """
    row = await (await conn.execute(statement.encode(), [link_id, now, demo])).fetchone()
    return User(*row) if row else None


async def delete_new_password_links(conn: Connection, account_id: int) -> int:
    """How many there were."""
    return (await conn.execute("DELETE FROM new_password_link WHERE account_id = %s", [account_id])).rowcount


async def delete_links_of(conn: Connection, account_id: int) -> None:
    """All that were mailed to an account."""
    await delete_new_password_links(conn, account_id)
    await conn.execute("DELETE FROM unconfirmed_address WHERE account_id = %s", [account_id])


async def insert_unconfirmed_address(conn: Connection, address: UnconfirmedAddress, until: datetime) -> int:
    """The id of its link."""
    link_id = secrets.randbelow(_IDS)
    await conn.execute(
        "INSERT INTO unconfirmed_address VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [link_id, *msgspec.structs.astuple(address), until],
    )
    return link_id


async def select_unconfirmed_address(conn: Connection, link_id: int | None, now: datetime) -> str | None:
    cursor = await conn.execute("SELECT email FROM unconfirmed_address WHERE id = %s AND until > %s", [link_id, now])
    row = await cursor.fetchone()
    return row[0] if row else None


async def take_unconfirmed_address(conn: Connection, link_id: int | None, now: datetime) -> UnconfirmedAddress | None:
    """Deletes it, so that its link is good once.

    Its account is locked before, as it is where a new password deletes the addresses that are not confirmed.
    """
    await conn.execute(
        """
        SELECT FROM unconfirmed_address u JOIN account a ON a.id = u.account_id WHERE u.id = %s
        FOR NO KEY UPDATE OF a
        """,
        [link_id],
    )
    cursor = await conn.execute(
        """
        DELETE FROM unconfirmed_address WHERE id = %s AND until > %s
        RETURNING account_id, email, first_name, last_name, password
        """,
        [link_id, now],
    )
    row = await cursor.fetchone()
    return UnconfirmedAddress(*row) if row else None


async def delete_old_links(conn: Connection, now: datetime) -> None:
    await conn.execute("DELETE FROM new_password_link WHERE until <= %s", [now])
    await conn.execute("DELETE FROM unconfirmed_address WHERE until <= %s", [now])


async def replace_password(conn: Connection, account_id: int, new: str, *, old: str | None = None) -> bool:
    """A password that its user chose: a demo account becomes an ordinary one. ``old``: what it must be until now."""
    cursor = await conn.execute(
        """
        UPDATE account SET password = %(new)s, demo = false
        WHERE id = %(account)s AND NOT disabled AND password = coalesce(%(old)s, password)
        """,
        {"account": account_id, "new": new, "old": old},
    )
    return cursor.rowcount == 1


async def update_name(conn: Connection, account_id: int, first_name: str, last_name: str) -> None:
    await conn.execute(
        "UPDATE account SET first_name = %s, last_name = %s WHERE id = %s", [first_name, last_name, account_id]
    )


async def lock_user(conn: Connection, account_id: int) -> User | None:
    """The user of an open account, which can't change until the transaction ends."""
    statement = f"SELECT {USER} FROM account a WHERE a.id = %s AND NOT a.disabled FOR NO KEY UPDATE"
    row = await (await conn.execute(statement.encode(), [account_id])).fetchone()
    return User(*row) if row else None
