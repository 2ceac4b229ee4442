"""What the audit log has of one order."""

from datetime import datetime

import msgspec

from filmer.audit.actions import ACTIONS
from filmer.store.postgres import Connection

SHOWN = 50  # entries


class Entry(msgspec.Struct, frozen=True):
    """``by``: the address of the account that did it; "" for the command line, or a person who has left."""

    at: datetime
    action: str
    via: str
    by: str

    @property
    def words(self) -> str:
        return ACTIONS.get(self.action, self.action).format("it", title="").capitalize()


async def select_entries_about(conn: Connection, kind: str, subject_id: str) -> list[Entry]:
    """The oldest first; of many, the latest ones."""
    cursor = await conn.execute(
        """
        SELECT e.at, e.action, e.via, coalesce(a.email, '') FROM audit_entry e
        LEFT JOIN account a ON a.id = e.account_id AND a.erased IS NULL
        WHERE e.subject_kind = %s AND e.subject_id = %s ORDER BY e.id DESC LIMIT %s
        """,
        [kind, subject_id, SHOWN],
    )
    return [Entry(*row) for row in await cursor.fetchall()][::-1]
