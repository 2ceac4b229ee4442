"""The outbox: a mail is a row, written in the transaction that causes it (contract §12.4)."""

from datetime import timedelta
from typing import Any

import msgspec

from filmer.audit.log import Actor, record
from filmer.clock import Clock
from filmer.mail import queries
from filmer.mail.kinds import KINDS
from filmer.store.postgres import Connection, Database

KEPT = timedelta(days=30)  # after a mail was sent or has failed


class Outbox:
    def __init__(self, clock: Clock, *, is_set_up: bool) -> None:
        """``is_set_up``: mails are delivered. Otherwise the office shows what they would have said."""
        self._clock = clock
        self.is_set_up = is_set_up

    async def put(
        self,
        conn: Connection,
        kind: str,
        recipient: str | None,
        *,
        account_id: int | None,
        link_id: int | None = None,
        **fields: Any,
    ) -> None:
        """Writes a mail in the caller's transaction; it is sent after the commit.

        ``recipient``: None for the account's own address. ``account_id``: whose data are in it, with whom it goes.
        ``link_id``: the row that it is about. ``fields``: what its template shows, as msgspec writes them; no secrets.
        """
        if kind not in KINDS:
            raise ValueError(f"there is no kind of mail {kind!r}")
        await queries.insert_mail(
            conn,
            kind,
            recipient,
            account_id=account_id,
            link_id=link_id,
            fields=msgspec.to_builtins(fields),
            state="waiting" if self.is_set_up else "not set up",
            now=self._clock.now(),
        )

    async def retry(self, conn: Connection, mail_id: int | None, actor: Actor) -> int:
        """One mail that is not sent yet, or without a number all that failed, are tried at once. Returns how many."""
        async with conn.transaction():
            count = await queries.update_retried(conn, mail_id, now=self._clock.now())
            if count:
                await record(conn, actor, "mail.retry", ("mail", mail_id or "all"), after={"mails": count})
        return count

    async def tidy(self, database: Database) -> None:
        """Removes old mails. Called once a minute."""
        async with database.connection() as conn:
            await queries.delete_old(conn, before=self._clock.now() - KEPT)
