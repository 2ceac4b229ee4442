"""Deleting an account: access ends at once, for a week it can be undone, then the person is gone (contract §12.3)."""

import hmac
from datetime import datetime, timedelta

from filmer.clock import Clock
from filmer.errors import Conflict, NotFound
from filmer.personal_data import queries
from filmer.personal_data.queries import Leaver
from filmer.plurals import counted
from filmer.secret import SecretKey
from filmer.store.postgres import Connection, Database

UNDO_WITHIN = timedelta(days=7)


class Leaving:
    def __init__(self, secret: SecretKey, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    async def leave(self, conn: Connection, account_id: int) -> tuple[str, datetime]:
        """Deletes an account. Returns the token with which that can be undone, and until when.

        Again, it returns the same. Raises NotFound, and Conflict with the reason why it can't be deleted now.
        """
        async with conn.transaction():
            leaver = await queries.lock_leaver(conn, account_id)
            if leaver is None:
                raise NotFound(f"There is no account {account_id}")
            leaving = leaver.leaving
            if leaving is None:
                if reasons := _reasons(leaver):
                    raise Conflict(f"The account can't be deleted: {', and '.join(reasons)}")
                leaving = self._clock.now()
                await queries.update_leaving(conn, account_id, now=leaving)
        return f"{account_id}.{self._signature(account_id, leaving)}", leaving + UNDO_WITHIN

    async def undo(self, conn: Connection, token: str) -> None:
        """The account is open again, but for its sessions. Raises NotFound for a token that is not good (any more)."""
        number, _, signature = token.partition(".")
        account_id = int(number) if number.isascii() and number.isdigit() and len(number) < len("2147483647") else 0
        leaving = await queries.select_leaving(conn, account_id)
        if (
            leaving is None
            or self._clock.now() >= leaving + UNDO_WITHIN
            or not hmac.compare_digest(signature.encode(), self._signature(account_id, leaving).encode())
            or not await queries.update_stays(conn, account_id, leaving)
        ):
            raise NotFound("There is nothing to undo: the account was opened again, or is gone")

    async def erase(self, conn: Connection, account_id: int) -> bool:
        """Removes the person of a deleted account, also before the week has ended.

        False where something has come up that keeps the account, such as an order placed in its last moment.
        """
        async with conn.transaction():
            leaver = await queries.lock_leaver(conn, account_id)
            if leaver is None or leaver.leaving is None or _reasons(leaver):
                return False
            await queries.erase(conn, account_id, now=self._clock.now())
        return True

    async def tidy(self, database: Database) -> None:
        """Removes the people who left a week ago. Called once a minute."""
        async with database.connection() as conn:
            for account_id in await queries.select_leavers(conn, left_before=self._clock.now() - UNDO_WITHIN):
                await self.erase(conn, account_id)

    def _signature(self, account_id: int, leaving: datetime) -> str:
        return self._secret.digest("undo leaving", f"{account_id} {leaving.isoformat()}").hex()


def _reasons(leaver: Leaver) -> list[str]:
    """Why an account has to stay, as sentences go on."""
    found = {
        "it is the only one of an admin": leaver.is_last_admin,
        f"{counted(leaver.copies_out, 'film')} must be brought back first": leaver.copies_out,
        f"{counted(leaver.unpaid, 'order')} must be paid or cancelled first": leaver.unpaid,
        f"{counted(leaver.refunds_owed, 'refund')} must be paid out first": leaver.refunds_owed,
    }
    return [reason for reason, holds in found.items() if holds]
