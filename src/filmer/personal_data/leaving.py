"""Deleting an account: access ends at once, for a week it can be undone, then the person is gone (contract §12.3)."""

from datetime import UTC, datetime, timedelta

from filmer.clock import Clock
from filmer.errors import Conflict, NotFound
from filmer.mail.kinds import UNDO_LEAVING
from filmer.mail.links import Links, row_of
from filmer.mail.outbox import Outbox
from filmer.personal_data import queries
from filmer.personal_data.queries import Leaver
from filmer.plurals import counted
from filmer.store.postgres import Connection, Database

UNDO_WITHIN = timedelta(days=7)


class Leaving:
    def __init__(self, links: Links, outbox: Outbox, clock: Clock) -> None:
        self._links = links
        self._outbox = outbox
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
                await self._outbox.put(
                    conn, "account_deleted", None, account_id=account_id, link_id=account_id,
                    leaving=_moment(leaving), until=leaving + UNDO_WITHIN,
                )  # fmt: skip
        return self._links.token(_purpose(leaving), account_id), leaving + UNDO_WITHIN

    async def undo(self, conn: Connection, token: str) -> None:
        """The account is open again, but for its sessions. Raises NotFound for a token that is not good (any more)."""
        account_id = row_of(token) or 0
        leaving = await queries.select_leaving(conn, account_id)
        if (
            leaving is None
            or self._clock.now() >= leaving + UNDO_WITHIN
            or self._links.read(_purpose(leaving), token) is None
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


def _purpose(leaving: datetime) -> str:
    """An account may be deleted again: the link of the first time does not undo the second."""
    return f"{UNDO_LEAVING} {_moment(leaving)}"


def _moment(leaving: datetime) -> str:
    return leaving.astimezone(UTC).isoformat()


def _reasons(leaver: Leaver) -> list[str]:
    """Why an account has to stay, as sentences go on."""
    found = {
        "it is the only one of an owner": leaver.is_last_owner,
        f"{counted(leaver.copies_out, 'film')} must be brought back first": leaver.copies_out,
        f"{counted(leaver.unpaid, 'order')} must be paid or cancelled first": leaver.unpaid,
        f"{counted(leaver.refunds_owed, 'refund')} must be paid out first": leaver.refunds_owed,
    }
    return [reason for reason, holds in found.items() if holds]
