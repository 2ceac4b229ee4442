"""All SQL of mails."""

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from filmer.store.postgres import Connection


async def insert_mail(
    conn: Connection,
    kind: str,
    recipient: str | None,
    *,
    account_id: int | None,
    link_id: int | None,
    fields: dict[str, Any],
    state: str,
    now: datetime,
) -> None:
    """``recipient``: None for the account's own address, if its person is still there.

    Nothing is done where it would be a second reminder.
    """
    await conn.execute(
        """
        INSERT INTO mail (kind, recipient, account_id, link_id, fields, state, created, due)
        SELECT %(kind)s, recipient, %(account)s, %(link)s, %(fields)s, %(state)s, %(now)s, %(now)s
        FROM coalesce(%(recipient)s, (SELECT email FROM account WHERE id = %(account)s AND erased IS NULL)) recipient
        WHERE recipient IS NOT NULL
        ON CONFLICT DO NOTHING
        """,
        {
            "kind": kind, "recipient": recipient, "account": account_id, "link": link_id, "fields": Jsonb(fields),
            "state": state, "now": now,
        },
    )  # fmt: skip
