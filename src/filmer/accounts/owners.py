"""The last owner of the shop stays, whoever asks, and however many at once (contract §13.1)."""

from filmer.accounts import queries, role_queries
from filmer.accounts.schemas import Role
from filmer.errors import Conflict
from filmer.store.postgres import Connection


async def require_other_owner(conn: Connection, account_id: int) -> None:
    """Before an account is closed, or is an owner's no longer, in the transaction that does it. Raises Conflict."""
    await role_queries.lock_accounts(conn, account_id)
    if await role_queries.select_is_last_owner(conn, account_id):
        raise Conflict("This is the only owner of the shop, who has to stay: make somebody else an owner first")


async def change_role(conn: Connection, account_id: int, role: Role) -> bool:
    """In the caller's transaction. False: there is no such account. Raises Conflict.

    The user is signed out everywhere, and links for a new password are over: a clerk may have seen a customer's.
    """
    if role != "admin":
        await require_other_owner(conn, account_id)
    await queries.delete_sessions_of(conn, account_id)
    return await role_queries.update_role(conn, account_id, role)
