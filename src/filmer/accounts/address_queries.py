"""All SQL about e-mail addresses of existing accounts."""

from contextlib import suppress

import msgspec
import psycopg

from filmer.accounts.addresses import email_key
from filmer.store.postgres import Connection

_LOCK = 0x6D61696C  # "mail": nodes that start together take turns


class StoredAddress(msgspec.Struct, frozen=True):
    """An account's e-mail address, and the key by which it is compared."""

    account_id: int
    email: str
    key: str


async def select_unusual_addresses(conn: Connection) -> list[StoredAddress]:
    """Those with a key beyond ASCII, or spelled ``xn--…``; the oldest accounts first. All others are normalized."""
    cursor = await conn.execute(
        """
        SELECT id, email, email_key FROM account
        WHERE octet_length(email_key) > length(email_key) OR strpos(lower(email), 'xn--') > 0 ORDER BY id
        """
    )
    return [StoredAddress(*row) for row in await cursor.fetchall()]


async def select_holders(conn: Connection, keys: list[str]) -> dict[str, int]:
    """The accounts that have these keys, by key."""
    cursor = await conn.execute("SELECT email_key, id FROM account WHERE email_key = ANY(%s::text[])", [keys])
    return dict(await cursor.fetchall())


async def update_emails(conn: Connection, emails: dict[int, str]) -> None:
    """By account id. Where another account took one of them a moment ago, all are left for the next time."""
    statement = """
        UPDATE account a SET email = n.email, email_key = n.key
        FROM unnest(%s::integer[], %s::text[], %s::text[]) n (id, email, key) WHERE a.id = n.id
    """
    parameters = [list(emails), list(emails.values()), [email_key(email) for email in emails.values()]]
    with suppress(psycopg.errors.UniqueViolation):
        async with conn.transaction():
            await conn.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            await conn.execute(statement, parameters)


async def update_email(conn: Connection, account_id: int, email: str) -> bool | None:
    """False: there is no such account; None: another account has the address. The one before is kept as a former one.

    To be asked after a lock of the account.
    """
    statement = """
        WITH former AS (
            INSERT INTO former_address SELECT id, email FROM account WHERE id = %(account)s ON CONFLICT DO NOTHING
        )
        UPDATE account SET email = %(email)s, email_key = %(key)s WHERE id = %(account)s
    """
    values = {"account": account_id, "email": email, "key": email_key(email)}
    try:
        async with conn.transaction():
            return (await conn.execute(statement, values)).rowcount == 1
    except psycopg.errors.UniqueViolation:
        return None
