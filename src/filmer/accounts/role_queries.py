"""All SQL about who may act on whose account, asked under locks; and whether another owner stays (contract §13.1)."""

import msgspec

from filmer.accounts.queries import USER
from filmer.accounts.schemas import Role, User
from filmer.store.postgres import Connection

_LOCK = 0x726F6C65  # "role"
# Whether nobody else who can sign in is an owner, as an expression about ``account a``. To be asked after the lock.
# An owner of the demo counts in the demo alone, as nobody can sign in as one of its accounts elsewhere.
IS_LAST_OWNER = """
    (a.role = 'admin' AND NOT EXISTS (
        SELECT FROM account o WHERE o.role = 'admin' AND NOT o.disabled AND o.id <> a.id AND (a.demo OR NOT o.demo)
    ))
"""


class LockedAccount(msgspec.Struct, frozen=True):
    """An account that nobody else changes until the transaction ends."""

    user: User
    disabled: bool


async def lock_accounts(conn: Connection, *account_ids: int) -> dict[int, LockedAccount]:
    """Without those that were erased. Whoever asks for any accounts with this waits until the transaction ends.

    One after the other: two owners who demote each other at the same moment would each count on the other.
    """
    statement = f"""
        WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(%s))
        SELECT {USER}, a.disabled FROM turn, account a WHERE a.id = ANY(%s) AND a.erased IS NULL
        ORDER BY a.id FOR NO KEY UPDATE OF a
    """
    rows = await (await conn.execute(statement.encode(), [_LOCK, list(account_ids)])).fetchall()
    return {row[0]: LockedAccount(User(*row[:5]), row[5]) for row in rows}


async def select_is_last_owner(conn: Connection, account_id: int) -> bool:
    """To be asked after ``lock_accounts``, in a statement of its own, which sees what others did before."""
    statement = f"SELECT FROM account a WHERE a.id = %s AND {IS_LAST_OWNER}"
    return (await conn.execute(statement.encode(), [account_id])).rowcount == 1


async def update_role(conn: Connection, account_id: int, role: Role) -> bool:
    return (await conn.execute("UPDATE account SET role = %s WHERE id = %s", [role, account_id])).rowcount == 1
