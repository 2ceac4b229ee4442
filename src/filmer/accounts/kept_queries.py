"""All SQL of sign-ins that are kept for longer than a session."""

from datetime import datetime

import msgspec

from filmer.accounts.queries import USER
from filmer.accounts.schemas import User
from filmer.store.postgres import Connection


class KeptSignIn(msgspec.Struct, frozen=True):
    """``turn``: counts its tokens; ``turned``: when the last one was made."""

    id: int
    account_id: int
    device: str
    created: datetime
    turn: int
    turned: datetime


_KEPT = "k.id, k.account_id, k.device, k.created, k.turn, k.turned"


async def insert_kept(conn: Connection, account_id: int, device: str, now: datetime) -> KeptSignIn:
    statement = f"""
        INSERT INTO kept_sign_in AS k (account_id, device, created, turned) VALUES (%s, %s, %s, %s) RETURNING {_KEPT}
    """
    row = await (await conn.execute(statement.encode(), [account_id, device, now, now])).fetchone()
    assert row is not None  # noqa: S101 - it was just inserted
    return KeptSignIn(*row)


async def lock_kept(conn: Connection, kept_id: int, *, demo: bool) -> tuple[KeptSignIn, User] | None:
    """With its user, if the account is open. Until the transaction ends, others that ask for it wait."""
    statement = f"""
        SELECT {_KEPT}, {USER} FROM kept_sign_in k JOIN account a ON a.id = k.account_id
        WHERE k.id = %s AND NOT a.disabled AND (NOT a.demo OR %s) FOR UPDATE OF k
    """
    row = await (await conn.execute(statement.encode(), [kept_id, demo])).fetchone()
    return None if row is None else (KeptSignIn(*row[:6]), User(*row[6:]))


async def update_turn(conn: Connection, kept_id: int, turn: int, now: datetime) -> None:
    await conn.execute("UPDATE kept_sign_in SET turn = %s, turned = %s WHERE id = %s", [turn, now, kept_id])


async def delete_kept(conn: Connection, kept_id: int) -> None:
    """With it end its sessions."""
    await conn.execute("DELETE FROM kept_sign_in WHERE id = %s", [kept_id])


async def delete_old_kept(conn: Connection, *, created_before: datetime) -> None:
    await conn.execute("DELETE FROM kept_sign_in WHERE created <= %s", [created_before])
